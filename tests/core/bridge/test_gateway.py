"""`_core/bridge/gateway.pyx` without a process around it: its end, whatever it holds then."""

import gc
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from fastgate._core.bridge.gateway import Gateway
from fastgate._core.bridge.series_registry import SeriesRegistry
from fastgate._core.bridge.upstreams import Upstream
from fastgate.config import load_text
from fastgate.plugins.registry import PLUGINS

EXCHANGE_BYTES = 4096

CONFIG = """
_format_version: "3.0"
gateway: {access_log: "off"}
services:
  - {name: s, url: "http://127.0.0.1:%d", routes: [{paths: [/]}]}
"""


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def gateway_of(listening, upstream_port=9):
    model = load_text(CONFIG % upstream_port, "fastgate.yaml")
    gateway = Gateway(1, model.gateway)
    gateway.listen([listening.fileno()], False, listening.getsockname()[1], False)
    return gateway, model


def test_end_before_a_first_snapshot_with_a_client_waiting(listening):
    """A start that failed: nobody may serve who connected meanwhile."""
    gateway, _ = gateway_of(listening)
    with socket.create_connection(listening.getsockname(), timeout=20):
        del gateway
        gc.collect()


def test_end_in_the_middle_of_everything_leaves_nothing(listening):
    """A request under way, a drain and retired targets in the mail nobody read: what is left is closed and freed."""
    before = len(os.listdir("/proc/self/fd"))
    with socket.create_server(("127.0.0.1", 0)) as origin, socket.create_connection(listening.getsockname(), timeout=20) as client:
        gateway, model = gateway_of(listening, origin.getsockname()[1])
        gateway.publish(model)
        reactor = threading.Thread(target=gateway.run_reactor, args=(0,))
        reactor.start()
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        upstream, _ = origin.accept()
        upstream.recv(1000)
        gateway.stop()
        reactor.join(20)
        gateway.stop_accepting()
        gateway.publish(load_text(CONFIG % 9, "fastgate.yaml"))
        gateway.collect()
        assert gateway.active() == 1
        del gateway
        gc.collect()
        upstream.settimeout(20)
        assert (upstream.recv(1), client.recv(1)) == (b"", b"")
        upstream.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_who_waits_to_be_accepted_counts_before_a_drain_looks(listening):
    """However late the reactor hears of it: until then the gateway says that it accepts, and from then on who was taken is active."""
    gateway, model = gateway_of(listening)
    gateway.publish(model)
    assert gateway.is_accepting()
    with socket.create_connection(listening.getsockname(), timeout=20) as client:
        gateway.stop_accepting()
        assert gateway.is_accepting() and gateway.active() == 0
        reactor = threading.Thread(target=gateway.run_reactor, args=(0,))
        reactor.start()
        wait_until(lambda: not gateway.is_accepting())
        assert gateway.active() == 1
        client.sendall(b"GET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 ")
        gateway.stop()
        reactor.join(20)


def test_the_collector_takes_nothing_apart(listening):
    """A cycle that ends in a gateway (an exception's traceback, say) goes, and all that C holds is freed with it: LeakSanitizer
    would tell. What has addresses in a dict must not be cleared first, so the collector must not know it."""
    gateway, model = gateway_of(listening)
    gateway.publish(model)
    gateway.publish(load_text(CONFIG % 10, "fastgate.yaml"))
    owners = [gateway, gateway.shared_limits, SeriesRegistry(1), Upstream(1)]
    assert not [owner for owner in owners if gc.is_tracked(owner)]
    ring = [gateway, *owners]
    ring.append(ring)
    del gateway, owners, ring
    gc.collect()


FILTERED = """
_format_version: "3.0"
gateway: {access_log: "off"}
services:
  - name: s
    url: http://127.0.0.1:9
    routes: [{paths: [/]}]
    plugins: [%s, {name: request-termination, config: {status_code: 200%s}}]
"""
CORS = "{name: cors}"
LIMITED = "{name: rate-limiting, config: {minute: 100000}}"


def serve(listening, plugin, more=""):
    """A gateway of that plugin and one that answers, and the thread of its reactor."""
    model = load_text(FILTERED % (plugin, more), "fastgate.yaml", plugins=PLUGINS)
    gateway = Gateway(1, model.gateway)
    gateway.listen([listening.fileno()], False, listening.getsockname()[1], False)
    gateway.publish(model)
    reactor = threading.Thread(target=gateway.run_reactor, args=(0,))
    reactor.start()
    return gateway, reactor


