"""llhttp 9.4, as the httptools 0.9 wheel carries it.

The functions come out of that wheel at run time (`http/llhttp.pyx`); only the
structs are declared here, and they are bound to that version: the self-test at
import refuses any other layout.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint64_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_LLHTTP
    #define FASTGATE_LLHTTP
    #include <stddef.h>
    #include <stdint.h>
    typedef struct fg_llhttp {
        int32_t index; void *span_pos; void *span_cb; int32_t error;
        const char *reason; const char *error_pos; void *data; void *current;
        uint64_t content_length;
        uint8_t type, method, http_major, http_minor, header_state;
        uint16_t lenient_flags; uint8_t upgrade, finish;
        uint16_t flags, status_code; uint8_t initial_message_completed;
        void *settings;
    } fg_llhttp;
    typedef int (*fg_llhttp_cb)(fg_llhttp *);
    typedef int (*fg_llhttp_data_cb)(fg_llhttp *, const char *, size_t);
    typedef struct fg_llhttp_settings {
        fg_llhttp_cb on_message_begin;
        fg_llhttp_data_cb on_protocol, on_url, on_status, on_method, on_version,
            on_header_field, on_header_value,
            on_chunk_extension_name, on_chunk_extension_value;
        fg_llhttp_cb on_headers_complete;
        fg_llhttp_data_cb on_body;
        fg_llhttp_cb on_message_complete, on_protocol_complete, on_url_complete,
            on_status_complete, on_method_complete, on_version_complete,
            on_header_field_complete, on_header_value_complete,
            on_chunk_extension_name_complete, on_chunk_extension_value_complete,
            on_chunk_header, on_chunk_complete, on_reset;
        void *spare[8];  /* a later 9.x may add callbacks at the end */
    } fg_llhttp_settings;
    #endif
    """
    ctypedef struct llhttp_t "fg_llhttp":
        int32_t error
        const char *error_pos
        void *data
        uint64_t content_length
        uint8_t method
        uint8_t http_major
        uint8_t http_minor
        uint8_t upgrade
        uint16_t flags
        uint16_t status_code
        uint8_t type
    ctypedef int (*llhttp_cb)(llhttp_t *) noexcept
    ctypedef int (*llhttp_data_cb)(llhttp_t *, const char *, size_t) noexcept
    ctypedef struct llhttp_settings_t "fg_llhttp_settings":
        llhttp_data_cb on_url
        llhttp_data_cb on_status
        llhttp_data_cb on_header_field
        llhttp_data_cb on_header_value
        llhttp_data_cb on_chunk_extension_name
        llhttp_data_cb on_chunk_extension_value
        llhttp_cb on_headers_complete
        llhttp_data_cb on_body
        llhttp_cb on_message_complete
        llhttp_cb on_header_field_complete
        llhttp_cb on_header_value_complete
        llhttp_cb on_chunk_header


cdef enum:
    HTTP_REQUEST = 1
    HTTP_RESPONSE = 2

cdef enum:
    HPE_OK = 0
    HPE_USER = 24
    HPE_PAUSED = 21
    HPE_PAUSED_UPGRADE = 22

cdef enum:
    # llhttp_t.flags
    F_CONNECTION_KEEP_ALIVE = 0x1
    F_CONNECTION_CLOSE = 0x2
    F_CHUNKED = 0x8
    F_CONTENT_LENGTH = 0x20
    F_TRAILING = 0x80

cdef enum:
    # llhttp_t.method
    METHOD_DELETE = 0
    METHOD_GET = 1
    METHOD_HEAD = 2
    METHOD_POST = 3
    METHOD_PUT = 4
    METHOD_CONNECT = 5
    METHOD_OPTIONS = 6
    METHOD_TRACE = 7
    METHOD_PATCH = 28
