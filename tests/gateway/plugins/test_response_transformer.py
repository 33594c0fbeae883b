"""response-transformer: the upstream's answers and the gateway's own, and what it may not touch."""

from __future__ import annotations

import pytest

from support.client import get
from support.origin import Connection, Origin, answer
from support.site import Config, Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

NAME = "response-transformer"


@pytest.fixture
def open_changed(open_site, open_origin):
    """A gateway whose answers are changed so; `fields` are those of the upstream's answer."""
    def start(*fields: str, more: tuple[Config, ...] = (), script=None, **config) -> Site:
        raw = "\r\n".join(["HTTP/1.1 200 OK", *fields, "Content-Length: 2", "", "ok"]).encode("latin-1")
        origin: Origin = open_origin(script or answer(raw))
        return open_site(config_of(service(origin, plugins=[plugin(NAME, **config), *more])), origin)
    return start


def test_verbs_go_in_kongs_order(open_changed):
    site = open_changed(
        "X-A: 1", "X-B: 2", "X-C: 3",
        remove={"headers": ["x-a"]}, rename={"headers": ["X-b:X-A"]}, replace={"headers": ["x-a:replaced", "x-z:no"]},
        add={"headers": ["x-a:no", "x-b:added"]}, append={"headers": ["x-b:appended", "x-d:$(headers.host)", "x-e:"]},
    )
    got = site.ask(get("/"))
    assert [got.all(f"x-{name}") for name in "abcdez"] == [["replaced"], ["added", "appended"], ["3"], ["$(headers.host)"], [], []]
    assert got.body == b"ok"


COOKIES = ["Set-Cookie: a=1; Path=/", "set-cookie: b=2, x", "SET-COOKIE: c=3"]


@pytest.mark.parametrize(("config", "cookies", "renamed"), [
    ({"remove": {"headers": ["Set-Cookie"]}}, [], []),
    ({"replace": {"headers": ["Set-Cookie:n=1"]}}, ["n=1"], []),
    ({"rename": {"headers": ["Set-Cookie:X-Was"]}}, [], ["a=1; Path=/", "b=2, x", "c=3"]),
    ({"add": {"headers": ["Set-Cookie:n=1"]}}, ["a=1; Path=/", "b=2, x", "c=3"], []),
    ({"append": {"headers": ["Set-Cookie:n=1", "Set-Cookie:m=2"]}}, ["a=1; Path=/", "b=2, x", "c=3", "n=1", "m=2"], []),
])
def test_cookies_are_fields_of_their_own(open_changed, config, cookies, renamed):
    got = open_changed(*COOKIES, **config).ask(get("/"))
    assert (got.all("set-cookie"), got.all("x-was")) == (cookies, renamed)


@pytest.mark.parametrize("value", ["caf\xe9", "a, b", '"quoted, text"', ""])
def test_values_of_any_kind_are_renamed(open_changed, value):
    assert open_changed(f"X-A: {value}", rename={"headers": ["x-a:x-b"]}).ask(get("/")).all("x-b") == [value]


# -- the gateway's own answers ------------------------------------------------------------------------------

CHANGES = {"remove": {"headers": ["x-gone"]}, "rename": {"headers": ["content-type:x-type"]}, "append": {"headers": ["x-seen:1"]}}


def test_a_plugins_answer_is_changed(open_changed):
    ends = plugin("request-termination", status_code=418, body="tea", content_type="text/plain")
    site = open_changed(more=(ends,), **CHANGES)
    got = site.ask(get("/"))
    assert (got.status, got.body, got.all("x-seen"), got.all("content-type"), got.all("x-type")) == (
        418, b"tea", ["1"], [], ["text/plain"])


def test_an_error_of_the_gateways_is_changed(open_changed):
    site = open_changed(script=answer(b"nonsense\r\n\r\n", then_close=True), **CHANGES)
    got = site.ask(get("/"))
    assert (got.status, got.all("x-seen"), got.all("content-type")) == (502, ["1"], [])
    assert got.all("x-type") == ["application/json; charset=utf-8"]
    assert site.ask(get("/", method="HEAD"), to_head=True).all("x-seen") == ["1"]


