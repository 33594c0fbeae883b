"""llhttp's functions, found in the httptools wheel when this module is imported."""

from fastgate._core.includes.llhttp cimport llhttp_settings_t, llhttp_t


cdef void (*llhttp_init)(llhttp_t *parser, int type, const llhttp_settings_t *settings) noexcept nogil
cdef int (*llhttp_execute)(llhttp_t *parser, const char *data, size_t len) noexcept nogil
cdef void (*llhttp_resume)(llhttp_t *parser) noexcept nogil
cdef int (*llhttp_finish)(llhttp_t *parser) noexcept nogil
cdef const char *(*llhttp_method_name)(int method) noexcept nogil
