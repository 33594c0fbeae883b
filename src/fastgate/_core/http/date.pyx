"""Reading dates: the three forms differ in order and in what stands between their parts."""

from libc.stdint cimport int64_t
from libc.string cimport memcmp, strlen

from fastgate._core.base.span cimport span_t


cdef enum:
    DAY_SECONDS = 86400
    DAYS_TO_1970 = 719468       # from 1 March of the year 0


cdef const char *MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
cdef const char *DAYS = b"SunMonTueWedThuFriSat"
cdef const char **LONG_DAYS = [b"Sunday", b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday"]


cdef struct parts_t:
    # A value on the stack of date_parse.
    int year
    int month
    int day
    int hour
    int minute
    int second


cdef bint _take(span_t *text, const char *expected) noexcept nogil:
    cdef size_t n = strlen(expected)
    if text.len < n or memcmp(text.at, expected, n) != 0:
        return False
    text.at += n
    text.len -= n
    return True


cdef bint _take_number(span_t *text, unsigned digits, int *number_out) noexcept nogil:
    cdef unsigned i
    if text.len < digits:
        return False
    number_out[0] = 0
    for i in range(digits):
        if not c'0' <= text.at[i] <= c'9':
            return False
        number_out[0] = number_out[0] * 10 + (text.at[i] - c'0')
    text.at += digits
    text.len -= digits
    return True


cdef bint _take_short(span_t *text, const char *names, int n_names, int *place_out) noexcept nogil:
    """One of some names of three letters; its place among them, from 1."""
    cdef int i
    if text.len < 3:
        return False
    for i in range(n_names):
        if memcmp(text.at, names + 3 * i, 3) == 0:
            text.at += 3
            text.len -= 3
            place_out[0] = i + 1
            return True
    return False


cdef bint _take_long_day(span_t *text) noexcept nogil:
    cdef unsigned i
    for i in range(7):
        if _take(text, LONG_DAYS[i]):
            return True
    return False


cdef bint _take_time(span_t *text, parts_t *parts) noexcept nogil:
    return (
        _take_number(text, 2, &parts.hour) and _take(text, b":")
        and _take_number(text, 2, &parts.minute) and _take(text, b":")
        and _take_number(text, 2, &parts.second)
    )


cdef bint _is_month(span_t *text, parts_t *parts) noexcept nogil:
    return _take_short(text, MONTHS, 12, &parts.month)


cdef bint _read_fixdate(span_t text, parts_t *parts) noexcept nogil:
    cdef int weekday
    return (
        _take_short(&text, DAYS, 7, &weekday) and _take(&text, b", ")
        and _take_number(&text, 2, &parts.day) and _take(&text, b" ")
        and _is_month(&text, parts) and _take(&text, b" ")
        and _take_number(&text, 4, &parts.year) and _take(&text, b" ")
        and _take_time(&text, parts) and _take(&text, b" GMT") and text.len == 0
    )


cdef bint _read_rfc850(span_t text, parts_t *parts) noexcept nogil:
    if not (
        _take_long_day(&text) and _take(&text, b", ")
        and _take_number(&text, 2, &parts.day) and _take(&text, b"-")
        and _is_month(&text, parts) and _take(&text, b"-")
        and _take_number(&text, 2, &parts.year) and _take(&text, b" ")
        and _take_time(&text, parts) and _take(&text, b" GMT") and text.len == 0
    ):
        return False
    parts.year += 2000 if parts.year < 69 else 1900
    return True


cdef bint _read_asctime(span_t text, parts_t *parts) noexcept nogil:
    cdef int weekday
    return (
        _take_short(&text, DAYS, 7, &weekday) and _take(&text, b" ")
        and _is_month(&text, parts) and _take(&text, b" ")
        and (_take_number(&text, 2, &parts.day) or _take(&text, b" ") and _take_number(&text, 1, &parts.day))
        and _take(&text, b" ") and _take_time(&text, parts) and _take(&text, b" ")
        and _take_number(&text, 4, &parts.year) and text.len == 0
    )


cdef inline bint _is_leap(int year) noexcept nogil:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


cdef int _days_of_month(int year, int month) noexcept nogil:
    if month == 2:
        return 29 if _is_leap(year) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef int64_t _days(int year, int month, int day) noexcept nogil:
    """Since 1970: years begin in March, so that the leap day is their last."""
    cdef int from_march = month - 3 if month > 2 else month + 9
    cdef int shifted = year - (1 if month <= 2 else 0)
    cdef int64_t of_years = 365 * <int64_t>shifted + shifted // 4 - shifted // 100 + shifted // 400
    return of_years + (153 * from_march + 2) // 5 + day - 1 - DAYS_TO_1970


cdef bint date_parse(span_t text, int64_t *seconds_out) noexcept nogil:
    cdef parts_t parts
    if not (_read_fixdate(text, &parts) or _read_rfc850(text, &parts) or _read_asctime(text, &parts)):
        return False
    if parts.year == 0 or not 1 <= parts.day <= _days_of_month(parts.year, parts.month):
        return False
    if parts.hour > 23 or parts.minute > 59 or parts.second > 60:       # 60: a leap second
        return False
    seconds_out[0] = (
        _days(parts.year, parts.month, parts.day) * DAY_SECONDS + parts.hour * 3600 + parts.minute * 60 + parts.second
    )
    return True
