"""Access records as lines: read back by other parsers, and as Apache writes them."""

import codecs
import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from fastgate_doors.observe_door import Record
from hypothesis import given
from hypothesis import strategies as st

JSON, COMBINED = 0, 1
URI_BYTES, FIELD_BYTES = 4096, 512
SOURCES = ["upstream", "gateway", "error"]

codecs.register_error(
    "byte_values", lambda error: ("".join(map(chr, error.object[error.start:error.end])), error.end))

FULL = {
    "request_id": b"0123456789abcdef0123456789abcdef", "client_ip": b"203.0.113.7", "method": b"GET",
    "uri": b"/orders/17?full=1", "scheme": b"http", "host": b"api.example.com", "user_agent": b"curl/8.5",
    "referer": b"https://example.com/", "service": b"orders", "route": b"orders-read", "consumer": b"alice",
    "target": b"192.0.2.1:8080", "started_at_ms": 1_700_000_000_123, "bytes_in": 312, "bytes_out": 1_024,
    "body_bytes_out": 800, "total_ns": 4_567_891, "upstream_ns": 4_500_000, "gateway_ns": 61_999, "snapshot": 7,
    "tries": 2, "status": 200, "upstream_status": 201, "http_minor": 1, "source": 0,
}
PLAIN = ["request_id", "client_ip", "method", "scheme"]       # the gateway's own: nothing to escape, nothing to cut
NUMBERS = st.integers(0, 2**64 - 1)
RECORDS = st.fixed_dictionaries({
    **{name: st.binary(max_size=40) | st.text(max_size=20).map(str.encode)
       for name, value in FULL.items() if isinstance(value, bytes) and name not in PLAIN},
    **{name: st.text("!#$%&'()*+,-./:[]^_`{|}~ 019azAZ", max_size=64).map(str.encode) for name in PLAIN},
    **{name: NUMBERS for name in (
        "started_at_ms", "bytes_in", "bytes_out", "body_bytes_out", "total_ns", "upstream_ns", "gateway_ns",
        "snapshot")},
    "tries": st.integers(0, 2**32 - 1), "status": st.integers(0, 999), "upstream_status": st.integers(0, 999),
    "http_minor": st.integers(0, 1), "source": st.integers(0, 2),
})


def model(record):
    def text(name):
        return record[name].decode("utf-8", "byte_values")

    def ms(name):
        return record[name] // 1000 / 1000

    request = {
        "id": text("request_id"), "method": text("method"), "scheme": text("scheme"), "host": text("host"),
        "uri": text("uri"), "http_version": f"1.{record['http_minor']}", "size": record["bytes_in"],
    }
    request |= {name: text(name) for name in ("user_agent", "referer") if record[name]}
    latencies = {"request": ms("total_ns"), "gateway": ms("gateway_ns")}
    latencies |= {"upstream": ms("upstream_ns")} if record["tries"] else {}
    line = {
        "started_at": record["started_at_ms"], "client_ip": text("client_ip"), "request": request,
        "response": {
            "status": record["status"], "size": record["bytes_out"], "body_size": record["body_bytes_out"]},
        "latencies": latencies, "tries": record["tries"],
        "source": SOURCES[record["source"]], "snapshot": record["snapshot"],
    }
    line |= {"target": text("target")} if record["target"] else {}
    line |= {"upstream_status": record["upstream_status"]} if record["upstream_status"] else {}
    line |= {name: {"name": text(name)} for name in ("service", "route") if record[name]}
    line |= {"consumer": {"username": text("consumer")}} if record["consumer"] else {}
    return line


@given(RECORDS)
def test_json_line_when_read_back_is_the_record(record):
    line = Record(**record).line(JSON)
    assert Record(knows_plain=False, **record).line(JSON) == line
    assert line.endswith(b"}\n") and line.count(b"\n") == 1
    assert json.loads(line) == model(record)


