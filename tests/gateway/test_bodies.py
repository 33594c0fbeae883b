"""Message bodies both ways: lengths, chunks, trailers, no body at all (RFC 9112, 6 and 7)."""

from __future__ import annotations

import json
import threading

import pytest

from support.client import get
from support.messages import chunk, chunk_all
from support.origin import answer, pattern, sizes

pytestmark = pytest.mark.core

SIZES = [0, 1, 15, 16, 4095, 4096, 4097, 16384, 65535, 65536, 65537, 300_000]


@pytest.mark.parametrize("size", SIZES)
def test_request_with_length_arrives_whole(site, size):
    body = pattern(size)
    echoed = site.echo(get("/", method="POST", body=body))
    assert echoed["body"].encode() == body
    assert [value for name, value in echoed["headers"] if name.lower() == "content-length"] == [str(size)]


def test_what_has_come_of_a_short_body_goes_out_with_its_head(site):
    pieces = []

    def script(connection):
        pieces.append(bytes(connection.reader.buffer))
        connection.read()
        connection.reply(b"ok")

    site.origin.script = script
    client, body = site.connect(), pattern(3000)
    client.ask(get())                       # the connection that is taken next is open
    client.ask(get("/", method="POST", body=body))
    assert pieces[1].endswith(b"\r\n\r\n" + body)


def test_the_upstream_is_asked_before_the_rest_of_a_short_body_comes(site):
    """Wherever it stops: also where what came just filled the room for a head."""
    data = get("/", method="POST", body=pattern(2000))
    client = site.connect()
    for size in range(1000, 1041):
        client.send(data[:size])
        site.origin.next_request()
        client.send(data[size:])
        assert client.response().status == 200


@pytest.mark.parametrize("size", SIZES)
def test_request_in_chunks_arrives_whole(site, size):
    body = pattern(size)
    pieces = [body[at:at + 7777] for at in range(0, size, 7777)]
    echoed = site.echo(get("/", "Transfer-Encoding: chunked", method="POST") + chunk_all(pieces))
    assert echoed["body"].encode() == body
    names = [name.lower() for name, _ in echoed["headers"]]
    assert ("content-length" in names) != ("transfer-encoding" in names)


@pytest.mark.parametrize("size", SIZES)
def test_response_with_length_arrives_whole(site, size):
    site.origin.script = sizes
    response = site.ask(get(f"/length/{size}"))
    assert response.body == pattern(size)
    assert response.all("content-length") == [str(size)]
    assert response.get("transfer-encoding") is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1, 1000, 70_000])
def test_response_in_chunks_arrives_whole(site, size, step):
    if step == 1 and size > 5000:
        step = 97
    site.origin.script = sizes
    client = site.connect()
    for _ in range(2):
        response = client.ask(get(f"/chunked/{size}/{step}"))
        assert response.body == pattern(size)
        assert response.get("content-length") is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_request_body_is_forwarded_with_any_method(site, method, form):
    if form == "length":
        data = get("/", method=method, body=b"payload")
    else:
        data = get("/", "Transfer-Encoding: chunked", method=method) + chunk_all([b"pay", b"load"])
    echoed = site.echo(data)
    assert (echoed["method"], echoed["body"]) == (method, "payload")


def test_request_without_body_has_no_framing_fields(site):
    names = {name.lower() for name, _ in site.echo(get())["headers"]}
    assert not names & {"content-length", "transfer-encoding"}


@pytest.mark.parametrize("coding", ["chunked", "Chunked", "CHUNKED"])
def test_transfer_coding_name_has_no_case(site, coding):
    data = get("/", f"Transfer-Encoding: {coding}", method="POST") + chunk_all([b"x"])
    assert site.echo(data)["body"] == "x"


@pytest.mark.parametrize("size_line", [b"5", b"05", b"0000005", b"5;a=b", b"5;a", b'5;a="b;c"', b"5;a=b;c=d"])
def test_chunk_sizes_and_short_extensions_are_read(site, size_line):
    data = get("/", "Transfer-Encoding: chunked", method="POST") + size_line + b"\r\nhello\r\n0\r\n\r\n"
    assert site.echo(data)["body"] == "hello"


@pytest.mark.parametrize("digits", [b"a", b"A"])
def test_chunk_sizes_are_hex_of_any_case(site, digits):
    data = get("/", "Transfer-Encoding: chunked", method="POST") + digits + b"\r\n0123456789\r\n0\r\n\r\n"
    assert site.echo(data)["body"] == "0123456789"


def test_chunk_extensions_are_not_forwarded(site):
    data = get("/", "Transfer-Encoding: chunked", method="POST") + b"5;secret=1\r\nhello\r\n0;last\r\n\r\n"
    assert site.echo(data)["body"] == "hello"
    assert b"secret" not in site.origin.last.received


def test_request_trailers_are_forwarded_or_dropped_never_merged(site):
    data = get("/", "Transfer-Encoding: chunked", "TE: trailers", "Trailer: X-Sum", method="POST")
    data += chunk_all([b"hello"], trailers=b"X-Sum: 5\r\n")
    echoed = site.echo(data)
    assert echoed["body"] == "hello"
    assert echoed["trailers"] in ([], [["X-Sum", "5"]])
    assert "x-sum" not in {name.lower() for name, _ in echoed["headers"]}


