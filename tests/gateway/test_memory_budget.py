"""`memory_budget`: however many come and however slow they are, the process stays within it, refuses what is too much, and serves on.

What the process had resident at most is the kernel's figure (VmHWM). Not for the sanitizers' builds, whose shadow
memory no budget covers, so nothing here is marked `core`.
"""

from __future__ import annotations

import json
import socket

import pytest

from fastgate.config.memory_budget import LEAST_ROOM, fixed_bytes
from gateway.crowd import ask_and_close, peak, recover, status_of, wait_full, wait_refused
from gateway.long_transfer import PIECES, LongTransfer
from support.client import get
from support.origin import pattern
from support.site import config_of, plugin, service

BUDGET = 56 * 2**20
CROWD = 1200
OPEN_HEAD = get("/crowd")[:-2] + b"X-Large: " + b"a" * 50_000      # its end does not come
BODY = pattern(60_000)


@pytest.fixture
def running(open_site, open_origin):
    """A site with a budget, and a transfer under way: each `next_piece()` lets one more piece come."""
    transfer = LongTransfer()
    origin = open_origin(transfer.script)
    routes = ({"name": "all", "paths": ["/"], "strip_path": False},
              {"name": "collected", "paths": ["/collected"], "strip_path": False,
               "plugins": [plugin("request-transformer", add={"body": ["a:b"]})]})
    site = open_site(config_of(service(origin, *routes), gateway={
        "memory_budget": "56MiB", "workers": 2, "access_log": "off",
        "limits": {"connections": 5000, "retry_buffer_bytes": 65536}}), origin)
    transfer.begin(site)
    yield site, transfer.next_piece, transfer.gate
    transfer.end()


def test_slow_heads_are_refused_in_time_and_a_transfer_ends(running):
    site, next_piece, _ = running
    crowd = []
    for _ in range(CROWD):                  # 75 MB, were there no budget
        crowd.append(site.connect())
        crowd[-1].send_quietly(OPEN_HEAD)
    refused = wait_refused(crowd)
    assert {status_of(client) for client in refused} <= {503, None}
    assert refused
    for _ in range(PIECES - 1):
        next_piece()
    for client in crowd:
        client.close()
    recover(site)
    figures = site.metrics()
    assert figures["fastgate_memory_refusals_total"] > 0
    assert figures["fastgate_memory_bytes"] < figures["fastgate_memory_limit_bytes"]
    assert peak(site) <= BUDGET


def test_bodies_are_kept_for_another_try_only_while_there_is_room(running):
    site, next_piece, gate = running
    crowd = []
    for _ in range(CROWD):                  # 72 MB that would be kept
        crowd.append(site.connect())
        crowd[-1].send_quietly(get("/crowd", method="POST", body=BODY))
    wait_full(site)
    next_piece()
    gate.set()
    answers = ask_and_close(crowd)
    assert 200 in answers and answers <= {200, 503, None}
    for _ in range(PIECES - 2):
        next_piece()
    recover(site)
    assert peak(site) <= BUDGET


def test_bodies_for_plugins_are_refused_when_there_is_no_room(running):
    site, next_piece, _ = running
    head = get("/collected", "Content-Type: application/x-www-form-urlencoded", method="POST", body=BODY)
    crowd = []
    for _ in range(CROWD):                  # all but the last byte: each is kept until the rest comes
        crowd.append(site.connect())
        crowd[-1].send_quietly(head[:-1])
    refused = wait_refused(crowd)
    assert refused and {status_of(client) for client in refused} <= {503, None}
    next_piece()
    rest = [client for client in crowd if client not in refused]
    for client in rest:
        client.send_quietly(head[-1:])
    answers = ask_and_close(rest)
    assert 200 in answers and answers <= {200, 503, None}
    for _ in range(PIECES - 2):
        next_piece()
    recover(site)
    assert peak(site) <= BUDGET


def test_a_reload_at_the_limit_is_taken(running):
    site, next_piece, _ = running
    waiting = [site.connect() for _ in range(8)]
    for client in waiting:
        assert client.ask(get("/")).status == 200
    crowd = [site.connect() for _ in range(CROWD)]
    for client in crowd:
        client.send_quietly(OPEN_HEAD)
    refused = wait_refused(crowd)
    assert refused
    config = json.loads(site.process.config_path.read_text())
    config["services"][0]["routes"] += [{"name": f"r{n}", "paths": [f"/{n}"]} for n in range(100)]
    config["gateway"]["memory_budget"] = "44MiB"
    assert site.process.reload(config)["ok"], site.process.log()
    figures = site.scrape()
    assert figures["fastgate_memory_bytes"] > figures["fastgate_memory_limit_bytes"]    # nobody gets anything, but:
    assert site.process.reload(config)["ok"], site.process.log()
    for client in waiting:
        client.send_quietly(OPEN_HEAD)
        assert status_of(client) in (503, None)
    next_piece()                            # of a transfer that began before
    for client in crowd:
        client.close()
    for _ in range(PIECES - 2):
        next_piece()
    recover(site)
    assert site.ask(get("/99")).status == 200 and peak(site) <= BUDGET


