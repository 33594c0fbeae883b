"""The process held to memory_budget: the limit that follows from what is measured, and what is done when that is passed."""

import errno
import logging
import os

import pytest

from fastgate.config.memory_budget import MIB
from fastgate.control import memory, resources
from fastgate.control.memory import LEAST_BYTES, MemoryBudget
from fastgate.control.memory_group import NO_LIMIT


class Core:
    """Stands for the gateway: what it has handed out, and the limit it was told."""

    limit = with_kernel = None
    used = 5 * MIB
    kernel = 1 * MIB
    tables = 3 * MIB
    configuration = 1 * MIB         # of what is used
    freed = 0                       # times it was told to give back what it keeps

    def free_spare(self):
        self.freed += 1

    def snapshot_info(self):
        return {"bytes": self.configuration}

    def memory(self):
        return {"used": self.used, "limit": self.limit, "refused": 0, "kernel": self.kernel, "tables": self.tables}

    def set_memory_limit(self, limit, with_kernel=None):
        self.limit, self.with_kernel = limit, with_kernel


class Group:
    """Stands for a control group of 80 MiB."""

    folder = "/sys/fs/cgroup/a"
    limit = 80 * MIB
    usage = 40 * MIB

    def again(self):
        if not self.changed:
            return self
        now = Group()
        vars(now).update(self.changed)
        return now

    changed = {}

    def used(self):
        return self.usage


@pytest.fixture
def machine(monkeypatch):
    """What the kernel says is resident, in `machine.resident`; trim takes it to `trimmed`, if that is less. `limit`: RLIMIT_DATA,
    of which `data` is taken."""
    class Machine:
        limit = None
        data = 45 * MIB
        resident = 35 * MIB
        trimmed = 1000 * MIB
        trims = 0

    def trim():
        Machine.trims += 1
        Machine.resident = min(Machine.resident, Machine.trimmed)

    monkeypatch.setattr(memory, "resident_bytes", lambda: Machine.resident)
    monkeypatch.setattr(memory, "trim", trim)
    monkeypatch.setattr(memory, "data_bytes", lambda: Machine.data)
    monkeypatch.setattr(memory, "data_limit", lambda: Machine.limit)
    return Machine


@pytest.fixture
def core():
    return Core()


def test_without_a_budget_there_is_no_limit(machine, core):
    held = MemoryBudget(core, lambda: None)
    assert held.start(None) == "" and core.limit is None
    machine.resident = 10_000 * MIB
    held.look()
    assert core.limit is None and machine.trims == 0


def test_the_limit_is_what_the_others_leave(machine, core):
    assert MemoryBudget(core, lambda: None).start(64 * MIB) == ""
    assert core.limit == (64 - (35 - 5 + 3) - 2) * MIB * 7 // 8


def test_a_budget_below_what_the_process_takes_is_refused_with_the_least(machine, core):
    held = MemoryBudget(core, lambda: None)
    problem = held.start(40 * MIB)
    assert "40 MiB is too little" in problem and "takes up to 40 MiB" in problem and "at least 41 MiB" in problem
    assert core.limit is None
    assert held.start(41 * MIB) == "" and core.limit == core.used + LEAST_BYTES     # the configuration is in it


def test_another_budget_while_it_runs(machine, core):
    held = MemoryBudget(core, lambda: None)
    held.start(64 * MIB)
    before = core.limit
    assert held.follow(80 * MIB) == "" and core.limit == before + 14 * MIB
    assert "too little" in held.follow(20 * MIB) and core.limit == before + 14 * MIB     # what held goes on
    assert held.follow(None) == "" and core.limit is None


def test_a_budget_that_nobody_can_watch_is_told_once(machine, core, monkeypatch, caplog, tmp_path):
    held = MemoryBudget(core, lambda: None)
    held.start(64 * MIB)
    monkeypatch.setattr(resources, "PROC_STATM", str(tmp_path / "statm"))
    unseen = MemoryBudget(core, lambda: None)
    unseen.start(None)
    held.follow(65 * MIB)
    assert not caplog.records
    for budget in (64 * MIB, 65 * MIB):
        assert unseen.follow(budget) == ""
    (told,) = caplog.records
    assert told.levelname == "WARNING" and "/proc/self/statm can't be read" in told.getMessage()


