"""The table: bans found, ended, lifted; bounded; a flood displaces itself."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest
from fastgate_doors.guard_door import WAYS, Rules, Table, network
from hypothesis import given
from hypothesis import strategies as st

S = 1_000_000_000
T0 = 1000 * S
QUIET = Rules()
EAGER = Rules(probe_weight=100)


def v4(text):
    return b"\0" * 10 + b"\xff\xff" + ip_address(text).packed


A, B = v4("192.0.2.1"), v4("192.0.2.2")


def test_over_the_threshold_is_a_ban_until_it_ends():
    table = Table(64)
    assert table.judge(EAGER, A, T0) == "pass" and table.bans(T0) == {}
    assert table.judge(EAGER, A, T0, is_probe=True) == "new ban"
    assert table.judge(EAGER, A, T0 + 1) == table.judge(QUIET, A, T0 + 10 * S - 1) == "banned"
    assert table.judge(EAGER, B, T0) == "pass"
    assert table.bans(T0) == {A: (T0 + 10 * S, 100, True, False)} and table.made == 1
    assert table.bans(T0 + 10 * S) == {}
    assert table.judge(QUIET, A, T0 + 10 * S) == "pass"


def test_dry_rules_ban_nobody():
    table = Table(64)
    dry = Rules(probe_weight=100, is_dry=True)
    assert [table.judge(dry, A, T0, is_probe=True) for _ in range(3)] == ["suspect"] * 3
    assert table.bans(T0) == {} and table.made == 0


def test_rules_of_two_owners_count_apart_and_share_bans():
    table = Table(64)
    one, two = (Rules(owner=owner, rate_weight=100, requests=4, threshold=100) for owner in (1, 2))
    for _ in range(3):
        assert table.judge(one, A, T0) == table.judge(two, A, T0) == "pass"
    assert table.judge(one, A, T0) == "new ban"
    assert table.judge(two, A, T0) == "banned"


def test_lifting_forgets_what_led_to_it():
    table = Table(64)
    rules = Rules(rate_weight=100, requests=4)
    assert [table.judge(rules, A, T0) for _ in range(4)][-1] == "new ban"
    assert table.lift(A, T0) is True and table.lift(A, T0) is False
    assert [table.judge(rules, A, T0) for _ in range(4)] == ["pass"] * 3 + ["new ban"]


def test_misses_are_the_visitors_own():
    table = Table(64)
    rules = Rules(miss_weight=100, misses=2)
    table.miss(rules, A, T0)                # nobody it knows
    assert table.judge(rules, A, T0) == "pass"
    table.miss(rules, A, T0)
    table.miss(Rules(owner=2), A, T0)
    assert table.judge(rules, A, T0) == "pass"
    table.miss(rules, A, T0)
    assert table.judge(rules, A, T0) == "new ban"


def test_bans_by_hand_and_what_redis_was_told():
    table = Table(64)
    table.ban(A, T0 + S, False, T0)
    table.ban(B, T0 + S, True, T0)
    assert table.bans(T0) == {A: (T0 + S, 0, True, False), B: (T0 + S, 0, False, True)}
    table.told(A, T0 + 2 * S)               # of another ban than this one
    assert table.bans(T0)[A][2:] == (True, False)
    table.told(A, T0 + S)
    assert table.bans(T0)[A][2:] == (False, True)
    table.ban(A, T0 + 5 * S, True, T0)
    assert table.bans(T0)[A] == (T0 + 5 * S, 0, False, True)


def test_a_flood_displaces_itself_and_no_ban():
    table = Table(1024)
    table.ban(A, T0 + 100 * S, False, T0)
    table.judge_many(QUIET, 0, 100_000, T0 + S)
    assert set(table.bans(T0 + 2 * S)) == {A} and table.judge(QUIET, A, T0 + 2 * S) == "banned"


def test_of_too_many_bans_the_first_to_end_goes():
    table = Table(64)
    for n in range(1000):
        table.ban(v4(f"10.0.{n // 250}.{n % 250}"), T0 + (1 + n) * S, False, T0)
    left = table.bans(T0)
    assert len(left) == table.places == 64
    assert all(until >= T0 + 500 * S for until, *_ in left.values())


def test_bans_that_are_as_they_were_have_not_changed():
    table = Table(WAYS)                     # one bucket
    seen = [table.changes]

    def changed() -> bool:
        seen.append(table.changes)
        return seen[-1] != seen[-2]

    table.judge(QUIET, A, T0)
    assert not changed()
    table.judge(EAGER, A, T0, is_probe=True)
    assert changed()
    table.judge(EAGER, A, T0 + 1, is_probe=True)
    table.told(A, T0)                       # of another ban than this one
    assert table.lift(B, T0) is False and not changed()
    table.told(A, T0 + 10 * S)
    assert changed()
    assert table.lift(A, T0) is True and changed()
    for n in range(WAYS):
        table.ban(v4(f"10.0.0.{n}"), T0 + 20 * S, True, T0)
        assert changed()
    table.judge(QUIET, B, T0)               # takes the place of one of them
    assert changed() and len(table.bans(T0)) == WAYS - 1
    assert table.bans(T0 + 20 * S) == {} and not changed()
    table.judge(QUIET, A, T0 + 20 * S)
    assert not changed()                    # the places of those that ended are free


@given(st.integers(1, 5000))
def test_places_are_at_least_the_capacity(capacity):
    assert capacity <= Table(capacity).places < max(2 * capacity, 2 * WAYS)


@pytest.mark.parametrize(("given", "found"), [
    ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("::1", "::"),
    ("::fffe:192.0.2.1", "::"), ("0:0:0:0:0:1:ffff:1", "::"), ("1::ffff:192.0.2.1", "1::"), ("fe80::1", "fe80::")])
def test_an_ipv6_address_stands_for_its_64(given, found):
    raw = ip_address(given).packed
    assert network(raw) == (ip_address(found).packed)


def test_the_same_address_is_the_same_under_any_order_of_bytes_and_seed():
    for seed in range(50):
        table = Table(64, seed)
        table.ban(A, T0 + S, False, T0)
        assert table.lift(A, T0)


def test_threads_make_one_ban_of_one_address():
    table = Table(4096)
    rules = Rules(rate_weight=100, requests=1000)

    def hammer(_):
        return [table.judge(rules, A, T0) for _ in range(1000)]

    with ThreadPoolExecutor(4) as pool:
        verdicts = [verdict for part in pool.map(hammer, range(4)) for verdict in part]
        list(pool.map(lambda n: table.judge_many(rules, n * 20_000, 20_000, T0), range(4)))
    assert verdicts.count("new ban") == 1 and verdicts.count("pass") == 999 and verdicts.count("banned") == 3000
    assert table.made == 1 and set(table.bans(T0)) == {A}
