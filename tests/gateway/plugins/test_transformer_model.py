"""Both transformers against their model: many configurations, each on its route, and requests as hypothesis likes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plugins import transformer_model as model
from support.origin import Connection, Origin, describe
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

CHANCE = random.Random(801)
REQUESTS = [model.config_at_random(CHANCE) for _ in range(150)]
ANSWERS = [model.config_at_random(CHANCE, model.TEXTS) for _ in range(80)]
NAMES = {name.lower() for name in model.FIELD_NAMES}
LIMITS = settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])


def routes() -> list[dict]:
    found = [{"name": f"r{at}", "paths": [rf"~/r{at}/(?<first>[^/]*)/(?<rest>.*)$"], "strip_path": False,
              "plugins": [plugin("request-transformer", **config)]} for at, config in enumerate(REQUESTS)]
    return found + [{"name": f"a{at}", "paths": [f"/a{at}/"], "strip_path": False,
                     "plugins": [plugin("response-transformer", **config)]} for at, config in enumerate(ANSWERS)]


def mirror(connection: Connection) -> None:
    """To POST, the fields that its body names; else what came."""
    request = connection.read()
    if request.method == "POST":
        connection.send(b"HTTP/1.1 200 OK\r\n" + request.body + b"Content-Length: 0\r\n\r\n")
    else:
        connection.reply(describe(connection, request))


@pytest.fixture(scope="module")
def mirrored() -> Iterator[Site]:
    with Origin(mirror) as origin:
        site = Site(config_of(service(origin, *routes())), origin)
        yield site
        site.settle()
        assert site.process.stop() == 0, site.process.log()
        site.close()


@pytest.fixture(scope="module")
def client(mirrored):
    return mirrored.connect()


def lines(fields: model.Fields) -> bytes:
    return b"".join(name.encode() + b": " + value + b"\r\n" for name, value in fields)


def by_name(fields) -> dict[str, list[bytes]]:
    """What matters of them: each name's values, in order."""
    found: dict[str, list[bytes]] = {}
    for name, value in fields:
        if name.lower() in NAMES:
            found.setdefault(name.lower(), []).append(value.encode("latin-1") if isinstance(value, str) else value.strip())
    return found


@LIMITS
@given(st.integers(0, len(REQUESTS) - 1), model.segments, st.lists(model.segments, max_size=3), st.none() | model.arguments,
       model.fields)
def test_requests_are_changed_as_the_model_says(client, number, first, rest, query, fields):
    tail = b"/".join(rest)
    path = b"/r%d/%s/%s" % (number, first, tail)
    groups = {"first": first, "rest": tail, "0": path, "1": first, "2": tail}
    asked = model.Asked(path, query, fields, groups)
    target = path + (b"" if query is None else b"?" + query)
    answer = client.ask(b"GET " + target + b" HTTP/1.1\r\nHost: test\r\n" + lines(fields) + b"\r\n")
    wanted = model.transformed(REQUESTS[number], asked)
    if wanted is None:
        assert answer.status == 400
        return
    assert answer.status == 200, answer.body
    got = json.loads(answer.body)
    assert got["target"].encode("latin-1") == wanted[0]
    assert by_name(got["headers"]) == by_name(wanted[1])


@LIMITS
@given(st.integers(0, len(ANSWERS) - 1), model.fields)
def test_answers_are_changed_as_the_model_says(client, number, fields):
    body = lines(fields)
    answer = client.ask(b"POST /a%d/ HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s" % (number, len(body), body))
    assert answer.status == 200
    edits = [(verb, name, value.encode()) for verb, name, value in model.edits_of(ANSWERS[number], "headers")]
    assert by_name(answer.fields) == by_name(model.fields_after(fields, edits))
