"""`_core/http/websocket.pyx`: the opening handshake, both sides (RFC 6455 section 4)."""

import base64
import hashlib

import pytest
from fastgate_doors import http_door as door
from hypothesis import given
from hypothesis import strategies as st

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="               # the RFC's example
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
FIELDS = {b"Host": b"a", b"Upgrade": b"websocket", b"Connection": b"Upgrade", b"Sec-WebSocket-Key": KEY, b"Sec-WebSocket-Version": b"13"}
ANSWER = {b"Upgrade": b"websocket", b"Connection": b"Upgrade", b"Sec-WebSocket-Accept": ACCEPT}


def request(line=b"GET /chat HTTP/1.1", extra=b"", **changes):
    fields = FIELDS | {name.replace("_", "-").encode(): value for name, value in changes.items()}
    parser = door.Parser()
    head = b"".join(b"%s: %s\r\n" % pair for pair in fields.items() if pair[1] is not None)
    assert parser.feed(line + b"\r\n" + head + extra + b"\r\n")[0] == "done"
    return parser


def answer(extra=b"", **changes):
    fields = ANSWER | {name.replace("_", "-").encode(): value for name, value in changes.items()}
    parser = door.Parser(True)
    head = b"".join(b"%s: %s\r\n" % pair for pair in fields.items() if pair[1] is not None)
    assert parser.feed(b"HTTP/1.1 101 Switching Protocols\r\n" + head + extra + b"\r\n")[0] == "done"
    return parser


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def test_the_rfcs_example():
    assert request().websocket_refusal() == 0
    assert request().accepts_websocket(answer())
    assert accept_of(KEY) == ACCEPT


@pytest.mark.parametrize("changes", [
    dict(Connection=b"keep-alive, Upgrade"), dict(Connection=b"upgrade"), dict(Sec_WebSocket_Key=b"AAAAAAAAAAAAAAAAAAAAAA=="),
])
def test_requests_taken(changes):
    assert request(**changes).websocket_refusal() == 0


@pytest.mark.parametrize("changes, status", [
    (dict(line=b"POST /chat HTTP/1.1"), 400), (dict(line=b"GET /chat HTTP/1.0"), 400), (dict(Connection=None), 400), (dict(Connection=b"keep-alive"), 400),
    (dict(Sec_WebSocket_Key=None), 400), (dict(Sec_WebSocket_Key=b""), 400), (dict(Sec_WebSocket_Key=KEY[:-1]), 400), (dict(Sec_WebSocket_Key=KEY + b"="), 400),
    (dict(Sec_WebSocket_Key=b"dGhlIHNhbXBsZSBub25jZQA="), 400), (dict(Sec_WebSocket_Key=b"dGhlIHNhbXBsZSBub25j!!=="), 400),
    (dict(Sec_WebSocket_Key=b"dGhlIHNhbXBsZSBub25jZ==="), 400), (dict(Sec_WebSocket_Version=None), 400),
    (dict(Sec_WebSocket_Version=b"12"), 426), (dict(Sec_WebSocket_Version=b"013"), 426), (dict(Sec_WebSocket_Version=b""), 426),
    (dict(Sec_WebSocket_Version=b"13, 8"), 426), (dict(extra=b"Sec-WebSocket-Key: " + KEY + b"\r\n"), 400),
    (dict(extra=b"Sec-WebSocket-Version: 13\r\n"), 400),
])
def test_requests_refused(changes, status):
    assert request(**changes).websocket_refusal() == status


@given(st.binary(min_size=16, max_size=16))
def test_accept_is_what_hashlib_says(nonce):
    key = base64.b64encode(nonce)
    client = request(Sec_WebSocket_Key=key)
    assert client.websocket_refusal() == 0
    accept = accept_of(key)
    assert client.accepts_websocket(answer(Sec_WebSocket_Accept=accept))
    for at in (0, 13, 26):
        wrong = accept[:at] + (b"A" if accept[at:at + 1] != b"A" else b"B") + accept[at + 1:]
        assert not client.accepts_websocket(answer(Sec_WebSocket_Accept=wrong))


@pytest.mark.parametrize("changes", [
    dict(Sec_WebSocket_Accept=None), dict(Sec_WebSocket_Accept=b""), dict(Sec_WebSocket_Accept=ACCEPT[:-1]), dict(Sec_WebSocket_Accept=ACCEPT.lower()),
    dict(Upgrade=None), dict(Upgrade=b"h2c"), dict(Upgrade=b"websocket, h2c"), dict(extra=b"Sec-WebSocket-Accept: x\r\n"),
])
def test_answers_refused(changes):
    assert not request().accepts_websocket(answer(**changes))


def test_answers_name_the_protocol_in_any_case():
    assert request().accepts_websocket(answer(Upgrade=b"WebSocket"))
