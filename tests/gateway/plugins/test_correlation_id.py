"""correlation-id: the three generators, what a client sends itself, and the echo."""

from __future__ import annotations

import json
import re
import time

import pytest

from support.client import get
from support.process import reserve_port
from support.site import Site, config_of, plugin, service

pytestmark = pytest.mark.core

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.fixture
def marked(open_site, open_origin):
    def start(*others, options=None, gateway=None, **config) -> Site:
        origin = open_origin()
        plugins = [plugin("correlation-id", **config), *others]
        return open_site(config_of(service(origin, plugins=plugins), gateway=gateway), origin, **(options or {}))
    return start


def ids(echoed: dict, name: str = "Kong-Request-ID") -> list[str]:
    return [value for key, value in echoed["headers"] if key.lower() == name.lower()]


def test_a_uuid_each(marked):
    site = marked(generator="uuid")
    seen = [ids(site.echo(get("/"))) for _ in range(100)]
    assert all(len(one) == 1 and re.fullmatch(UUID, one[0]) for one in seen)
    assert len({one[0] for one in seen}) == 100


def test_a_uuid_and_a_counter_that_all_reactors_share(marked):
    site = marked(options={"workers": 2})
    seen = [ids(site.echo(get("/")))[0].partition("#") for _ in range(40)]      # a connection each
    assert len({uuid for uuid, _, _ in seen}) == 1
    assert re.fullmatch(UUID, seen[0][0])
    assert [int(count) for _, _, count in seen] == list(range(1, 41))


def test_a_tracker_says_where_and_when(marked):
    site = marked(generator="tracker")
    clients = [site.connect(), site.connect()]
    before = time.time() - 0.001
    seen = []
    for client in (*clients, *clients):
        client.send(get("/"))
        seen.append(ids(json.loads(client.response().body))[0])
    rows = [re.fullmatch(r"127\.0\.0\.1-(\d+)-(\d+)-(\d+)-(\d+)-(\d+\.\d{3})", one).groups() for one in seen]
    assert {(int(port), int(pid)) for port, pid, *_ in rows} == {(site.process.port, site.process.pid)}
    numbers = [int(row[2]) for row in rows]
    assert numbers[:2] == numbers[2:] and numbers[0] != numbers[1]
    assert [int(row[3]) for row in rows] == [1, 1, 2, 2]
    times = [float(row[4]) for row in rows]
    assert times == sorted(times) and before - 1 <= times[0] and times[-1] <= time.time() + 1


def test_a_tracker_on_an_ipv6_socket(marked):
    with reserve_port("::1") as reserved:
        port = reserved.getsockname()[1]
        site = marked(generator="tracker", options={"listen": [f"[::1]:{port}"]})
    client = site.connect(("::1", port))
    seen = ids(json.loads(client.ask(get("/")).body))[0]
    assert re.fullmatch(rf"::1-{port}-{site.process.pid}-\d+-1-\d+\.\d{{3}}", seen)


def test_a_tracker_on_a_unix_socket(marked, tmp_path):
    site = marked(generator="tracker", options={"listen": [f"unix:{tmp_path}/socket"]})
    assert re.fullmatch(rf"unix:-0-{site.process.pid}-\d+-1-\d+\.\d{{3}}", ids(site.echo(get("/")))[0])


@pytest.mark.parametrize("generator", ["uuid", "uuid#counter", "tracker"])
def test_what_the_client_sends_is_kept(marked, generator):
    site = marked(generator=generator, header_name="X-Id", echo_downstream=True)
    answer = site.ask(get("/", "x-id: mine, all mine"))
    assert answer.all("x-id") == ["mine, all mine"]
    assert [value for key, value in site.origin.requests[-1].fields if key.lower() == "x-id"] == ["mine, all mine"]


def test_an_empty_one_is_replaced(marked):
    seen = ids(marked(generator="uuid").echo(get("/", "Kong-Request-ID:", "kong-request-id: ")))
    assert len(seen) == 1 and re.fullmatch(UUID, seen[0])


def test_the_echo_is_the_requests_and_not_the_upstreams(marked):
    site = marked(echo_downstream=True)

    def answers(connection):
        connection.read()
        connection.reply(b"x", "kong-request-id: theirs")

    site.origin.script = answers
    answer = site.ask(get("/"))
    sent = [value for key, value in site.origin.requests[-1].fields if key.lower() == "kong-request-id"]
    assert answer.all("Kong-Request-ID") == sent and sent[0].endswith("#1")


def test_without_echo_the_upstreams_stays(marked):
    site = marked()
    site.origin.script = lambda connection: (connection.read(), connection.reply(b"x", "Kong-Request-ID: theirs"))
    assert site.ask(get("/")).all("kong-request-id") == ["theirs"]


def test_the_gateways_own_answers_have_the_echo(marked):
    site = marked(plugin("request-termination"), echo_downstream=True)
    answer = site.ask(get("/"))
    assert answer.status == 503 and answer.get("Kong-Request-ID").endswith("#1")


def test_a_reload_begins_another_count(marked):
    site = marked()
    first = ids(site.echo(get("/")))[0].partition("#")
    site.process.reload()
    second = ids(site.echo(get("/")))[0].partition("#")
    assert first[0] != second[0] and (first[2], second[2]) == ("1", "1")
