"""Heads and bodies for the parser's tests: a grammar whose every part is sometimes wrong, and plain bytes broken at random."""

from hypothesis import strategies as st

# The fields the gateway acts on.
KNOWN = b"""
    host connection content-length transfer-encoding expect upgrade te trailer keep-alive proxy-connection
    proxy-authenticate proxy-authorization x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port
    x-forwarded-path x-forwarded-prefix x-real-ip forwarded via server date cookie user-agent referer
    sec-websocket-key sec-websocket-version sec-websocket-accept
""".split()

REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /path?query=1#x HTTP/1.1\r\nHost:a\r\nX-Empty:\r\nX-Blank: \t \r\nX-Padded:  a b \t\r\n\r\n",
    b"\r\n\r\nHEAD http://h/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\nhello\r\nbody",
    b"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n00A;a=b;c=\"d\"\r\n0123456789\r\n0\r\n\r\n",
    b"PUT /t HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\nx\r\n0;last\r\nX-Sum: 12 \r\nHost: evil\r\nX-E:\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close, x\r\nContent-Length: 0\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /many HTTP/1.1\r\n" + b"".join(b"Name-%d: value %d\r\n" % (i, i) for i in range(20)) + b"\r\n",
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 404 Not Found here\r\nContent-Type: text/plain\r\n\r\nuntil the end",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"HTTP/1.1 503 \r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno",
]


def mostly(usual, *odd):
    """One of `usual` nineteen times of twenty, else an odd one."""
    times = 19 * len(odd) // len(usual) + 1
    return st.sampled_from([*usual * times, *odd])


EOL = mostly([b"\r\n"], b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\r\n ", b"\r\n\t", b"\0\r\n")
SPACE = mostly([b" "], b"  ", b"\t", b"", b" \t", b"\r")
METHODS = mostly([b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH"], b"get", b"GETX", b"G T", b"", b"PRI", b"SOURCE", b"M-SEARCH", b"TRACE")
TARGETS = mostly([b"/", b"/a?b=c", b"*", b"http://host:1/x", b"/%41"], b"", b"/a b", b"/\x00", b"/\x7f", b"/\xff", b"a", b"/#f", b"/\t", b"//", b"host:1")
VERSIONS = mostly([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"], b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"http/1.1", b"HTTP/11", b"HTTP/1.", b"HTTP/1.1.", b"HTTP/ 1.1", b"RTSP/1.0", b"ICE/1.0", b"")
STATUSES = mostly([b"200", b"404", b"503", b"302"], b"000", b"099", b"204", b"304", b"20", b"2000", b"2x0", b"", b"999", b"100", b"101")
REASONS = mostly([b" OK", b" Not  Found", b"", b" "], b"  ", b" \x01", b" \x00", b" \x7f", b" a\tb", b" \xe9", b"\tOK", b" a\rb")
NAMES = mostly(
    [b"Host", b"X-A", b"Connection", b"Accept", b"X-B", b"Cookie"],
    b"Transfer-Encoding", b"Content-Length", b"Upgrade", b"X A", b"", b"X\0", b"X-\xe9", b"X(", b" X", b"transfer-encoding", b"Transfer_Encoding",
    b"Proxy-Connection", b"Trailer",
)
VALUES = mostly(
    [b"a", b"close", b"keep-alive", b"value with blanks", b"", b"5"],
    b"chunked", b"Chunked", b"gzip, chunked", b"chunked, chunked", b"chunked\t", b"xchunked", b"\x00", b"\x01", b"\x7f", b"\xe9", b"\"q\"", b"close, x", b"upgrade",
    b"  padded\t ", b"5, 5", b"+5", b"-1", b"0x5", b"5 5", b"99999999999999999999", b"",
)
COLON = mostly([b": ", b":", b":  "], b" : ", b"", b":\t", b"::", b" ", b":\r\n ")
HEADER = st.tuples(NAMES, COLON, VALUES, EOL).map(b"".join)
LENGTHS = mostly([b"5"], b"05", b"5 ", b" 5", b"+5", b"-5", b"5,5", b"0x5", b"", b"5a", b"4", b"6", b"18446744073709551616", b"5\t")
CODINGS = mostly([b"chunked", b"chunked", b"Chunked"], b"chunked, chunked", b"gzip", b"gzip, chunked", b"identity", b"chunked;q=1", b"", b",chunked", b"chunke")
SIZES = mostly(
    [b"5", b"05", b"0005", b"5;a", b"5;a=b", b"5;a=\"b\\\" c\"", b"5;a=b;c"],
    b"4", b"6", b"-5", b"+5", b"0x5", b"5 ", b" 5", b"5\t;a", b"5;", b"5 ;a", b"5; a", b"g", b"", b"fffffffffffffffff", b"5,a", b"5;a=\"b", b"5;\0", b"5;a=\x7f",
)
CHUNK = st.tuples(SIZES, EOL, st.just(b"hello"), EOL).map(b"".join)
TRAILER = st.tuples(mostly([b"X-T", b"X-U", b"Set-Cookie"], b"Host", b"Content-Length", b"Content-Type", b"X T", b""), COLON, VALUES, EOL).map(b"".join)
CHUNKED = st.tuples(
    st.lists(CHUNK, max_size=3).map(b"".join), mostly([b"0", b"000", b"0;x=y"], b"", b"0 ", b"-0", b"0x0"), EOL,
    st.lists(TRAILER, max_size=2).map(b"".join), EOL,
).map(b"".join)
FRAMED = st.one_of(
    EOL,
    st.tuples(st.just(b"Content-Length: "), LENGTHS, EOL, EOL, st.just(b"hello")).map(b"".join),
    st.tuples(st.just(b"Transfer-Encoding: "), CODINGS, EOL, EOL, CHUNKED).map(b"".join),
    st.tuples(st.just(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), CHUNKED).map(b"".join),
)
HEADERS = st.lists(HEADER, max_size=4).map(b"".join)
EMPTY_LINES = mostly([b""], b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n", b"\n", b"\r", b" ", b"\r\n\n")
BEHIND = mostly([b"", b"GET / HTTP/1.1\r\n\r\n"], b"\r\n", b"\0")
FROM_GRAMMAR = {
    "request": st.tuples(EMPTY_LINES, METHODS, SPACE, TARGETS, SPACE, VERSIONS, EOL, HEADERS, FRAMED, BEHIND).map(b"".join),
    "response": st.tuples(EMPTY_LINES, VERSIONS, SPACE, STATUSES, REASONS, EOL, HEADERS, FRAMED, BEHIND).map(b"".join),
}

PIECES = [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"0", b"5", b",", b";", b"\xff", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n"]


@st.composite
def broken(draw, examples):
    """A good message with a few bytes put in, taken out, replaced or repeated."""
    data = draw(st.sampled_from(examples))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 6))
        kind = draw(st.sampled_from("irdx"))
        put = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=3)))
        if kind == "i":
            data = data[:at] + put + data[at:]
        elif kind == "r":
            data = data[:at] + put + data[at + len(put):]
        elif kind == "d":
            data = data[:at] + data[at + size:]
        else:
            data = data[:at + size] + data[at:]
    return data


requests = st.one_of(FROM_GRAMMAR["request"], broken(REQUESTS))
responses = st.one_of(FROM_GRAMMAR["response"], broken(RESPONSES))
