"""A whole gateway process: start, what stands in its way, drain, end."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
import requests
from fastgate.control.lifecycle import Lifecycle
from support.held_upstream import to
from support.process import PYTHON, SOURCE, GatewayFailed


class Held(threading.Thread):
    """A request that waits at the upstream."""

    def __init__(self, gateway, upstream):
        super().__init__(daemon=True)
        self.url = gateway.url + "/held"
        self.answer = self.error = None
        self.start()
        assert upstream.held.acquire(timeout=60)

    def run(self):
        try:
            self.answer = requests.get(self.url, timeout=30)
        except requests.RequestException as error:
            self.error = error


def is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def wait_until(holds):
    """For what has no event others could wait for: a socket's end, another process's file."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_refused(port):
    wait_until(lambda: is_refused(port))


def test_serves_and_ends(gateway, upstream):
    running = gateway(to(upstream.url), workers=2, listen=2)
    for port in running.ports:
        assert requests.get(f"http://127.0.0.1:{port}/x").text == "answer"
    info = running.command("info")
    assert info["pid"] == running.pid and info["state"] == "ready"
    assert info["listeners"] == running.addresses
    assert info["config"] == str(running.config_path)
    assert info["snapshot"]["routes"] == 1
    control = running.control_path
    assert os.path.exists(control)
    assert running.stop() == 0
    assert not os.path.exists(control) and not os.path.exists(control + ".lock")
    assert all(is_refused(port) for port in running.ports)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_finishes_requests(gateway, upstream, number):
    running = gateway(to(upstream.url))
    held = Held(running, upstream)
    with requests.Session() as idle:
        assert idle.get(running.url).status_code == 200
        running.signal(number)
        wait_until_refused(running.port)
        assert running.returncode is None
        upstream.release()
        held.join(60)
        assert held.answer.text == "answer"
        assert running.wait() == 0


def test_drain_has_a_deadline(gateway, upstream):
    running = gateway(to(upstream.url, timeouts={"drain": 200}))
    held = Held(running, upstream)
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    held.join(60)
    assert held.error is not None
    assert "1 connection cut: not finished within 0.2 s" in running.log()


def test_a_second_signal_quits(gateway, upstream):
    running = gateway(to(upstream.url))
    held = Held(running, upstream)
    running.signal(signal.SIGTERM)
    wait_until_refused(running.port)
    running.signal(signal.SIGTERM)
    assert running.wait() == 1
    held.join(60)
    assert held.error is not None and "told to quit" in running.log()


def test_stop_said_twice_waits_for_the_end(gateway, upstream):
    running = gateway(to(upstream.url))
    held = Held(running, upstream)
    assert running.command("stop")["active"] == 1
    wait_until_refused(running.port)
    assert running.command("stop")["ok"]
    upstream.release()
    held.join(60)
    assert held.answer.text == "answer" and running.wait() == 0


def test_status_while_draining(gateway, upstream):
    running = gateway(to(upstream.url))
    assert requests.get(running.status_url + "/status/ready").status_code == 200
    held = Held(running, upstream)
    running.signal(signal.SIGTERM)
    wait_until_refused(running.port)
    assert requests.get(running.status_url + "/status/ready").status_code == 503
    assert running.command("info")["state"] == "draining"
    assert running.command("reload")["errors"] == ["the gateway is draining"]
    upstream.release()
    held.join(60)
    assert running.wait() == 0


def test_the_service_manager_is_told(gateway, upstream):
    running = gateway(to(upstream.url), env={"WATCHDOG_USEC": "200000"})
    assert running.notified() == ["WATCHDOG=1"]
    running.reload()

    def next_but_watchdog():
        while (lines := running.notified()) == ["WATCHDOG=1"]:
            pass
        return lines

    assert next_but_watchdog()[0] == "RELOADING=1"
    assert next_but_watchdog()[0] == "READY=1"
    running.signal(signal.SIGTERM)
    assert next_but_watchdog()[0] == "STOPPING=1"
    assert running.wait() == 0


def test_address_in_use(gateway, upstream):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = "127.0.0.1:%d" % busy.getsockname()[1]
        with pytest.raises(GatewayFailed) as failed:
            gateway(to(upstream.url), listen=[address])
    assert failed.value.returncode == 1 and f"address in use: {address}" in failed.value.log
    assert "Traceback" not in failed.value.log


def test_status_address_in_use(gateway, upstream):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = "127.0.0.1:%d" % busy.getsockname()[1]
        with pytest.raises(GatewayFailed) as failed:
            gateway(to(upstream.url), status=False, args=("--status-listen", address))
    assert failed.value.returncode == 1 and f"address in use: {address}" in failed.value.log
    assert "Traceback" not in failed.value.log


