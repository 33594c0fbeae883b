"""A started program is measured and ended with all its children."""

import sys
import time

import pytest
from process import Program, end_child, started

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
{then}
"""


def run(then: str) -> tuple[Program, int]:
    program = Program([sys.executable, "-c", PARENT.format(then=then)], None, pipes=True)
    return program, int(program.popen.stdout.readline())


def test_children_are_measured_and_ended():
    program, child = run("time.sleep(600)")
    with program:
        assert set(program.pids()) == {program.popen.pid, child}
        assert program.memory().rss > program.memory().pss > 0
    assert started(child) == ""


def test_cpu_time_covers_every_thread():
    program, _ = run("import threading; threading.Thread(target=lambda: sum(range(10**7))).start(); time.sleep(600)")
    with program:
        deadline = time.monotonic() + 60
        while program.cpu().ran < 100_000_000:
            assert time.monotonic() < deadline


def test_a_number_taken_by_another_process_is_left_alone():
    with Program([sys.executable, "-c", "import time; time.sleep(600)"], None) as program:
        end_child(program.popen.pid, "1")
        assert program.popen.poll() is None


def test_failure_shows_what_the_program_said():
    with Program([sys.executable, "-c", "import sys; sys.exit('bad luck')"], None) as program:
        program.popen.wait()
        with pytest.raises(RuntimeError, match="bad luck"):
            program.wait_ready(1)
