"""http/date against the RFC's examples and Python's email.utils."""

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from fastgate_doors.date_door import parse
from hypothesis import example, given
from hypothesis import strategies as st

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(timezone.utc)).map(
    lambda moment: moment.replace(microsecond=0))
recent = st.datetimes(datetime(1969, 1, 1), datetime(2068, 12, 31), timezones=st.just(timezone.utc)).map(
    lambda moment: moment.replace(microsecond=0))


def seconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)


def rfc850(m: datetime) -> str:
    return f"{NAMES[m.weekday()]}, {m.day:02}-{MONTHS[m.month - 1]}-{m.year % 100:02} {m:%H:%M:%S} GMT"


def asctime(m: datetime) -> str:
    return f"{NAMES[m.weekday()][:3]} {MONTHS[m.month - 1]} {m.day:2} {m:%H:%M:%S} {m.year:04}"


@pytest.mark.parametrize("text", [
    b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994",
])
def test_the_examples_of_the_rfc(text):
    assert parse(text) == 784111777


@given(moments)
@example(EPOCH)
@example(datetime(2000, 2, 29, 23, 59, 59, tzinfo=timezone.utc))
@example(datetime(1, 1, 1, tzinfo=timezone.utc))
def test_fixdate_and_asctime(moment):
    text = format_datetime(moment, usegmt=True)
    assert parsedate_to_datetime(text) == moment or moment.year < 100
    assert parse(text.encode()) == parse(asctime(moment).encode()) == seconds(moment)


@given(recent)
@example(datetime(1969, 12, 31, tzinfo=timezone.utc))
@example(datetime(2068, 1, 1, tzinfo=timezone.utc))
def test_years_of_two_digits(moment):
    text = rfc850(moment)
    assert parse(text.encode()) == seconds(parsedate_to_datetime(text)) == seconds(moment)


@pytest.mark.parametrize("text", [
    b"", b"784111777", b"Sun, 06 Nov 1994 08:49:37", b"Sun, 06 Nov 1994 08:49:37 UTC", b"Sun, 06 Nov 1994 08:49:37 +0000",
    b"Sun, 06 Nov 1994 08:49:37 GMT ", b" Sun, 06 Nov 1994 08:49:37 GMT", b"06 Nov 1994 08:49:37 GMT",
    b"Sun, 6 Nov 1994 08:49:37 GMT", b"Sun, 31 Nov 1994 08:49:37 GMT", b"Sun, 00 Nov 1994 08:49:37 GMT",
    b"Sun, 29 Feb 1900 08:49:37 GMT", b"Sun, 30 Feb 2000 08:49:37 GMT", b"Sun, 06 Nov 1994 24:00:00 GMT",
    b"Sun, 06 Nov 1994 08:60:37 GMT", b"Sun, 06 Nov 1994 08:49:61 GMT", b"Sun, 06 Nov 0000 08:49:37 GMT",
    b"Sun, 06 nov 1994 08:49:37 GMT", b"Sux, 06 Nov 1994 08:49:37 GMT", b"Sunda, 06-Nov-94 08:49:37 GMT",
    b"Sunday, 06-Nov-1994 08:49:37 GMT", b"Sun Nov 6 08:49:37 1994", b"Sun Nov  6 08:49:37 94", b"1994-11-06T08:49:37Z",
    b"Sun, 06 Nov 1994 08:49:37 GMT\x00", b"Sun, -6 Nov 1994 08:49:37 GMT", b"Sun, 06  Nov 1994 08:49:37 GMT",
])
def test_other_texts_are_no_dates(text):
    assert parse(text) is None


@given(st.binary(max_size=40) | st.tuples(moments, st.integers(0, 28), st.binary(min_size=1, max_size=1)).map(
    lambda made: bytes(format_datetime(made[0], usegmt=True).encode()[:made[1]] + made[2])))
def test_cut_and_foreign_texts_are_no_dates(text):
    assert parse(text) is None or len(text) >= 24
