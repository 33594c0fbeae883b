"""Writes access records: JSON lines near Kong's log record, or Apache's Combined format."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.decimal cimport put_decimal, put_pair
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.observe.access_record cimport (
    LOG_PLAIN_BYTES, SOURCE_GATEWAY, SOURCE_UPSTREAM, access_record_t, log_name_t,
)
from fastgate._core.observe.access_stamp cimport access_stamp_t, put_stamp
from fastgate._core.observe.escape cimport ESCAPE_MAX, escape_combined, escape_is_needless, escape_json
from fastgate._core.observe.text cimport put_milliseconds, put_span, put_text


cdef enum:
    FIXED_BYTES = 1024 + 4 * LOG_PLAIN_BYTES    # key names, numbers, marks and plain fields of the longest line
    MS_PER_DAY = 86400000
    LAST_DAY = 2932896          # 9999-12-31, in days since 1970-01-01


cdef extern from * nogil:
    """
    static const char fg_month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    """
    const char *MONTH_NAMES "fg_month_names"


cdef inline size_t cut_length(span_t s, size_t most) noexcept nogil:
    return s.len if s.len <= most else most


cdef size_t access_bound(const access_record_t *record) noexcept nogil:
    cdef size_t n = cut_length(record.uri, ACCESS_URI_BYTES)
    n += cut_length(record.host.text, ACCESS_FIELD_BYTES)
    n += cut_length(record.user_agent, ACCESS_FIELD_BYTES)
    n += cut_length(record.referer, ACCESS_FIELD_BYTES)
    n += cut_length(record.service.text, ACCESS_FIELD_BYTES)
    n += cut_length(record.route.text, ACCESS_FIELD_BYTES)
    n += cut_length(record.consumer.text, ACCESS_FIELD_BYTES)
    n += cut_length(record.target.text, ACCESS_FIELD_BYTES)
    return ESCAPE_MAX * n + FIXED_BYTES


cdef bint access_is_plain(span_t name) noexcept nogil:
    return name.len <= ACCESS_FIELD_BYTES and escape_is_needless(name)


cdef size_t access_format(char *out, const access_record_t *record, access_format_t format, access_stamp_t *stamp) noexcept nogil:
    if stamp.len == 0 or stamp.ms != record.started_at_ms:
        stamp.ms = record.started_at_ms
        if format == ACCESS_COMBINED:
            stamp.len = <uint32_t>(put_combined_time(stamp.text, stamp.ms) - stamp.text)
        else:
            stamp.len = <uint32_t>(put_decimal(stamp.text, stamp.ms) - stamp.text)
    if format == ACCESS_COMBINED:
        return put_combined_line(out, record, stamp) - out
    return put_json_line(out, record, stamp) - out


cdef inline char *put_mark(char *out, span_t s, size_t kept) noexcept nogil:
    return out if s.len == kept else put_decimal(put_text(out, b"...+"), s.len - kept)


cdef inline char *put_json_string(char *out, span_t s, size_t most) noexcept nogil:
    """The rest of a string after its opening quote, the closing one included."""
    cdef size_t kept = cut_length(s, most)
    out = put_mark(escape_json(out, span_of(s.at, kept)), s, kept)
    out[0] = c'"'
    return out + 1


cdef inline char *put_json_name(char *out, log_name_t name) noexcept nogil:
    if name.is_plain:
        return put_text(put_span(out, name.text), b'"')
    return put_json_string(out, name.text, ACCESS_FIELD_BYTES)


cdef char *put_json_line(char *out, const access_record_t *record, const access_stamp_t *stamp) noexcept nogil:
    out = put_stamp(put_text(out, b'{"started_at":'), stamp)
    out = put_span(put_text(out, b',"client_ip":"'), record.client_ip)
    out = put_span(put_text(out, b'","request":{"id":"'), record.request_id)
    out = put_span(put_text(out, b'","method":"'), record.method)
    out = put_span(put_text(out, b'","scheme":"'), record.scheme)
    out = put_json_name(put_text(out, b'","host":"'), record.host)
    out = put_json_string(put_text(out, b',"uri":"'), record.uri, ACCESS_URI_BYTES)
    out = put_text(out, b',"http_version":"1.1"' if record.http_minor else b',"http_version":"1.0"')
    out = put_decimal(put_text(out, b',"size":'), record.bytes_in)
    if record.user_agent.len:
        out = put_json_string(put_text(out, b',"user_agent":"'), record.user_agent, ACCESS_FIELD_BYTES)
    if record.referer.len:
        out = put_json_string(put_text(out, b',"referer":"'), record.referer, ACCESS_FIELD_BYTES)
    out = put_decimal(put_text(out, b'},"response":{"status":'), record.status)
    out = put_decimal(put_text(out, b',"size":'), record.bytes_out)
    out = put_decimal(put_text(out, b',"body_size":'), record.body_bytes_out)
    out = put_milliseconds(put_text(out, b'},"latencies":{"request":'), record.total_ns)
    out = put_milliseconds(put_text(out, b',"gateway":'), record.gateway_ns)
    if record.tries:
        out = put_milliseconds(put_text(out, b',"upstream":'), record.upstream_ns)
    out = put_decimal(put_text(out, b'},"tries":'), record.tries)
    if record.target.text.len:
        out = put_json_name(put_text(out, b',"target":"'), record.target)
    if record.upstream_status:
        out = put_decimal(put_text(out, b',"upstream_status":'), record.upstream_status)
    if record.service.text.len:
        out = put_json_name(put_text(out, b',"service":{"name":"'), record.service)
        out = put_text(out, b'}')
    if record.route.text.len:
        out = put_json_name(put_text(out, b',"route":{"name":"'), record.route)
        out = put_text(out, b'}')
    if record.consumer.text.len:
        out = put_json_name(put_text(out, b',"consumer":{"username":"'), record.consumer)
        out = put_text(out, b'}')
    if record.source == SOURCE_UPSTREAM:
        out = put_text(out, b',"source":"upstream","snapshot":')
    elif record.source == SOURCE_GATEWAY:
        out = put_text(out, b',"source":"gateway","snapshot":')
    else:
        out = put_text(out, b',"source":"error","snapshot":')
    out = put_decimal(out, record.snapshot)
    return put_text(out, b'}\n')


cdef inline char *put_combined_field(char *out, span_t s, size_t most) noexcept nogil:
    cdef size_t kept = cut_length(s, most)
    if kept == 0:
        return put_text(out, b'-')
    return put_mark(escape_combined(out, span_of(s.at, kept)), s, kept)


cdef char *put_combined_line(char *out, const access_record_t *record, const access_stamp_t *stamp) noexcept nogil:
    out = put_combined_field(out, record.client_ip, ACCESS_FIELD_BYTES)
    out = put_combined_field(put_text(out, b' - '), record.consumer.text, ACCESS_FIELD_BYTES)
    out = put_stamp(put_text(out, b' ['), stamp)
    out = put_combined_field(put_text(out, b'] "'), record.method, ACCESS_FIELD_BYTES)
    out = put_combined_field(put_text(out, b' '), record.uri, ACCESS_URI_BYTES)
    out = put_text(out, b' HTTP/1.1" ' if record.http_minor else b' HTTP/1.0" ')
    out = put_decimal(out, record.status)
    if record.body_bytes_out:
        out = put_decimal(put_text(out, b' '), record.body_bytes_out)
    else:
        out = put_text(out, b' -')
    out = put_combined_field(put_text(out, b' "'), record.referer, ACCESS_FIELD_BYTES)
    out = put_combined_field(put_text(out, b'" "'), record.user_agent, ACCESS_FIELD_BYTES)
    return put_text(out, b'"\n')


cdef char *put_combined_time(char *out, uint64_t wall_ms) noexcept nogil:
    """Day/month/year:hour:minute:second in UTC, up to the year 9999, which a broken clock does not pass.

    The calendar is counted in years that begin in March, so that the leap day is the
    last of its year, and in cycles of 400 years (146,097 days).
    """
    cdef uint32_t seconds = <uint32_t>(wall_ms % MS_PER_DAY) // 1000
    cdef uint64_t whole_days = wall_ms // MS_PER_DAY
    cdef uint32_t days = <uint32_t>(whole_days if whole_days < LAST_DAY else LAST_DAY) + 719468     # since 0000-03-01
    cdef uint32_t cycle = days // 146097
    cdef uint32_t day_of_cycle = days % 146097
    cdef uint32_t year_of_cycle = (day_of_cycle - day_of_cycle // 1460 + day_of_cycle // 36524
                                   - day_of_cycle // 146096) // 365
    cdef uint32_t day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle // 4
                                                - year_of_cycle // 100)
    cdef uint32_t march_month = (5 * day_of_year + 2) // 153            # 0: March
    cdef uint32_t day = day_of_year - (153 * march_month + 2) // 5 + 1
    cdef uint32_t month = march_month + 2 if march_month < 10 else march_month - 10     # 0: January
    cdef uint32_t year = cycle * 400 + year_of_cycle + (1 if month < 2 else 0)
    out = put_text(put_pair(out, day), b'/')
    out = put_span(out, span_of(MONTH_NAMES + 3 * month, 3))
    out = put_text(out, b'/')
    out = put_pair(put_pair(out, year // 100), year % 100)
    out = put_pair(put_text(out, b':'), seconds // 3600)
    out = put_pair(put_text(out, b':'), seconds // 60 % 60)
    out = put_pair(put_text(out, b':'), seconds % 60)
    return put_text(out, b' +0000')