def test_an_answer_that_was_taken_back_leaves_nothing_behind(open_changed):
    """The filters run twice; what they dropped for the first answer is there for the second."""
    mine = plugin("correlation-id", header_name="X-Mine", echo_downstream=True)
    broken = b"HTTP/1.1 200 OK\r\nX-First: 1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    site = open_changed(script=answer(broken), more=(mine,), rename={"headers": ["x-mine:x-was"]}, append={"headers": ["x-seen:1"]})
    got = site.ask(get("/", "X-Mine: 7"))
    assert (got.status, got.all("x-was"), got.all("x-mine"), got.all("x-seen"), got.all("x-first")) == (502, ["7"], [], ["1"], [])
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nX-First: 1\r\nContent-Length: 0\r\n\r\n")
    got = site.ask(get("/", "X-Mine: 7"))
    assert (got.status, got.all("x-was"), got.all("x-seen")) == (200, ["7"], ["1"])


# -- what is the gateway's ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer",
                                  "X-Fastgate-Request-Id", "X-Fastgate-Proxy-Latency", "X-Fastgate-Upstream-Latency"])
def test_framing_and_own_fields_are_not_touched(open_changed, name):
    config = {"remove": {"headers": [name]}, "rename": {"headers": [f"{name}:x-was", f"x-a:{name}"]}, "replace": {"headers": [f"{name}:77"]}}
    plain = open_changed("X-A: 7").ask(get("/"))
    site = open_changed("X-A: 7", **config, append={"headers": [f"{name}:77"]})
    client = site.connect()
    for _ in range(2):
        got = client.ask(get("/"))
        assert got.body == b"ok"
        assert len(got.all(name)) == len(plain.all(name)) and not {"7", "77"} & set(got.all(name))
        assert got.all("x-was") == []


def test_chunked_answers_stay_chunked(open_changed):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    names = {"headers": ["transfer-encoding", "content-length"]}
    site = open_changed(script=answer(raw), remove=names, add={"headers": ["content-length:3"]})
    got = site.ask(get("/"))
    assert (got.body, got.all("content-length"), got.all("transfer-encoding")) == (b"hello", [], ["chunked"])


@pytest.mark.parametrize(("name", "value"), [("Server", "theirs"), ("Date", "Sun, 06 Nov 1994 08:49:37 GMT")])
def test_server_and_date_are_told_once_or_not_at_all(open_changed, name, value):
    line = f"{name}: {value}"
    assert open_changed(line, remove={"headers": [name]}).ask(get("/")).all(name) == []
    assert open_changed(line, replace={"headers": [f"{name}:mine"]}).ask(get("/")).all(name) == ["mine"]
    assert open_changed(add={"headers": [f"{name}:mine"]}).ask(get("/")).all(name) == ["mine"]
    assert open_changed(line, add={"headers": [f"{name}:mine"]}).ask(get("/")).all(name) == [value]
    ends = plugin("request-termination")
    assert open_changed(more=(ends,), add={"headers": [f"{name}:mine"]}).ask(get("/")).all(name) == ["mine"]
    assert len(open_changed(more=(ends,), remove={"headers": [name]}).ask(get("/")).all(name)) == 1


def test_interim_answers_pass_as_they_are(open_changed):
    raw = b"HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 2\r\nContent-Length: 0\r\n\r\n"
    got = open_changed(script=answer(raw), remove={"headers": ["x-a"]}).ask(get("/"))
    assert (got.interim[0].all("x-a"), got.all("x-a")) == (["1"], [])


def test_a_head_that_comes_in_pieces(open_changed):
    """Values are taken from where the head was put together, not from where it was read."""
    def slow(connection: Connection) -> None:
        connection.read()
        for byte in b"HTTP/1.1 200 OK\r\nX-A: one\r\nX-A: two\r\nContent-Length: 2\r\n\r\nok":
            connection.send(bytes([byte]))

    got = open_changed(script=slow, rename={"headers": ["x-a:x-b"]}).ask(get("/"))
    assert (got.all("x-b"), got.all("x-a"), got.body) == (["one", "two"], [], b"ok")


def test_an_answer_with_many_fields(open_changed):
    lines = [f"X-{'ABD'[at % 3]}: {at}" for at in range(150)]
    got = open_changed(*lines, remove={"headers": ["x-a"]}, rename={"headers": ["x-b:x-c"]}, replace={"headers": ["x-d:1"]}).ask(get("/"))
    assert [len(got.all(f"x-{name}")) for name in "abcd"] == [0, 0, 50, 1]
