"""`_core/reactor/mailbox.pyx`: letters in order, none lost, and a wake for the first of them."""

import select
import threading

import pytest
from fastgate_doors import reactor_door as door


def is_awake(box: door.Mailbox) -> bool:
    return bool(select.select([box], [], [], 0)[0])


def test_all_at_once_and_the_oldest_first():
    box = door.Mailbox()
    assert box.take() == []
    box.put(1, 3)
    box.put(9)
    assert box.take() == [1, 2, 3, 9] and box.take() == []


def test_the_first_letter_wakes_and_the_others_need_not():
    box = door.Mailbox()
    assert not is_awake(box)
    box.put(1)
    assert is_awake(box)
    box.heard()
    box.put(2, 100)
    assert not is_awake(box)        # whoever was woken has not taken yet
    assert len(box.take()) == 101
    box.put(3)
    assert is_awake(box)


@pytest.mark.parametrize("senders", [1, 4])
def test_letters_of_each_sender_arrive_whole_and_in_order(senders):
    """Taken as the control loop takes: woken, heard, then all that is there."""
    box, count, found = door.Mailbox(), 20_000, []
    threads = [threading.Thread(target=box.put, args=(sender << 32, count)) for sender in range(senders)]
    for thread in threads:
        thread.start()
    while len(found) < senders * count:
        assert select.select([box], [], [], 30)[0]
        box.heard()
        found += box.take()
    for thread in threads:
        thread.join()
    assert box.take() == []
    for sender in range(senders):
        assert [value & 0xFFFFFFFF for value in found if value >> 32 == sender] == list(range(count))
