"""The access log as a whole: what lines say, reopening, and a disk that cannot keep up."""

from __future__ import annotations

import json
import os
import re
import signal
import threading

import pytest

from support.client import get
from support.origin import answer, named
from support.site import config_of, service

COMBINED = re.compile(r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                      r'"([A-Z]+) (\S+) HTTP/1\.1" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"')


@pytest.fixture
def logged(open_site, open_origin, tmp_path):
    """A site that writes its access log to a file; (site, path)."""
    def start(script=named, workers=1, **access_log):
        path = tmp_path / "access.log"
        origin = open_origin(script, name="o")
        route = {"name": "everything", "paths": ["/"], "strip_path": False}
        config = config_of(service(origin, route, name="backend"), gateway={"access_log": {"path": str(path), **access_log}})
        return open_site(config, origin, access_log=None, workers=workers), path
    return start


def lines(path, count: int) -> list[str]:
    """The log's lines once there are so many."""
    for _ in range(1000):
        text = path.read_text() if path.exists() else ""
        if text.count("\n") >= count:
            return text.splitlines()
        threading.Event().wait(0.01)
    raise AssertionError(f"{text.count(chr(10))} lines, not {count}:\n{text[-1000:]}")


def test_json_line_says_what_happened(logged):
    site, path = logged()
    response = site.ask(get("/a?q=1", "User-Agent: tester/1", "Referer: http://r/", host="h.example", method="POST", body=b"hello"))
    record = json.loads(lines(path, 1)[0])
    assert record["request"]["method"] == "POST"
    assert record["request"]["uri"] == "/a?q=1"
    assert record["request"]["host"].startswith("h.example")
    assert record["request"]["id"] == response.get("x-fastgate-request-id")
    assert record["request"]["user_agent"] == "tester/1"
    assert record["request"]["size"] >= 5
    assert record["response"]["status"] == 200
    assert record["response"]["body_size"] == 1
    assert record["client_ip"] == "127.0.0.1"
    assert record["service"]["name"] == "backend" and record["route"]["name"] == "everything"
    assert record["upstream_status"] == 200 and record["tries"] == 1 and record["source"] == "upstream"
    assert record["target"] == site.origin.target
    assert set(record["latencies"]) == {"request", "gateway", "upstream"}


@pytest.mark.parametrize("evil", ['/"quote', "/back\\slash", "/%0a%22", "/\xe9", "/'", "/{}", "/a,b", "/\x80\xff"])
def test_json_line_of_hostile_text_parses(logged, evil):
    site, path = logged()
    data = f"GET {evil} HTTP/1.1\r\nHost: test\r\nUser-Agent: \"\\\t\xff\r\nReferer: {evil}\r\n\r\n".encode("latin-1")
    status = site.ask(data).status
    record = json.loads(lines(path, 1)[0])
    assert record["response"]["status"] == status


def test_refusals_are_logged(logged):
    site, path = logged()
    for data in (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"nonsense\r\n\r\n", get("/" + "a" * 20_000)):
        client = site.connect()
        client.send_quietly(data)
        client.to_end()
    records = [json.loads(line) for line in lines(path, 3)]
    assert [record["response"]["status"] for record in records] == [400, 400, 414]
    assert all(record["source"] != "upstream" for record in records)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"\x16\x03\x01 no HTTP\r\n\r\n"])
def test_malformed_request_is_logged_with_its_sender(logged, data):
    site, path = logged()
    assert site.ask(data).status == 400
    record = json.loads(lines(path, 1)[0])
    assert (record["client_ip"], record["response"]["status"]) == ("127.0.0.1", 400)


def test_failures_are_logged(logged):
    site, path = logged(answer(b"garbage\r\n\r\n", then_close=True))
    assert site.ask(get("/", method="POST", body=b"")).status == 502
    record = json.loads(lines(path, 1)[0])
    assert record["response"]["status"] == 502 and record["source"] != "upstream"


def test_request_that_the_client_abandons_is_logged(logged):
    left = threading.Event()
    site, path = logged(lambda c: (c.read(), left.set(), c.wait_end()))
    client = site.connect()
    client.send(get("/abandoned"))
    assert left.wait(20)
    client.reset()
    record = json.loads(lines(path, 1)[0])
    assert record["request"]["uri"] == "/abandoned"


