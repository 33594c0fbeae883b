"""Reload: all or nothing, requests in flight unharmed, memory of the old configuration freed."""

from __future__ import annotations

import gc
import json
import signal
import threading

import pytest

from gateway.test_websocket import HANDSHAKE, echo_all, switching
from support.client import get
from support.origin import named
from support.site import config_of, service

BIG = 5000


def routes_of(count: int, mark: int) -> list[dict]:
    return [{"name": f"route-{n}", "paths": [f"/api/{n}/v{mark}", f"/other/{n}"], "hosts": [f"h{n % 50}.example"],
             "methods": ["GET", "POST"], "strip_path": False} for n in range(count)]


def test_reload_switches_to_the_new_configuration(open_site, open_origin):
    old, new = open_origin(named, name="old"), open_origin(named, name="new")
    site = open_site(config_of(service(old)), old, new)
    client = site.connect()
    assert client.ask(get()).text == "old"
    assert site.process.reload(config_of(service(new)))["ok"]
    assert client.ask(get()).text == "new"
    assert site.ask(get()).text == "new"


def test_reload_by_sighup(open_site, open_origin):
    old, new = open_origin(named, name="old"), open_origin(named, name="new")
    site = open_site(config_of(service(old)), old, new)
    site.process.write_config(config_of(service(new)))
    site.process.signal(signal.SIGHUP)
    for _ in range(500):
        if site.ask(get()).text == "new":
            break
        threading.Event().wait(0.02)
    assert site.ask(get()).text == "new"


@pytest.mark.parametrize("bad", ["services: [", "nonsense: 1\n", "services:\n- name: a\n",
                                 "services:\n- name: s\n  url: http://127.0.0.1:1\n  routes:\n  - name: r\n    paths: ['~/(']\n"])
def test_bad_file_keeps_the_old_configuration(open_site, open_origin, bad):
    origin = open_origin(named, name="kept")
    site = open_site(config_of(service(origin)), origin)
    answer = site.process.reload('_format_version: "3.0"\n' + bad)
    assert not answer["ok"] and answer["errors"]
    assert site.ask(get()).text == "kept"
    assert site.process.reload(config_of(service(origin)))["ok"]
    assert site.ask(get()).text == "kept"


@pytest.mark.core
def test_open_tunnel_lets_go_of_the_old_configuration(open_site, open_origin):
    """It goes on, and is logged as what it was; the memory of its snapshot is free meanwhile."""
    origin = open_origin(switching(echo_all))
    site = open_site(config_of(service(origin, name="first")), origin, access_log="stdout")
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    for mark in range(3):
        assert site.process.reload(config_of(service(origin, *routes_of(50, mark), name="second")))["ok"]
    site.wait_metric("fastgate_snapshots_retired", 0)
    assert site.scrape()["fastgate_tunnels_active"] == 1
    client.send(b"x" * 100_000)
    assert client.exactly(100_000) == b"x" * 100_000
    client.close()
    site.wait_metric("fastgate_tunnels_active", 0)
    entry = json.loads(site.process.wait_for_access_log("\n"))
    assert (entry["service"]["name"], entry["route"]["name"], entry["snapshot"]) == ("first", "first-all", 1)
    assert entry["request"]["size"] > 100_000 and entry["response"]["size"] > 100_000


@pytest.mark.core
def test_request_in_flight_finishes_as_it_began(open_site, open_origin):
    gate = threading.Event()

    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        assert gate.wait(20)
        connection.send(b"rest")

    old, new = open_origin(script, name="old"), open_origin(named, name="new")
    site = open_site(config_of(service(old)), old, new)
    client = site.connect()
    client.send(get("/", method="POST", body=b"body"))
    client.until(b"half")
    for _ in range(5):
        assert site.process.reload(config_of(service(new)))["ok"]
        assert site.ask(get()).text == "new"
    gate.set()
    assert client.exactly(4) == b"rest"
    assert client.ask(get()).text == "new"


@pytest.mark.core
def test_retry_after_a_reload_uses_the_snapshot_of_the_request(open_site, open_origin):
    gate = threading.Event()

    def die_late(connection):
        connection.read()
        gate.wait(20)
        connection.close()

    from support.site import upstream
    first, second, other = open_origin(die_late), open_origin(named, name="second"), open_origin(named, name="other")
    config = config_of(service("pool"), upstreams=[upstream("pool", (first, 100), (second, 1))])
    site = open_site(config, first, second, other)
    client = site.connect()
    client.send(get())
    if not first.requests:
        first.next_request()
    assert site.process.reload(config_of(service(other)))["ok"]
    gate.set()
    assert client.response().text == "second"


def test_requests_under_load_are_unharmed(open_site, open_origin):
    origin = open_origin(named, name="origin")
    site = open_site(config_of(service(origin)), origin, workers=2)
    stop, failures, done = threading.Event(), [], []

    def work(number: int):
        client, count = site.connect(), 0
        try:
            while not stop.is_set():
                body = b"x" * (count % 3000)
                response = client.ask(get(f"/{number}", method="POST", body=body))
                assert (response.status, response.text) == (200, "origin")
                count += 1
        except BaseException as error:
            failures.append(error)
        done.append(count)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for mark in range(30):
        extra = service(origin, *routes_of(50, mark), name="extra")
        assert site.process.reload(config_of(service(origin), extra))["ok"]
    stop.set()
    for worker in workers:
        worker.join(30)
    assert not failures, failures[0]
    assert min(done) > 0


def test_hundred_reloads_of_5000_routes_free_the_old_ones(open_site, open_origin):
    """100 reloads end within 5 MB of where they started (a few before count as warming up)."""
    origin = open_origin(named)

    def text(mark: int) -> str:
        return json.dumps(config_of(service(origin, *routes_of(BIG, mark))))

    site = open_site(config_of(service(origin, *routes_of(BIG, 0))), origin)
    client = site.connect()
    for mark in range(5):
        assert site.process.reload(json.loads(text(mark)))["ok"]
    before = site.process.rss()
    for mark in range(100):
        site.process.write_config(text(mark))
        assert site.process.command("reload")["ok"]
        assert client.ask(get(f"/api/7/v{mark}", host="h7.example")).status == 200
        if mark % 10 == 0:
            gc.collect()
    after = site.process.rss()
    assert after - before < 5 << 20, f"{(after - before) / (1 << 20):.1f} MB more"


def test_reload_keeps_listeners_and_connections(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin)), origin)
    clients = [site.connect() for _ in range(20)]
    assert all(client.ask(get()).status == 200 for client in clients)
    for _ in range(10):
        assert site.process.reload()["ok"]
    assert all(client.ask(get()).status == 200 for client in clients)
    assert site.metrics()["fastgate_connections_active"] == 20


def test_tunnel_outlives_a_reload(open_site, open_origin):
    from gateway.test_websocket import HANDSHAKE, echo_all, switching
    origin = open_origin(switching(echo_all))
    other = open_origin(named)
    site = open_site(config_of(service(origin)), origin, other)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    for _ in range(3):
        assert site.process.reload(config_of(service(other)))["ok"]
    client.send(b"still here")
    assert client.exactly(10) == b"still here"
