"""The process held to memory_budget: the limit that follows from what is measured, and what is done when that is passed."""

import logging

import pytest

from fastgate.config.memory_budget import MIB
from fastgate.control import memory
from fastgate.control.memory import LEAST_BYTES, SLACK_BYTES, MemoryBudget


class Core:
    """Stands for the gateway: what it has handed out, and the limit it was told."""

    limit = None
    used = 5 * MIB
    tables = 3 * MIB

    def memory(self):
        return {"used": self.used, "refused": 0, "tables": self.tables}

    def set_memory_limit(self, limit):
        self.limit = limit


@pytest.fixture
def machine(monkeypatch):
    """What the kernel says is resident, in `machine.resident`; trim takes it to `trimmed`, if that is less."""
    class Machine:
        resident = 35 * MIB
        trimmed = 1000 * MIB
        trims = 0

    def trim():
        Machine.trims += 1
        Machine.resident = min(Machine.resident, Machine.trimmed)

    monkeypatch.setattr(memory, "resident_bytes", lambda: Machine.resident)
    monkeypatch.setattr(memory, "trim", trim)
    return Machine


@pytest.fixture
def core():
    return Core()


def test_without_a_budget_there_is_no_limit(machine, core):
    held = MemoryBudget(core)
    assert held.start(None) == "" and core.limit is None
    machine.resident = 10_000 * MIB
    held.look()
    assert core.limit is None and machine.trims == 0


def test_the_limit_is_what_the_others_leave(machine, core):
    assert MemoryBudget(core).start(64 * MIB) == ""
    assert core.limit == 64 * MIB - (35 - 5 + 3) * MIB - SLACK_BYTES


def test_a_budget_below_what_the_process_takes_is_refused_with_the_least(machine, core):
    held = MemoryBudget(core)
    problem = held.start(33 * MIB)
    assert "33 MiB is too little" in problem and "takes up to 35 MiB" in problem and "at least 36 MiB" in problem
    assert core.limit is None
    assert held.start(36 * MIB) == "" and core.limit == LEAST_BYTES


def test_another_budget_while_it_runs(machine, core):
    held = MemoryBudget(core)
    held.start(64 * MIB)
    before = core.limit
    assert held.follow(80 * MIB) == "" and core.limit == before + 16 * MIB
    assert "too little" in held.follow(20 * MIB) and core.limit == before + 16 * MIB     # what held goes on
    assert held.follow(None) == "" and core.limit is None


def test_freed_memory_goes_back_before_anybody_is_refused(machine, core):
    held = MemoryBudget(core)
    held.start(64 * MIB)
    before = core.limit
    machine.resident, machine.trimmed = 65 * MIB, 50 * MIB
    held.look()
    assert machine.trims == 1 and core.limit == before and not held.is_over


def test_past_the_budget_no_new_work_begins_until_it_is_well_within_again(machine, core, caplog):
    caplog.set_level(logging.INFO)
    held = MemoryBudget(core)
    held.start(64 * MIB)
    before = core.limit
    machine.resident, core.used = 70 * MIB, 20 * MIB
    held.look()
    held.look()
    assert core.limit == 14 * MIB and held.is_over
    assert caplog.text.count("over the memory_budget") == 1
    machine.resident, core.used = 63 * MIB, 13 * MIB
    held.look()
    assert held.is_over and core.limit == 14 * MIB      # it would be past it again at once
    machine.resident = 50 * MIB
    held.look()
    assert not held.is_over and core.limit == before
    assert "within the memory_budget" in caplog.text


def test_something_is_served_even_if_the_rest_has_grown_too_large(machine, core):
    held = MemoryBudget(core)
    held.start(64 * MIB)
    machine.resident, core.used = 200 * MIB, 2 * MIB
    held.look()
    assert core.limit == LEAST_BYTES
