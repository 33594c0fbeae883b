"""`_core/http/parser.pyx`: framing, what is refused beyond llhttp's own refusals, and every limit at its edge."""

import pytest
from core.http.messages import KNOWN
from fastgate_doors import http_door as door

GET = b"GET / HTTP/1.1\r\n\r\n"


class Fed:
    """A parser after `data`, whole or byte by byte."""

    def __init__(self, data, is_split=False, **options):
        self.parser = door.Parser(**options)
        self.used = 0
        for piece in [data[i:i + 1] for i in range(len(data))] if is_split else [data]:
            self.status, used = self.parser.feed(piece)
            self.used += used
            if self.status != "ok":
                break

    def __getattr__(self, name):
        return getattr(self.parser, name)


def request(head=b"", body=b"", line=b"POST / HTTP/1.1") -> bytes:
    return line + b"\r\n" + head + b"\r\n" + body


def answer(head=b"", body=b"", line=b"HTTP/1.1 200 OK") -> bytes:
    return line + b"\r\n" + head + b"\r\n" + body


# ---- framing (RFC 9112 section 6.3)

@pytest.mark.parametrize("head, body, framing, content", [
    (b"", b"", "none", b""),
    (b"Content-Length: 0\r\n", b"", "none", b""),
    (b"Content-Length: 3\r\n", b"abc", "length", b"abc"),
    (b"Content-Length: 003\r\n", b"abc", "length", b"abc"),
    (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", "chunked", b"abc"),
    (b"transfer-encoding:Chunked\r\n", b"0\r\n\r\n", "chunked", b""),
    (b"Upgrade: x\r\nConnection: upgrade\r\nContent-Length: 3\r\n", b"abc", "length", b"abc"),
    (b"Upgrade: x\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n", "chunked", b"abc"),
    (b"Upgrade: x\r\nConnection: upgrade\r\n", b"", "none", b""),
])
def test_requests_end_where_their_framing_says(head, body, framing, content):
    fed = Fed(request(head, body) + b"NEXT / HTTP/1.1\r\n")
    assert (fed.status, fed.used, fed.framing, fed.body) == ("done", len(request(head, body)), framing, content)
    assert fed.is_complete and fed.heads_told == 1


@pytest.mark.parametrize("line, head, body, framing, content", [
    (b"HTTP/1.1 200 OK", b"Content-Length: 3\r\n", b"abc", "length", b"abc"),
    (b"HTTP/1.1 200 OK", b"Content-Length: 0\r\n", b"", "length", b""),
    (b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked\r\n", b"1\r\na\r\n0\r\n\r\n", "chunked", b"a"),
    (b"HTTP/1.1 100 Continue", b"", b"", "none", b""),
    (b"HTTP/1.1 103 Early Hints", b"Link: </a>\r\n", b"", "none", b""),
    (b"HTTP/1.1 204 No Content", b"", b"", "none", b""),
    (b"HTTP/1.1 204 No Content", b"Content-Length: 7\r\n", b"", "none", b""),
    (b"HTTP/1.1 304 Not Modified", b"Content-Length: 7\r\n", b"", "none", b""),
    (b"HTTP/1.1 304 Not Modified", b"Transfer-Encoding: chunked\r\n", b"", "none", b""),
    (b"HTTP/1.1 101 Switching", b"Upgrade: x\r\nConnection: upgrade\r\n", b"", "tunnel", b""),
    (b"HTTP/1.1 101 Switching", b"", b"", "tunnel", b""),
])
def test_answers_end_where_their_framing_says(line, head, body, framing, content):
    fed = Fed(answer(head, body, line) + b"HTTP/1.1 200 OK\r\n", is_response=True)
    assert (fed.status, fed.used, fed.framing, fed.body) == ("done", len(answer(head, body, line)), framing, content)


@pytest.mark.parametrize("head", [b"", b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_answers_to_head_have_no_body_whatever_they_say(head):
    fed = Fed(answer(head) + b"x", is_response=True, answers_head=True)
    assert (fed.status, fed.used, fed.framing) == ("done", len(answer(head)), "none")
    assert fed.content_length == (7 if head.startswith(b"Content") else 0)


def test_answer_without_framing_ends_with_the_connection():
    fed = Fed(answer(b"Content-Type: text/plain\r\n", b"abc"), is_response=True)
    assert (fed.status, fed.framing, fed.body) == ("ok", "until close", b"abc")
    assert fed.parser.feed(b"def") == ("ok", 3)
    assert fed.parser.end() == "done"
    assert fed.is_complete and fed.body == b"abcdef"


@pytest.mark.parametrize("is_response, data", [
    (False, b""), (False, b"GET / HT"), (False, request(b"Content-Length: 3\r\n", b"ab")),
    (False, request(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n")),
    (True, b"HTTP/1.1 200 OK\r\nA: b\r\n"), (True, answer(b"Content-Length: 3\r\n", b"ab")),
    (True, answer(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n")),
])
def test_message_cut_by_the_end_is_malformed(is_response, data):
    fed = Fed(data, is_response=is_response)
    assert (fed.status, fed.parser.end()) == ("ok", "malformed")
    assert not fed.is_complete


# ---- keep-alive (RFC 9112 section 9.3)

@pytest.mark.parametrize("version, head, keeps", [
    (b"1.1", b"", True), (b"1.1", b"Connection: close\r\n", False), (b"1.1", b"Connection: x, Close\r\n", False),
    (b"1.1", b"Connection: keep-alive\r\nConnection: close\r\n", False), (b"1.1", b"Connection: closed\r\n", True),
    (b"1.0", b"", False), (b"1.0", b"Connection: keep-alive\r\n", True), (b"1.0", b"Connection: Keep-Alive, close\r\n", False),
    (b"1.0", b"Keep-Alive: 5\r\n", False),
])
def test_keeps_alive(version, head, keeps):
    assert Fed(request(head, line=b"GET / HTTP/" + version)).keeps_alive == keeps
    assert Fed(answer(head, line=b"HTTP/" + version + b" 204 X"), is_response=True).keeps_alive == keeps


# ---- what is refused though llhttp lets it through

@pytest.mark.parametrize("data", [
    b"GET  / HTTP/1.1\r\n\r\n", b"GET /  HTTP/1.1\r\n\r\n", b" GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1 \r\n\r\n", b"GET\t/ HTTP/1.1\r\n\r\n",
])
def test_request_line_has_single_spaces(data):
    assert (Fed(data).status, Fed(data).fault) == ("malformed", "malformed")


@pytest.mark.parametrize("before, status", [
    (b"\r\n", "done"), (b"\r\n\r\n", "done"), (b"\r\n\r\n\r\n", "malformed"), (b"\n", "malformed"), (b"\r", "malformed"),
    (b"\n\r\n", "malformed"), (b"\r\n\n", "malformed"), (b"\r\r\n", "malformed"),
])
@pytest.mark.parametrize("is_split", [False, True])
def test_empty_lines_before_a_request(before, status, is_split):
    assert Fed(before + GET, is_split).status == status


@pytest.mark.parametrize("line", [
    b"GET / HTTP/0.9", b"GET / HTTP/2.0", b"GET /",
])
def test_other_versions_are_told_apart(line):
    fed = Fed(line + b"\r\n\r\n")
    assert (fed.status, fed.fault, fed.heads_told) == ("malformed", "version", 0)


@pytest.mark.parametrize("line", [b"GET / HTTP/1.2", b"GET / HTTP/3.0", b"GET / http/1.1", b"GET / HTTP/1.10"])
def test_what_is_no_version_is_malformed(line):
    assert Fed(line + b"\r\n\r\n").status == "malformed"


@pytest.mark.parametrize("is_split", [False, True])
def test_preface_of_http_2_is_malformed(is_split):
    assert Fed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", is_split).status == "malformed"


ENCODINGS = [
    b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: chunked, gzip\r\n", b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding:\r\n",
    b"Transfer-Encoding: chunked;q=1\r\n", b"Transfer-Encoding: ,chunked\r\n", b"Transfer-Encoding: chunked,\r\n", b"Transfer-Encoding: \"chunked\"\r\n",
    b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: \x0bchunked\r\n", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nContent-Length: 5\r\n", b"Content-Length: 5, 5\r\n", b"Content-Length: +5\r\n", b"Content-Length: 5 5\r\n", b"Content-Length:\r\n",
    b"Content-Length: 0x5\r\n", b"Content-Length: 18446744073709551616\r\n", b"Content-Length: -1\r\n", b"Content-Length: 5;\r\n",
]


@pytest.mark.parametrize("head", ENCODINGS)
def test_framing_that_can_be_read_two_ways_is_refused(head):
    body = b"5\r\nhello\r\n0\r\n\r\n"
    for fed in (Fed(request(head, body)), Fed(answer(head, body), is_response=True)):
        assert (fed.status, fed.fault, fed.heads_told) == ("malformed", "malformed", 0)


def test_transfer_encoding_in_http_1_0_is_refused():
    head, body = b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"
    assert Fed(request(head, body, b"POST / HTTP/1.0")).status == "malformed"
    assert Fed(answer(head, body, b"HTTP/1.0 200 OK"), is_response=True).status == "malformed"


@pytest.mark.parametrize("line", [
    b"HTTP/1.1 000 X", b"HTTP/1.1 099 X", b"HTTP/1.1 20 X", b"HTTP/1.1 2000 X", b"HTTP/1.1  200 X", b"HTTP/0.9 200 OK", b"HTTP/2.0 200 OK",
    b"HTTP/1.1 200 a\x00b", b"HTTP/1.1 200 a\x01", b"HTTP/1.1 200 \x1b[0m", b"HTTP/1.1 200 a\x7f", b"HTTP/1.1 200 a\rb", b"HTTP/1.1 200X", b"ICY 200 OK",
])
def test_status_lines_refused(line):
    assert Fed(answer(line=line), is_response=True).status == "malformed"


@pytest.mark.parametrize("line, status, reason", [
    (b"HTTP/1.1 200 OK", 200, b"OK"), (b"HTTP/1.0 404 Not\tFound \xe9", 404, b"Not\tFound \xe9"), (b"HTTP/1.1 999 ", 999, b""), (b"HTTP/1.1 100", 100, b""),
])
def test_status_lines(line, status, reason):
    fed = Fed(answer(line=line), is_response=True)
    assert (fed.parser.status, fed.reason, fed.is_head_done) == (status, reason, True)


@pytest.mark.parametrize("field", [
    b"Name : x\r\n", b" Name: x\r\n", b"Name: x\r\n folded\r\n", b"Name: x\n", b"Na me: x\r\n", b"Name\0: x\r\n", b": x\r\n", b"Name\r\n", b"Name: a\0b\r\n",
    b"Name: a\rb\r\n", b"Name: a\x01\r\n", b"Name: a\x7f\r\n", b"N\xe9: x\r\n", b"Name: x\r\n\tfolded\r\n",
])
def test_fields_refused(field):
    for head in (field, b"A: b\r\n" + field, field + b"A: b\r\n"):
        assert Fed(request(head)).status == "malformed"
        assert Fed(answer(head), is_response=True).status == "malformed"


@pytest.mark.parametrize("body", [
    b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"5\r\nhell\r\n0\r\n\r\n", b" 5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"\r\nhello\r\n0\r\n\r\n",
    b"10000000000000000\r\nhello\r\n0\r\n\r\n", b"5;a\0\r\nhello\r\n0\r\n\r\n", b"5;a\nhello\r\n0\r\n\r\n", b"5,a\r\nhello\r\n0\r\n\r\n",
    b"0\r\nX : y\r\n\r\n", b"0\r\nX: y\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX: \0\r\n\r\n",
])
@pytest.mark.parametrize("is_split", [False, True])
def test_chunked_bodies_refused(body, is_split):
    head = b"Transfer-Encoding: chunked\r\n"
    assert Fed(request(head, body), is_split).status == "malformed"
    assert Fed(answer(head, body), is_split, is_response=True).status == "malformed"


# ---- trailers (RFC 9110 section 6.5.1)

def chunked(trailers=b"", chunks=b"") -> bytes:
    return request(b"Transfer-Encoding: chunked\r\n", chunks + b"0\r\n" + trailers + b"\r\n")


def test_trailers_are_kept_without_those_that_frame_or_route():
    dropped = [name for name in KNOWN if name not in (b"content-length", b"transfer-encoding")]
    dropped += [b"HOST", b"Authorization", b"WWW-Authenticate", b"Set-Cookie", b"Cache-Control", b"Content-Encoding", b"content-range", b"Content-Type", b"Range",
                b"Max-Forwards"]
    trailers = b"A: 1\r\n" + b"".join(b"%s: close\r\nX-%d: %d\r\n" % (name, i, i) for i, name in enumerate(dropped)) + b"B:  two\r\nC:\r\n"
    fed = Fed(chunked(trailers))
    assert fed.status == "done" and fed.keeps_alive
    assert fed.trailers == b"A: 1\r\n" + b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(len(dropped))) + b"B: two\r\nC: \r\n"
    assert fed.headers == [(b"Transfer-Encoding", b"chunked")]


@pytest.mark.parametrize("trailer", [b"Content-Length: 1\r\n", b"content-length: 0\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_trailers_that_frame_never_go_on(trailer):
    """llhttp refuses some of them."""
    fed = Fed(chunked(b"A: 1\r\n" + trailer))
    assert fed.status == "malformed" or fed.trailers == b"A: 1\r\n"


# ---- limits

@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize("is_response, head, fault", [
    (False, b"GET / HTTP/1.1\r\nName: value\r\n\r\n", "head too large"),
    (False, b"\r\n\r\nGET / HTTP/1.1\r\nName: value\r\n\r\n", "head too large"),
    (False, b"GET / HTTP/1.1\r\nName:" + b" " * 500 + b"value" + b"\t" * 500 + b"\r\n\r\n", "head too large"),
    (False, b"GET / HTTP/1.1\r\nA: b\r\nEmpty:\r\n\r\n", "head too large"),
    (False, b"GET / HTTP/1.1\r\nA: b\r\nBlank:   \r\n\r\n", "head too large"),
    (False, b"GET /" + b"x" * 100 + b" HTTP/1.1\r\n\r\n", "uri too long"),
    (True, b"HTTP/1.1 200 OK\r\nName: value\r\n\r\n", "head too large"),
    (True, b"HTTP/1.1 200 OK\r\n\r\n", "head too large"),
    (True, b"HTTP/1.1 200\r\n\r\n", "head too large"),
])
def test_header_bytes(is_response, head, fault, is_split):
    options = dict(is_split=is_split, is_response=is_response)
    for limit in (len(head), len(head) + 1):
        assert Fed(head, header_bytes=limit, **options).is_head_done
    for limit in (len(head) - 1, 1, 0):
        fed = Fed(head, header_bytes=limit, **options)
        assert (fed.status, fed.heads_told) == ("too large", 0)
        assert limit < 20 or fed.fault == fault


def test_body_with_the_head_does_not_count_as_head():
    head, body = b"POST / HTTP/1.1\r\nContent-Length: 500\r\n\r\n", b"x" * 500
    assert Fed(head + body, header_bytes=len(head)).body == body
    assert Fed(GET * 50, header_bytes=len(GET)).used == len(GET)


@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize("count", [1, 8, 9, 200, 256])
def test_headers(count, is_split):
    data = request(b"".join(b"N%d: v\r\n" % i for i in range(count)))
    for limit in (count, count + 1):
        fed = Fed(data, is_split, headers=limit)
        assert (fed.status, len(fed.headers)) == ("done", count)
        assert fed.headers[-1] == (b"N%d" % (count - 1), b"v")
    for limit in (count - 1, 0):
        fed = Fed(data, is_split, headers=limit)
        assert (fed.status, fed.fault) == ("too large", "head too large")
    assert Fed(GET, is_split, headers=0).status == "done"


@pytest.mark.parametrize("is_response", [False, True])
def test_connection_fields_are_short(is_response):
    """Each is read once for every other field. All of them together count, trimmed."""
    def fed(*values):
        head = b"".join(b"Connection: %s\r\n" % value for value in values)
        return Fed(answer(head) if is_response else request(head), is_response=is_response)

    assert fed(b"x" * 1024).is_head_done and fed(b"x" * 1000, b"y" * 24).heads_told == 1
    for values in ([b"x" * 1025], [b"x" * 1000, b"y" * 25]):
        assert (fed(*values).fault, fed(*values).heads_told) == ("head too large", 0)


def test_headers_have_a_hard_cap_behind_the_limit():
    data = request(b"".join(b"N%d: v\r\n" % i for i in range(257)))
    assert (Fed(data, headers=1000).status, Fed(data, headers=1000).fault) == ("too large", "head too large")


@pytest.mark.parametrize("is_split", [False, True])
def test_uri_bytes(is_split):
    target = b"/" + b"x" * 99
    data = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    for limit in (100, 101):
        assert Fed(data, is_split, uri_bytes=limit).target == target
    for limit in (99, 1, 0):
        fed = Fed(data, is_split, uri_bytes=limit)
        assert (fed.status, fed.fault) == ("too large", "uri too long")


@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize("extension, size", [(b";abcde", 5), (b";abc=de", 5), (b";a=b;c=d;e", 5)])
def test_chunk_extension_bytes(extension, size, is_split):
    data = chunked(chunks=b"1" + extension + b"\r\nx\r\n" + b"1" + extension + b"\r\ny\r\n")
    for limit in (size, size + 1):
        fed = Fed(data, is_split, chunk_extension_bytes=limit)
        assert (fed.status, fed.body) == ("done", b"xy")
    for limit in (size - 1, 0):
        fed = Fed(data, is_split, chunk_extension_bytes=limit)
        assert (fed.status, fed.fault) == ("malformed", "malformed")
    assert Fed(chunked(chunks=b"1\r\nx\r\n"), is_split, chunk_extension_bytes=0).body == b"x"


def test_size_digits_without_end_are_refused():
    """Zeros are not an error to llhttp, and give nothing to pass on: a peer could send them for ever."""
    parser = door.Parser(header_bytes=1000, chunk_extension_bytes=100)
    assert parser.feed(request(b"Transfer-Encoding: chunked\r\n"))[0] == "ok"
    sent = 0
    while parser.feed(b"0" * 10)[0] == "ok":
        sent += 10
        assert sent < 2000
    assert parser.fault == "malformed"
    assert Fed(request(b"Transfer-Encoding: chunked\r\n", b"0" * 2000 + b"1\r\nx\r\n"), header_bytes=1000, chunk_extension_bytes=100).status == "malformed"


def test_small_chunks_are_not_taken_for_endless_framing():
    parser = door.Parser(header_bytes=60, chunk_extension_bytes=0)
    assert parser.feed(request(b"Transfer-Encoding: chunked\r\n"))[0] == "ok"
    for _ in range(3000):
        assert parser.feed(b"000001\r\nx\r\n")[0] == "ok"
    assert parser.feed(b"0\r\n\r\n")[0] == "done"
    assert parser.body_bytes == 3000


@pytest.mark.parametrize("is_split", [False, True])
def test_trailers_are_limited_as_headers_are(is_split):
    lines = b"".join(b"N%d: v\r\n" % i for i in range(5))
    assert Fed(chunked(lines), is_split, headers=5).status == "done"
    for limit in (4, 1):
        fed = Fed(chunked(lines), is_split, headers=limit)
        assert (fed.status, fed.fault) == ("too large", "head too large")
    assert Fed(chunked(b"X: " + b"v" * 80 + b"\r\n"), is_split, header_bytes=90).status == "done"
    assert Fed(chunked(b"X: " + b"v" * 100 + b"\r\n"), is_split, header_bytes=90).fault == "head too large"


def test_trailers_that_are_dropped_are_not_endless():
    parser = door.Parser(header_bytes=500, chunk_extension_bytes=100)
    assert parser.feed(request(b"Transfer-Encoding: chunked\r\n", b"0\r\n"))[0] == "ok"
    sent = 0
    while parser.feed(b"Host: x\r\n")[0] == "ok":
        sent += 9
        assert sent < 2000


# ---- what the room above says

def test_head_refused_above_ends_parsing():
    fed = Fed(request(b"Content-Length: 3\r\n", b"abc"), refuses_head=True)
    assert (fed.status, fed.fault, fed.heads_told, fed.body) == ("failed", "refused above", 1, b"")


def test_body_refused_above_ends_parsing():
    fed = Fed(request(b"Content-Length: 3\r\n", b"abc"), refuses_body=True)
    assert (fed.status, fed.fault) == ("failed", "refused above")


# ---- reading a message

def test_fields_are_found_by_id_and_by_name():
    fed = Fed(request(b"Host: a\r\nX-A: 1\r\nhost: b\r\nx-a: 2\r\n"))
    host = fed.ids[0]
    assert fed.has_id(host) and fed.find_id(host) == b"a"
    assert fed.ids == [host, 0, host, 0]
    assert (fed.find(b"x-A"), fed.find(b"X-A", 2), fed.find(b"X-A", 4), fed.find(b"X")) == (b"1", b"2", None, None)
    missing = door.id_of(b"cookie")
    assert not fed.has_id(missing) and fed.find_id(missing) is None
