"""The access log from a reactor's record to the file: batches, reopening, closing, and what fails."""

import json
import logging
import os
import resource
import socket
import threading
import time

import pytest
from fastgate._core.bridge.access_log import AccessLog
from fastgate_doors.observe_door import Record, emit, emit_sequence

RING_BYTES = 65536
WAIT_S = 60.0           # no writer takes as long, not even instrumented on a busy machine
RECORD = {"client_ip": b"203.0.113.7", "method": b"GET", "uri": b"/orders", "status": 200, "body_bytes_out": 5}
LINE_BYTES = len(Record(**RECORD).line(0))


def start(log):
    thread = threading.Thread(target=log.run, daemon=True)
    thread.start()
    return thread


def wait_until(is_true, timeout_s=WAIT_S):
    """For what no event tells: another thread's progress."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.002)


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            pass        # the test closed it


@pytest.mark.parametrize("n_reactors", [1, 3])
def test_log_when_reactors_emit_has_each_record_once_and_in_order(tmp_path, n_reactors):
    path = tmp_path / "access.log"
    log = AccessLog(str(path), "json", n_reactors, RING_BYTES)
    writer = start(log)
    reactors = [
        threading.Thread(target=emit_sequence, args=(log, reactor, Record(**RECORD, tries=reactor), 5000))
        for reactor in range(n_reactors)
    ]
    for thread in reactors:
        thread.start()
    for thread in reactors:
        thread.join()
    assert log.close(WAIT_S)
    writer.join()
    found = lines(path)
    for reactor in range(n_reactors):
        assert [line["snapshot"] for line in found if line["tries"] == reactor] == list(range(5000))
    assert log.stats() == {
        "written": 5000 * n_reactors, "dropped": 0, "errors": 0, "bytes": path.stat().st_size}


def test_log_when_records_come_one_by_one_writes_each_without_more_to_come(tmp_path):
    path = tmp_path / "access.log"
    log = AccessLog(str(path), "combined", 1, RING_BYTES)
    start(log)
    for n in range(1, 30):
        assert emit(log, 0, Record(**RECORD))[0] == 0
        wait_until(lambda n=n: log.stats()["written"] == n)
    assert log.close(WAIT_S)
    assert path.read_text() == 29 * '203.0.113.7 - - [01/Jan/1970:00:00:00 +0000] "GET /orders HTTP/1.1" 200 5 "-" "-"\n'


def test_log_when_off_takes_records_and_does_nothing():
    assert emit(None, 0, Record(**RECORD))[0] == 0


def test_close_when_no_writer_ran_writes_by_itself(tmp_path):
    path = tmp_path / "access.log"
    log = AccessLog(str(path), "json", 1, RING_BYTES)
    emit(log, 0, Record(**RECORD), 10)
    assert log.close(WAIT_S)
    assert len(lines(path)) == 10
    log.run()           # a thread that was late: ends at once


def test_log_appends_to_what_is_there(tmp_path):
    path = tmp_path / "access.log"
    path.write_text("before\n")
    log = AccessLog(str(path), "json", 1, RING_BYTES)
    emit(log, 0, Record(**RECORD))
    log.close(WAIT_S)
    assert path.read_text().startswith("before\n{")


def test_reopen_after_a_rename_writes_to_the_new_file(tmp_path):
    path, old = tmp_path / "access.log", tmp_path / "access.log.1"
    log = AccessLog(str(path), "json", 1, RING_BYTES)
    start(log)
    emit(log, 0, Record(**RECORD), 3)
    wait_until(lambda: log.stats()["written"] == 3)
    path.rename(old)
    log.reopen()
    wait_until(path.exists)
    emit(log, 0, Record(**RECORD), 2)
    assert log.close(WAIT_S)
    assert (len(lines(old)), len(lines(path))) == (3, 2)


def test_reopen_when_the_path_is_gone_keeps_the_old_file_and_says_so(tmp_path, caplog):
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "access.log"
    log = AccessLog(str(path), "json", 1, RING_BYTES)
    start(log)
    moved = tmp_path / "moved"
    folder.rename(moved)
    with caplog.at_level(logging.ERROR, "fastgate.access_log"):
        log.reopen()
        wait_until(lambda: caplog.records)
    assert str(path) in caplog.text and "No such file" in caplog.text
    emit(log, 0, Record(**RECORD))
    assert log.close(WAIT_S)
    assert len(lines(moved / "access.log")) == 1


def test_log_when_nobody_reads_the_pipe_drops_and_goes_on(pipe):
    reader, writer = pipe
    log = AccessLog(writer, "json", 1, RING_BYTES)
    start(log)
    record = Record(**RECORD)
    dropped, _ = emit(log, 0, record, 2000)         # far more than pipe and ring hold; returns at once
    assert dropped > 0
    kept = 2000 - dropped
    got = b""
    while got.count(b"\n") < kept:
        got += os.read(reader, 1 << 20)
    assert all(json.loads(line)["request"]["uri"] == "/orders" for line in got.splitlines())
    wait_until(lambda: log.stats()["written"] == kept)
    assert emit(log, 0, record)[0] == 0             # and there is room again
    assert log.close(WAIT_S)
    assert json.loads(os.read(reader, 1 << 20))


def test_close_when_nobody_reads_the_pipe_keeps_its_deadline_and_counts(pipe):
    reader, writer = pipe
    log = AccessLog(writer, "json", 1, RING_BYTES)
    thread = start(log)
    dropped, _ = emit(log, 0, Record(**RECORD), 2000)
    log.close(0.05)             # False: on a busy machine the thread may notice later, and ends all the same
    thread.join(WAIT_S)
    assert not thread.is_alive()
    stats = log.stats()
    assert stats["dropped"] > 0 and stats["written"] + stats["dropped"] + dropped == 2000
    os.close(writer)
    got = b""
    while piece := os.read(reader, 1 << 20):
        got += piece
    assert got.count(b"\n") == stats["written"] and len(got) == stats["bytes"]


def test_log_to_a_socket_as_journald_gives_one():
    near, far = socket.socketpair()
    log = AccessLog(near.fileno(), "json", 1, RING_BYTES)
    start(log)
    emit_sequence(log, 0, Record(**RECORD), 100)
    got = b""
    while got.count(b"\n") < 100:
        got += far.recv(1 << 20)
    assert [json.loads(line)["snapshot"] for line in got.splitlines()] == list(range(100))
    assert log.close(WAIT_S)
    near.close(), far.close()


def test_log_when_the_reader_is_gone_counts_the_errors_and_tells_once(pipe, caplog):
    reader, writer = pipe
    os.close(reader)
    log = AccessLog(writer, "json", 1, RING_BYTES)
    with caplog.at_level(logging.ERROR, "fastgate.access_log"):
        start(log)
        for n in range(1, 6):
            emit(log, 0, Record(**RECORD))
            wait_until(lambda n=n: log.stats()["dropped"] == n)
        assert log.close(WAIT_S)
    stats = log.stats()
    assert stats["errors"] >= 1 and stats["written"] == 0
    assert len(caplog.records) == 1 and "Broken pipe" in caplog.text


def test_log_when_the_disk_is_full_ends_the_torn_line_before_the_next(tmp_path):
    """A file size limit is the disk that fills up: a short write first, then an error."""
    path = tmp_path / "access.log"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = AccessLog(str(path), "json", 1, RING_BYTES)
    emit(log, 0, Record(**RECORD), 20)
    thread = None
    resource.setrlimit(resource.RLIMIT_FSIZE, (10 * LINE_BYTES + 7, limits[1]))
    try:
        thread = start(log)
        wait_until(lambda: log.stats()["dropped"] == 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    emit(log, 0, Record(**RECORD), 2)
    assert log.close(WAIT_S)
    thread.join()
    assert log.stats()["written"] == 12 and log.stats()["errors"] == 1
    found = path.read_bytes().splitlines()
    assert len(found) == 13 and len(found[10]) == 7
    assert [json.loads(line) for line in found[:10] + found[11:]] == 12 * [json.loads(Record(**RECORD).line(0))]


@pytest.mark.parametrize(("arguments", "message"), [
    (("json5", 1, RING_BYTES), "use json or combined"),
    (("json", 0, RING_BYTES), "1 to 64 reactors"),
    (("json", 65, RING_BYTES), "1 to 64 reactors"),
    (("json", 1, 1024), "65536"),
])
def test_log_with_bad_arguments_says_what_is_allowed(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        AccessLog(str(tmp_path / "access.log"), *arguments)


def test_log_when_the_path_cannot_be_opened_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        AccessLog(str(tmp_path / "absent" / "access.log"), "json", 1)


def test_log_when_dropped_leaves_no_descriptor(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        AccessLog(str(tmp_path / "access.log"), "json", 2)
    assert len(os.listdir("/proc/self/fd")) == before
