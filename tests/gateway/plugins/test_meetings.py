"""What parks requests, collects bodies, copies requests and withholds answers, all on one route, with clients that leave at any moment."""

from __future__ import annotations

import random
import threading

import pytest

from gateway.plugins.mirror_site import Shadow, mirrors
from gateway.plugins.python_site import PATIENT, wait_calls, write_plugin
from support.client import get
from support.messages import chunk, chunk_all
from support.origin import Connection, pattern
from support.site import config_of, plugin, service

pytestmark = pytest.mark.core

CLIENTS, TURNS = 4, 25
EVERYTHING = """
    reads_body = True

    async def rewrite(self, context, config):
        context.state["seen"] = "rewrite"
        if context.request.header("x-early"):
            return Response(403, message="early")
        await asyncio.sleep(0)

    def access(self, context, config):
        body = context.request.body
        context.state["seen"] = context.state.get("seen", "") + " access"
        if context.request.header("x-body"):
            context.request.set_body(body * 2)
        if context.request.header("x-other"):
            context.set_service("other")
        if context.request.header("x-late"):
            time.sleep(0.01)

    async def header_filter(self, context, config):
        await asyncio.sleep(0.001)
        context.response.set_header("X-Seen", context.state.get("seen", ""))
        if context.request.header("x-none"):
            context.response.set_status(204)

    def body_filter(self, context, config):
        context.response.set_body(context.response.body + b"!")

    def log(self, context, config):
        context.state.get("seen")
"""


def reply(connection: Connection) -> None:
    request = connection.read()
    if request.get("X-Cut"):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        connection.close()
    elif request.get("X-Drop"):
        connection.reset()
    elif request.get("X-Chunks"):
        connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + (b"" if request.method == "HEAD" else chunk_all([b"ab", b"cde"])))
    else:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + (b"" if request.method == "HEAD" else b"abcde"))


def requests(chance: random.Random) -> bytes:
    """Some, one behind another."""
    made = []
    for _ in range(chance.choice([1, 1, 2, 3])):
        fields = [f"X-{name}: 1" for name in ("Early", "Body", "Other", "Late", "None", "Cut", "Drop", "Chunks") if chance.random() < 0.2]
        body = pattern(chance.choice([0, 1, 30, 3_000, 40_000]))
        if chance.random() < 0.3:
            made.append(get("/x", *fields, method=chance.choice(["GET", "HEAD", "OPTIONS"])))
        elif chance.random() < 0.5:
            made.append(get("/x", *fields, *["Expect: 100-continue"] * chance.randrange(2), method="POST", body=body))
        else:
            made.append(get("/x", *fields, "Transfer-Encoding: chunked", method="PUT") + (chunk(body) if body else b"") + b"0\r\n\r\n")
    return b"".join(made)


def turns(site, seed: int, waits: list[bytes]) -> None:
    chance = random.Random(seed)
    for _ in range(TURNS):
        with site.connect() as client:
            data = requests(chance)
            cut = chance.randrange(len(data)) if chance.random() < 0.4 else len(data)
            at = chance.randrange(cut) if cut else 0
            client.send_quietly(data[:at])
            client.send_quietly(data[at:cut])
            if chance.random() < 0.4:
                client.reset()
                continue
            if chance.random() < 0.3:
                client.half_close()
            try:
                client.to_end()                 # every answer comes, or the connection ends
            except TimeoutError:
                waits.append(data[:cut])
            except OSError:
                pass


@pytest.mark.parametrize("seed", range(2))
def test_all_of_it_together_leaves_nothing_behind(open_site, open_origin, tmp_path, seed):
    write_plugin(tmp_path, "everything", EVERYTHING, priority=700)
    origin, other, shadow = open_origin(reply), open_origin(reply, name="other"), Shadow()
    plugins = [plugin("request-mirror", url=shadow.url, max_body=10_000),
               plugin("request-transformer", remove={"body": ["none"]}),
               plugin("response-transformer", add={"json": ["a:b"]}),
               plugin("rate-limiting", concurrency=3, hour=10_000_000),
               plugin("traffic-split", rules=[{"splits": [{"weight": 1}, {"weight": 1, "service": "other"}]}])]
    config = config_of(service(origin, plugins=plugins), service(other, {"name": "nowhere", "paths": ["/nowhere"]}, name="other"),
                       gateway={"plugin_path": str(tmp_path), "python": PATIENT | {"body": 20_000},
                                "timeouts": {"client_body": 300, "client_header": 300, "keep_alive": 300, "linger": 100}})
    config["plugins"] = [plugin("everything")]      # of everybody: so it may rewrite
    site = open_site(config, origin, other, shadow)
    waits: list[bytes] = []                     # what the gateway left without an answer
    threads = [threading.Thread(target=turns, args=(site, 100 * seed + n, waits)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not waits
    response = site.ask(get("/x", method="POST", body=b"a"))
    assert response.status == 200 and response.get("X-Seen") == "rewrite access"
    mirrors(site)
    wait_calls(site, "everything", 0)
    site.settle()