def test_one_gateway_for_one_configuration(gateway, upstream):
    first = gateway(to(upstream.url))
    second = subprocess.run([sys.executable, "-m", "fastgate", "run", "-c", first.config_path, "--listen", "127.0.0.1:0"],
                            env=first.environ, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1 and "another gateway is running with this configuration" in second.stderr
    assert requests.get(first.url).text == "answer"


def test_all_errors_of_a_configuration(gateway):
    with pytest.raises(GatewayFailed) as failed:
        gateway({"services": [{"name": "s", "url": "http://h", "colour": "red"}], "routes": [{"paths": [7]}]})
    assert failed.value.returncode == 1
    assert "services[0].colour" in failed.value.log and "routes[0].paths[0]" in failed.value.log


def test_unix_and_ipv6_listeners(gateway, upstream, tmp_path):
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
    running = gateway(to(upstream.url), workers=2, listen=[f"[::1]:{port}", f"unix:{tmp_path}/p.sock"])
    assert requests.get(f"http://[::1]:{port}/").text == "answer"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(f"{tmp_path}/p.sock")
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().endswith(b"answer")
    assert running.stop() == 0
    assert not (tmp_path / "p.sock").exists()


def test_without_uvloop(gateway, upstream, tmp_path):
    (tmp_path / "uvloop.py").write_text("raise ImportError('no wheel for this board')")
    path = os.pathsep.join([str(tmp_path), str(SOURCE), os.environ.get("PYTHONPATH", "")])
    running = gateway(to(upstream.url), env={"PYTHONPATH": path})
    assert requests.get(running.url).text == "answer"
    assert running.reload()["ok"]
    assert running.stop() == 0
    assert running.log().count("asyncio's event loop: uvloop cannot be imported (no wheel for this board)") == 1
    assert "pip install 'fastgate[fast]'" in running.log()


def test_with_uvloop_nothing_is_said_of_loops(gateway, upstream):
    running = gateway(to(upstream.url))
    assert running.stop() == 0
    assert "event loop" not in running.log()


def test_a_fatal_signal_leaves_last_words(gateway, upstream):
    running = gateway(to(upstream.url))
    running.signal(signal.SIGSEGV)
    assert running.wait() == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in running.log() and "in _reactor_main" in running.log()


def test_access_log_that_cannot_be_opened(gateway, upstream, tmp_path):
    with pytest.raises(GatewayFailed) as failed:
        gateway(to(upstream.url), access_log=str(tmp_path / "none" / "access.log"))
    assert failed.value.returncode == 1 and "Traceback" not in failed.value.log
    assert f"gateway.access_log: {tmp_path}/none/access.log: No such file or directory" in failed.value.log


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_table_there_is_no_memory_for(upstream, tmp_path, command):
    """As on a 32-bit board, whose addresses end."""
    file = tmp_path / "gateway.json"
    file.write_text(json.dumps({"_format_version": "3.0", **to(upstream.url), "gateway": {
        "proxy_listen": "127.0.0.1:0", "status_listen": "off", "workers": 1, "limits": {"rate_limit_keys": 2**26}}}))
    done = subprocess.run([*PYTHON, "-m", "fastgate", command, "-c", str(file)], preexec_fn=bound_addresses, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(SOURCE)}, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "gateway: no memory for limits.rate_limit_keys" in done.stderr


def bound_addresses():
    resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))


def test_access_log_is_reopened(gateway, upstream, tmp_path):
    path = tmp_path / "access.log"
    running = gateway(to(upstream.url), access_log=str(path))
    requests.get(running.url + "/before")
    wait_until(lambda: "/before" in path.read_text())
    path.rename(tmp_path / "access.log.1")
    running.signal(signal.SIGUSR1)
    wait_until(path.exists)
    requests.get(running.url + "/after")
    assert running.stop() == 0
    assert "/before" in (tmp_path / "access.log.1").read_text()
    assert "/after" in path.read_text() and "/before" not in path.read_text()


def test_access_log_is_flushed_at_the_end(gateway, upstream):
    running = gateway(to(upstream.url), access_log="stdout")
    for number in range(20):
        requests.get(f"{running.url}/n{number}")
    assert running.stop() == 0
    assert [f"/n{number}" in line for number, line in enumerate(running.access_log().splitlines())] == [True] * 20


def test_what_changed_addresses_leave_is_freed_without_a_reload(tmp_path):
    async def run():
        freed = asyncio.Event()

        class Core:
            bans = None
            left = 1

            def remaining(self):
                return self.left

            def set_wall_clock(self, offset_ns):
                pass

        class Reloader:
            async def forget(self):
                core.left = 0
                freed.set()
                return True

        core = Core()
        life = Lifecycle(None, [], {}, SimpleNamespace(gateway=core), SimpleNamespace(path=str(tmp_path / "socket")))
        life.memory = SimpleNamespace(look=lambda: None)
        life.python = SimpleNamespace(take_unloaded=lambda: False)
        life.reloader = Reloader()
        tick = asyncio.ensure_future(life._tick())
        await freed.wait()
        tick.cancel()

    asyncio.run(run())