def test_freed_memory_goes_back_before_anybody_is_refused(machine, core):
    held = MemoryBudget(core, lambda: None)
    held.start(64 * MIB)
    before = core.limit
    machine.resident, machine.trimmed = 65 * MIB, 50 * MIB
    held.look()
    assert machine.trims == core.freed == 1 and core.limit == before and not held.is_over


def test_a_trim_that_gives_nothing_is_repeated_ever_more_rarely(machine, core):
    held = MemoryBudget(core, lambda: None)
    held.start(64 * MIB)
    machine.resident, core.used = 70 * MIB, 20 * MIB
    looks_with_a_trim = []
    for look in range(200):
        before = machine.trims
        held.look()
        if machine.trims > before:
            looks_with_a_trim.append(look)
    assert looks_with_a_trim == [0, 2, 5, 10, 19, 36, 69, 134, 199]
    assert core.freed == 200
    core.used -= 1 * MIB                                # the data path gave something back, so malloc may have it
    held.look()
    assert machine.trims == len(looks_with_a_trim) + 1
    machine.resident = 50 * MIB                         # within the bounds, and past them anew
    held.look()
    machine.resident = 70 * MIB
    for _ in range(2):
        held.look()
    assert machine.trims == len(looks_with_a_trim) + 2


def test_a_larger_configuration_leaves_clients_their_least(machine, core):
    held = MemoryBudget(core, lambda: None)
    held.start(64 * MIB)
    core.configuration += 20 * MIB
    assert held.follow(64 * MIB) == "" and core.limit > core.used + 20 * MIB
    machine.resident = 200 * MIB
    held.look()
    assert core.limit == core.used + 20 * MIB + LEAST_BYTES
    core.configuration += 20 * MIB
    assert "takes up to 80 MiB" in held.follow(64 * MIB)


def test_past_the_budget_no_new_work_begins_until_it_is_well_within_again(machine, core, caplog):
    caplog.set_level(logging.INFO)
    held = MemoryBudget(core, lambda: None)
    held.start(64 * MIB)
    before = core.limit
    machine.resident, core.used = 70 * MIB, 20 * MIB
    held.look()
    held.look()
    assert core.limit == 13 * MIB and held.is_over      # 70 are 7 more than may be taken: a 64th stays free
    assert caplog.text.count("has reached gateway.memory_budget") == 1
    machine.resident, core.used = 62 * MIB, 12 * MIB
    held.look()
    assert held.is_over and core.limit == 13 * MIB      # it would be past it again at once
    machine.resident = 50 * MIB
    held.look()
    assert not held.is_over and core.limit == before
    assert "within its bounds again" in caplog.text


def test_it_is_looked_at_more_often_once_half_is_taken(machine, core):
    held = MemoryBudget(core, lambda: None)
    held.start(None)
    assert not held.is_filling
    held.follow(64 * MIB)
    core.used = core.limit // 2
    assert not held.is_filling
    core.used += 1
    assert held.is_filling


def test_something_is_served_even_if_the_rest_has_grown_too_large(machine, core):
    held = MemoryBudget(core, lambda: None)
    held.start(64 * MIB)
    machine.resident, core.used = 200 * MIB, 2 * MIB
    held.look()
    assert core.limit == Core.used + LEAST_BYTES


def test_figures_that_cannot_be_read_change_nothing(machine, core, monkeypatch):
    held = MemoryBudget(core, lambda: None)
    held.start(64 * MIB)
    before = core.limit

    def no_descriptor():
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as out:
        out.setattr(memory, "resident_bytes", no_descriptor)
        held.look()
    assert core.limit == before and not held.is_over
    machine.resident = 70 * MIB
    held.look()
    assert held.is_over


