"""`_core/base/arena.pyx`: blocks are zero, aligned, apart, and cost what `total` says."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from fastgate_doors import base_door as door

CHUNK = 16384


@given(st.lists(st.integers(0, 3 * CHUNK), max_size=40))
def test_blocks_are_zeroed_aligned_and_apart(sizes):
    addresses, is_zeroed, is_kept, total, after = door.take_all(sizes)
    assert is_zeroed and is_kept
    assert all(address % door.alignment() == 0 for address in addresses)
    ends = sorted(zip(addresses, sizes, strict=True))
    assert all(at + size <= following for (at, size), (following, _) in zip(ends, ends[1:], strict=False))
    assert total >= sum(sizes)
    assert after == 0


def test_small_blocks_share_one_chunk():
    *_, total, _ = door.take_all([16] * 1024)
    assert CHUNK <= total < CHUNK + 256


def test_a_large_block_leaves_the_open_chunk_in_use():
    alone = door.take_all([16])[3]
    large = door.take_all([16, 10 * CHUNK])[3] - alone
    assert door.take_all([16, 10 * CHUNK] + [16] * 100)[3] == alone + large


def test_impossible_sizes_are_refused():
    for size in (sys.maxsize * 2 + 1, sys.maxsize * 2 - 20, sys.maxsize * 2 - 64):
        assert door.take_is_refused(size)


@given(st.binary(max_size=CHUNK + 10))
def test_copy_gives_the_same_bytes_elsewhere(data):
    assert door.copy_is_own(data)