def test_pipelined_requests_count_their_own_bytes(logged):
    site, path = logged()
    requests = [get("/1"), get("/two", method="POST", body=b"x" * 100), get("/three")]
    client = site.connect()
    client.send(b"".join(requests))
    for _ in requests:
        assert client.response().status == 200
    sizes = [json.loads(line)["request"]["size"] for line in lines(path, 3)]
    assert sizes == [len(data) for data in requests]


def test_combined_line_is_what_tools_expect(logged):
    site, path = logged(format="combined")
    site.ask(get("/a?q=1", "User-Agent: tester/1", "Referer: http://r/"))
    found = COMBINED.fullmatch(lines(path, 1)[0])
    assert found and found.groups() == ("GET", "/a?q=1", "200", "1", "http://r/", "tester/1")


def test_combined_line_of_hostile_text_stays_one_line(logged):
    site, path = logged(format="combined")
    site.ask(b'GET /"x HTTP/1.1\r\nHost: test\r\nUser-Agent: a"b\\c\td\r\n\r\n')
    site.ask(get("/second"))
    assert len(lines(path, 2)) == 2
    assert all(line.startswith("127.0.0.1 - - [") for line in lines(path, 2))


def test_stdout_is_the_default(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin)), origin, access_log=None)
    site.ask(get("/to-stdout"))
    text = site.process.wait_for_access_log("/to-stdout")
    assert json.loads(text.splitlines()[0])["request"]["uri"] == "/to-stdout"


def test_off_writes_nothing(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin), gateway={"access_log": "off"}), origin, access_log=None)
    site.ask(get("/silent"))
    site.process.stop()
    assert "/silent" not in site.process.access_log()


def test_usr1_reopens_the_file(logged):
    site, path = logged()
    client = site.connect()
    client.ask(get("/before"))
    lines(path, 1)
    moved = path.with_suffix(".1")
    path.rename(moved)
    client.ask(get("/between"))
    site.process.signal(signal.SIGUSR1)
    for number in range(1000):
        client.ask(get(f"/after/{number}"))
        if path.exists() and "/after/" in path.read_text():
            break
        threading.Event().wait(0.01)
    assert "/after/" in path.read_text()
    assert "/before" in moved.read_text()
    client.close()
    site.process.stop()
    total = moved.read_text().count("\n") + path.read_text().count("\n")
    assert total == number + 3, "no line was lost or doubled"


@pytest.mark.parametrize("workers", [1, 2])
def test_every_request_has_one_line(logged, workers):
    site, path = logged(workers=workers)
    client = site.connect()
    for number in range(1000):
        assert client.ask(get(f"/{number}")).status == 200
    uris = [json.loads(line)["request"]["uri"] for line in lines(path, 1000)]
    assert uris == [f"/{n}" for n in range(1000)]


def test_disk_that_cannot_keep_up_drops_and_counts(open_site, open_origin, tmp_path):
    """A pipe nobody reads: requests go on unharmed, lines are dropped and counted."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        origin = open_origin(named)
        site = open_site(config_of(service(origin), gateway={"access_log": {"path": str(path)}}), origin, access_log=None)
        client = site.connect()
        dropped, sent = 0, 0
        while not dropped and sent < 200_000:
            client.send(b"".join(get("/" + "x" * 3000) for _ in range(50)))
            assert [client.response().status for _ in range(50)] == [200] * 50
            sent += 50
            dropped = site.metrics()["fastgate_access_log_dropped_total"]
        assert dropped > 0
        os.set_blocking(reader, True)
        client.close()
        got = bytearray()
        thread = threading.Thread(target=lambda: got.extend(b"".join(iter(lambda: os.read(reader, 1 << 16), b""))), daemon=True)
        thread.start()
        assert site.process.stop() == 0
        thread.join(20)
        whole = [json.loads(line) for line in got.decode().splitlines()]
        assert len(whole) <= sent
        assert all(record["response"]["status"] == 200 for record in whole)
    finally:
        os.close(reader)
