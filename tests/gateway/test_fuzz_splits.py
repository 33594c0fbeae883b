"""The same bytes cut at every place give the same result, both ways."""

from __future__ import annotations

import json
import re

import pytest

from gateway.corpus import BAD_CHUNKS, BAD_RESPONSES, CHUNKED, MALFORMED, SMUGGLING, post
from support.client import get, tcp_receive_queue
from support.messages import chunk_all
from support.origin import echo, wait_until

pytestmark = pytest.mark.core
SERVICE = {"retries": 0}
PER_CASE = 400              # longer data is cut at every n-th place, so that a case stays in this many

GOOD = {
    "get": get("/a?b=c", "X-A: 1", "Connection: close"),
    "post": get("/p", "Connection: close", method="POST", body=b"hello world"),
    "chunked": get("/c", "Connection: close", "Transfer-Encoding: chunked", method="POST")
    + b"5;e=1\r\nhello\r\n006\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
    "pipelined": get("/1") + get("/2", method="PUT", body=b"xyz") + get("/3", "Connection: close"),
    "absolute": b"GET http://test/abs HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
    "http10": b"GET /old HTTP/1.0\r\n\r\n",
    "blank lines first": b"\r\n\r\n" + get("/b", "Connection: close"),
    "good then bad": get("/g") + MALFORMED["obs-fold"],
}
BAD = {f"smuggling {n}": SMUGGLING[n] for n in ("CL with TE", "two unlike CL", "TE chunked, gzip", "space before TE colon",
                                                "TE after bare LF", "TE in HTTP/1.0", "TE folded")}
BAD |= {f"malformed {n}": MALFORMED[n] for n in ("two hosts", "no host", "NUL in value", "LF ends head", "CR CR LF",
                                                 "version 2.0", "space in target", "no colon", "HTTP/2 preface")}
BAD |= {f"chunks {n}": post(CHUNKED, BAD_CHUNKS[n]) for n in ("no hex", "LF after size", "data too long", "trailer with LF",
                                                              "overflow 64", "no CRLF after data")}


def plain(text: bytes) -> bytes:
    """Without what differs from one request to the next."""
    text = re.sub(rb"[0-9a-f]{32}", b"ID", text)
    text = re.sub(rb"(?i)(-latency: )\d+", rb"\1N", text)
    text = re.sub(rb'"connection": \d+', b'"connection": N', text)
    return re.sub(rb"(?i)\r\ndate: [^\r]*", b"", text)


def outcome(site, pieces: list[bytes]) -> tuple[list[bytes], list[str]]:
    """The heads and bodies the client got, and the requests the upstream got whole."""
    before = len(site.origin.requests)
    client = site.connect()
    client.send_pieces(pieces)
    answers = plain(client.to_end())
    client.close()
    return sorted(re.sub(rb"(?i)content-length: \d+", b"", line) for line in answers.split(b"\r\n")), \
        [f"{r.method} {r.target} {r.body!r} {r.trailers}" for r in site.origin.requests[before:]]


def cuts_of(size: int) -> range:
    return range(1, size, max(1, size // PER_CASE))


@pytest.mark.parametrize("name", GOOD)
def test_good_request_cut_anywhere_gives_the_same(site, name):
    data = GOOD[name]
    whole = outcome(site, [data])
    assert whole[1]
    for cut in cuts_of(len(data)):
        assert outcome(site, [data[:cut], data[cut:]]) == whole, f"cut at {cut}: {data[:cut]!r}"
    assert outcome(site, [data[at:at + 1] for at in range(len(data))]) == whole


@pytest.mark.parametrize("name", BAD)
def test_bad_request_cut_anywhere_gives_the_same(site, name):
    """The refusal is the same; only whether a broken body's head went out may depend on the cut."""
    data = BAD[name]
    whole = outcome(site, [data])
    for cut in cuts_of(len(data)):
        answers, requests = outcome(site, [data[:cut], data[cut:]])
        assert answers == whole[0], f"cut at {cut}: {data[:cut]!r}"
        if not name.startswith("chunks"):
            assert requests == []
    assert outcome(site, [data[at:at + 1] for at in range(len(data))])[0] == whole[0]
    site.settle()
    assert not any(r.is_whole for r in site.origin.requests)


RESPONSES = {
    "length": b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 11\r\n\r\nhello world",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk_all([b"hello", b" world"], b"X-T: 1\r\n"),
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world",
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    "no content": b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    "bad field": BAD_RESPONSES["space before colon"],
    "bad framing": BAD_RESPONSES["CL with TE"],
    "bare LF": BAD_RESPONSES["LF only"],
}


@pytest.mark.parametrize("name", RESPONSES)
def test_response_cut_anywhere_gives_the_same(site, name):
    raw = RESPONSES[name]

    def ask(pieces):
        def script(connection):
            connection.read()
            for piece in pieces:
                connection.send(piece)
                wait_until(lambda: not tcp_receive_queue(connection.socket), "the gateway stopped reading")
            connection.close()

        site.origin.script = script
        answer = site.ask(get("/", "Connection: close"))
        return answer.status, re.sub(rb"[0-9a-f]{32}", b"ID", answer.body), answer.trailers, len(answer.interim)

    whole = ask([raw])
    for cut in cuts_of(len(raw)):
        assert ask([raw[:cut], raw[cut:]]) == whole, f"cut at {cut}: {raw[:cut]!r}"
    assert ask([raw[at:at + 1] for at in range(len(raw))]) == whole
    site.origin.script = echo
    assert json.loads(site.ask(get("/after")).body)["target"] == "/after"