def test_requests_nobody_answers_are_refused_beyond_the_budget(open_site, open_origin):
    """The upstream's kernel accepts, nobody else does: each request waits."""
    origin = open_origin()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent:
        nobody = service("127.0.0.1", {"name": "held", "paths": ["/held"]}, name="nobody", port=silent.getsockname()[1])
        site = open_site(config_of(service(origin), nobody, gateway={
            "memory_budget": "56MiB", "workers": 2, "access_log": "off", "limits": {"connections": 6000}}), origin)
        crowd = [site.connect() for _ in range(4500)]
        site.wait_metric("fastgate_connections_active", 4500)
        for client in crowd:                # 21 MB
            client.send_quietly(get("/held"))
        statuses = {status_of(client) for client in wait_refused(crowd)}
        assert 503 in statuses and statuses <= {503, None}
        for client in crowd:
            client.close()
        recover(site)
        assert peak(site) <= BUDGET


def test_thousands_of_idle_clients_fit(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin), gateway={"memory_budget": "56MiB", "workers": 2}), origin)
    crowd = []
    for _ in range(4000):
        crowd.append(site.connect())
        crowd[-1].send(get("/"))
        assert crowd[-1].response().status == 200
    assert site.metrics()["fastgate_connections_active"] == 4000
    assert peak(site) <= BUDGET
    for client in crowd[::400]:
        assert client.ask(get("/")).status == 200


def test_a_usual_configuration_serves_with_the_least_budget_there_is(open_site, open_origin):
    """What config/memory_budget.py takes off for the process is no less than it takes."""
    origin = open_origin()
    keyed = {"name": "keyed", "paths": ["/keyed"], "plugins": [plugin("jwt")]}
    config = config_of(service(origin, keyed, {"name": "open", "paths": ["/"]}),
                       plugins=[plugin("rate-limiting", minute=1_000_000)], gateway={"memory_budget": fixed_bytes(2) + LEAST_ROOM})
    site = open_site(config, origin, workers=2, access_log="stdout")
    assert site.ask(get("/keyed")).status == 401 and site.ask(get("/")).status == 200
    figures = site.metrics()
    assert figures["fastgate_memory_limit_bytes"] - figures["fastgate_memory_bytes"] > LEAST_ROOM // 2
    assert peak(site) <= fixed_bytes(2) + LEAST_ROOM


def test_a_reload_changes_what_it_can_and_says_what_it_can_not(open_site, open_origin):
    origin = open_origin()

    def config(budget):
        return config_of(service(origin), gateway={"memory_budget": budget, "workers": 1})

    site = open_site(config("64MiB"), origin)
    before = site.metrics()["fastgate_memory_limit_bytes"]
    answer = site.process.reload(config("56MiB"))
    assert answer["ok"] and "gateway.limits.rate_limit_keys has changed: a restart applies it" in answer["warnings"]
    assert not any("limits.connections" in warning for warning in answer["warnings"])
    assert site.metrics()["fastgate_memory_limit_bytes"] == before - 8 * 2**20 * 7 // 8
    answer = site.process.reload(config("16MiB"))
    assert not answer["ok"] and "memory_budget: 16 MiB is too little" in answer["errors"][0]
    assert site.metrics()["fastgate_memory_limit_bytes"] == before - 8 * 2**20 * 7 // 8
    assert site.process.reload(config(None))["ok"]
    assert "fastgate_memory_limit_bytes" not in site.metrics()
    assert site.ask(get("/")).status == 200


def test_connections_beyond_the_limit_wait_and_a_reload_lets_them_in(open_site, open_origin):
    origin = open_origin()

    def config(connections):
        return config_of(service(origin), gateway={"workers": 1, "limits": {"connections": connections}})

    site = open_site(config(2), origin)
    held = [site.connect() for _ in range(2)]
    for client in held:
        assert client.ask(get("/")).status == 200
    waiting = site.connect()
    waiting.send(get("/"))
    site.process.reload(config(3))
    assert waiting.response().status == 200
