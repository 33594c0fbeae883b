"""response-transformer on JSON bodies, against plain Python."""

from __future__ import annotations

import json

import pytest

from support.client import get
from support.messages import chunk
from support.origin import answer, pattern
from support.site import config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]


@pytest.fixture
def open_json(open_site, open_origin):
    def start(body: bytes, *fields: str, gateway=None, status="200 OK", **config):
        head = "\r\n".join([f"HTTP/1.1 {status}", *(fields or ("Content-Type: application/json; charset=utf-8",)),
                            f"Content-Length: {len(body)}", "", ""])
        origin = open_origin(answer(head.encode() + body))
        return open_site(config_of(service(origin, plugins=[plugin("response-transformer", **config)]), gateway=gateway), origin)
    return start


BEFORE = {"a": 1, "b": "text", "c": [1], "d": {"x": [None]}, "e": None, "f": True, "g": []}
CASES = [
    ({"remove": {"json": ["a", "nothing"]}}, lambda o: o.pop("a")),
    ({"rename": {"json": ["a:z", "nothing:b"]}}, lambda o: o.update(z=o.pop("a"))),
    ({"rename": {"json": ["a:b"]}}, lambda o: o.update(b=o.pop("a"))),
    ({"replace": {"json": ["a:x", "nothing:y", "d:é\"\\"]}}, lambda o: o.update(a="x", d="é\"\\")),
    ({"add": {"json": ["a:x", "new:a:b"]}}, lambda o: o.update(new="a:b")),
    ({"append": {"json": ["b:x", "c:x", "g:x", "new:x"]}},
     lambda o: o.update(b=["text", "x"], c=[1, "x"], g=["x"], new=["x"])),
    ({"add": {"json": ["n:-1.5e3", "m:12", "no:twelve", "t:true", "f2:yes", "s:5"],
              "json_types": ["number", "number", "number", "boolean", "boolean", "string"]}},
     lambda o: o.update(n=-1500.0, m=12, t=True, f2=False, s="5")),
    ({"replace": {"json": ["a:2", "b:3"], "json_types": ["number"]}}, lambda o: o.update(a=2, b="3")),
    ({"append": {"json": ["c:2"], "json_types": ["number"]}}, lambda o: o.update(c=[1, 2])),
    ({"remove": {"json": ["a"]}, "rename": {"json": ["b:a"]}, "replace": {"json": ["a:new"]}, "add": {"json": ["b:back"]},
      "append": {"json": ["b:more"]}}, lambda o: (o.pop("a"), o.pop("b"), o.update(a="new", b=["back", "more"]))),
    ({"add": {"json": ["x:", "y:1"]}}, lambda o: o.update(y="1")),
]


@pytest.mark.parametrize("config, change", CASES)
def test_each_verb(open_json, config, change):
    after = json.loads(json.dumps(BEFORE))
    change(after)
    site = open_json(json.dumps(BEFORE, indent=1).encode(), **config)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/"))
        assert json.loads(response.body) == after and response.get("Content-Length") == str(len(response.body))


def test_what_is_not_touched_stays_as_it_stands(open_json):
    site = open_json(b'{ "n": 1.00000000000000000001, "t": "\\u00e9\\/", "x": 1 }', remove={"json": ["x"]})
    assert site.ask(get("/")).body == b'{"n":1.00000000000000000001,"t":"\\u00e9\\/"}'


@pytest.mark.parametrize("body, fields", [
    (b'{"a":1}', ("Content-Type: text/plain",)), (b'{"a":1}', ("X-None: 1",)), (b'[{"a":1}]', ()), (b'{"a":', ()), (b"", ()),
    (b'{"a":1}x', ()), (b"\x1f\x8b\x08", ("Content-Type: application/json", "Content-Encoding: gzip")),
])
def test_what_is_no_json_object_passes_as_it_came(open_json, body, fields):
    site = open_json(body, *fields, remove={"json": ["a"]}, add={"json": ["b:1"], "headers": ["X-Added:1"]})
    response = site.ask(get("/"))
    assert response.body == body and response.get("X-Added") == "1"


