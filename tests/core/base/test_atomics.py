"""`_core/base/atomics.pxd`: no update is lost between threads that run without the GIL."""

import threading

from fastgate_doors import base_door as door

THREADS = 4
TIMES = 20_000


def together(work) -> None:
    start = threading.Barrier(THREADS)

    def run() -> None:
        start.wait()
        work(TIMES)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_adds_and_cas_lose_nothing():
    cell = door.Cell()
    together(cell.add)
    total = THREADS * TIMES
    assert cell.values() == (total, total, total, -total)


def test_one_writer_at_a_time_loses_nothing():
    cell = door.Cell()
    together(cell.add_under_lock)
    assert cell.values() == (0, THREADS * TIMES, THREADS * TIMES, 0)


def test_stores_keep_every_bit():
    assert door.Cell().stores(2**64 - 1, 2**32 - 1) == (2**64 - 1, 2**64 - 1, 2**32 - 1, 0)


def test_exchange_and_cas_tell_what_was_there():
    assert door.Cell().exchanges() == (0, False, True, 7, 10)


def test_pointers_swap():
    assert door.Cell().pointer_swap()
