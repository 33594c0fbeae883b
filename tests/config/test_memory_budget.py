"""`gateway.memory_budget`: one size gives all limits that are not set, and what is set must fit."""

import pytest
from fastgate.config import ConfigErrors
from fastgate.config.gateway import defaults
from fastgate.config.memory_budget import (
    IDLE_BYTES, KEY_BYTES, KIB, MIB, TOKEN_BYTES, VISITOR_BYTES, Machine, fixed_bytes, lines, text,
)
from hypothesis import given
from hypothesis import strategies as st

from .support import gateway_with, loaded, the_error

BOARD = Machine(workers=4, descriptors=20_000)
LARGE = 2**50
# What a budget plans, with the least and the most it may come to.
PLANNED = {
    ("limits", "connections"): (64, BOARD.descriptors * 3 // 4), ("limits", "rate_limit_keys"): (64, 100_000),
    ("limits", "visitors"): (64, 16_384), ("limits", "token_cache"): (16, 1000),
    ("limits", "retry_buffer_bytes"): (4096, 65536), ("keepalive", "pool_size"): (8, 512),
    ("python", "body"): (65536, MIB), ("python", "calls"): (16, 1024), ("asgi", "concurrency"): (64, 1024),
}


def planned(budget, **fields):
    """The gateway section with this budget; `machine` may be given."""
    machine = fields.pop("machine", BOARD)
    return loaded(gateway_with(memory_budget=budget, **fields), machine=machine).gateway


def refusal(budget, **fields):
    return the_error(gateway_with(memory_budget=budget, **fields), machine=BOARD)


def tables_cost(limits):
    return (limits["rate_limit_keys"] * KEY_BYTES + limits["visitors"] * VISITOR_BYTES
            + limits["token_cache"] * TOKEN_BYTES)


@pytest.mark.parametrize("written, read", [
    ("64MiB", 64 * MIB), ("64 MiB", 64 * MIB), (f"{65536}KiB", 64 * MIB), ("1GiB", 1024 * MIB), (64 * MIB, 64 * MIB),
    (str(64 * MIB), 64 * MIB),
])
def test_sizes(written, read):
    assert planned(written)["memory_budget"] == read


@pytest.mark.parametrize("written", ["64MB", "64M", "lots", "-1MiB", "1.5GiB", 12, "12KiB", 2**60, True, ["64MiB"], ""])
def test_what_is_no_size(written):
    error = refusal(written)
    assert error.path == "gateway.memory_budget" and "64MiB" in str(error)


def test_a_size_from_the_environment():
    config = gateway_with(memory_budget="${BUDGET}")
    for value in ("80MiB", str(80 * MIB)):
        assert loaded(config, machine=BOARD, environ={"BUDGET": value}).gateway["memory_budget"] == 80 * MIB


def test_without_a_budget_nothing_is_planned():
    assert loaded(gateway_with(workers=2)).gateway == {**defaults(), "workers": 2}


def test_with_memory_enough_the_defaults_stand():
    gateway, usual = planned("4GiB"), defaults()
    for part, key in PLANNED:
        if key != "connections":
            assert gateway[part][key] == usual[part][key], key
    assert gateway["limits"]["connections"] == 15_000       # three quarters of the descriptors, as "auto" is


@given(st.integers(fixed_bytes(4) + 3 * MIB, 512 * MIB))
def test_what_is_planned_fits_and_is_within_bounds(budget):
    gateway = planned(budget)
    for (part, key), (least, most) in PLANNED.items():
        assert least <= gateway[part][key] <= most, key
    room = budget - fixed_bytes(4)
    assert tables_cost(gateway["limits"]) + gateway["limits"]["connections"] * IDLE_BYTES <= room
    assert gateway["python"]["body"] <= room


@given(st.integers(fixed_bytes(4) + 3 * MIB, 256 * MIB), st.integers(0, 64 * MIB))
def test_more_memory_never_gives_less(budget, more):
    less, plenty = planned(budget), planned(budget + more)
    for part, key in PLANNED:
        assert less[part][key] <= plenty[part][key], key


@given(st.integers(64 * MIB, 256 * MIB), st.integers(64, 50_000), st.integers(64, 8192), st.integers(0, 2000))
def test_what_is_set_stands_and_the_rest_makes_room(budget, keys, visitors, tokens):
    given_limits = {"rate_limit_keys": keys, "visitors": visitors, "token_cache": tokens}
    try:
        limits = planned(budget, limits=given_limits)["limits"]
    except ConfigErrors as refused:
        assert "memory_budget" in str(refused)
        return
    assert {key: limits[key] for key in given_limits} == given_limits
    room = budget - fixed_bytes(4)
    assert tables_cost(limits) + limits["connections"] * IDLE_BYTES <= room


def test_null_and_auto_are_not_set():
    assert planned("64MiB", limits={"connections": "auto", "rate_limit_keys": None}) == planned("64MiB")


def test_defaults_of_other_files_are_left_alone():
    before = repr(defaults())
    planned("48MiB")
    assert repr(defaults()) == before


def test_too_little_names_the_least():
    error = refusal("16MiB", workers=2)
    least = text(fixed_bytes(2) + 2 * MIB)
    assert (error.path, str(error).partition("gateway.memory_budget: ")[2]) == (
        "gateway.memory_budget", f"16 MiB is too little: with 2 reactors at least {least} are needed")
    assert planned(fixed_bytes(2) + 2 * MIB, workers=2)["limits"]["connections"] >= 64


@pytest.mark.parametrize("limits, path, words", [
    ({"rate_limit_keys": 1_000_000}, "gateway.limits.rate_limit_keys", ("1000000 keys take up to 133.5 MiB", "64 MiB")),
    ({"connections": 1_000_000}, "gateway.limits.connections", ("1000000 connections", "488.3 MiB")),
    ({"rate_limit_keys": 100_000, "token_cache": 12_000}, "gateway.limits.token_cache", ("12000 tokens", "set here (30.9 MiB)")),
])
def test_what_does_not_fit_is_named_with_figures(limits, path, words):
    error = refusal("64MiB", limits=limits)
    assert error.path == path and all(word in str(error) for word in words), str(error)


def test_what_leaves_no_room_for_connections_is_refused():
    room = 64 * MIB - fixed_bytes(4)
    error = refusal("64MiB", limits={"rate_limit_keys": room // KEY_BYTES - 100})
    assert error.path == "gateway.limits.rate_limit_keys" and "room for" in str(error)


def test_fewer_reactors_leave_more():
    assert (planned("64MiB", workers=1)["limits"]["connections"]
            > planned("64MiB", workers=8)["limits"]["connections"])


def test_few_descriptors_bound_connections():
    assert planned("4GiB", machine=Machine(1, 1000))["limits"]["connections"] == 750


def test_a_small_board_serves_five_thousand():
    assert planned("64MiB", workers=1)["limits"]["connections"] >= 5000


def test_the_lines_tell_what_is_in_force():
    told = lines(planned("64MiB", workers=2, limits={"token_cache": 77}), BOARD)
    assert told[0].startswith("memory_budget 64 MiB with 2 reactors: ")
    assert "limits.token_cache: 77" in told


@pytest.mark.parametrize("size, written", [(5, "5 bytes"), (KIB, "1 KiB"), (1536, "1.5 KiB"), (64 * MIB, "64 MiB"),
                                           (3 * 1024 * MIB, "3 GiB")])
def test_sizes_as_a_person_writes_them(size, written):
    assert text(size) == written
