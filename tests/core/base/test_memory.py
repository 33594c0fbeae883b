"""`_core/base/memory.pyx`: what is taken is counted, and nothing is given past the limit."""

import threading

import pytest
from fastgate_doors import memory_door as door
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.core

OVERHEAD = 64           # more than malloc adds to a block
ROOM = 100_000
SOCKET_BYTES = 2816


@pytest.fixture(autouse=True)
def unlimited():
    yield
    door.limit(None)


def test_a_block_counts_until_it_is_given_back():
    before = door.used()
    block = door.Block(1000)
    assert 1000 < door.used() - before < 1000 + OVERHEAD
    assert block.resize(5000)
    assert 5000 < door.used() - before < 5000 + OVERHEAD
    block.give()
    assert door.used() == before
    block.give()                # none: nothing happens
    assert door.used() == before


def test_nothing_is_given_past_the_limit_and_each_refusal_counts():
    door.limit(door.used() + ROOM)
    refused = door.refused()
    kept = door.Block(ROOM // 2)
    assert door.Block(ROOM).size == door.Block(ROOM, True).size == -1
    assert not kept.resize(ROOM * 2)
    assert kept.resize(ROOM // 4) and kept.resize(ROOM // 2)        # it is all still there
    assert door.refused() == refused + 3
    door.limit(None)
    assert door.Block(ROOM).size == ROOM


def test_new_work_is_refused_before_what_runs_is():
    door.limit(door.used() * 8 + ROOM * 8)      # admits up to seven times what is taken, and 700,000
    assert door.admits()
    most = door.used() * 7 + ROOM * 7
    held = door.Block(most - door.used() + 1)
    refused = door.refused()
    assert not door.admits()
    assert door.refused() == refused + 1
    assert door.is_short() and door.refused() == refused + 1
    assert door.Block(1000).size == 1000        # for what runs
    held.give()
    assert door.admits() and not door.is_short()


def test_a_limit_below_what_is_taken_gives_nothing_until_enough_came_back():
    held = door.Block(ROOM)
    door.limit(door.used() - ROOM // 2)
    assert door.Block(1).size == -1 and not held.resize(ROOM * 2)
    held.give()
    assert door.Block(1000).size == 1000


def test_a_builder_is_counted_and_not_refused():
    before, refused = door.used(), door.refused()
    door.limit(1)
    assert door.arena_room(ROOM, True) > ROOM and door.refused() == refused
    assert door.arena_room(ROOM, False) == -1 and door.refused() == refused + 1
    assert door.used() == before


def test_sockets_count_against_the_limit_with_the_kernel():
    kernel = door.kernel()
    door.limit(None, door.used() + kernel + ROOM)
    assert door.Block(ROOM // 2).size > 0
    door.count_sockets(20)
    assert door.kernel() - kernel == 20 * SOCKET_BYTES
    assert door.Block(ROOM // 2).size == -1
    door.count_sockets(30)
    assert not door.admits()
    door.count_sockets(-50)
    assert door.kernel() == kernel
    assert door.Block(ROOM // 2).size > 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30_000)), max_size=60))
def test_the_sum_never_passes_the_limit_and_comes_out_even(operations):
    before = door.used()
    door.limit(before + ROOM)
    blocks = {}
    for place, size in operations:
        block = blocks.get(place)
        if block is None:
            blocks[place] = door.Block(size)
        elif size % 3:
            block.resize(size)
        else:
            block.give()
            del blocks[place]
        held = sum(block.size for block in blocks.values() if block.size > 0)
        assert held <= door.used() - before <= ROOM + OVERHEAD
    blocks.clear()
    block = None
    door.limit(None)
    assert door.used() == before


def test_threads_count_together():
    before = door.used()

    def work():
        for _ in range(2000):
            block = door.Block(100)
            block.resize(300)
            block.give()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert door.used() == before
