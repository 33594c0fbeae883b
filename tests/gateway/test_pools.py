"""Upstream connections kept and reused: a stale one never costs a client an error."""

from __future__ import annotations

import threading

import pytest

from support.client import get
from support.origin import answer, echo, named, wait_until
from support.site import config_of, service

pytestmark = pytest.mark.core


def test_one_client_uses_one_upstream_connection(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin)), origin)
    client = site.connect()
    assert [client.ask(get(f"/{n}")).status for n in range(50)] == [200] * 50
    assert len(origin.connections) == 1


def test_clients_one_after_another_share_a_connection(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin)), origin)
    assert [site.ask(get(f"/{n}")).status for n in range(50)] == [200] * 50
    assert len(origin.connections) == 1


def test_reuse_under_steady_load_is_at_least_99_percent(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin)), origin)

    def work():
        client = site.connect()
        for _ in range(500):
            assert client.ask(get()).status == 200

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(origin.requests) == 2000
    assert len(origin.connections) <= 20


def test_services_to_the_same_peer_do_not_mix_answers(open_site, open_origin):
    origin = open_origin()
    services = [service(origin, {"name": f"r{n}", "paths": [f"/{n}"]}, name=f"s{n}") for n in range(3)]
    site = open_site(config_of(*services), origin)
    for number in [0, 1, 2, 0, 2, 1]:
        assert site.echo(get(f"/{number}/x"))["target"] == "/x"


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("method,body", [("GET", None), ("POST", b"not idempotent"), ("POST", b"x" * 40_000), ("POST", b"x" * 1_000_000)])
def test_pooled_connection_closed_while_idle_costs_nothing(site, how, method, body):
    client = site.connect()
    for _ in range(50):
        site.origin.script = echo
        assert client.ask(get()).status == 200
        connection = site.origin.last
        getattr(connection, how)()
        assert connection.ended.wait(20)
        assert client.ask(get("/", method=method, body=body)).status == 200


@pytest.mark.parametrize("how", ["close", "reset"])
def test_pooled_connection_that_dies_on_the_request_is_retried_for_get(site, how):
    """The race: the upstream closes a kept connection just as the next request arrives on it."""
    def script(connection):
        if len(connection.requests) == 1:
            connection.reader.more() if not connection.reader.buffer else None
            getattr(connection, how)()
        else:
            echo(connection)

    site.origin.script = script
    for _ in range(20):
        assert site.ask(get()).status == 200


def test_answer_with_close_is_not_pooled(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    client = site.connect()
    assert [client.ask(get()).status for _ in range(5)] == [200] * 5
    assert all(len(connection.requests) <= 1 for connection in site.origin.connections)


def test_http10_answer_is_not_pooled(site):
    site.origin.script = answer(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    client = site.connect()
    assert [client.ask(get()).status for _ in range(5)] == [200] * 5
    assert all(len(connection.requests) <= 1 for connection in site.origin.connections)


def test_idle_time_closes_pooled_connections(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin), gateway={"keepalive": {"idle_timeout": 200}}), origin)
    assert site.ask(get()).status == 200
    assert origin.connections[0].ended.wait(20)
    assert site.ask(get()).status == 200


def test_requests_per_connection_are_limited(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin), gateway={"keepalive": {"max_requests": 5}}), origin)
    client = site.connect()
    assert [client.ask(get()).status for _ in range(20)] == [200] * 20
    assert [len(connection.requests) for connection in origin.connections] == [5] * 4


def test_pool_keeps_no_more_than_its_size(open_site, open_origin):
    gate = threading.Barrier(6)

    def script(connection):
        connection.read()
        gate.wait(20)
        connection.reply(b"ok")

    origin = open_origin(script)
    site = open_site(config_of(service(origin), gateway={"keepalive": {"pool_size": 2}}), origin)
    clients = [site.connect() for _ in range(6)]
    for client in clients:
        client.send(get())
    assert [client.response().status for client in clients] == [200] * 6
    wait_until(lambda: sum(c.ended.is_set() for c in origin.connections) == 4, "not four of six were closed")
    assert site.metrics()["fastgate_upstream_connections_idle"] == 2


def test_connection_with_an_unfinished_request_body_is_not_pooled(site):
    """The upstream answered early and keep-alive, but the client's body was never sent: unusable."""
    def script(connection):
        request = connection.read_head()
        if request.method == "POST":
            connection.reply(b"early")
            connection.wait_end()
        else:
            connection.read_body(request)
            connection.reply(b"plain")

    site.origin.script = script
    client = site.connect()
    client.send(get("/", "Content-Length: 1000", method="POST") + b"some")
    assert client.response().body == b"early"
    client.close()
    for _ in range(5):
        assert site.ask(get()).body == b"plain"
    assert all(request.target == "/" for request in site.origin.requests)
