"""Failing upstreams: next target where it is safe, and 502, 503, 504 with Kong's texts."""

from __future__ import annotations

import json
import socket

import pytest

from support.client import get
from support.origin import named
from support.site import config_of, service, upstream

pytestmark = pytest.mark.core
INVALID = "An invalid response was received from the upstream server"
TIMING_OUT = "The upstream server is timing out"


@pytest.fixture
def dead():
    """The address of a port that is bound and refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def deaf():
    """The address of a listener whose backlog is full: connects time out."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        host, port = listener.getsockname()
        yield f"{host}:{port}"
        for filler in fillers:
            filler.close()


@pytest.fixture
def site_of(open_site):
    def start(*targets, retries: int = 5, **fields):
        origins = [t for t in targets if not isinstance(t, str)]
        pool = upstream("pool", *[(t, 100) for t in targets])
        return open_site(config_of(service("pool", retries=retries, **fields), upstreams=[pool]), *origins)
    return start


def message(response) -> str:
    return json.loads(response.body)["message"]


def test_refused_connect_goes_to_the_next_target(site_of, open_origin, dead):
    site = site_of(dead, open_origin(named, name="good"))
    for method, body in [("GET", None), ("POST", b"body"), ("POST", b"x" * 200_000)] * 4:
        response = site.ask(get("/", method=method, body=body))
        assert (response.status, response.text) == (200, "good")


def test_refused_connect_everywhere_is_502(site_of, dead):
    response = site_of(dead).ask(get())
    assert response.status == 502
    assert message(response) == INVALID


def test_refused_connect_of_a_plain_service_is_502(open_site, dead):
    site = open_site(config_of({"name": "s", "url": f"http://{dead}", "routes": [{"name": "r", "paths": ["/"]}]}))
    client = site.connect()
    for _ in range(3):
        response = client.ask(get())
        assert (response.status, message(response)) == (502, INVALID)


def test_no_retries_means_one_try(site_of, open_origin, dead):
    site = site_of(dead, open_origin(named), retries=0)
    assert sorted(site.ask(get()).status for _ in range(10)) == [200] * 5 + [502] * 5


def test_unix_socket_that_is_missing_is_502(open_site, tmp_path):
    site = open_site(config_of({"name": "s", "url": f"unix:{tmp_path}/none.sock", "routes": [{"name": "r", "paths": ["/"]}]}))
    assert site.ask(get()).status == 502


def test_connect_that_times_out_goes_to_the_next_target(site_of, open_origin, deaf):
    site = site_of(deaf, open_origin(named, name="good"), connect_timeout=200)
    assert [site.ask(get()).text for _ in range(4)] == ["good"] * 4


def test_time_lost_at_one_target_is_not_held_against_the_next(open_site, open_origin, deaf):
    """Balancing by latency: the target that answers after another's connect timed out is the fast one."""
    good = open_origin(named, name="good")
    pool = upstream("pool", (deaf, 100), (good, 100), algorithm="latency")
    site = open_site(config_of(service("pool", connect_timeout=300), upstreams=[pool]), good)
    assert [site.ask(get()).text for _ in range(12)] == ["good"] * 12
    assert site.metrics()["fastgate_upstream_connect_failures_total"] <= 2


def test_connect_that_times_out_everywhere_is_504(site_of, deaf):
    response = site_of(deaf, connect_timeout=200, retries=1).ask(get())
    assert response.status == 504
    assert message(response) == TIMING_OUT


def closing(connection):
    connection.read()
    connection.close()


def test_idempotent_request_unanswered_goes_to_the_next_target(site_of, open_origin):
    site = site_of(open_origin(closing, name="bad"), open_origin(named, name="good"))
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        for _ in range(2):
            response = site.ask(get("/", method=method), to_head=method == "HEAD")
            assert response.status == 200


def test_post_unanswered_is_never_sent_twice(site_of, open_origin):
    site = site_of(open_origin(closing, name="bad"), open_origin(named, name="good"))
    statuses = sorted(site.ask(get("/", method="POST", body=b"once")).status for _ in range(10))
    assert statuses == [200] * 5 + [502] * 5
    assert sum(len(origin.requests) for origin in site.origins) == 10


def test_post_that_was_read_and_reset_is_never_sent_twice(site_of, open_origin):
    """Delayed acknowledgements, as many systems send them: the reset comes before any."""
    def read_and_reset(connection):
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        connection.read()
        connection.reset()

    origins = [open_origin(read_and_reset, name=name) for name in "ab"]
    for origin in origins:
        origin._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    site = site_of(*origins)
    assert [site.ask(get("/", method="POST", body=b"once")).status for _ in range(4)] == [502] * 4
    assert sum(len(origin.requests) for origin in origins) == 4


