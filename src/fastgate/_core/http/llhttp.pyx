"""Binds llhttp out of the httptools wheel and checks that its layout is the one declared.

httptools is upgraded with pip, and so is Node.js's parser; the extension module
in that wheel exports llhttp's functions, which are called here without the GIL.
"""

from libc.string cimport memset, strcmp

from fastgate._core.includes.llhttp cimport (
    F_CONNECTION_CLOSE,
    F_CONTENT_LENGTH,
    HPE_OK,
    HPE_PAUSED,
    HTTP_REQUEST,
    METHOD_POST,
    llhttp_settings_t,
    llhttp_t,
)

import httptools.parser.parser as _wheel


cdef extern from "<dlfcn.h>" nogil:
    enum:
        RTLD_NOW
    void *dlopen(const char *path, int flags)
    void *dlsym(void *handle, const char *symbol)


cdef void *_symbol(void *handle, const char *name) except NULL:
    cdef void *symbol = dlsym(handle, name)
    if symbol == NULL:
        raise ImportError(f"{_wheel.__file__} does not export {name.decode()}: fastgate needs httptools 0.9.x")
    return symbol


cdef void _bind() except *:
    global llhttp_init, llhttp_execute, llhttp_resume, llhttp_finish, llhttp_method_name
    cdef bytes path = _wheel.__file__.encode()
    cdef void *handle = dlopen(path, RTLD_NOW)
    if handle == NULL:
        raise ImportError(f"cannot open {_wheel.__file__}: fastgate takes llhttp out of it")
    llhttp_init = <void (*)(llhttp_t *, int, const llhttp_settings_t *) noexcept nogil>_symbol(handle, b"llhttp_init")
    llhttp_execute = <int (*)(llhttp_t *, const char *, size_t) noexcept nogil>_symbol(handle, b"llhttp_execute")
    llhttp_resume = <void (*)(llhttp_t *) noexcept nogil>_symbol(handle, b"llhttp_resume")
    llhttp_finish = <int (*)(llhttp_t *) noexcept nogil>_symbol(handle, b"llhttp_finish")
    llhttp_method_name = <const char *(*)(int) noexcept nogil>_symbol(handle, b"llhttp_method_name")


cdef enum:
    GUARD = 0x5A


cdef struct _probe_t:
    llhttp_t parser
    unsigned char guard[64]     # must survive: llhttp's struct may not be larger than ours
    int heads
    int messages


cdef int _probe_headers_complete(llhttp_t *parser) noexcept nogil:
    cdef _probe_t *probe = <_probe_t *>parser.data
    probe.heads += (
        parser.method == METHOD_POST and parser.http_major == 1 and parser.http_minor == 1
        and parser.content_length == 3 and parser.type == HTTP_REQUEST
        and parser.flags == (F_CONTENT_LENGTH | F_CONNECTION_CLOSE)
    )
    return 0


cdef int _probe_message_complete(llhttp_t *parser) noexcept nogil:
    (<_probe_t *>parser.data).messages += 1
    return HPE_PAUSED


cdef void _self_test() except *:
    """One request through callbacks at both ends of the settings struct, and a guard behind the parser."""
    cdef _probe_t probe
    cdef llhttp_settings_t settings
    cdef bytes text = b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    cdef const char *data = text
    cdef int i, outcome
    cdef bint good = True
    memset(&probe, 0, sizeof(probe))
    memset(probe.guard, GUARD, sizeof(probe.guard))
    memset(&settings, 0, sizeof(settings))
    settings.on_headers_complete = _probe_headers_complete
    settings.on_message_complete = _probe_message_complete
    llhttp_init(&probe.parser, HTTP_REQUEST, &settings)
    probe.parser.data = &probe
    outcome = llhttp_execute(&probe.parser, data, len(text))
    for i in range(64):
        good = good and probe.guard[i] == GUARD
    good = good and outcome == HPE_PAUSED and probe.parser.error == HPE_PAUSED
    good = good and probe.heads == 1 and probe.messages == 1
    good = good and strcmp(llhttp_method_name(METHOD_POST), b"POST") == 0
    llhttp_resume(&probe.parser)
    good = good and probe.parser.error == HPE_OK
    if not good:
        raise ImportError(
            f"the llhttp inside {_wheel.__file__} has another layout than the one fastgate was built for;"
            " install httptools 0.9.x"
        )


_bind()
_self_test()
