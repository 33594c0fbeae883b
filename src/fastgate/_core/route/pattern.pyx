"""Regular expressions of routes: PCRE2 resolved with dlopen, compiled once, matched within limits."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset, strlen, strncpy
from posix.dlfcn cimport RTLD_LOCAL, RTLD_NOW, dlopen, dlsym

from fastgate._core.base.arena cimport arena_copy, arena_t, arena_take
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport FAILED, OK, status_t
from fastgate._core.includes.pcre2 cimport *


cdef enum:
    SCRATCH_HEAP_KIB = 512              # of backtracking, where there is no JIT
    SCRATCH_STACK_BYTES = 32768         # of backtracking, with JIT: taken at first use
    SCRATCH_STACK_MOST_BYTES = 262144   # and at most


cdef struct library_t:
    # read-only after pattern_library_open; one for the process, never closed
    bint is_open
    pcre2_compile_fn compile
    pcre2_code_free_fn code_free
    pcre2_jit_compile_fn jit_compile
    pcre2_pattern_info_fn pattern_info
    pcre2_get_error_message_fn error_message
    pcre2_match_data_create_fn data_create
    pcre2_match_data_free_fn data_free
    pcre2_get_ovector_pointer_fn groups
    pcre2_match_context_create_fn context_create
    pcre2_match_context_free_fn context_free
    pcre2_set_limit_fn set_match_limit
    pcre2_set_limit_fn set_depth_limit
    pcre2_set_limit_fn set_heap_limit
    pcre2_jit_stack_create_fn stack_create
    pcre2_jit_stack_free_fn stack_free
    pcre2_jit_stack_assign_fn stack_assign
    pcre2_match_fn match


cdef library_t _library
cdef const char *_problem = ""

memset(&_library, 0, sizeof(_library))


# ---- the library

cdef bint _resolve(void *handle, const char *name, void *field) noexcept nogil:
    """Stores the function's address in a function-pointer field of the library."""
    cdef void *address = dlsym(handle, name)
    memcpy(field, &address, sizeof(address))
    return address != NULL


cdef status_t pattern_library_open() noexcept nogil:
    cdef void *handle
    cdef library_t found
    if _library.is_open:
        return OK
    handle = dlopen(b"libpcre2-8.so.0", RTLD_NOW | RTLD_LOCAL)
    if handle == NULL:
        handle = dlopen(b"libpcre2-8.so", RTLD_NOW | RTLD_LOCAL)
    if handle == NULL:
        _set_problem(b"the PCRE2 library (libpcre2-8.so.0) is not installed; regular expressions need it:"
                     b" install Debian's libpcre2-8-0, Alpine's or Fedora's pcre2")
        return FAILED
    if not (_resolve(handle, b"pcre2_compile_8", &found.compile)
            and _resolve(handle, b"pcre2_code_free_8", &found.code_free)
            and _resolve(handle, b"pcre2_jit_compile_8", &found.jit_compile)
            and _resolve(handle, b"pcre2_pattern_info_8", &found.pattern_info)
            and _resolve(handle, b"pcre2_get_error_message_8", &found.error_message)
            and _resolve(handle, b"pcre2_match_data_create_8", &found.data_create)
            and _resolve(handle, b"pcre2_match_data_free_8", &found.data_free)
            and _resolve(handle, b"pcre2_get_ovector_pointer_8", &found.groups)
            and _resolve(handle, b"pcre2_match_context_create_8", &found.context_create)
            and _resolve(handle, b"pcre2_match_context_free_8", &found.context_free)
            and _resolve(handle, b"pcre2_set_match_limit_8", &found.set_match_limit)
            and _resolve(handle, b"pcre2_set_depth_limit_8", &found.set_depth_limit)
            and _resolve(handle, b"pcre2_set_heap_limit_8", &found.set_heap_limit)
            and _resolve(handle, b"pcre2_jit_stack_create_8", &found.stack_create)
            and _resolve(handle, b"pcre2_jit_stack_free_8", &found.stack_free)
            and _resolve(handle, b"pcre2_jit_stack_assign_8", &found.stack_assign)
            and _resolve(handle, b"pcre2_match_8", &found.match)):
        _set_problem(b"the PCRE2 library (libpcre2-8.so.0) is older than 10.30; regular expressions need that or newer")
        return FAILED
    found.is_open = True
    _set_library(&found)
    return OK


cdef void _set_problem(const char *problem) noexcept nogil:
    global _problem
    _problem = problem


cdef void _set_library(const library_t *found) noexcept nogil:
    memcpy(&_library, found, sizeof(_library))


cdef const char *pattern_library_problem() noexcept nogil:
    return _problem


# ---- compiling

