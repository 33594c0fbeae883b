"""`_core/reactor/reactor.pyx`: mail in order and none lost, deferral and graves, waking and stopping."""

import os
import threading

import pytest
from fastgate_doors import reactor_door as door


@pytest.fixture
def reactor():
    return door.Reactor()


def run_in_thread(reactor):
    thread = threading.Thread(target=reactor.run, daemon=True)
    thread.start()
    return thread


def join(thread):
    thread.join(30)
    assert not thread.is_alive()


# ---- mail

def test_mail_of_each_sender_arrives_whole_and_in_order(reactor):
    senders, count = 4, 20_000
    posts = [threading.Thread(target=reactor.post, args=(sender << 32, count)) for sender in range(senders)]
    thread = run_in_thread(reactor)
    for post in posts:
        post.start()
    for post in posts:
        join(post)
    reactor.post(99 << 32, 1, is_last=True)
    join(thread)
    for sender in range(senders):
        assert [entry & 0xFFFFFFFF for entry in reactor.log if entry >> 32 == sender] == list(range(count))
    assert len(reactor.log) == senders * count + 1


def test_mail_posted_before_the_loop_begins_is_read(reactor):
    reactor.post(7, 3, is_last=True)
    reactor.run()
    assert reactor.log == [7, 8, 9]


def test_mail_wakes_a_sleeping_reactor(reactor):
    thread = run_in_thread(reactor)
    while reactor.loops == 0:
        reactor.wake()
    reactor.post(1, 1, is_last=True)
    join(thread)
    assert reactor.log == [1]


def test_mail_and_graves_left_over_are_seen_to_at_the_close(reactor):
    actors = door.Actors(reactor, 1)
    reactor.stop()
    reactor.post(7, 3)
    reactor.run()
    actors.defer(0)
    actors.bury(0)
    reactor.close()
    assert reactor.log == [7, 8, 9, 1000]


# ---- stopping, waking, waiting

def test_stop_from_another_thread_ends_the_loop(reactor):
    thread = run_in_thread(reactor)
    reactor.stop()
    join(thread)


def test_stop_before_the_loop_means_no_loop(reactor):
    reactor.stop()
    reactor.run()
    assert reactor.loops == 0


def test_loop_without_events_waits_for_its_next_timer(reactor):
    assert reactor.step(at_most_ms=20) is False
    loops = reactor.loops
    assert reactor.step() is True
    assert reactor.loops == loops + 1


def test_random_numbers_differ_by_seed_and_by_reactor():
    def numbers(index, seed):
        reactor = door.Reactor(index, seed)
        return [reactor.random() for _ in range(8)]

    seen = [number for index in range(4) for seed in range(4) for number in numbers(index * 100, seed)]
    assert len(set(seen)) == len(seen)
    assert numbers(1, 1) == numbers(1, 1)


# ---- deferral

def test_deferred_sources_are_called_once_in_order(reactor):
    actors = door.Actors(reactor, 40)
    order = [i * 7 % 40 for i in range(40)]
    for i in order:
        actors.defer(i)
    reactor.step()
    assert reactor.log == order
    reactor.step()
    assert reactor.log == order


def test_deferring_while_called_waits_for_the_next_loop(reactor):
    actors = door.Actors(reactor, 2)
    actors.when_called(0, "defer", 0, times=2)      # itself, twice
    actors.when_called(1, "defer", 0)
    actors.defer(0)
    actors.defer(1)
    calls = []
    for _ in range(4):
        before = len(reactor.log)
        reactor.step()
        calls.append(reactor.log[before:])
    assert calls == [[0, 1], [0, 0], [0], []]


def test_loop_with_deferred_work_does_not_wait(reactor):
    actors = door.Actors(reactor, 1)
    actors.when_called(0, "defer", 0, times=3)
    actors.defer(0)
    for _ in range(4):
        assert reactor.step(at_most_ms=60_000)
    assert reactor.log == [0] * 4


# ---- graves

def test_buried_source_that_was_deferred_is_not_called_and_freed_after_the_batch(reactor):
    actors = door.Actors(reactor, 3)
    actors.when_called(0, "bury", 1)
    for i in range(3):
        actors.defer(i)
    reactor.step()
    assert reactor.log == [0, 2, 1001]


def test_buried_source_deferred_for_the_next_loop_is_forgotten(reactor):
    actors = door.Actors(reactor, 2)
    actors.when_called(0, "defer", 0)       # 0 wants to be called again …
    actors.when_called(1, "bury", 0)        # … and is closed in the same batch
    actors.defer(0)
    actors.defer(1)
    reactor.step()
    reactor.step()
    assert reactor.log == [0, 1, 1000]


def test_source_may_bury_itself(reactor):
    actors = door.Actors(reactor, 1)
    actors.when_called(0, "bury", 0)
    actors.defer(0)
    reactor.step()
    assert reactor.log == [0, 1000]


# ---- epoll

def test_event_of_a_source_closed_in_the_same_batch_is_dropped(reactor):
    actors = door.Actors(reactor, 2)
    pipes = [os.pipe() for _ in range(2)]
    try:
        for i in range(2):
            actors.when_called(i, "bury", 1 - i)        # whichever comes first closes the other
            assert actors.watch(i, pipes[i][0])
            os.write(pipes[i][1], b"x")
        reactor.step()
        first, freed = reactor.log
        assert freed == 1000 + (1 - first)
        actors.unwatch(first)
    finally:
        for fd in (fd for pipe in pipes for fd in pipe):
            os.close(fd)


def test_level_triggered_source_comes_back_until_unwatched(reactor):
    actors = door.Actors(reactor, 1)
    reader, writer = os.pipe()
    try:
        assert actors.watch(0, reader)
        assert not actors.watch(0, reader)      # twice: refused
        os.write(writer, b"x")
        assert reactor.step(at_most_ms=60_000)
        assert reactor.step(at_most_ms=60_000)
        assert reactor.log == [0, 0]
        actors.unwatch(0)
        reactor.step()
        assert reactor.log == [0, 0]
    finally:
        os.close(reader)
        os.close(writer)
