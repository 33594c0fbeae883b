"""correlation-id against a plain Python model: what a request has, what is made, and what the answer tells."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.client import Client
from support.origin import Connection, Origin
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
KINDS = ["uuid", "uuid#counter", "tracker"]
CONFIGS = [{"generator": kind, "echo_downstream": echoes, "header_name": name, "ends": ends}
           for kind in KINDS for echoes in (False, True) for ends in (False, True) for name in ("Kong-Request-ID", "x-ID_1")]
N_CLIENTS = 3
SAME_CLOCK_S = 1.0              # as finely as it is worth to know that the time is now


class Model:
    """Kong's plugin in one gateway: what it may give out next follows from what it gave out before."""

    def __init__(self, site: Site) -> None:
        self.where = f"127.0.0.1-{site.process.port}-{site.process.pid}"
        self.uuids: set[str] = set()
        self.counted: dict[int, tuple[str, int]] = {}       # by configuration
        self.connections: dict[int, str] = {}               # a client's number, once a tracker has told it
        self.asked = [0] * N_CLIENTS
        self.latest = 0.0

    def check(self, number: int, client: int, made: str, before: float) -> None:
        """`made` is what this configuration makes next, for the request that this client sent last."""
        kind = CONFIGS[number]["generator"]
        if kind == "uuid":
            assert re.fullmatch(UUID, made) and made not in self.uuids
            self.uuids.add(made)
        elif kind == "uuid#counter":
            uuid, mark, count = made.partition("#")
            first, last = self.counted.get(number, (uuid, 0))
            self.counted[number] = (uuid, last + 1)
            assert re.fullmatch(UUID, uuid) and mark and (uuid, count) == (first, str(last + 1))
            assert uuid not in {other for at, (other, _) in self.counted.items() if at != number} | self.uuids
        else:
            connection, n_requests, seconds = re.fullmatch(re.escape(self.where) + r"-(\d+)-(\d+)-(\d+\.\d{3})", made).groups()
            assert self.connections.setdefault(client, connection) == connection
            assert len(set(self.connections.values())) == len(self.connections)
            assert int(n_requests) == self.asked[client]
            assert before - SAME_CLOCK_S <= float(seconds) <= time.time() + SAME_CLOCK_S
            assert float(seconds) >= self.latest
            self.latest = float(seconds)


def kept(values: list[bytes]) -> list[bytes]:
    """What of the client's goes to the upstream: all, unless the first is empty; then an id is made."""
    return values if values and values[0] else []


def play(connection: Connection) -> None:
    """Answers with the field lines that are the request's body."""
    request = connection.read()
    connection.send(b"HTTP/1.1 200 OK\r\n" + request.body + b"Content-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    routes = []
    for at, config in enumerate(CONFIGS):
        own = {name: value for name, value in config.items() if name != "ends"}
        ending = [plugin("request-termination", status_code=418)] if config["ends"] else []
        routes.append({"name": f"r{at}", "hosts": [f"r{at}.test"], "plugins": [plugin("correlation-id", **own), *ending]})
    with Origin(play) as origin:
        found = Site(config_of(service(origin, *routes)), origin, workers=1)
        yield found
        found.settle()
        assert found.process.stop() == 0, found.process.log()
        found.close()


@pytest.fixture(scope="module")
def clients(site) -> list[Client]:
    return [site.connect() for _ in range(N_CLIENTS)]


@pytest.fixture(scope="module")
def model(site) -> Model:
    return Model(site)


def spelt(name: str, how: str) -> str:
    return {"as it is": name, "lower": name.lower(), "upper": name.upper(), "longer": name + "x", "shorter": name[:-1]}[how]


def lines(fields: list[tuple[str, bytes]]) -> bytes:
    return b"".join(name.encode() + b":" + value + b"\r\n" for name, value in fields)


spellings = st.sampled_from(["as it is", "lower", "upper", "longer", "shorter"])
values = st.sampled_from([b"", b" ", b" \t ", b"mine", b" a, b ", b"\xff", b'"#1"', b"0", b"x" * 3000])
fields = st.lists(st.tuples(spellings, values), max_size=3)


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(CONFIGS) - 1), st.integers(0, N_CLIENTS - 1), fields, fields)
def test_ids_are_the_models(site, clients, model, number, client, sent, answered):
    config: dict[str, Any] = CONFIGS[number]
    name = config["header_name"]
    sent = [(spelt(name, how), value) for how, value in sent]
    answered = [(spelt(name, how), value) for how, value in answered]

    def of(found: list[tuple[str, bytes]]) -> list[bytes]:
        return [value.strip(b" \t") for key, value in found if key.lower() == name.lower()]

    body, before = lines(answered), time.time()
    site.origin.requests.clear()
    model.asked[client] += 1
    answer = clients[client].ask(b"POST / HTTP/1.1\r\nHost: r%d.test\r\n%sContent-Length: %d\r\n\r\n%s"
                                 % (number, lines(sent), len(body), body))
    told = [value.encode("latin-1") for value in answer.all(name)]
    assert answer.status == (418 if config["ends"] else 200)
    upstream = kept(of(sent))
    if not config["ends"]:
        seen = [value.encode("latin-1") for value in site.origin.requests[-1].all(name)]
        if not upstream:
            assert len(seen) == 1
            model.check(number, client, seen[0].decode(), before)
            upstream = seen
        assert seen == upstream
    if config["echo_downstream"]:
        assert len(told) == 1
        if not upstream:
            model.check(number, client, told[0].decode(), before)
        assert told == (upstream or told)[:1]
    else:
        assert told == ([] if config["ends"] else of(answered))