cdef bint _names_read(arena_t *arena, pattern_t *pattern) noexcept nogil:
    """Copies the table of named groups. Each entry: the group in two bytes, big end first, then the name."""
    cdef uint32_t count = 0, size = 0, i
    cdef const uint8_t *entry = NULL
    _library.pattern_info(pattern.code, PCRE2_INFO_NAMECOUNT, &count)
    _library.pattern_info(pattern.code, PCRE2_INFO_NAMEENTRYSIZE, &size)
    _library.pattern_info(pattern.code, PCRE2_INFO_NAMETABLE, &entry)
    if count == 0:
        return True
    pattern.names = <pattern_name_t *>arena_take(arena, count * sizeof(pattern_name_t))
    if pattern.names == NULL:
        return False
    pattern.n_names = <uint16_t>count
    for i in range(count):
        pattern.names[i].group = <uint16_t>(entry[0] << 8 | entry[1])
        pattern.names[i].name = arena_copy(arena, span_of(<const char *>entry + 2, strlen(<const char *>entry + 2)))
        if pattern.names[i].name.at == NULL:
            return False
        entry += size
    return True


cdef pattern_t *_refuse(pattern_error_t *error_out, const char *message, size_t offset) noexcept nogil:
    error_out.offset = offset
    strncpy(error_out.message, message, PATTERN_MESSAGE_BYTES - 1)
    error_out.message[PATTERN_MESSAGE_BYTES - 1] = 0
    return NULL


cdef pattern_t *pattern_compile(arena_t *arena, span_t text, unsigned flags, pattern_error_t *error_out) noexcept nogil:
    # A search is written as an anchored match that skips ahead: PCRE2 counts its limit anew from each
    # starting point of an unanchored one, so a long value would multiply it.
    cdef span_t before = span_of(b"(?s:.*?)(?:", 11 if flags & PATTERN_ANYWHERE else 0)
    cdef span_t behind = span_of(b")", 1 if flags & PATTERN_ANYWHERE else 0)
    cdef uint32_t options = PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C
    cdef pattern_t *pattern = <pattern_t *>arena_take(arena, sizeof(pattern_t))
    cdef char *whole
    cdef int problem = 0
    cdef size_t offset = 0
    if pattern == NULL or text.len > <size_t>-1 - before.len - behind.len - 1:
        return _refuse(error_out, b"out of memory", 0)
    whole = <char *>arena_take(arena, before.len + text.len + behind.len + 1)
    if whole == NULL:
        return _refuse(error_out, b"out of memory", 0)
    memcpy(whole, before.at, before.len)
    memcpy(whole + before.len, text.at, text.len)
    memcpy(whole + before.len + text.len, behind.at, behind.len)
    if flags & PATTERN_CASELESS:
        options |= PCRE2_CASELESS
    if flags & PATTERN_TO_END:
        options |= PCRE2_ENDANCHORED
    pattern.code = _library.compile(<const uint8_t *>whole, before.len + text.len + behind.len, options, &problem, &offset, NULL)
    if pattern.code == NULL:
        offset = offset - before.len if offset > before.len else 0
        _refuse(error_out, b"", offset if offset < text.len else text.len)
        _library.error_message(problem, <uint8_t *>error_out.message, PATTERN_MESSAGE_BYTES)
        return NULL
    if not _names_read(arena, pattern):
        pattern_close(pattern)
        return _refuse(error_out, b"out of memory", 0)
    # Without JIT (no memory that may be executed) the interpreter matches, under the same limits.
    _library.jit_compile(pattern.code, PCRE2_JIT_COMPLETE)
    return pattern


cdef void pattern_close(pattern_t *pattern) noexcept nogil:
    if pattern.code != NULL:
        _library.code_free(pattern.code)
        pattern.code = NULL


# ---- the literal beginning

cdef inline bint _is_alnum(char c) noexcept nogil:
    return c'0' <= c <= c'9' or c'a' <= c <= c'z' or c'A' <= c <= c'Z'


cdef inline bint _is_special(char c) noexcept nogil:
    return (c == c'.' or c == c'^' or c == c'$' or c == c'*' or c == c'+' or c == c'?' or c == c'(' or c == c')'
            or c == c'[' or c == c']' or c == c'{' or c == c'}' or c == c'|')


cdef size_t _class_end(span_t text, size_t i) noexcept nogil:
    """Past the "]" of the class whose "[" is at `i`; text.len when it never ends."""
    i += 1
    if i < text.len and text.at[i] == c'^':
        i += 1
    if i < text.len and text.at[i] == c']':
        i += 1                  # first in the class it is an ordinary byte
    while i < text.len and text.at[i] != c']':
        if text.at[i] == c'\\':
            i += 2
        elif text.at[i] == c'[' and i + 1 < text.len and text.at[i + 1] == c':':
            i += 2              # [:name:]
            while i < text.len and text.at[i] != c']':
                i += 1
            i += 1
        else:
            i += 1
    return i + 1 if i < text.len else text.len