def test_trailers_that_could_pass_for_headers_are_dropped(site):
    """Some recipients merge trailers into the header: no way around what the gateway vouches for."""
    bad = ("X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1", "Forwarded: for=x", "Authorization: Basic eDp5", "Host: other",
           "Cookie: a=b", "Content-Type: text/html", "Set-Cookie: a=b", "Via: 1.1 x",
           "X-Fastgate-Request-Id: forged", "x-fastgate-proxy-latency: 0")
    data = get("/", "Transfer-Encoding: chunked", method="POST")
    data += chunk_all([b"hello"], trailers="".join(f"{line}\r\n" for line in (*bad, "X-Sum: 5")).encode())
    assert site.echo(data)["trailers"] == [["X-Sum", "5"]]


def test_response_trailers_reach_a_client_that_takes_them(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                                b"5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n")
    client = site.connect()
    client.send(get("/", "TE: trailers", "Connection: TE"))
    response = client.response()
    assert response.body == b"hello"
    assert response.trailers == [("X-Sum", "5")]
    assert response.get("x-sum") is None


def test_response_trailers_in_the_gateways_own_name_are_dropped(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
                                b"X-Fastgate-Request-Id: forged\r\nX-FASTGATE-UPSTREAM-LATENCY: 0\r\nX-Fastgate-Other: 1\r\n\r\n")
    assert site.ask(get("/", "TE: trailers", "Connection: TE")).trailers == [("X-Fastgate-Other", "1")]


def test_response_trailers_leave_the_connection_usable(site):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 5\r\nX-Two: 2\r\n\r\n"
    site.origin.script = answer(raw)
    client = site.connect()
    assert [client.ask(get()).body for _ in range(5)] == [b"hello"] * 5


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("fields", ["", "ETag: \"x\"\r\n"])
def test_response_without_body_by_status(site, status, fields):
    site.origin.script = answer(f"HTTP/1.1 {status} X\r\n{fields}\r\n".encode())
    client = site.connect()
    for _ in range(3):
        client.send(get())
        head = client.head()
        assert head.start[1] == str(status)
        assert head.get("transfer-encoding") is None
    assert client.ask(get()).status == status


def test_304_with_a_length_has_no_body(site):
    site.origin.script = answer(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n")
    client = site.connect()
    assert [client.ask(get()).status for _ in range(3)] == [304] * 3


def test_304_with_chunked_has_no_body(site):
    site.origin.script = answer(b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n")
    client = site.connect()
    assert [client.ask(get()).status for _ in range(3)] == [304] * 3


def test_head_keeps_the_length_and_has_no_body(site):
    def script(connection):
        request = connection.read()
        if request.method == "HEAD":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        else:
            connection.reply(b"body")

    site.origin.script = script
    client = site.connect()
    client.send(get(method="HEAD") + get() + get(method="HEAD") + get())
    for _ in range(2):
        assert client.response(to_head=True).get("content-length") == "1234"
        assert client.response().body == b"body"


def test_head_answered_with_chunked_has_no_body(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    client = site.connect()
    for _ in range(3):
        assert client.ask(get(method="HEAD"), to_head=True).status == 200


def test_head_answered_by_the_gateway_has_no_body(open_site, open_origin):
    from support.site import config_of, service
    origin = open_origin()
    site = open_site(config_of(service(origin, {"name": "r", "paths": ["/only"]})), origin)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/none", method="HEAD"), to_head=True)
        assert response.status == 404
        assert int(response.get("content-length", "0")) > 0
    assert client.ask(get("/only")).status == 200


def test_large_chunks_stream_while_they_come(site):
    """The first chunk reaches the client before the last one has left the upstream."""
    gate = threading.Event()

    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"first"))
        assert gate.wait(20)
        connection.send(chunk(b"last") + b"0\r\n\r\n")

    site.origin.script = script
    client = site.connect()
    client.send(get())
    client.until(b"first")
    gate.set()
    client.until(b"last")
    client.until(b"0\r\n\r\n")


def test_request_body_streams_while_it_comes(site):
    seen = threading.Event()

    def script(connection):
        request = connection.read_head()
        assert connection.reader.exactly(5) == b"first"
        seen.set()
        assert connection.reader.exactly(4) == b"last"
        connection.reply(request.method.encode())

    site.origin.script = script
    client = site.connect()
    client.send(get("/", "Content-Length: 9", method="POST") + b"first")
    assert seen.wait(20)
    client.send(b"last")
    assert client.response().body == b"POST"


def test_client_that_leaves_mid_body_ends_the_upstream_request(site):
    site.origin.script = lambda connection: connection.read()
    client = site.connect()
    client.send(get("/", "Content-Length: 100", method="POST") + b"half")
    site.origin.next_request()
    client.close()
    assert site.origin.last.ended.wait(20)


def test_response_cut_short_is_seen_as_cut_by_the_client(site):
    for raw in (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"):
        site.origin.script = answer(raw, then_close=True)
        client = site.connect()
        client.send(get())
        client.head()
        rest = client.to_end()
        assert not rest.endswith(b"0\r\n\r\n")
        assert len(rest) < 15


def test_echo_of_binary_bytes(site):
    body = bytes(range(256)) * 50
    echoed = site.echo(get("/", method="POST", body=body))
    assert echoed["body"].encode("latin-1") == body


def test_json_of_a_large_body_is_not_read_twice(site):
    body = pattern(2_000_000)
    response = site.ask(get("/", method="POST", body=body))
    assert json.loads(response.body)["body"].encode() == body
    assert len(site.origin.requests) == 1
