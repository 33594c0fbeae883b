"""base/spinlock: one holder at a time."""

import threading

from fastgate_doors import auth_door as door


def test_the_lock_excludes():
    lock = door.Lock()
    threads = [threading.Thread(target=lock.add_many, args=(50_000,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lock.count == 200_000