cdef bint _has_one_branch(span_t text) noexcept nogil:
    """Whether the pattern surely has no "|" outside its groups. What is hard to tell (quoting, comments,
    settings within the pattern) counts as no."""
    cdef size_t i = 0, depth = 0
    cdef char c
    while i < text.len:
        c = text.at[i]
        if c == c'\\':
            if i + 1 < text.len and (text.at[i + 1] == c'Q' or text.at[i + 1] == c'E' or text.at[i + 1] == c'c'):
                return False
            i += 2
            continue
        if c == c'[':
            i = _class_end(text, i)
            continue
        if c == c'|' and depth == 0:
            return False
        if c == c'(':
            depth += 1
            if i + 1 < text.len and text.at[i + 1] == c'*':
                return False
            if i + 1 < text.len and text.at[i + 1] == c'?':
                i += 2
                if i == text.len:
                    return False
                c = text.at[i]
                if not (c == c':' or c == c'=' or c == c'!' or c == c'>' or c == c'<' or c == c'P' or c == c"'" or c == c'|'):
                    return False
        elif c == c')' and depth:
            depth -= 1
        i += 1
    return True


cdef size_t pattern_literal(span_t text, char *out) noexcept nogil:
    cdef size_t i = 0, n = 0
    cdef char c, behind
    if not _has_one_branch(text):
        return 0
    while i < text.len:
        c = text.at[i]
        if c == c'\\' and i + 1 < text.len and not _is_alnum(text.at[i + 1]):
            i += 1
            c = text.at[i]
        elif c == c'\\' or _is_special(c):
            break
        i += 1
        behind = text.at[i] if i < text.len else 0
        if behind == c'*' or behind == c'?' or behind == c'{':
            break               # this byte may be absent
        out[n] = c
        n += 1
    return n


# ---- matching

cdef pattern_scratch_t *pattern_scratch_new(uint32_t match_limit) noexcept nogil:
    cdef pattern_scratch_t *scratch = <pattern_scratch_t *>calloc(1, sizeof(pattern_scratch_t))
    if scratch != NULL:
        scratch.match_limit = match_limit
    return scratch


cdef void _scratch_clear(pattern_scratch_t *scratch) noexcept nogil:
    if scratch.data != NULL:
        _library.data_free(scratch.data)
    if scratch.context != NULL:
        _library.context_free(scratch.context)
    if scratch.stack != NULL:
        _library.stack_free(scratch.stack)
    scratch.data = NULL
    scratch.context = NULL
    scratch.stack = NULL


cdef void pattern_scratch_free(pattern_scratch_t *scratch) noexcept nogil:
    if scratch != NULL:
        _scratch_clear(scratch)
        free(scratch)


cdef bint _scratch_open(pattern_scratch_t *scratch) noexcept nogil:
    """At the first match, not before: a gateway without regular expressions never loads the library."""
    scratch.context = _library.context_create(NULL)
    if scratch.context != NULL:
        scratch.data = _library.data_create(PATTERN_MAX_GROUPS, NULL)
    if scratch.data == NULL:
        _scratch_clear(scratch)
        return False
    scratch.groups = _library.groups(scratch.data)
    _library.set_match_limit(scratch.context, scratch.match_limit)
    _library.set_depth_limit(scratch.context, scratch.match_limit)
    _library.set_heap_limit(scratch.context, SCRATCH_HEAP_KIB)
    # NULL where the library has no JIT; a match then uses the thread's own stack, or the interpreter.
    scratch.stack = _library.stack_create(SCRATCH_STACK_BYTES, SCRATCH_STACK_MOST_BYTES, NULL)
    if scratch.stack != NULL:
        _library.stack_assign(scratch.context, NULL, scratch.stack)
    return True


cdef unsigned pattern_match(const pattern_t *pattern, span_t subject, pattern_scratch_t *scratch) noexcept nogil:
    cdef int found
    scratch.was_stopped = subject.len > PATTERN_MAX_SUBJECT
    if scratch.was_stopped:
        return 0
    if scratch.data == NULL and not _scratch_open(scratch):
        scratch.was_stopped = True
        return 0
    found = _library.match(pattern.code, <const uint8_t *>subject.at, subject.len, 0, 0, scratch.data, scratch.context)
    if found > 0:
        return <unsigned>found
    if found == 0:
        return PATTERN_MAX_GROUPS       # it has more groups than are kept
    if found != PCRE2_ERROR_NOMATCH:
        scratch.was_stopped = True
    return 0
