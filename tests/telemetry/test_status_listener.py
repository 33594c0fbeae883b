"""The status listener over real sockets: what operators ask, and what nobody should."""

import asyncio
import json
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from fastgate.telemetry.status_listener import StatusListener
from status_source import SNAPSHOT, source


@contextmanager
def served(status_source=None, family=socket.AF_INET, address=("127.0.0.1", 0), new_loop=asyncio.new_event_loop,
           listeners=None, **options):
    """A listener on a loop in its own thread; the address it answers on. `listeners` gets the object."""
    loop = new_loop()
    sock = socket.socket(family)
    sock.bind(address)
    listener = StatusListener(status_source or source(), **options)
    if listeners is not None:
        listeners.append(listener)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(listener.open(sock), loop).result(10)
    try:
        yield sock.getsockname()
    finally:
        asyncio.run_coroutine_threadsafe(listener.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def url(address, path):
    return f"http://{address[0]}:{address[1]}{path}"


def talk(address, data):
    """Sends bytes, reads until the listener closes."""
    with socket.create_connection(address, 10) as client:
        client.sendall(data)
        got = b""
        while piece := client.recv(65536):
            got += piece
    return got


LOOPS = [pytest.param(asyncio.new_event_loop, id="asyncio")]
try:
    import uvloop
except ImportError:
    pass
else:
    LOOPS.append(pytest.param(uvloop.new_event_loop, id="uvloop"))


@pytest.mark.parametrize("new_loop", LOOPS)
def test_status_has_kongs_members_and_the_gateways(new_loop):
    with served(new_loop=new_loop) as address:
        reply = httpx.get(url(address, "/status?scale=MiB"))
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/json; charset=utf-8"
    body = reply.json()
    assert body["server"] == {
        "connections_accepted": 13, "connections_handled": 12, "connections_active": 5, "connections_reading": 0,
        "connections_writing": 3, "connections_waiting": 2, "total_requests": 100,
    }
    assert body["configuration_hash"] == "d41d8cd98f00b204e9800998ecf8427e"
    assert body["memory"]["resident_bytes"] > 1_000_000
    assert body["gateway"]["snapshot"] == SNAPSHOT and body["gateway"]["ready"] is True
    assert body["gateway"]["uptime_s"] > 0


@pytest.mark.parametrize(("reason", "status", "message"), [
    ("", 200, "ready"), ("no configuration available", 503, "no configuration available"),
    ("draining", 503, "draining")])
def test_ready_says_whether_and_why_not(reason, status, message):
    with served(source(not_ready=lambda: reason)) as address:
        reply = httpx.get(url(address, "/status/ready"))
    assert (reply.status_code, reply.json()) == (status, {"message": message})


@pytest.mark.parametrize("new_loop", LOOPS)
def test_metrics_are_prometheus_text(new_loop):
    series = [{"service": "s", "route": f"r{n}", "codes": {200: n}, "bytes_in": 1, "bytes_out": 2, **{
        key: {"buckets": (n, *[0] * 21), "sum_s": 0.5, "count": n} for key in ("total", "upstream", "gateway")}}
        for n in range(400)]
    with served(source(series=lambda: series), new_loop=new_loop) as address:
        reply = httpx.get(url(address, "/metrics"))
        http_1_0 = talk(address, b"GET /metrics HTTP/1.0\r\n\r\n")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert reply.headers["transfer-encoding"] == "chunked"
    assert 'fastgate_http_requests_total{service="s",route="r399",code="200"} 399\n' in reply.text
    head, _, body = http_1_0.partition(b"\r\n\r\n")
    assert b"chunked" not in head and len(body.splitlines()) == len(reply.text.splitlines())


@pytest.mark.parametrize("path", ["/status", "/status/ready", "/metrics"])
def test_head_has_the_head_alone(path):
    with served() as address, httpx.Client() as client:
        head = client.head(url(address, path))
        get = client.get(url(address, path))
    assert head.status_code == 200 and head.content == b"" and get.content
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(("method", "path", "status"), [
    ("POST", "/status", 405), ("DELETE", "/metrics", 405), ("OPTIONS", "/status/ready", 405),
    ("GET", "/", 404), ("GET", "/status/", 404), ("GET", "/metrics/../status", 404), ("POST", "/routes", 404)])
def test_other_methods_and_paths_are_refused(method, path, status):
    with served() as address:
        reply = talk(address, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status) and json.loads(body)["message"]
    assert (b"\r\nAllow: GET, HEAD" in head) == (status == 405)


def test_pipelined_requests_are_answered_in_order():
    with served() as address:
        reply = talk(address, b"GET /status/ready HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                              b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert [reply.find(b"HTTP/1.1 200"), reply.find(b"HTTP/1.1 404") > 0] == [0, True]
    assert reply.find(b"HTTP/1.1 404") < reply.rfind(b"HTTP/1.1 200") and reply.endswith(b"0\r\n\r\n")


def test_request_in_single_bytes_is_answered():
    with served() as address, socket.create_connection(address, 10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /status/ready HTTP/1.0\r\nX-Long: abc\r\n\r\n":
            client.sendall(bytes([byte]))
        assert client.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("data", "status"), [
    (b"nonsense\r\n\r\n", 400),
    (b"GET /status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413),
    (b"GET /status HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20_000, 431),
    (b"GET /" + b"a" * 20_000, 431),
])
def test_bad_requests_are_refused_and_closed(data, status):
    with served() as address:
        assert talk(address, data).startswith(b"HTTP/1.1 %d " % status)


def test_upgrade_is_ignored():
    with served() as address:
        reply = talk(address, b"GET /status/ready HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200") and b'{"message": "ready"}' in reply


def test_head_that_does_not_come_is_cut():
    with served(idle_timeout_s=0.05) as address:
        assert talk(address, b"") == b""
        assert talk(address, b"GET /status HTTP/1.1\r\n") == b""


def test_reader_that_does_not_read_is_cut():
    series = [{"service": "s" * 200, "route": f"r{n}", "codes": {200: n}, "bytes_in": 1, "bytes_out": 2, **{
        key: {"buckets": (n, *[0] * 21), "sum_s": 0.5, "count": n} for key in ("total", "upstream", "gateway")}}
        for n in range(1000)]
    listeners = []
    with served(source(series=lambda: series), listeners=listeners, write_timeout_s=0.1) as address:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(address)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            # Another client is served while this one stalls.
            assert httpx.get(url(address, "/status/ready")).status_code == 200
            deadline = time.monotonic() + 10
            while listeners[0].connections:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            client.settimeout(10)
            got = b""
            try:
                while piece := client.recv(65536):
                    got += piece
            except ConnectionResetError:
                pass
            assert got.startswith(b"HTTP/1.1 200") and not got.endswith(b"0\r\n\r\n")


def test_connections_beyond_the_bound_are_refused():
    with served(max_connections=2) as address:
        held = [socket.create_connection(address, 10) for _ in range(2)]
        for client in held:
            client.sendall(b"GET /status/ready HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert talk(address, b"").startswith(b"HTTP/1.1 503 ")
        for client in held:
            client.close()


def test_connections_far_beyond_the_bound_are_cut():
    with served(max_connections=0) as address, socket.create_connection(address, 10) as client:
        try:
            assert client.recv(65536) == b""
        except ConnectionResetError:
            pass


def test_source_that_fails_gives_500_and_the_next_request_is_served(caplog):
    def broken():
        raise RuntimeError("no counters today")

    with served(source(counters=broken)) as address, httpx.Client() as client:
        assert client.get(url(address, "/status")).status_code == 500
        assert client.get(url(address, "/status/ready")).status_code == 200
    assert "no counters today" in caplog.text


def test_unix_socket(tmp_path):
    path = str(tmp_path / "status.sock")
    with served(family=socket.AF_UNIX, address=path):
        transport = httpx.HTTPTransport(uds=path)
        with httpx.Client(transport=transport) as client:
            assert client.get("http://status/status/ready").json() == {"message": "ready"}


def test_close_ends_connections():
    with served() as address:
        client = socket.create_connection(address, 10)
        client.sendall(b"GET /status/ready HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        while not got.endswith(b"}"):
            got += client.recv(65536)
    with client:
        assert client.recv(1) == b""
