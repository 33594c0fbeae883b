"""`_core/http/parser.pyx` against llhttp itself, as httptools drives it, byte by byte.

What llhttp refuses is refused. What it lets through is refused only for the reasons in
`stricter_request` and `stricter_response`, and else read alike, to the byte.
"""

import re

import httptools
from core.http.messages import KNOWN, REQUESTS, RESPONSES, requests, responses
from fastgate_doors import http_door as door
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

# What the gateway itself reads or writes, and what grants, frames or describes, is not passed on as a trailer.
NO_TRAILERS = set(KNOWN) | {
    b"authorization", b"www-authenticate", b"set-cookie", b"cache-control", b"content-encoding", b"content-range", b"content-type", b"range", b"max-forwards",
}
# At most two CRLFs, whole but for the last at the end of what has come.
EMPTY_LINES = re.compile(rb"(\r\n){0,2}(?![\r\n])|(\r\n)?\r\Z")


class Oracle:
    """The first message of `data`: "complete", "more" or "error", and after how many bytes."""

    def __init__(self, parser_class, data):
        self.url, self.reason, self.body = b"", b"", b""
        self.headers, self.trailers = [], []
        self.is_head_done = self.is_complete = self.switches = False
        self.parser = parser_class(self)
        self.verdict, self.used = "more", len(data)
        for i in range(len(data)):
            try:
                self.parser.feed_data(data[i:i + 1])
            except httptools.HttpParserUpgrade:
                self.is_complete = self.switches = True     # to llhttp, no more of HTTP comes
            except httptools.HttpParserError:
                if not self.is_complete:
                    self.verdict, self.used = "error", i + 1
                    return
            if self.is_complete:
                self.verdict, self.used = "complete", i + 1
                return

    def on_url(self, url):
        self.url += url

    def on_status(self, reason):
        self.reason += reason

    def on_header(self, name, value):
        (self.trailers if self.is_head_done else self.headers).append((name, (value or b"").strip(b" \t")))

    def on_headers_complete(self):
        self.is_head_done = True
        self.version = self.parser.get_http_version()

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.is_complete = True

    def values(self, name):
        return [value for header, value in self.headers if header.lower() == name]


def stricter_encoding(oracle) -> bool:
    """Exactly one Transfer-Encoding, exactly chunked, only in HTTP/1.1, without Content-Length (RFC 9112 section 6.1)."""
    codings = oracle.values(b"transfer-encoding")
    return bool(codings) and (
        [coding.lower() for coding in codings] != [b"chunked"] or oracle.version == "1.0" or bool(oracle.values(b"content-length"))
    )


def stricter_request(data, oracle) -> str | None:
    if not EMPTY_LINES.match(data):
        return "empty lines"
    if oracle.is_head_done:
        if oracle.version not in ("1.0", "1.1"):
            return "version"
        if not re.match(rb"(\r\n){0,2}%s %s HTTP/1\.[01]\r\n" % (re.escape(oracle.parser.get_method()), re.escape(oracle.url)), data):
            return "blanks in the request line"
        if stricter_encoding(oracle):
            return "transfer coding"
    return None


def stricter_response(data, oracle) -> str | None:
    if not EMPTY_LINES.match(data):
        return "empty lines"
    if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", oracle.reason):
        return "control bytes in the reason"
    if oracle.is_head_done:
        if oracle.version not in ("1.0", "1.1"):
            return "version"
        if oracle.parser.get_status_code() < 100:
            return "status"
        if stricter_encoding(oracle):
            return "transfer coding"
    return None


def check_verdicts(oracle, reason, status, parser) -> bool:
    """True: both have read the message, or begun to."""
    event(f"{oracle.verdict}, {reason}")
    if oracle.verdict == "error":
        assert status == "malformed", oracle.headers
        return False
    if reason:
        assert status == "malformed"
        assert parser.fault == ("version" if reason == "version" and not parser.status else "malformed")
        return False
    assert status == ("done" if oracle.verdict == "complete" else "ok")
    return parser.is_head_done


