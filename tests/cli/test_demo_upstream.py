"""The demo's upstream on its own: echo, event stream, WebSocket, as real clients see them."""

import asyncio
import json
import threading

import pytest
import requests
from websockets.sync.client import connect

from fastgate.cli import demo_upstream
from fastgate.cli.demo_upstream import DemoUpstream


@pytest.fixture
def upstream():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = DemoUpstream("one")
    asyncio.run_coroutine_threadsafe(made.start(), loop).result(5)
    yield made
    loop.call_soon_threadsafe(made.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_echo(upstream):
    url = f"http://127.0.0.1:{upstream.port}"
    with requests.Session() as session:
        answer = session.post(url + "/a/b?x=1&y=2", data="hello", headers={"X-One": "1"}).json()
        assert answer["upstream"] == "one" and answer["method"] == "POST" and answer["path"] == "/a/b"
        assert answer["args"] == {"x": "1", "y": "2"} and answer["data"] == "hello" and answer["headers"]["x-one"] == "1"
        chunked = session.post(url + "/", data=iter([b"a" * 1000, b"b", b"c" * 70000])).json()
        assert chunked["data"] == "a" * 1000 + "b" + "c" * 70000
        head = session.head(url + "/")
        assert head.status_code == 200 and head.content == b"" and int(head.headers["content-length"]) > 50
        assert session.get(url + "/again").json()["data"] == ""


def test_events(upstream, monkeypatch):
    monkeypatch.setattr(demo_upstream, "EVENT_PAUSE_S", 0)
    answer = requests.get(f"http://127.0.0.1:{upstream.port}/stream")
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text.count("data: event") == demo_upstream.EVENTS and answer.text.endswith("from one\n\n")


@pytest.mark.parametrize("message", ["hello", b"\0\xff", "x" * 200, "y" * 70000])
def test_websocket(upstream, message):
    with connect(f"ws://127.0.0.1:{upstream.port}/ws") as client:
        client.send(message)
        assert client.recv() == message
        assert client.ping().wait(5)


def test_too_much_closes_the_connection(upstream):
    with pytest.raises(requests.ConnectionError):
        requests.post(f"http://127.0.0.1:{upstream.port}/", data=b"x" * (demo_upstream.BODY_LIMIT + 1))
    assert json.loads(requests.get(f"http://127.0.0.1:{upstream.port}/").text)["upstream"] == "one"
