"""sd_notify messages on a real socket, and inherited descriptors in a real child."""

import os
import socket
import subprocess
import sys
import time

import pytest

from fastgate.control.systemd import Notifier, take_sockets, watchdog_interval_s


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    address = str(tmp_path / "notify") if request.param == "path" else f"@fastgate-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        listening.settimeout(5)
        yield address, listening


def test_messages(manager):
    address, listening = manager
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready("serving")
    assert listening.recv(999).decode().split("\n") == ["READY=1", "STATUS=serving", f"MAINPID={os.getpid()}"]
    before = time.monotonic_ns() // 1000
    notifier.reloading()
    first, second = listening.recv(999).decode().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    notifier.stopping("draining")
    assert listening.recv(999) == b"STOPPING=1\nSTATUS=draining"
    notifier.extend_timeout(1.5)
    assert listening.recv(999) == b"EXTEND_TIMEOUT_USEC=1500000"
    notifier.watchdog()
    assert listening.recv(999) == b"WATCHDOG=1"
    notifier.close()


def test_outside_systemd_nothing_happens():
    notifier = Notifier({})
    notifier.ready("x")
    notifier.close()


def test_a_manager_that_went_away_is_no_error(tmp_path):
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.ready("x")
    notifier.close()


@pytest.mark.parametrize("environ, interval", [
    ({}, 0), ({"WATCHDOG_USEC": "3000000"}, 1.5), ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0),
    ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5), ({"WATCHDOG_USEC": "soon"}, 0),
])
def test_watchdog_interval(environ, interval):
    assert watchdog_interval_s(environ) == interval


CHILD = """
import os
os.environ["LISTEN_PID"] = str(os.getpid())
from fastgate.control.systemd import take_sockets
taken = take_sockets(os.environ)
print([(name, s.getsockname()[1], os.get_inheritable(s.fileno())) for name, s in taken])
print(take_sockets(os.environ), [k for k in os.environ if k.startswith("LISTEN_")])
"""


def test_inherited_sockets():
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        def hand_over():
            kept = [os.dup(one.fileno()), os.dup(two.fileno())]
            for fd, wanted in zip(kept, (3, 4)):
                os.dup2(fd, wanted)

        out = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, preexec_fn=hand_over,
                             close_fds=False, env=os.environ | {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:status"})
        ports = one.getsockname()[1], two.getsockname()[1]
        assert out.stdout.splitlines() == [
            str([("http", ports[0], False), ("status", ports[1], False)]), "[] []"], out.stderr


def test_sockets_for_another_process_are_not_taken():
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    assert take_sockets(environ) == [] and environ == {}
