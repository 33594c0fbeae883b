"""The date a lane tells (`_core/proxy/exchange.pyx`) against the standard library's."""

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from fastgate_doors import proxy_door as door
from hypothesis import example, given
from hypothesis import strategies as st

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SECOND = 10**9
LAST = (2**64 - 1) // SECOND - 1        # July 2554: nanoseconds end there


def imf_fixdate(seconds) -> bytes:
    return format_datetime(EPOCH + timedelta(seconds=seconds), usegmt=True).encode()


def at(*date) -> int:
    return int((datetime(*date, tzinfo=timezone.utc) - EPOCH).total_seconds())


@given(st.integers(1, LAST), st.integers(0, SECOND - 1))
@example(at(1994, 11, 6, 8, 49, 37), 0)
@example(at(2000, 2, 29, 23, 59, 59), SECOND - 1)
@example(at(2100, 2, 28, 23, 59, 59), 0)
@example(at(2100, 3, 1), 0)
@example(at(2400, 2, 29), 0)
@example(LAST, 0)
def test_any_second(seconds, ns):
    assert door.Lane().date(seconds * SECOND + ns) == imf_fixdate(seconds)


@pytest.mark.parametrize("year", [1970, 1972, 2000, 2023, 2024, 2100])
def test_every_day_of_a_year(year):
    lane = door.Lane()
    start = at(year, 1, 1)
    for day in range(367):
        seconds = start + 86400 * day + 1
        assert lane.date(seconds * SECOND) == imf_fixdate(seconds)


def test_one_lane_follows_the_clock_and_its_corrections():
    lane = door.Lane()
    for now, offset in ((5 * SECOND, 0), (5 * SECOND + 1, 0), (6 * SECOND, 0), (6 * SECOND, 10**18), (7 * SECOND, 10**18), (7 * SECOND, 10**17)):
        assert lane.date(now, offset) == imf_fixdate((now + offset) // SECOND)
