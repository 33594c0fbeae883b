"""What an application is told of a request, and when it is given none."""

import asyncio
import json
from urllib.parse import unquote

import pytest

from fastgate.asgi.entrance import Entrance, tell_truth

TOLD = {"x-real-ip": "192.0.2.7", "x-forwarded-proto": "https", "x-forwarded-host": "shop.example",
        "x-forwarded-port": "8443", "x-forwarded-prefix": "/a%20b"}


def scope_of(kind="http", **headers):
    return {"type": kind, "path": "/c d", "raw_path": b"/c%20d", "root_path": "", "scheme": "ws" if kind == "websocket" else "http",
            "client": None, "server": ("/run/x", None),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]}


@pytest.mark.parametrize("kind, scheme", [("http", "https"), ("websocket", "wss")])
def test_what_is_told(kind, scheme):
    scope = scope_of(kind, **TOLD)
    tell_truth(scope)
    assert (scope["client"], scope["scheme"], scope["server"]) == (("192.0.2.7", 0), scheme, ("shop.example", 8443))
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/a b", "/a b/c d", b"/a%20b/c%20d")


@pytest.mark.parametrize("prefix, rest, root_path, path", [
    ("/t/", "/u/", "/t", "/t/u/"), ("/t", "/u/", "/t", "/t/u/"), ("/t/", "/", "/t", "/t/"), ("/", "/u", "", "/u"),
    ("/t//", "/u", "/t/", "/t//u"), ("/a%2F", "/u", "/a/", "/a//u"), ("/caf%C3%A9/", "/c%20d", "/caf\xe9", "/caf\xe9/c d"),
])
def test_the_path_is_whole_and_the_root_path_its_beginning(prefix, rest, root_path, path):
    scope = scope_of(x_forwarded_prefix=prefix) | {"path": unquote(rest), "raw_path": rest.encode()}
    tell_truth(scope)
    assert (scope["root_path"], scope["path"]) == (root_path, path)
    assert unquote(scope["raw_path"].decode()) == path


def test_a_client_without_an_address_and_a_route_that_strips_nothing():
    scope = scope_of(x_real_ip="", x_forwarded_proto="http", x_forwarded_host="h")
    tell_truth(scope)
    assert scope["client"] is None and scope["scheme"] == "http" and scope["server"] == ("/run/x", None)
    assert (scope["root_path"], scope["path"]) == ("", "/c d")


def test_the_last_of_two_headers_is_the_gateways():
    scope = scope_of()
    scope["headers"] = [(b"x-real-ip", b"198.51.100.1"), (b"x-real-ip", b"192.0.2.7")]
    tell_truth(scope)
    assert scope["client"] == ("192.0.2.7", 0)


@pytest.mark.parametrize("kind, extensions, types", [
    ("http", {}, ["http.response.start", "http.response.body"]),
    ("websocket", {"websocket.http.response": {}}, ["websocket.http.response.start", "websocket.http.response.body"]),
    ("websocket", {}, ["websocket.close"]),
])
def test_more_than_it_takes(kind, extensions, types):
    sent = []

    async def talk():
        gate = asyncio.Event()

        async def application(scope, receive, send):
            await gate.wait()

        async def send(message):
            sent.append(message)

        entrance = Entrance(application, 1)
        first = asyncio.ensure_future(entrance(scope_of(), None, send))
        await asyncio.sleep(0)
        assert entrance.active == 1
        await entrance(scope_of(kind) | {"extensions": extensions}, None, send)
        assert [message["type"] for message in sent] == types and (entrance.refused, entrance.active) == (1, 1)
        gate.set()
        await first
        assert entrance.active == 0
        entrance.most = 0
        await entrance(scope_of(), None, send)
        assert entrance.refused == 2

    asyncio.run(talk())
    if len(types) == 2:
        assert sent[0]["status"] == 503 and "too many requests" in json.loads(sent[1]["body"])["message"]


def test_a_request_that_raises_is_over():
    async def application(scope, receive, send):
        raise ValueError

    entrance = Entrance(application, 1)
    for _ in range(2):
        with pytest.raises(ValueError):
            asyncio.run(entrance(scope_of(), None, None))
    assert (entrance.active, entrance.refused) == (0, 0)


@pytest.mark.parametrize("message, expected", [("no database", "no database"), ("", "it gave no reason")])
def test_why_it_did_not_start(message, expected):
    async def application(scope, receive, send):
        await send({"type": "lifespan.startup.failed", "message": message})

    async def send(message):
        pass

    entrance = Entrance(application, 1)
    asyncio.run(entrance({"type": "lifespan"}, None, send))
    assert entrance.startup_failure == expected
