"""Requests of all kinds sent ahead on one connection, cut anywhere: the answers come in order, each to its request."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import NamedTuple

import pytest

from support.client import get
from support.messages import chunk_all
from support.site import config_of, plugin, service

pytestmark = pytest.mark.core
CONNECTIONS = 12
MOST = 40


class Kind(NamedTuple):
    """A request, of a number and some padding, and what it is answered with."""

    request: Callable[[int, str], bytes]
    status: int
    is_head: bool = False
    reaches: bool = False           # the upstream, which answers with the target


def head_of(path: str, method: str = "GET") -> Callable[[int, str], bytes]:
    return lambda number, padding: get(f"{path}/{number}", f"X-Padding: {padding}", method=method)


KINDS = {
    "upstream": Kind(head_of("/up"), 200, reaches=True),
    "upstream, HEAD": Kind(head_of("/up", "HEAD"), 200, is_head=True),
    "upstream, body": Kind(lambda number, padding: get(f"/up/{number}", method="POST", body=padding.encode()), 200, reaches=True),
    "upstream, chunks": Kind(lambda number, padding: get(f"/up/{number}", "Transfer-Encoding: chunked", method="PUT")
                             + chunk_all([b"first", padding.encode() or b"-"]), 200, reaches=True),
    "body for a plugin": Kind(lambda number, padding: get(f"/collected/{number}", "Content-Type: application/json", method="POST",
                                                          body=json.dumps(padding).encode()), 200, reaches=True),
    "withheld": Kind(head_of("/withheld"), 200, reaches=True),
    "in Python": Kind(head_of("/python"), 200, reaches=True),
    "no route": Kind(head_of("/none"), 404),
    "no route, HEAD": Kind(head_of("/none", "HEAD"), 404, is_head=True),
    "no key": Kind(head_of("/key"), 401),
    "ended by a plugin": Kind(head_of("/ended"), 410),
    "answered in Python": Kind(head_of("/own"), 418),
}


@pytest.fixture
def mixed(open_site, open_origin):
    def route(name, *plugins):
        return {"name": name, "paths": [f"/{name}/"], "strip_path": False, "plugins": list(plugins)}

    origin = open_origin(lambda connection: connection.reply(connection.read().target.encode()))
    return open_site(config_of(service(
        origin, route("up"), route("key", plugin("key-auth")), route("ended", plugin("request-termination", status_code=410)),
        route("collected", plugin("request-transformer", add={"body": ["a:b"]})),
        route("withheld", plugin("response-transformer", add={"json": ["a:b"]})),
        route("python", plugin("pre-function", access=["context.request.set_header('X-Seen', '1')"])),
        route("own", plugin("pre-function", access=["return Response(418)"])),
    ), gateway={"workers": 1}), origin)


@pytest.mark.parametrize("seed", range(6))
def test_pipelines_of_all_kinds(mixed, seed):
    chance = random.Random(seed)
    for _ in range(CONNECTIONS):
        names = chance.choices(list(KINDS), k=chance.randint(2, MOST))
        data = b"".join(KINDS[name].request(number, "p" * chance.choice((0, 1, 200, 1500))) for number, name in enumerate(names))
        cuts = sorted(chance.sample(range(1, len(data)), chance.randint(0, 8)))
        client = mixed.connect()
        client.send_pieces([data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)])
        for number, name in enumerate(names):
            answer = client.response(to_head=KINDS[name].is_head)
            assert answer.status == KINDS[name].status, (seed, names, number)
            if KINDS[name].reaches:
                assert answer.body.endswith(f"/{number}".encode()), (seed, names, number)
        client.close()
