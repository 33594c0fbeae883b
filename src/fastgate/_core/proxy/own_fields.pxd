"""Fields the gateway writes under its own name: Via, Server, <header_prefix>-…."""

from fastgate._core.base.span cimport span_ieq, span_of, span_t
from fastgate._core.http.parser cimport parser_t
from fastgate._core.snapshot.snapshot cimport settings_t


cdef extern from *:
    # FASTGATE_VERSION comes from setup.py, which reads _version.py: one place.
    """
    #ifndef FASTGATE_VERSION
    #error "setup.py defines FASTGATE_VERSION"
    #endif
    #define FG_VIA "Via: 1.1 fastgate/" FASTGATE_VERSION "\\r\\n"
    #define FG_SERVER "Server: fastgate/" FASTGATE_VERSION "\\r\\n"
    """
    const char *VIA "FG_VIA"
    const char *SERVER "FG_SERVER"


cdef bint own_fields_may_trail(parser_t *parser, span_t name) noexcept nogil  # as `may_trail` of an exchange's parsers


cdef inline bint is_own_field(const settings_t *settings, span_t name) noexcept nogil:
    """<prefix>-Request-Id and the latency fields: never taken over from others."""
    cdef size_t prefix_len = settings.header_prefix.len
    if name.len <= prefix_len or not span_ieq(span_of(name.at, prefix_len), settings.header_prefix):
        return False
    return (
        span_ieq(name, settings.request_id_name) or span_ieq(name, settings.upstream_latency_name)
        or span_ieq(name, settings.proxy_latency_name) or span_ieq(name, settings.response_latency_name)
    )
