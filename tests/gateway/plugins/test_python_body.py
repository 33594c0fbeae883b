"""Plugins in Python that read and replace request bodies, in whole gateways."""

from __future__ import annotations

import hashlib
import json
import textwrap
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugins.python_site import config_with, plugin, wait_calls, write_plugin
from support.client import get
from support.messages import chunk
from support.origin import Origin, echo
from support.site import Site, config_of, service, upstream

pytestmark = pytest.mark.core

READS = "async def access(self, context, config):\n    "
TELLS = READS + "context.request.set_header('X-Seen', str(len(context.request.body)))"


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


def write_reader(folder, name, body, **options) -> None:
    write_plugin(folder, name, "reads_body = True\n\n" + textwrap.dedent(body), **options)


def chunked(body: bytes, *sizes: int, trailer: str = "") -> bytes:
    pieces = [b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"]
    for size in (*sizes, len(body)):
        if size and body:
            pieces.append(chunk(body[:size]))
        body = body[size:]
    return b"".join(pieces) + b"0\r\n" + trailer.encode() + b"\r\n"


@pytest.mark.parametrize("form", ["async def", "def"])
@pytest.mark.parametrize("size", [0, 1, 5_000, 300_000])
def test_a_body_is_read_and_sent_on_unchanged(open_site, origin, tmp_path, form, size):
    write_reader(tmp_path, "reader", f"""
        {form} access(self, context, config):
            import hashlib
            context.request.set_header("X-Seen", hashlib.md5(context.request.body).hexdigest())
        """)
    site = open_site(config_with(origin, tmp_path, plugin("reader")), origin)
    body = bytes(i * 7 % 251 for i in range(size))
    client = site.connect()
    expected = hashlib.md5(body).hexdigest()
    assert client.ask(get("/x", method="POST", body=body)).status == 200
    assert client.ask(chunked(body, size // 3, size // 2)).status == 200
    for seen in origin.requests[-2:]:
        assert seen.body == body and seen.get("X-Seen") == expected
    assert client.ask(get("/none")).status == 200
    assert origin.requests[-1].get("X-Seen") == hashlib.md5(b"").hexdigest()
    assert site.metrics()["fastgate_request_bodies_collected_total"] == 3


def test_a_body_that_comes_in_pieces_and_the_request_behind_it(open_site, origin, tmp_path):
    write_reader(tmp_path, "reader", TELLS)
    site = open_site(config_with(origin, tmp_path, plugin("reader")), origin)
    client = site.connect()
    whole = get("/x", method="POST", body=b"0123456789") + get("/y")
    client.send_pieces([whole[:20], *(whole[at:at + 1] for at in range(20, len(whole) - 30)), whole[-30:]])
    assert [client.response().status for _ in range(2)] == [200, 200]
    assert [(one.target, one.get("X-Seen")) for one in origin.requests] == [("/x", "10"), ("/y", "0")]


def test_expect_is_answered_here(open_site, origin, tmp_path):
    write_reader(tmp_path, "reader", TELLS)
    site = open_site(config_with(origin, tmp_path, plugin("reader"), python={"body": 100}), origin)
    client = site.connect()
    client.send(get("/x", "Expect: 100-continue", "Content-Length: 5", method="POST"))
    assert client.head().start[1] == "100"
    assert not origin.requests
    client.send(b"hello")
    response = client.response()
    assert response.status == 200 and not response.interim
    assert origin.requests[-1].body == b"hello" and origin.requests[-1].get("Expect") is None
    response = client.ask(get("/x", "Expect: 100-continue", "Content-Length: 101", method="POST"))
    assert response.status == 413 and not response.interim


@pytest.mark.parametrize("where", ["setting", "class", "config"])
def test_a_body_beyond_the_limit_is_refused(open_site, origin, tmp_path, where):
    more = "body_limit = 1000\n\n" if where != "setting" else ""
    write_plugin(tmp_path, "reader", "reads_body = True\n" + more + "\n" + TELLS)
    config = {"body_limit": 100} if where == "config" else {}
    site = open_site(config_with(origin, tmp_path, plugin("reader", on_error="continue", **config),
                                 python={"body": 100 if where == "setting" else 10}), origin)
    limit = 1000 if where == "class" else 100
    assert site.ask(get("/x", method="POST", body=b"x" * limit)).status == 200
    assert site.ask(chunked(b"x" * limit, 50)).status == 200
    for too_large in (get("/x", method="POST", body=b"x" * (limit + 1)), chunked(b"x" * (limit + 1), 50),
                      chunked(b"x" * (limit * 100), 50, 50)):
        response = site.ask(too_large)
        assert response.status == 413 and json.loads(response.body)["message"] == "Request size limit exceeded"
    assert len(origin.requests) == 2


def test_a_replaced_body(open_site, origin, tmp_path):
    write_reader(tmp_path, "replacer", """
        async def access(self, context, config):
            request = context.request
            if request.path == "/json":
                request.set_body(json={"was": request.json()["n"]})
            elif request.path == "/empty":
                request.set_body(b"")
            else:
                request.set_body(request.body.upper() * 2)
                assert request.body.isupper() or not request.body
        """)
    write_reader(tmp_path, "behind", TELLS, priority=1)
    site = open_site(config_with(origin, tmp_path, plugin("replacer"), plugin("behind")), origin)
    client = site.connect()
    for asked, expected in ((get("/x", method="POST", body=b"ab"), b"ABAB"), (chunked(b"abcd", 1, trailer="X-T: 1\r\n"), b"ABCD" * 2),
                            (get("/empty", method="PUT", body=b"ab"), b""), (get("/get"), b""),
                            (get("/json", method="POST", body=b'{"n": 5}'), b'{"was":5}')):
        assert client.ask(asked).status == 200
        seen = origin.requests[-1]
        assert seen.body == expected and seen.all("Content-Length") == [str(len(expected))]
        assert seen.get("Transfer-Encoding") is None and seen.get("X-Seen") == str(len(expected))
    assert seen.get("Content-Type") == "application/json"


def _resets(connection) -> None:
    connection.read()
    connection.reset()


def test_bodies_are_sent_again_to_the_next_target(open_site, open_origin, origin, tmp_path):
    write_reader(tmp_path, "doubler", READS + "context.request.set_body(context.request.body * 2)")
    write_reader(tmp_path, "reader", TELLS)
    bad = open_origin(_resets)
    routes = ({"name": "a", "paths": ["/a"], "plugins": [plugin("doubler")]}, {"name": "b", "paths": ["/b"], "plugins": [plugin("reader")]})
    config = config_of(service("both", *routes), upstreams=[upstream("both", (bad, 100), (origin, 100))],
                       gateway={"plugin_path": str(tmp_path), "limits": {"retry_buffer_bytes": 1000}})
    site = open_site(config, origin, bad)
    body = b"0123456789" * 20_000
    for _ in range(4):
        assert site.ask(get("/a", method="PUT", body=body)).status == 200
        assert origin.requests[-1].body == body * 2
        assert site.ask(get("/b", method="PUT", body=body)).status == 200
        assert origin.requests[-1].body == body
    assert bad.requests and site.metrics()["fastgate_upstream_retries_total"]


def test_a_body_without_saying_so(open_site, origin, tmp_path):
    write_plugin(tmp_path, "careless", TELLS)
    site = open_site(config_with(origin, tmp_path, plugin("careless")), origin)
    assert site.ask(get("/", method="POST", body=b"x")).status == 500
    assert "reads_body = True" in site.process.wait_for_log("reads_body")


def test_clients_that_leave_or_dawdle_while_their_body_is_collected(open_site, origin, tmp_path):
    write_reader(tmp_path, "reader", TELLS)
    config = config_with(origin, tmp_path, plugin("reader"))
    config["gateway"]["timeouts"] = {"client_body": 200}
    site = open_site(config, origin)
    gone = site.connect()
    gone.send(get("/x", "Content-Length: 10", method="POST") + b"12345")
    gone.wait_taken()
    gone.reset()
    slow = site.connect()
    assert slow.ask(get("/x", "Content-Length: 10", method="POST") + b"12345").status == 408
    malformed = site.connect()
    assert malformed.ask(chunked(b"ab")[:-5] + b"zz\r\n").status == 400
    assert not origin.requests


def test_a_client_that_leaves_while_its_body_is_read(open_site, origin, tmp_path):
    gate, said = tmp_path / "gate", tmp_path / "said"
    write_reader(tmp_path, "held", f"""
        def access(self, context, config):
            import os
            while not os.path.exists({str(gate)!r}):
                time.sleep(0.002)
            with open({str(said)!r}, "w") as file:
                file.write(str(context.request.body.count(b"x")))
        """)
    site = open_site(config_with(origin, tmp_path, plugin("held")), origin)
    client = site.connect()
    client.send(get("/x", method="POST", body=b"x" * 200_000))
    wait_calls(site, "held", 1)
    client.reset()
    site.wait_metric("fastgate_requests_active", 0)
    gate.touch()
    wait_calls(site, "held", 0)
    assert said.read_text() == "200000" and not origin.requests


def test_on_a_stuck_control_loop_the_request_goes_on_with_its_body(open_site, origin, tmp_path):
    gate = tmp_path / "gate"
    write_reader(tmp_path, "blocks", READS + f"while not __import__('os').path.exists({str(gate)!r}):\n        time.sleep(0.01)\n"
                 "    context.request.set_body(b'late')")
    site = open_site(config_with(origin, tmp_path, plugin("blocks", on_error="continue", phase_timeout=10)), origin)
    body = b"abc" * 50_000
    assert site.ask(get("/x", method="POST", body=body)).status == 200
    gate.touch()
    assert origin.requests[-1].body == body


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    write_reader(folder, "replacer", """
        async def access(self, context, config):
            wanted = context.request.header("X-Wanted")
            context.request.set_header("X-Sum", str(sum(context.request.body)))
            if wanted is not None:
                context.request.set_body(bytes.fromhex(wanted))
        """)
    origin = Origin(echo)
    site = Site(config_with(origin, folder, plugin("replacer")), origin)
    yield site
    site.settle()
    site.close()


@settings(max_examples=60)
@given(st.binary(max_size=300), st.none() | st.binary(max_size=60), st.lists(st.integers(1, 80), max_size=5),
       st.booleans(), st.lists(st.integers(1, 60), max_size=12))
def test_framing_is_right_whatever_is_sent_and_replaced(fuzzed, body, wanted, sizes, is_chunked, cuts):
    """However a body is framed, cut and replaced, the upstream gets the one that is meant, and the connection goes on."""
    line = [] if wanted is None else [f"X-Wanted: {wanted.hex()}"]
    data = get("/x", *line, method="POST", body=body)
    if is_chunked:
        head, _, rest = chunked(body, *sizes).partition(b"\r\n\r\n")
        data = head + "".join(f"\r\n{one}" for one in line).encode() + b"\r\n\r\n" + rest
    client = fuzzed.connect()
    at = [0, *accumulate(cuts), len(data)]
    client.send_pieces(piece for start, stop in pairwise(at) if (piece := data[start:stop]))
    assert client.response().status == 200
    seen = fuzzed.origin.requests[-1]
    assert seen.body == (body if wanted is None else wanted) and seen.get("X-Sum") == str(sum(body))
    assert client.ask(get("/next")).status == 200
    client.close()
    fuzzed.forget()
