"""ASGI applications in the gateway's process: what they are told, what they can do."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as websocket_connect

from gateway.asgi_site import config_with, events, write_application
from support.client import Client, get
from support.messages import chunk
from support.site import plugin

FASTAPI = """
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, File, Form, Header, UploadFile, WebSocket
from pydantic import BaseModel

class Order(BaseModel):
    what: str
    count: int = 1

app = FastAPI()

def who(x_consumer_username: Annotated[str, Header()] = "nobody"):
    return x_consumer_username

@app.post("/orders")
async def order(order: Order, user: Annotated[str, Depends(who)]):
    return {"order": order.what, "count": order.count, "user": user}

@app.get("/sync/{number}")
def in_a_thread(number: int):
    return {"number": number}

@app.websocket("/ws")
async def ws(socket: WebSocket):
    await socket.accept()
    await socket.send_json({"got": await socket.receive_json()})
    await socket.close(4000, "enough")
"""

LINKS = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def page(request):
    return JSONResponse(None)

async def other(request):
    return JSONResponse({"url": str(request.url), "page": str(request.url_for("page")), "path": request.scope["path"],
                         "root_path": request.scope["root_path"]})

app = Starlette(routes=[Route("/page/", page, name="page"), Route("/{path:path}/", other)])
"""


@pytest.fixture
def site(open_site, tmp_path):
    return open_site(config_with(tmp_path, write_application(tmp_path, "shop")))


def test_what_it_is_told(site):
    seen = json.loads(site.ask(get("/scope?q=1", host="Shop.example:8443")).body)
    assert seen["path"] == seen["raw_path"] == "/scope" and seen["root_path"] == "" and seen["query"] == "q=1"
    assert seen["client"] == ["127.0.0.1", 0] and seen["scheme"] == "http" and seen["greeting"] == "hello"
    assert seen["server"] == ["shop.example", site.process.port]
    assert seen["url"].lower() == "http://shop.example:8443/scope?q=1"
    assert len(seen["headers"]["x-fastgate-request-id"]) == 32


def test_below_a_path_that_is_stripped(site):
    seen = json.loads(site.ask(get("/0/scope")).body)
    assert (seen["path"], seen["root_path"], seen["raw_path"]) == ("/0/scope", "/0", "/0/scope")
    assert seen["url"].endswith("/0/scope")


@pytest.mark.parametrize("route, root_path", [
    ("/t/", "/t"), ("/t", "/t"), ("/", ""), ("~/x/(?<id>[^/]+)", "/x/7"), ("~/x/", "/x"), ("/my%20caf%C3%A9/", "/my caf\xe9"),
])
def test_links_below_what_a_route_strips(open_site, tmp_path, route, root_path):
    config = config_with(tmp_path, write_application(tmp_path, "links", LINKS))
    config["services"][0]["routes"] = [{"name": "links", "paths": [route]}]
    site = open_site(config)
    seen = json.loads(site.ask(get(quote(root_path) + "/u/", host="shop.example")).body)
    assert (seen["root_path"], seen["path"]) == (root_path, root_path + "/u/")
    assert unquote(seen["url"]) == f"http://shop.example{root_path}/u/"
    assert unquote(seen["page"]) == f"http://shop.example{root_path}/page/"
    moved = site.ask(get(quote(root_path) + "/page", host="shop.example"))      # Starlette's own, to the final slash
    assert moved.status == 307 and unquote(moved.get("Location")) == f"http://shop.example{root_path}/page/"


