"""`_core/base/arena.pyx`: blocks are zero, aligned, apart, and cost what `total` says."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from fastgate_doors import base_door as door

CHUNK = 16384       # the largest; the first has half a KiB with its header


@given(st.lists(st.integers(0, 3 * CHUNK), max_size=40))
def test_blocks_are_zeroed_aligned_and_apart(sizes):
    addresses, is_zeroed, is_kept, total, after = door.take_all(sizes)
    assert is_zeroed and is_kept
    assert all(address % door.alignment() == 0 for address in addresses)
    ends = sorted(zip(addresses, sizes, strict=True))
    assert all(at + size <= following for (at, size), (following, _) in zip(ends, ends[1:], strict=False))
    assert total >= sum(sizes)
    assert after == 0


def cost(sizes) -> int:
    return door.take_all(sizes)[3]


def test_a_small_arena_stays_small():
    assert 480 < cost([16]) == cost([16] * 20) <= 512      # the header is smaller on 32 bits


def test_chunks_double_up_to_the_largest():
    totals = sorted({cost([16] * n) for n in range(1, 4096, 4)})
    steps = [(before, after - before) for before, after in zip(totals, totals[1:], strict=False)]
    assert all(min(before, CHUNK) <= step <= min(before, CHUNK) + 64 for before, step in steps)
    assert len(steps) >= 8


def test_a_large_block_leaves_the_open_chunk_in_use():
    alone = cost([16])
    assert cost([16, 10 * CHUNK] + [16] * 20) - cost([16, 10 * CHUNK]) == 0
    assert alone + 10 * CHUNK < cost([16, 10 * CHUNK]) < alone + 10 * CHUNK + 64


def test_impossible_sizes_are_refused():
    for size in (sys.maxsize * 2 + 1, sys.maxsize * 2 - 20, sys.maxsize * 2 - 64):
        assert door.take_is_refused(size)


@given(st.binary(max_size=CHUNK + 10))
def test_copy_gives_the_same_bytes_elsewhere(data):
    assert door.copy_is_own(data)
