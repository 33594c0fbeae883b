"""Process figures, against what Python and psutil know of this process."""

import mmap
import os
import threading
import time

import pytest
from fastgate.telemetry import process


def test_figures_follow_the_process():
    before = process.process_figures()
    fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(3)]
    ballast = mmap.mmap(-1, 20_000_000)      # not malloc: it may have as much at hand
    ballast.write(b"x" * 20_000_000)
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    after = process.process_figures()
    assert after["open_fds"] == before["open_fds"] + 3
    assert after["resident_bytes"] > before["resident_bytes"] + 10_000_000
    assert after["virtual_bytes"] > after["resident_bytes"]
    assert after["threads"] == before["threads"] + 1
    assert after["cpu_s"] > before["cpu_s"]
    ended.set()
    thread.join()
    for fd in fds:
        os.close(fd)
    ballast.close()


def test_start_time_is_the_processes():
    psutil = pytest.importorskip("psutil")
    started_at_s = process.process_figures()["started_at_s"]
    assert started_at_s == pytest.approx(psutil.Process().create_time(), abs=2)
    assert started_at_s < time.time()


def test_figures_without_proc_are_fewer(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "PROC", str(tmp_path))
    figures = process.process_figures()
    assert figures["cpu_s"] > 0 and "resident_bytes" not in figures