def test_fields_of_the_old_body_go_with_it(open_json):
    fields = ("Content-Type: application/json", 'ETag: "a"', "Accept-Ranges: bytes", "Content-MD5: x", "Last-Modified: x")
    response = open_json(b'{"a":1}', *fields, remove={"json": ["a"]}).ask(get("/"))
    assert response.body == b"{}" and response.get("Last-Modified") == "x"
    assert [response.get(name) for name in ("ETag", "Accept-Ranges", "Content-MD5")] == [None] * 3


def test_the_head_of_such_an_answer_has_none_of_them_either(open_json, open_origin):
    fields = ("Content-Type: application/json", 'ETag: "a"', "Accept-Ranges: bytes", "Content-MD5: x", "Last-Modified: x")
    site = open_json(b'{"a":1}', *fields, remove={"json": ["a"]}, add={"headers": ["X-Added:1", "Digest:x"]})
    assert site.ask(get("/")).get("Digest") is None
    for status, length in (b"200 OK", 7), (b"304 Not Modified", 0), (b"206 Partial Content", 7):
        lines = b"\r\n".join([b"HTTP/1.1 " + status, *(field.encode() for field in fields), b"Content-Length: %d" % length, b"", b""])
        site.origin.script = answer(lines)
        response = site.connect().ask(get("/", method="HEAD"), to_head=True)
        is_whole = status == b"200 OK"
        assert [response.get(name) for name in ("ETag", "Accept-Ranges", "Content-MD5", "Digest")] == (
            [None] * 4 if is_whole else ['"a"', "bytes", "x", "x"])
        assert (response.get("Last-Modified"), response.get("X-Added")) == ("x", "1")


def test_no_part_is_asked_for_where_wholes_are_changed(open_json, open_site, open_origin):
    ranged = ("Range: bytes=0-2", 'If-Range: "a"', "X-Mine: 1")
    site = open_json(b'{"a":1}', remove={"json": ["a"]}, add={"headers": ["X-Added:1"]})
    assert site.ask(get("/", *ranged)).body == b"{}"
    assert [site.origin.requests[-1].get(name) for name in ("Range", "If-Range", "X-Mine")] == [None, None, "1"]
    site = open_json(b'{"a":1}', add={"headers": ["X-Added:1"]})
    assert site.ask(get("/", *ranged)).status == 200
    assert [site.origin.requests[-1].get(name) for name in ("Range", "If-Range", "X-Mine")] == ["bytes=0-2", '"a"', "1"]


def test_a_part_passes_as_it_came(open_json):
    fields = ("Content-Type: application/json", 'ETag: "a"', "Content-Range: bytes 0-6/100")
    site = open_json(b'{"a":1}', *fields, status="206 Partial Content", remove={"json": ["a"]}, gateway={"python": {"body": 3}})
    response = site.ask(get("/"))
    assert (response.status, response.body, response.get("ETag")) == (206, b'{"a":1}', '"a"')


def test_other_bodies_stream_whatever_their_size(open_json):
    site = open_json(pattern(300_000), "Content-Type: text/plain", remove={"json": ["a"]}, gateway={"python": {"body": 1000}})
    assert site.ask(get("/")).body == pattern(300_000)


def test_a_body_that_is_too_large(open_json):
    body = json.dumps({"a": "x" * 2000}).encode()
    site = open_json(body, remove={"json": ["a"]}, gateway={"python": {"body": 1000}})
    assert site.ask(get("/")).status == 502


def test_chunked_and_head_and_the_gateways_own(open_json, open_site, open_origin):
    origin = open_origin(answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                                + chunk(b'{"a"') + chunk(b":1}") + b"0\r\n\r\n"))
    site = open_site(config_of(service(
        origin, {"name": "r", "paths": ["/"], "plugins": [plugin("response-transformer", add={"json": ["b:1"]})]},
        {"name": "own", "paths": ["/own"], "plugins": [plugin("request-termination", status_code=403, message="no"),
                                                       plugin("response-transformer", remove={"json": ["request_id"]})]})), origin)
    client = site.connect()
    assert json.loads(client.ask(get("/")).body) == {"a": 1, "b": "1"}
    assert json.loads(client.ask(get("/own")).body) == {"message": "no"}
    origin.script = answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n")
    assert client.ask(get("/", method="HEAD"), to_head=True).get("Content-Length") is None