def check_message(oracle, parser, used):
    assert used == oracle.used
    assert parser.headers == oracle.headers
    assert "1.%d" % parser.http_minor == oracle.version
    assert parser.keeps_alive == parser_keeps_alive(oracle)
    assert parser.body == oracle.body
    kept = [(name, value) for name, value in oracle.trailers if name.lower() not in NO_TRAILERS]
    if parser.is_complete:
        assert [(name, value.strip(b" \t")) for name, _, value in (line.partition(b": ") for line in parser.trailers.split(b"\r\n")[:-1])] == kept


def parser_keeps_alive(oracle) -> bool:
    """RFC 9112 section 9.3, without what llhttp says: Proxy-Connection, which it reads as Connection, is rare enough to follow it."""
    options = {
        option.strip(b" \t").lower()
        for name in (b"connection", b"proxy-connection") for value in oracle.values(name) for option in value.split(b",")
    }
    return b"close" not in options and (oracle.version == "1.1" or b"keep-alive" in options)


@settings(max_examples=600)
@given(requests)
@example(b"GET  / HTTP/1.1\r\n\r\n")
@example(b"GET /  HTTP/1.1\r\n\r\n")
@example(b"GET /\r\n\r\n")
@example(b"\nGET / HTTP/1.1\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nConnection: close\t, x\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\nConnection: upgrade\r\n\r\n")
def test_requests(data):
    oracle = Oracle(httptools.HttpRequestParser, data)
    parser = door.Parser()
    status, used = parser.feed(data)
    reason = stricter_request(data, oracle)
    if oracle.switches and parser.framing != "none" and not reason:
        # A request is sent whole before the protocol changes (RFC 9110 section 7.8): its body is read.
        assert parser.headers == oracle.headers and parser.heads_told == 1
        return
    if check_verdicts(oracle, reason, status, parser):
        assert (parser.method, parser.target) == (oracle.parser.get_method(), oracle.url)
        check_message(oracle, parser, used)


@settings(max_examples=600)
@given(responses)
@example(b"HTTP/1.1 000 x\r\n\r\n")
@example(b"HTTP/1.1 200 a\x01b\r\n\r\n")
@example(b"HTTP/0.9 200 OK\r\n\r\n")
def test_responses(data):
    oracle = Oracle(httptools.HttpResponseParser, data)
    parser = door.Parser(True)
    status, used = parser.feed(data)
    if oracle.is_head_done and (parser.status < 200 or parser.status in (204, 304)):
        # No body whatever the head says (RFC 9112 section 6.3): llhttp alone would wait for one. The head counts.
        reason = stricter_response(data, oracle)
        assert status == ("malformed" if reason else "done")
        if not reason:
            assert parser.headers == oracle.headers and parser.body == b"" and data[:used].endswith(b"\r\n\r\n")
        return
    if check_verdicts(oracle, stricter_response(data, oracle), status, parser):
        assert (parser.status, parser.reason) == (oracle.parser.get_status_code(), oracle.reason)
        check_message(oracle, parser, used)


def test_the_oracle_reads_the_good_ones():
    """Else the tests above would compare nothing."""
    for data in REQUESTS:
        assert Oracle(httptools.HttpRequestParser, data).verdict == "complete", data
    for data in RESPONSES:
        assert Oracle(httptools.HttpResponseParser, data).verdict != "error", data


@settings(max_examples=150)
@given(st.one_of(st.binary(max_size=60), st.text("\r\n G", max_size=8).map(str.encode)))
@example(b"\n")
@example(b"\r\n\r\n\r")
def test_noise_is_refused_as_llhttp_refuses_it(data):
    oracle = Oracle(httptools.HttpRequestParser, data)
    status, _ = door.Parser().feed(data)
    assert status == ("ok" if oracle.verdict == "more" and not stricter_request(data, oracle) else "malformed")