def test_nobody_but_trusted_peers_says_who_the_client_is(open_site, tmp_path):
    told = ("X-Real-IP: 192.0.2.1", "X-Forwarded-For: 192.0.2.2", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /false")
    config = config_with(tmp_path, write_application(tmp_path, "shop"))
    site = open_site(config)
    seen = json.loads(site.ask(get("/scope", *told)).body)
    assert (seen["client"][0], seen["scheme"], seen["root_path"]) == ("127.0.0.1", "http", "")
    config["gateway"]["trusted_ips"] = ["127.0.0.1"]
    assert site.process.reload(config)["ok"]
    seen = json.loads(site.ask(get("/scope", *told)).body)
    assert (seen["client"][0], seen["scheme"], seen["root_path"]) == ("192.0.2.1", "https", "/false")


def test_large_uploads(site):
    client = site.connect()
    body = bytes(range(256)) * 40960        # 10 MiB
    answer = json.loads(client.ask(get("/upload", method="POST", body=body)).body)
    assert answer["size"] == len(body) and answer["pieces"] > 1
    chunked = b"".join(chunk(body[at:at + 65536]) for at in range(0, len(body), 65536)) + b"0\r\n\r\n"
    answer = json.loads(client.ask(get("/upload", "Transfer-Encoding: chunked", method="POST") + chunked).body)
    assert answer["size"] == len(body)


def test_answers_leave_as_they_are_made(site):
    client, other = site.connect(), site.connect()
    client.send(get("/stream"))
    client.until(b"\r\n\r\n")
    for at in range(3):
        assert client.until(b"piece %d" % at)       # the next one is not made before we ask for it
        assert other.ask(get("/go")).status == 200
    assert client.until(b"0\r\n\r\n")


def test_a_client_that_goes_away(site):
    client = site.connect()
    client.send(get("/hang"))
    client.until(b"begun")
    client.close()
    assert site.ask(get("/gone")).text == "gone"


def test_background_tasks_come_after_the_answer(site, tmp_path):
    client = site.connect()
    assert client.ask(get("/later")).text == "accepted"
    assert events(tmp_path) == ["startup"]
    assert site.ask(get("/go")).status == 200
    assert site.process.stop() == 0
    assert events(tmp_path) == ["startup", "background", "shutdown"]


def test_a_request_that_raises(site):
    client = site.connect()
    assert client.ask(get("/raises")).status == 500
    site.process.wait_for_log("ValueError: the reason")
    assert client.ask(get("/scope")).status == 200


def test_websocket(site, tmp_path):
    with websocket_connect(f"ws://127.0.0.1:{site.process.port}/echo", subprotocols=["chat"]) as socket:
        assert socket.subprotocol == "chat"
        for at in range(100):
            socket.send(f"message {at}")
        assert [socket.recv(30) for _ in range(100)] == [f"ws 127.0.0.1 message {at}" for at in range(100)]
        assert site.scrape()['fastgate_application_requests_active{application="shop:app"}'] == 1
    site.wait_metric('fastgate_application_requests_active{application="shop:app"}', 0)
    with pytest.raises(InvalidStatus) as refused:
        websocket_connect(f"ws://127.0.0.1:{site.process.port}/nowhere")
    assert refused.value.response.status_code in (403, 404)


def test_more_requests_than_it_takes(open_site, tmp_path):
    site = open_site(config_with(tmp_path, write_application(tmp_path, "shop"), asgi={"concurrency": 2}))
    held = [site.connect() for _ in range(2)]
    for client in held:
        client.send(get("/hang"))
        client.until(b"begun")
    answer = site.ask(get("/scope"))
    assert answer.status == 503 and "too many requests" in json.loads(answer.body)["message"]
    with pytest.raises(InvalidStatus) as refused:
        websocket_connect(f"ws://127.0.0.1:{site.process.port}/echo")
    assert refused.value.response.status_code == 503
    assert site.scrape()['fastgate_application_refused_total{application="shop:app"}'] == 2
    assert site.process.reload(config_with(tmp_path, "asgi:shop:app", asgi={"concurrency": 3}))["ok"]
    assert site.ask(get("/scope")).status == 200


def test_fastapi(open_site, tmp_path):
    config = config_with(tmp_path, write_application(tmp_path, "api", FASTAPI))
    config["services"][0]["plugins"] = [plugin("key-auth")]
    config["consumers"] = [{"username": "ann", "keyauth_credentials": [{"key": "k"}]}]
    site = open_site(config)
    client = site.connect()
    assert client.ask(get("/docs")).status == 401
    body = json.dumps({"what": "a teapot", "count": 2})
    order = get("/orders", "apikey: k", "X-Consumer-Username: eve", "Content-Type: application/json", method="POST",
                body=body.encode())
    assert json.loads(client.ask(order).body) == {"order": "a teapot", "count": 2, "user": "ann"}
    assert client.ask(get("/orders", "apikey: k", method="POST", body=b"{}")).status == 422
    assert json.loads(client.ask(get("/0/sync/7", "apikey: k")).body) == {"number": 7}
    page = client.ask(get("/0/docs", "apikey: k"))
    assert page.status == 200 and "/0/openapi.json" in page.text
    with websocket_connect(f"ws://127.0.0.1:{site.process.port}/0/ws", additional_headers={"apikey": "k"}) as socket:
        socket.send('{"a": 1}')
        assert json.loads(socket.recv(30)) == {"got": {"a": 1}}
        with pytest.raises(Exception, match="enough"):
            socket.recv(30)


def test_the_example(gateway):
    folder = Path(__file__).parents[2] / "examples/asgi"
    process = gateway((folder / "fastgate.yaml").read_text().replace("examples/asgi", str(folder)))
    with Client(("127.0.0.1", process.port)) as client:
        assert json.loads(client.ask(get("/shop/orders/2", "apikey: change-me")).body) == {"order": "a teapot", "for": "ann"}
        assert client.ask(get("/shop/orders/3", "apikey: change-me")).status == 404
        assert client.ask(get("/shop/orders/1")).status == 401
    with websocket_connect(f"ws://127.0.0.1:{process.port}/shop/news", additional_headers={"apikey": "change-me"}) as socket:
        socket.send("hello")
        assert socket.recv(30) == "you said: hello"