def test_json_line_of_a_plain_request():
    assert Record(**FULL).line(JSON).decode() == (
        '{"started_at":1700000000123,"client_ip":"203.0.113.7","request":{"id":"0123456789abcdef0123456789abcdef",'
        '"method":"GET","scheme":"http","host":"api.example.com","uri":"/orders/17?full=1","http_version":"1.1",'
        '"size":312,"user_agent":"curl/8.5","referer":"https://example.com/"},"response":{"status":200,"size":1024,'
        '"body_size":800},"latencies":{"request":4.567,"gateway":0.061,"upstream":4.500},"tries":2,'
        '"target":"192.0.2.1:8080","upstream_status":201,"service":{"name":"orders"},"route":{"name":"orders-read"},'
        '"consumer":{"username":"alice"},"source":"upstream","snapshot":7}\n'
    )


@pytest.mark.parametrize(("name", "most"), [
    (name, URI_BYTES if name == "uri" else FIELD_BYTES)
    for name, value in FULL.items() if isinstance(value, bytes) and name not in PLAIN])
def test_json_line_when_a_field_is_long_is_cut_and_marked(name, most):
    def value(n):
        line = json.loads(Record(**{**FULL, name: b"\x01" * n}).line(JSON))
        key = "id" if name == "request_id" else name
        inner = line["request"].get(key, line.get(key))
        return next(iter(inner.values())) if isinstance(inner, dict) else inner

    assert value(most) == "\x01" * most
    assert value(most + 1) == "\x01" * most + "...+1"
    assert value(20_000) == "\x01" * most + f"...+{20_000 - most}"


@pytest.mark.parametrize("name", ["service", "route", "consumer", "host", "target"])
@pytest.mark.parametrize("length", [1, FIELD_BYTES, FIELD_BYTES + 1])
def test_json_line_of_plain_names_is_the_same_whether_that_is_known(name, length):
    record = {**FULL, name: b"n" * length}
    assert Record(**record).line(JSON) == Record(knows_plain=False, **record).line(JSON)
    assert (b"...+1" in Record(**record).line(JSON)) == (length > FIELD_BYTES)


def test_json_line_when_the_cut_splits_a_character_stays_valid():
    line = json.loads(Record(**{**FULL, "uri": b"/" + "é".encode() * 4000}).line(JSON))
    assert line["request"]["uri"].startswith("/é") and line["request"]["uri"].endswith(f"...+{8001 - URI_BYTES}")


def test_longest_line_fits_its_bound():
    spans = {name: b"\xff" * 20_000 for name, value in FULL.items() if isinstance(value, bytes)}
    spans |= {name: b"x" * 64 for name in PLAIN}
    numbers = {name: 2**64 - 1 for name in ("started_at_ms", "bytes_in", "bytes_out", "body_bytes_out", "total_ns",
                                            "upstream_ns", "gateway_ns", "snapshot")}
    record = Record(**{**FULL, **spans, **numbers, "tries": 2**32 - 1, "status": 65535, "upstream_status": 65535})
    assert len(record.line(JSON)) < 65536       # the smallest ring
    assert b"[31/Dec/9999:" in record.line(COMBINED)


def test_combined_line_of_a_plain_request():
    assert Record(**FULL).line(COMBINED).decode() == (
        '203.0.113.7 - alice [14/Nov/2023:22:13:20 +0000] "GET /orders/17?full=1 HTTP/1.1" 200 800 '
        '"https://example.com/" "curl/8.5"\n'
    )


def test_combined_line_when_fields_are_empty_has_dashes():
    assert Record(status=400, http_minor=0, client_ip=b"::1").line(COMBINED).decode() == (
        '::1 - - [01/Jan/1970:00:00:00 +0000] "- - HTTP/1.0" 400 - "-" "-"\n')


COMBINED_LINE = re.compile(
    rb'(?P<ip>.*) - (?P<user>.*) \[(?P<time>[^]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d+) (?P<size>\d+|-) '
    rb'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"\n')


@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(0, 253402300799999))
def test_combined_line_keeps_its_shape_whatever_a_client_sends(uri, agent, started_at_ms):
    line = Record(**{**FULL, "uri": uri, "user_agent": agent, "started_at_ms": started_at_ms}).line(COMBINED)
    match = COMBINED_LINE.fullmatch(line)
    assert match and all(0x20 <= byte < 0x7f for byte in line[:-1])
    expected = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=started_at_ms // 1000)    # time_t may have 32 bits
    assert match["time"].decode() == expected.strftime("%d/%b/%Y:%H:%M:%S +0000")
