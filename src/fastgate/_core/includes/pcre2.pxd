"""What the core uses of PCRE2's 8-bit library (10.30 or newer), found at run time in libpcre2-8.so.0.

No header is needed to build and nothing is linked: route/pattern.pyx resolves each function by its name.
Numbers are those of pcre2.h, which its ABI has frozen.
"""

from libc.stdint cimport uint8_t, uint32_t


cdef extern from *:
    """
    typedef struct fg_pcre2_code fg_pcre2_code;
    typedef struct fg_pcre2_data fg_pcre2_data;
    typedef struct fg_pcre2_compile_context fg_pcre2_compile_context;
    typedef struct fg_pcre2_match_context fg_pcre2_match_context;
    typedef struct fg_pcre2_jit_stack fg_pcre2_jit_stack;
    """
    ctypedef struct pcre2_code "fg_pcre2_code":
        pass
    ctypedef struct pcre2_match_data "fg_pcre2_data":
        pass
    ctypedef struct pcre2_compile_context "fg_pcre2_compile_context":
        pass
    ctypedef struct pcre2_match_context "fg_pcre2_match_context":
        pass
    ctypedef struct pcre2_jit_stack "fg_pcre2_jit_stack":
        pass


cdef enum:
    # pcre2_compile
    PCRE2_ANCHORED = 0x80000000
    PCRE2_ENDANCHORED = 0x20000000
    PCRE2_CASELESS = 0x00000008
    PCRE2_DOLLAR_ENDONLY = 0x00000010
    PCRE2_NEVER_UCP = 0x00000800
    PCRE2_NEVER_UTF = 0x00001000
    PCRE2_NEVER_BACKSLASH_C = 0x00100000
    # pcre2_jit_compile
    PCRE2_JIT_COMPLETE = 0x00000001
    # pcre2_pattern_info
    PCRE2_INFO_NAMECOUNT = 17
    PCRE2_INFO_NAMEENTRYSIZE = 18
    PCRE2_INFO_NAMETABLE = 19
    # what pcre2_match returns below zero
    PCRE2_ERROR_NOMATCH = -1


ctypedef pcre2_code *(*pcre2_compile_fn)(const uint8_t *pattern, size_t length, uint32_t options, int *error_out, size_t *offset_out, pcre2_compile_context *context) noexcept nogil
ctypedef void (*pcre2_code_free_fn)(pcre2_code *code) noexcept nogil
ctypedef int (*pcre2_jit_compile_fn)(pcre2_code *code, uint32_t options) noexcept nogil
ctypedef int (*pcre2_pattern_info_fn)(const pcre2_code *code, uint32_t what, void *where) noexcept nogil
ctypedef int (*pcre2_get_error_message_fn)(int error, uint8_t *buffer, size_t size) noexcept nogil
ctypedef pcre2_match_data *(*pcre2_match_data_create_fn)(uint32_t pairs, void *general_context) noexcept nogil
ctypedef void (*pcre2_match_data_free_fn)(pcre2_match_data *data) noexcept nogil
ctypedef size_t *(*pcre2_get_ovector_pointer_fn)(pcre2_match_data *data) noexcept nogil
ctypedef pcre2_match_context *(*pcre2_match_context_create_fn)(void *general_context) noexcept nogil
ctypedef void (*pcre2_match_context_free_fn)(pcre2_match_context *context) noexcept nogil
ctypedef int (*pcre2_set_limit_fn)(pcre2_match_context *context, uint32_t limit) noexcept nogil
ctypedef pcre2_jit_stack *(*pcre2_jit_stack_create_fn)(size_t start, size_t most, void *general_context) noexcept nogil
ctypedef void (*pcre2_jit_stack_free_fn)(pcre2_jit_stack *stack) noexcept nogil
ctypedef void (*pcre2_jit_stack_assign_fn)(pcre2_match_context *context, void *callback, void *data) noexcept nogil
ctypedef int (*pcre2_match_fn)(const pcre2_code *code, const uint8_t *subject, size_t length, size_t start, uint32_t options, pcre2_match_data *data, pcre2_match_context *context) noexcept nogil
