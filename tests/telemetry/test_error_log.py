"""The error log: levels, lines, the journal, and a reader that has stopped."""

import fcntl
import logging
import os
import re

import pytest
from fastgate.telemetry import error_log

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[(\w+)\] ([\w.]+): (.*)")


@pytest.fixture
def pipe():
    """A pipe's ends; the loggers are as before afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("fastgate")
    before = root.handlers[:], root.level, ours.level
    for handler in root.handlers:
        root.removeHandler(handler)
    ends = os.pipe()
    yield ends
    root.handlers[:], level, ours_level = before
    root.setLevel(level)
    ours.setLevel(ours_level)
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            pass        # the test closed it


def read(fd):
    return os.read(fd, 1 << 20).decode().splitlines()


def say_all(name="fastgate.control"):
    log = logging.getLogger(name)
    log.debug("d")
    log.info("i")
    log.log(error_log.NOTICE, "n")
    log.warning("w")
    log.error("e")
    log.critical("c")


@pytest.mark.parametrize(("level", "words"), [
    ("debug", ["debug", "info", "notice", "warn", "error", "crit"]),
    ("info", ["info", "notice", "warn", "error", "crit"]),
    ("notice", ["notice", "warn", "error", "crit"]),
    ("warn", ["warn", "error", "crit"]),
    ("error", ["error", "crit"]),
])
def test_level_decides_what_is_written(pipe, level, words):
    error_log.set_up(level, {}, pipe[1])
    say_all()
    matches = [LINE.fullmatch(line) for line in read(pipe[0])]
    assert [match[1] for match in matches] == words
    assert {match[2] for match in matches} == {"fastgate.control"}


def test_other_packages_are_heard_from_warn_on(pipe):
    error_log.set_up("info", {}, pipe[1])
    say_all("asyncio")
    assert [LINE.fullmatch(line)[1] for line in read(pipe[0])] == ["warn", "error", "crit"]


def test_level_can_be_changed(pipe):
    error_log.set_up("error", {}, pipe[1])
    error_log.set_level("debug")
    logging.getLogger("fastgate").debug("now")
    assert LINE.fullmatch(read(pipe[0])[0])[3] == "now"


def test_set_up_twice_writes_once(pipe):
    error_log.set_up("info", {}, pipe[1])
    error_log.set_up("info", {}, pipe[1])
    logging.getLogger("fastgate").info("once")
    assert len(read(pipe[0])) == 1


def test_time_is_utc():
    assert error_log.utc(1_700_000_000.1239) == "2023-11-14T22:13:20.123Z"


def test_message_with_controls_stays_one_line(pipe):
    error_log.set_up("info", {}, pipe[1])
    logging.getLogger("fastgate").warning("target %s", "a\nb\x1b[2J\x00\x9b\té")
    assert LINE.fullmatch(read(pipe[0])[0])[3] == r"target a\nb\x1b[2J\x00\x9b\té"


def test_traceback_follows_its_line(pipe):
    error_log.set_up("info", {}, pipe[1])
    try:
        raise ValueError("inner")
    except ValueError:
        logging.getLogger("fastgate").exception("outer")
    lines = read(pipe[0])
    assert LINE.fullmatch(lines[0])[3] == "outer"
    assert lines[1].startswith("    Traceback") and lines[-1] == "    ValueError: inner"


def test_traceback_of_what_a_client_sent_forges_nothing(pipe):
    error_log.set_up("info", {}, pipe[1])
    try:
        raise ValueError("a\n2026-01-31T23:59:59.123Z [info] fastgate: forged\x1b[2J\r\x9b")
    except ValueError:
        logging.getLogger("fastgate").exception("outer")
    lines = read(pipe[0])
    assert lines[-1] == r"    2026-01-31T23:59:59.123Z [info] fastgate: forged\x1b[2J\x0d\x9b"
    assert not any(LINE.fullmatch(line) for line in lines[1:])


def test_message_that_does_not_format_loses_itself_alone(pipe, capsys):
    error_log.set_up("info", {}, pipe[1])
    logging.getLogger("fastgate").info("%d", "not a number")
    logging.getLogger("fastgate").info("next")
    assert LINE.fullmatch(read(pipe[0])[0])[3] == "next"
    assert "not a number" in capsys.readouterr().err


def test_journal_gets_priorities_and_no_time(pipe):
    about = os.fstat(pipe[1])
    error_log.set_up("debug", {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"}, pipe[1])
    say_all()
    assert read(pipe[0]) == [
        "<7>[debug] fastgate.control: d", "<6>[info] fastgate.control: i", "<5>[notice] fastgate.control: n",
        "<4>[warn] fastgate.control: w", "<3>[error] fastgate.control: e", "<2>[crit] fastgate.control: c"]
    try:
        raise ValueError("inner")
    except ValueError:
        logging.getLogger("fastgate").exception("outer")
    assert all(line.startswith("<3>") for line in read(pipe[0]))


def test_journal_of_another_stream_changes_nothing(pipe):
    error_log.set_up("info", {"JOURNAL_STREAM": "1:2"}, pipe[1])
    logging.getLogger("fastgate").info("x")
    assert LINE.fullmatch(read(pipe[0])[0])


def test_reader_that_stops_costs_lines_and_no_time(pipe):
    handler = error_log.set_up("info", {}, pipe[1])
    log = logging.getLogger("fastgate")
    for number in range(2000):
        log.info("%04d %s", number, "x" * 100)      # returns, though the pipe holds a fraction
    dropped = handler.dropped
    assert 0 < dropped < 2000
    kept = read(pipe[0])
    assert len(kept) == 2000 - dropped and LINE.fullmatch(kept[-1])[3].startswith(f"{1999 - dropped:04d}")
    log.info("again")
    lines = read(pipe[0])
    assert lines[0] == f"[lines of the error log lost here: {dropped}]"
    assert LINE.fullmatch(lines[1])[3] == "again" and handler.dropped == 0


def test_reader_that_is_gone_is_no_error(pipe):
    error_log.set_up("info", {}, pipe[1])
    os.close(pipe[0])
    logging.getLogger("fastgate").info("to nobody")


def test_long_message_is_cut(pipe):
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, 1 << 18)
    error_log.set_up("info", {}, pipe[1])
    logging.getLogger("fastgate").info("x" * 70_000)
    (line,) = read(pipe[0])
    assert len(line) < 65536 + 10 and re.fullmatch(r".*x\.\.\.\+45\d\d", line)
