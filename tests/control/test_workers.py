"""Threads for what may block: bounded, started as they are needed."""

import threading

from fastgate.control.workers import Workers


def test_jobs_run_and_idle_threads_are_used_again():
    workers = Workers("test", 3)
    seen = []
    for number in range(5):
        done = threading.Event()

        def job(number=number, done=done):
            seen.append((number, threading.current_thread().name))
            done.set()

        workers.run(job)
        assert done.wait(30)
        while workers._free != len(workers._threads):        # the thread says it is free just behind its job
            pass
    assert [number for number, _ in seen] == list(range(5)) and {name for _, name in seen} == {"test-1"}
    workers.close()


def test_no_more_threads_than_allowed_and_none_waits_while_one_may_start():
    workers = Workers("test", 3)
    go, running, finished = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
    names = set()

    def job():
        names.add(threading.current_thread().name)
        running.release()
        go.wait(30)
        finished.release()

    for _ in range(10):
        workers.run(job)
    for _ in range(3):
        assert running.acquire(timeout=30)
    assert not running.acquire(blocking=False) and len(names) == 3
    go.set()
    for _ in range(10):
        assert finished.acquire(timeout=30)
    assert len(names) == 3 and not workers.is_over()
    workers.close()
    for thread in workers._threads:
        thread.join(30)
    assert workers.is_over()


def test_a_job_that_raises_ends_no_thread():
    workers = Workers("test", 1)
    done = threading.Event()

    def job():
        raise SystemExit(3)

    for _ in range(2):
        workers.run(job)
    workers.run(done.set)
    assert done.wait(30) and len(workers._threads) == 1 and workers._threads[0].is_alive()
    workers.close()


def test_where_no_thread_can_be_had_jobs_wait_for_the_next(monkeypatch, caplog):
    workers = Workers("test", 2)
    done = [threading.Event(), threading.Event()]

    def start(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        workers.run(done[0].set)
    assert "a job of test has to wait: can't start new thread" in caplog.text and not done[0].is_set()
    workers.run(done[1].set)
    assert all(one.wait(30) for one in done)
    workers.close()
