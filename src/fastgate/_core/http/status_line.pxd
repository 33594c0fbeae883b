"""Reason phrases (RFC 9110 section 15, RFC 6585) of the answers the gateway makes itself."""


cdef const char *reason_phrase(unsigned status) noexcept nogil
