"""Programs of another CPU as if they were this machine's: emulation.py, on the board that test.py uses."""

import os
import signal
import socket
import subprocess

import emulation
import pytest
from emulation import inside, root_of
from targets import ROOT, Target

BOARDS = [pytest.param(Target("armv7l", "abi3"), 4, id="armv7l"), pytest.param(Target("aarch64", "abi3"), 8, id="aarch64")]


def table_of_the_machine() -> list[str]:
    return sorted(os.listdir("/proc/sys/fs/binfmt_misc"))


def test_a_board_is_unpacked_once(tmp_path, monkeypatch):
    (tmp_path / "mmdebstrap").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\n')
    (tmp_path / "mmdebstrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(emulation, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(emulation.debian, "mirror", lambda suite: f"http://mirror.test/{suite}")
    roots = {emulation.root_of(Target("armv7l", "abi3")), emulation.root_of(Target("armv7l", "cp311"))}
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert roots == {tmp_path / "cache/root-bookworm-armhf"} and "--arch=armhf" in call.split()
    assert call.endswith(" deb http://mirror.test/bookworm bookworm main")


@pytest.mark.parametrize("target, word", BOARDS)
def test_it_is_another_machine_with_programs_of_its_own(target, word):
    before = table_of_the_machine()
    code = ("import os, struct, subprocess; print(os.uname().machine, struct.calcsize('P'), os.getcwd(), "
            "subprocess.run(['uname', '-m'], capture_output=True, text=True).stdout)")
    out = subprocess.run([*inside(target, root_of(target)), "python3", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.split() == [target.arch, str(word), str(ROOT), target.arch]
    assert table_of_the_machine() == before


@pytest.mark.parametrize("target, word", BOARDS)
def test_process_signals_and_loopback_are_shared(target, word):
    # Held back until it is waited for: one that comes just before the wait begins would be lost.
    code = ("import os, signal, socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); s.send(str(os.getpid()).encode());"
            "sys.exit(7 if signal.sigwait([signal.SIGTERM]) == signal.SIGTERM else 1)")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen([*inside(target, root_of(target)), "python3", "-c", code, str(listener.getsockname()[1])])
        try:
            connection, _ = listener.accept()
            with connection:
                assert int(connection.recv(16)) == process.pid
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 7
        finally:
            process.kill()
            process.wait()