@pytest.mark.parametrize("plugin, field", [(CORS, b"Access-Control-Allow-Origin: *"), (LIMITED, b"X-RateLimit-Remaining-Minute: ")])
def test_without_memory_for_what_plugins_add_to_the_answer_it_is_an_answer(listening, plugin, field):
    """Heads of all lengths around what an exchange has room for itself: behind it, fields and a chain's filters need memory."""
    gateway, reactor = serve(listening, plugin)
    seen = set()
    try:
        for size in range(512, 1536, 16):
            with socket.create_connection(listening.getsockname(), timeout=20) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                assert b" 200 " in client.recv(4096)
                gateway.set_memory_limit(1)
                head = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: "
                client.sendall(head + b"x" * (size - len(head) - 4) + b"\r\n\r\n")
                answer = client.recv(4096)
                seen.add(answer[9:12])
                # Whole, or none of it: no 200 without its type, nor without what a filter adds.
                assert b"\r\nContent-Type: " in answer
                assert (b"\r\n" + field in answer) == (b" 200 " in answer)
                gateway.set_memory_limit(None)
    finally:
        gateway.set_memory_limit(None)
        gateway.stop()
        reactor.join(20)
    assert seen == {b"200", b"503"}


NAMED = "{name: request-transformer, config: {add: {headers: ['X-New:1']}}}"


def test_without_memory_for_what_plugins_add_to_the_request_no_plugin_behind_them_sees_it(listening):
    """Heads as above: 200 with the field, 503 without, and never the answer of those who are behind its trigger."""
    gateway, reactor = serve(listening, NAMED, ", trigger: X-New")
    seen = set()
    try:
        for size in range(512, 1536, 8):
            with socket.create_connection(listening.getsockname(), timeout=20) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                assert b" 200 " in client.recv(4096)
                gateway.set_memory_limit(1)
                head = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: "
                client.sendall(head + b"x" * (size - len(head) - 4) + b"\r\n\r\n")
                seen.add(client.recv(4096)[9:12])
                gateway.set_memory_limit(None)
    finally:
        gateway.set_memory_limit(None)
        gateway.stop()
        reactor.join(20)
    assert seen == {b"200", b"503"}


def wait_until(is_so):
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.001)


def serve_at_once(gateway, address, count, meanwhile=lambda: None):
    """So many requests, all of which have begun before the first ends."""
    clients = [socket.create_connection(address, timeout=20) for _ in range(count)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\n")
    wait_until(lambda: gateway.counters()["requests_active"] == count)
    meanwhile()
    for client in clients:
        client.sendall(b"Host: h\r\nConnection: close\r\n\r\n")
        while client.recv(4096):
            pass
        client.close()
    wait_until(lambda: not gateway.active())


def test_what_is_kept_for_the_next_requests_goes_when_memory_is_short(listening):
    gateway, reactor = serve(listening, CORS)
    before = gateway.memory()["used"]

    def wait_kept(count):
        wait_until(lambda: count * EXCHANGE_BYTES < gateway.memory()["used"] - before < (count + 1) * EXCHANGE_BYTES)

    try:
        serve_at_once(gateway, listening.getsockname(), 40)
        wait_kept(40)
        gateway.free_spare()                    # the control thread saw it
        wait_kept(16)
        serve_at_once(gateway, listening.getsockname(), 40)
        wait_kept(40)
        # A reactor sees it, as a request ends.
        serve_at_once(gateway, listening.getsockname(), 2, lambda: gateway.set_memory_limit(before))
        wait_kept(16)
    finally:
        gateway.set_memory_limit(None)
        gateway.stop()
        reactor.join(20)


WITHOUT_LIBRARY = """
import sys
from fastgate._core.bridge.errors import SnapshotError
from fastgate._core.bridge.gateway import Gateway
from fastgate.config import load_text
from fastgate.plugins.registry import PLUGINS

plain, with_jwt = (load_text(text, "fastgate.yaml", plugins=PLUGINS) for text in sys.argv[1:])
gateway = Gateway(1, plain.gateway)
assert gateway.publish(plain) == 1
try:
    gateway.publish(with_jwt)
except SnapshotError as error:
    assert gateway.snapshot_info()["number"] == 1
    print(error.entity, error.message)
"""


def test_without_libcrypto_only_a_configuration_with_tokens_is_refused(tmp_path):
    (tmp_path / "libcrypto.so.3").write_bytes(b"no library")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBRARY, CONFIG % 9, CONFIG % 9 + "plugins: [{name: jwt}]"], text=True,
        capture_output=True, timeout=60, check=False,
        env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert 'plugin "jwt"' in done.stdout and "libcrypto.so.3) is not installed" in done.stdout and "install Debian's libssl3" in done.stdout
