"""Nanoseconds to parse one message, whole in memory, from parser_open to DONE.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    PYTHONPATH=src:tests python -m pytest bench/micro/bench_http.py

A round parses the message TIMES times without the GIL; `ns_per_message` in the extra info is the figure, of CPU time.
"""

import time

import pytest
from fastgate_doors import http_door

TIMES = 20_000
BROWSER = b"".join(b"%s: %s\r\n" % pair for pair in [
    (b"Host", b"api.example.com"), (b"Connection", b"keep-alive"), (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), (b"Accept-Language", b"en-US,en;q=0.5"), (b"Accept-Encoding", b"gzip, deflate, br"),
    (b"Referer", b"https://www.example.com/index.html"), (b"Cookie", b"session=0123456789abcdef0123456789abcdef; theme=dark"), (b"Cache-Control", b"max-age=0"),
])
CASES = {
    "smallest request": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", False),
    "curl's request": (b"GET /api/v1/items HTTP/1.1\r\nHost: localhost:8000\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n", False),
    "browser's request": (b"GET /api/v1/items?page=2 HTTP/1.1\r\n" + BROWSER + b"\r\n", False),
    "chunked request": (b"POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n", False),
    "answer": (
        b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\n"
        b"Content-Length: 13\r\nConnection: keep-alive\r\n\r\n{\"ok\": true}\n", True,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_parse(benchmark, case):
    data, is_response = CASES[case]
    figures = []

    def parse():
        start = time.thread_time_ns()
        assert http_door.parse_many(data, TIMES, is_response) == TIMES
        figures.append((time.thread_time_ns() - start) / TIMES)

    benchmark.pedantic(parse, rounds=9, warmup_rounds=1)
    benchmark.extra_info["ns_per_message"] = round(sorted(figures)[len(figures) // 2])
