"""`_core/bridge/gateway.pyx` without a process around it: its end, whatever it holds then."""

import gc
import os
import socket
import threading

import pytest

from fastgate._core.bridge.gateway import Gateway
from fastgate.config import load_text

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
