"""An application in the gateway's process is asked once, whatever the method; a connection that died unused costs nothing."""

from __future__ import annotations

import json

import pytest

from gateway.asgi_site import config_with, write_application
from support.client import get

COUNTS = """
import json

asked = []

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"].endswith("/asked"):
        body = json.dumps(asked).encode()
    else:
        asked.append(scope["method"])
        body = b""
        while (message := await receive())["type"] == "http.request" and message["more_body"]:
            pass
    if scope["path"].endswith("/slow"):
        await receive()                         # until the gateway has given up
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
    if scope["path"].endswith("/closes"):
        send.__self__.transport.close()         # nothing was read since: what comes meanwhile is never taken
"""


@pytest.fixture
def site(open_site, tmp_path):
    url = write_application(tmp_path, "counts", COUNTS)
    config = config_with(tmp_path, url, url)
    config["services"][0]["read_timeout"] = 300
    return open_site(config)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_what_takes_too_long_is_not_asked_again(site, method):
    assert site.ask(get("/0/slow", method=method, body=b"" if method == "GET" else b"body")).status == 504
    assert json.loads(site.ask(get("/1/asked")).body) == [method]
    assert site.metrics()["fastgate_upstream_retries_total"] == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_it_closed_without_taking_the_request_is_replaced(site, method):
    client = site.connect()
    for _ in range(100):
        assert client.ask(get("/1/closes", method=method, body=b"" if method == "GET" else b"body")).status == 200
    assert json.loads(client.ask(get("/1/asked")).body) == [method] * 100
