"""A crash ends a real process with its last words and exit code 70, or the signal's own."""

import signal
import subprocess
import sys

import pytest


def run(code):
    done = subprocess.run([sys.executable, "-c", "import threading\nfrom fastgate.control import crash\n" + code],
                          capture_output=True, text=True, timeout=20)
    return done.returncode, done.stderr


WAIT = "\nthreading.Event().wait(10)"


@pytest.mark.parametrize("main, words", [
    ("lambda: 1 // 0", "thread reactor-0 raised ZeroDivisionError"),
    ("lambda: None", "thread reactor-0 ended by itself"),
    ("lambda: exit(0)", "thread reactor-0 raised SystemExit"),
])
def test_a_dead_reactor_ends_the_process(main, words):
    code, stderr = run(f"threading.Thread(target=crash.guard('reactor-0', {main}, lambda: False), daemon=True).start()" + WAIT)
    assert code == 70
    assert f"fastgate: fatal: {words}" in stderr


def test_a_reactor_may_end_when_told_to():
    code, stderr = run("threading.Thread(target=crash.guard('reactor-0', lambda: None, lambda: True)).start()")
    assert (code, stderr) == (0, "")


def test_a_fatal_signal_shows_every_thread():
    code, stderr = run("crash.enable()\nthreading.Thread(target=threading.Event().wait, args=(10,), daemon=True).start()\n"
                       "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)" + WAIT)
    assert code == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in stderr and stderr.count("(most recent call first)") == 2


def test_last_words_with_the_traceback():
    code, stderr = run("try:\n  {}['x']\nexcept KeyError as e:\n  crash.die('it broke', e)")
    assert code == 70 and "Traceback" in stderr and stderr.rstrip().endswith("it broke; the process ends with exit code 70")