def test_a_control_group_bounds_what_the_kernel_keeps_too(machine, core):
    group = Group()
    held = MemoryBudget(core, lambda: group)
    assert held.start(64 * MIB) == ""
    assert core.limit == (64 - (35 - 5 + 3) - 2) * MIB * 7 // 8
    assert core.with_kernel == (80 - (40 - 5 - 1 + 3) - 2) * MIB * 7 // 8
    assert held.follow(None) == "" and core.limit is core.with_kernel is None


def test_a_control_groups_limit_that_changes_is_followed(machine, core, caplog):
    caplog.set_level(logging.INFO)
    group = Group()
    held = MemoryBudget(core, lambda: group)
    held.start(64 * MIB)
    room, limit = core.with_kernel, core.limit
    group.changed = {"limit": 96 * MIB}
    held.look()
    assert core.with_kernel == room + 14 * MIB and core.limit == limit
    assert "/sys/fs/cgroup/a: the limit is now 96 MiB" in caplog.text
    group.changed["limit"] = NO_LIMIT
    held._group.changed = group.changed
    held.look()
    assert core.with_kernel > 2**59 and "the limit is now off" in caplog.text
    held._group.changed = {"limit": 20 * MIB}           # below what it takes: as little as can be, and said
    held.look()
    assert core.with_kernel == Core.used + LEAST_BYTES and "20 MiB is too little" in caplog.text


def test_a_limit_on_data_is_held_to_and_followed(machine, core, caplog):
    caplog.set_level(logging.INFO)
    machine.limit = 60 * MIB
    held = MemoryBudget(core, lambda: None)
    problem = held.start(64 * MIB)                      # 40 of others, 10 for Python and a thread's stack, 5 of its own
    assert problem == "" and core.limit == (60 - 40 - 10) * MIB * 7 // 8
    machine.limit = 64 * MIB
    held.look()
    assert core.limit == (64 - 40 - 10) * MIB * 7 // 8 and "RLIMIT_DATA: the limit is now 64 MiB" in caplog.text
    machine.limit = None
    held.look()
    assert core.limit == (64 - (35 - 5 + 3) - 2) * MIB * 7 // 8 and "RLIMIT_DATA: the limit is now off" in caplog.text
    machine.limit = 50 * MIB
    assert held.follow(64 * MIB).startswith("RLIMIT_DATA: 50 MiB is too little")


def test_figures_there_is_no_memory_to_read_change_nothing(machine, core, monkeypatch):
    held = MemoryBudget(core, lambda: None)
    held.start(64 * MIB)
    before = core.limit

    def no_memory():
        raise MemoryError

    monkeypatch.setattr(memory, "resident_bytes", no_memory)
    held.look()
    assert core.limit == before and not held.is_over


def test_a_control_group_that_gets_a_limit_is_found_at_a_reload(machine, core):
    groups = [None]
    held = MemoryBudget(core, lambda: groups[0])
    held.start(64 * MIB)
    assert core.with_kernel is None
    groups[0] = Group()
    assert held.follow(64 * MIB) == ""
    room = core.with_kernel
    assert room == (80 - (40 - 5 - 1 + 3) - 2) * MIB * 7 // 8
    groups[0].usage += 10 * MIB                         # clients'
    assert held.follow(64 * MIB) == "" and core.with_kernel == room


def test_a_control_group_without_room_is_refused_by_name(machine, core):
    group = Group()
    group.limit = 39 * MIB
    problem = MemoryBudget(core, lambda: group).start(64 * MIB)
    assert problem.startswith("/sys/fs/cgroup/a: 39 MiB is too little") and "at least 45 MiB" in problem


def test_a_control_group_that_fills_stops_new_work(machine, core):
    group = Group()
    held = MemoryBudget(core, lambda: group)
    held.start(64 * MIB)
    before, core.used = core.limit, 20 * MIB
    group.usage = 80 * MIB
    held.look()
    assert held.is_over and core.limit == 20 * MIB - 80 * MIB // 32
    group.usage = 60 * MIB
    held.look()
    assert not held.is_over and core.limit == before
