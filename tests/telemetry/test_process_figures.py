"""Process figures, against what Python knows of this process."""

import mmap
import os
import subprocess
import sys
import threading
import time

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
    """Of a child's, which is between these two; the kernel tells when it booted in whole seconds."""
    before = time.time()
    code = f"import sys; sys.path = {sys.path!r}; from fastgate.telemetry.process import *; print(process_figures()['started_at_s'])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert before - 2 < float(told) < time.time() + 2
    assert process.process_figures()["started_at_s"] < before


def test_figures_without_proc_are_fewer(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "PROC", str(tmp_path))
    figures = process.process_figures()
    assert figures["cpu_s"] > 0 and "resident_bytes" not in figures
