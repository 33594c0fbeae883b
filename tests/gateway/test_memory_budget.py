"""`memory_budget`: however many come and however slow they are, the process stays within it, refuses what is too much, and serves on.

What the process had resident at most is the kernel's figure (VmHWM). Not for the sanitizers' builds, whose shadow
memory no budget covers, so nothing here is marked `core`.
"""

from __future__ import annotations

import re
import select
import socket
from pathlib import Path

import pytest

from gateway.long_transfer import PIECES, LongTransfer
from support.client import DEADLINE, get
from support.messages import PeerClosed
from support.origin import pattern, wait_until
from support.site import config_of, plugin, service

BUDGET = 56 * 2**20
CROWD = 1200
OPEN_HEAD = get("/crowd")[:-2] + b"X-Large: " + b"a" * 50_000      # its end does not come
BODY = pattern(60_000)


def peak(site) -> int:
    """The most this process ever had resident, in bytes."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{site.process.pid}/status").read_text())[1]) << 10


def status_of(client) -> int | None:
    """None: it was closed without an answer."""
    try:
        return client.response().status
    except PeerClosed:
        return None


def wait_refused(crowd) -> list:
    """Those who have an answer, or were closed, once there are any: nobody else has one to get."""
    sockets = {client.socket.fileno(): client for client in crowd}
    poller = select.poll()
    for fd in sockets:
        poller.register(fd, select.POLLIN)
    return [sockets[fd] for fd, _ in poller.poll(DEADLINE * 1000)]


def ask_and_close(crowd) -> set:
    """What they were answered, each closed as soon as it was."""
    answers = set()
    for client in crowd:
        answers.add(status_of(client))
        client.close()
    return answers


def recover(site) -> None:
    """Twenty answers in a row."""
    row = 0
    while row < 20:
        with site.connect() as client:
            client.send_quietly(get("/again"))
            row = row + 1 if status_of(client) == 200 else 0


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
    next_piece()
    wait_until(lambda: site.scrape()["fastgate_memory_refusals_total"] > 0, "there was room for all")
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


def test_a_reload_changes_what_it_can_and_says_what_it_can_not(open_site, open_origin):
    origin = open_origin()

    def config(budget):
        return config_of(service(origin), gateway={"memory_budget": budget, "workers": 1})

    site = open_site(config("64MiB"), origin)
    before = site.metrics()["fastgate_memory_limit_bytes"]
    answer = site.process.reload(config("56MiB"))
    assert answer["ok"] and "gateway.limits.rate_limit_keys has changed: a restart applies it" in answer["warnings"]
    assert not any("limits.connections" in warning for warning in answer["warnings"])
    assert site.metrics()["fastgate_memory_limit_bytes"] == before - 8 * 2**20 * 15 // 16
    answer = site.process.reload(config("16MiB"))
    assert not answer["ok"] and "memory_budget: 16 MiB is too little" in answer["errors"][0]
    assert site.metrics()["fastgate_memory_limit_bytes"] == before - 8 * 2**20 * 15 // 16
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
