"""The table: bounded, evicting who was not asked for, one entry a key."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastgate_doors.limit_door import Rule, Table
from hypothesis import given
from hypothesis import strategies as st
from limit_model import S, T0

ONCE = Rule("fixed-window", [(1, 365 * 86400 * S)])


@pytest.mark.parametrize("capacity", [0, 2**26 + 1])
def test_a_capacity_out_of_range_is_refused(capacity):
    with pytest.raises(ValueError):
        Table(capacity)


@given(st.integers(1, 300), st.lists(st.integers(0, 400), max_size=600))
def test_keys_never_exceed_the_capacity_and_every_missing_one_was_counted(capacity, numbers):
    table, seen = Table(capacity), 0
    for number in numbers:
        before, evicted = table.keys, table.evictions
        admitted = table.decide(ONCE, number, T0)["admitted"]
        seen += admitted            # the limit is 1: admitted means the key was not there
        assert (table.keys - before) + (table.evictions - evicted) == admitted
        assert table.keys <= capacity
    assert table.keys + table.evictions == seen


def test_a_million_keys_stay_within_the_default_capacity():
    table = Table(100_000)
    assert table.walk(ONCE, 0, 1_000_000, T0) == 1_000_000
    assert 99_000 <= table.keys <= 100_000
    assert table.evictions == 1_000_000 - table.keys
    assert table.bytes <= 140 * 100_000


def test_a_key_in_use_outlives_a_flood_of_keys_seen_once():
    table = Table(1000)
    table.decide(ONCE, 1, T0)
    for start in range(10, 100_000, 10):
        assert not table.decide(ONCE, 1, T0)["admitted"], "forgotten"
        table.walk(ONCE, start, 10, T0)
    assert table.evictions > 90_000


@given(st.integers(1, 20), st.lists(st.integers(0, 30), max_size=200))
def test_who_goes_is_the_clocks_choice(capacity, numbers):
    """One shard, against the textbook's clock."""
    table = Table(capacity)
    slots, used, hand = [], [], 0
    for number in numbers:
        admitted = table.decide(ONCE, number, T0)["admitted"]
        assert admitted == (number not in slots)
        if number in slots:
            used[slots.index(number)] = True
        elif len(slots) < capacity:
            slots.append(number)
            used.append(False)
        else:
            while used[hand]:
                used[hand] = False
                hand = (hand + 1) % capacity
            slots[hand] = number
            hand = (hand + 1) % capacity


def test_threads_that_fill_one_table_lose_no_key():
    table = Table(100_000)
    with ThreadPoolExecutor(4) as pool:
        admitted = list(pool.map(lambda _: table.walk(ONCE, 0, 50_000, T0), range(4)))
    assert sum(admitted) == 50_000 == table.keys
    assert table.evictions == 0