def test_patch_and_unknown_methods_are_never_sent_twice(site_of, open_origin):
    site = site_of(open_origin(closing, name="bad"), open_origin(named, name="good"))
    for _ in range(4):
        site.ask(get("/", method="PATCH", body=b"once"))
    assert sum(len(origin.requests) for origin in site.origins) == 4


def test_request_once_answered_is_never_sent_twice(site_of, open_origin):
    def cut(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.close()

    site = site_of(open_origin(cut, name="a"), open_origin(cut, name="b"))
    client = site.connect()
    client.send(get())
    assert client.to_end().endswith(b"half")
    assert sum(len(origin.requests) for origin in site.origins) == 1


def test_idempotent_request_with_a_small_body_is_replayed_whole(site_of, open_origin):
    good = open_origin(lambda c: c.reply(c.read().body), name="good")
    site = site_of(open_origin(closing, name="bad"), good)
    for _ in range(4):
        assert site.ask(get("/", method="PUT", body=b"replay me " * 100)).body == b"replay me " * 100


def test_body_too_large_to_keep_is_not_sent_in_part(site_of, open_origin):
    """Beyond retry_buffer_bytes a request that was begun cannot be sent once more: 502, never half a body."""
    def close_late(connection):
        connection.read_head()
        connection.reader.exactly(500_000)
        connection.reset()

    good = open_origin(lambda c: c.reply(b"%d" % len(c.read().body)), name="good")
    site = site_of(open_origin(close_late, name="bad"), good)
    for _ in range(6):
        response = site.ask(get("/", method="PUT", body=b"x" * 1_000_000))
        assert response.status == 502 or response.body == b"1000000"


def test_retries_are_bounded(open_site, open_origin):
    origins = [open_origin(closing, name=f"o{n}") for n in range(6)]
    pool = upstream("pool", *[(o, 100) for o in origins])
    site = open_site(config_of(service("pool", retries=2), upstreams=[pool]), *origins)
    assert site.ask(get()).status == 502
    assert sum(len(origin.requests) for origin in origins) == 3


def test_retry_goes_to_another_target(open_site, open_origin):
    origins = [open_origin(closing, name=f"o{n}") for n in range(4)]
    site = open_site(config_of(service("pool", retries=3), upstreams=[upstream("pool", *[(o, 100) for o in origins])]), *origins)
    assert site.ask(get()).status == 502
    assert [len(origin.requests) for origin in origins] == [1, 1, 1, 1]


def test_status_of_the_upstream_is_not_retried(site_of, open_origin):
    def failing(connection):
        connection.read()
        connection.reply(b"mine", status="500 Internal Server Error")

    site = site_of(open_origin(failing), open_origin(failing))
    response = site.ask(get())
    assert (response.status, response.body) == (500, b"mine")
    assert sum(len(origin.requests) for origin in site.origins) == 1


def test_read_timeout_is_504(open_site, open_origin):
    origin = open_origin(lambda c: (c.read(), c.wait_end()))
    site = open_site(config_of(service(origin, read_timeout=200, retries=0)), origin)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/", method="POST", body=b"x"))
        assert (response.status, message(response)) == (504, TIMING_OUT)
        if not client.is_open():
            client = site.connect()
    for connection in origin.connections:
        assert connection.ended.wait(20)


def test_read_timeout_within_the_answer_ends_both(open_site, open_origin):
    def stall(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        connection.wait_end()

    origin = open_origin(stall)
    site = open_site(config_of(service(origin, read_timeout=200)), origin)
    client = site.connect()
    client.send(get())
    assert client.to_end().endswith(b"half")
    assert origin.last.ended.wait(20)
    site.wait_metric("fastgate_upstream_timeouts_total", 1)


def test_write_timeout_is_504(open_site, open_origin):
    """An upstream that takes no more of the body for write_timeout."""
    def stop_reading(connection):
        connection.read_head()
        connection.origin.release.wait(20)

    import threading
    origin = open_origin(stop_reading)
    origin.release = threading.Event()
    site = open_site(config_of(service(origin, write_timeout=300, read_timeout=60_000)), origin)
    client = site.connect()
    pusher = threading.Thread(target=lambda: client.send_quietly(get("/", method="POST", body=b"x" * 30_000_000)), daemon=True)
    pusher.start()
    assert client.response().status == 504
    origin.release.set()
    client.close()
    pusher.join(20)
