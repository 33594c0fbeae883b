"""Concurrency: holders against a count, and entries that stay."""

from concurrent.futures import ThreadPoolExecutor

from fastgate_doors.limit_door import Rule, Table, Witness
from hypothesis import given
from hypothesis import strategies as st
from limit_model import Model

NO_MEMORY = -2


@given(st.integers(1, 5), st.lists(st.integers(-3, 3), max_size=60))
def test_decisions_are_the_models(limit, moves):
    table, rule, model = Table(10), Rule("concurrency", [(limit, 0)]), Model("concurrency", [(limit, 1)])
    for move in moves:
        if move < 0:
            table.release(1, -move)
            model.release(-move)
        else:
            expected, answer = model.decide(0, move), table.decide(rule, 1, 0, move)
            assert {key: answer[key] for key in expected} == expected
            assert answer["retry_after_s"] == (0 if answer["admitted"] else 1)


def test_threads_are_never_more_than_the_limit_inside():
    table, rule, witness = Table(10), Rule("concurrency", [(3, 0)]), Witness()
    with ThreadPoolExecutor(8) as pool:
        admitted = sum(pool.map(lambda _: table.hold_and_release(rule, 1, 20_000, witness), range(8)))
    assert 0 < witness.most <= 3
    assert admitted >= 20_000 * 3 // 8                      # whoever is let in gets out again
    assert table.repeat(rule, 1, 0, 10) == 3                # none was lost, none is left


def test_an_entry_with_holders_outlives_a_flood_of_keys():
    table, held, rate = Table(64), Rule("concurrency", [(2, 0)]), Rule("fixed-window", [(1, 10**9)])
    assert table.repeat(held, 1, 0, 5) == 2
    table.walk(rate, 1000, 10_000, 0)
    assert table.keys == 64
    assert not table.decide(held, 1, 0)["admitted"]
    table.release(1, 2)
    evictions = table.evictions
    table.walk(rate, 20_000, 200, 0)
    assert table.evictions == evictions + 200
    assert table.repeat(held, 1, 0, 5) == 2


def test_a_table_full_of_holders_says_so_and_recovers():
    table, rule = Table(10), Rule("concurrency", [(1, 0)])
    assert table.walk(rule, 0, 10, 0) == 10
    assert table.decide(rule, 10, 0) == NO_MEMORY
    assert table.decide(rule, 3, 0)["admitted"] is False    # those it knows are still decided
    assert (table.keys, table.evictions) == (10, 0)
    table.release(3)
    assert table.decide(rule, 10, 0)["admitted"]
    assert (table.keys, table.evictions) == (10, 1)


def test_a_release_of_what_nobody_holds_changes_nothing():
    table, rule = Table(10), Rule("concurrency", [(1, 0)])
    table.release(1)
    assert table.keys == 0
    assert table.repeat(rule, 1, 0, 3) == 1
    table.release(1, 100)
    assert table.repeat(rule, 1, 0, 3) == 1
