"""The spin lock: plain additions by many threads, none lost."""

from concurrent.futures import ThreadPoolExecutor

from fastgate_doors.limit_door import Witness


def test_additions_under_the_lock_are_all_kept():
    witness = Witness()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(witness.add_under_lock, [50_000] * 4))
    assert witness.guarded == 200_000
