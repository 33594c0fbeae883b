"""request-transformer's changes of bodies: forms and JSON objects, beside plain Python models of both."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.client import get
from support.messages import chunk_all
from support.origin import Origin, echo
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

FORM, JSON = "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/json"
EDITS = {"remove": ["gone", "g 2"], "rename": ["old:new", "none:never"], "replace": ["swap:s&1", "absent:x"],
         "add": ["more:m\"1", "there:no"], "append": ["list:l1", "list:l2"]}
NAMES = ["gone", "g 2", "old", "new", "swap", "more", "there", "list", "other"]


def changed(**edits: list[str]) -> dict[str, Any]:
    return plugin("request-transformer", **{verb: {"body": texts} for verb, texts in edits.items()})


@pytest.fixture(scope="module")
def shared():
    origin = Origin(echo)
    site = Site(config_of(service(origin, plugins=[changed(**EDITS)])), origin)
    yield site
    site.settle()
    site.close()


def sent(site: Site, body: bytes, *fields: str) -> Any:
    response = site.ask(get("/", *fields, method="POST", body=body))
    assert response.status == 200, response.body
    seen = site.origin.requests[-1]
    assert seen.all("Content-Length") == [str(len(seen.body))]
    return seen.body


def edited(members: dict[str, Any]) -> dict[str, Any]:
    """The same by Python."""
    for name in EDITS["remove"]:
        members.pop(name, None)
    for old, new in (one.split(":") for one in EDITS["rename"]):
        if old in members:
            members[new] = members.pop(old)
    for name, value in (one.split(":") for one in EDITS["replace"]):
        if name in members:
            members[name] = value
    for name, value in (one.split(":") for one in EDITS["add"]):
        members.setdefault(name, value)
    for name, value in (one.split(":") for one in EDITS["append"]):
        old = members.get(name, [])
        members[name] = [*(old if isinstance(old, list) else [old]), value]
    return members


values = st.recursive(st.none() | st.booleans() | st.integers(-2**60, 2**60) | st.text(max_size=5),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6)


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), values, max_size=8), st.booleans(), st.sampled_from([None, 1]))
def test_objects(shared, members, ascii, indent):
    body = sent(shared, json.dumps(members, ensure_ascii=ascii, indent=indent).encode("utf-8", "surrogatepass"), JSON)
    assert json.loads(body) == edited(members)
    shared.forget()


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=4, alphabet="ab &=+%é")), max_size=8))
def test_forms(shared, pairs):
    body = parse_qsl(sent(shared, urlencode(pairs).encode(), FORM).decode(), keep_blank_values=True)
    expected = [(name, value) for name, value in pairs if name not in EDITS["remove"]]
    if any(name == "old" for name, _ in expected):
        expected = [("new" if name == "old" else name, value) for name, value in expected if name != "new"]
    swaps = [at for at, (name, _) in enumerate(expected) if name == "swap"]
    expected = [("swap", "s&1") if at in swaps[:1] else one for at, one in enumerate(expected) if at not in swaps[1:]]
    for name, value in (("more", 'm"1'), ("there", "no")):
        if not any(one == name for one, _ in expected):
            expected.append((name, value))
    assert body == [*expected, ("list", "l1"), ("list", "l2")]
    shared.forget()


def test_what_is_left_alone(shared):
    for body, *fields in ((b"gone=1",), (b"gone=1", "Content-Type: text/plain"), (b"[1]", JSON), (b'{"gone": 1', JSON), (b"{'gone': 1}", JSON)):
        assert sent(shared, body, *fields) == body
    assert json.loads(sent(shared, b"", JSON)) == edited({})
    assert shared.ask(get("/", JSON, method="POST", body=b"x" * 1_048_577)).status == 413


def test_what_is_neither_form_nor_json_is_streamed_whatever_its_size(open_site, open_origin):
    site = open_site(config_of(service(origin := open_origin(), plugins=[changed(**EDITS)])), origin)
    for fields in ("Content-Type: image/png",), ():
        assert site.ask(get("/", *fields, method="POST", body=b"x" * 2_000_000)).status == 200
        assert origin.requests[-1].body == b"x" * 2_000_000
    assert site.metrics()["fastgate_request_bodies_collected_total"] == 0


def test_templates_see_the_request_as_it_came(open_site, open_origin):
    origin = open_origin()
    way = {"name": "way", "paths": ["~/p/(?<id>[a-z]+)"], "strip_path": False}
    one = plugin("request-transformer", add={"body": ["header:$(headers.x-a)", "id:$(uri_captures.id)", "arg:$(query_params.q)", "none:$(headers.no)"],
                                             "headers": ["X-B:$(headers.x-a)"]}, remove={"headers": ["X-A"]})
    site = open_site(config_of(service(origin, way, plugins=[one])), origin)
    target = "/p/abc?q=%22%0a%26"
    assert json.loads(json.loads(site.ask(get(target, 'X-A: "q"\\', JSON, method="POST", body=b"{}")).body)["body"]) == {
        "header": '"q"\\', "id": "abc", "arg": '"%0A&'}
    assert json.loads(site.ask(get(target, "X-A: a&b=c", FORM, method="POST", body=b"z=1")).body)["body"] == (
        "z=1&header=a%26b%3Dc&id=abc&arg=%22%0A%26")


def test_a_rename_that_makes_much_more_of_a_form(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin, plugins=[changed(rename=["a:" + "b" * 50], append=["c:d"])])), origin)
    assert sent(site, b"&".join([b"a=1"] * 2000), FORM) == b"&".join([b"b" * 50 + b"=1"] * 2000) + b"&c=d"


def test_members_beyond_the_bound(shared):
    many = {str(n): n for n in range(4096)}
    assert json.loads(sent(shared, json.dumps(many).encode(), JSON)) == edited(dict(many))
    response = shared.ask(get("/", JSON, method="POST", body=json.dumps(many | {"one": 1}).encode()))
    assert response.status == 413


def test_a_form_that_nothing_fits_goes_on_as_it_came(open_site, open_origin):
    site = open_site(config_of(service(origin := open_origin(), plugins=[changed(remove=["gone"], rename=["old:new"], replace=["absent:x"])])),
                     origin)
    body = b"a=%61&b&" + b"c=" + b"x" * 3_000
    assert sent(site, body, FORM) == body
    assert site.ask(get("/", FORM, "Transfer-Encoding: chunked", method="POST") + chunk_all([body])).status == 200
    assert origin.requests[-1].body == body
