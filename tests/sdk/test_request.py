"""The facade: what a plugin reads and changes, and what it is not let do."""

import re
import sys
from pathlib import Path

import pytest
from fastgate._core.bridge import python_phase as core
from fastgate.sdk import Consumer, Context, Outcome, PhaseError, PluginError, Request
from fastgate.sdk.fields import NOT_A_PLUGINS, WRITTEN_HERE
from hypothesis import given
from hypothesis import strategies as st
from sdk.calls import Call, tools_of

NAMES = ["X-A", "x-a", "X-B", "x-c"]


def request(call: Call | None = None, phase: str = "access") -> Request:
    return Request(call or Call(), phase)


def context(call: Call, phase: str = "access") -> Context:
    return Context(call, phase, tools_of())


def carried_out(fields: list[tuple[str, str]], changes: list) -> list[tuple[str, str]]:
    """What the reactor makes of a verdict's changes."""
    for action, name, value in changes or ():
        name = name.decode()
        if action == core.DROP:
            fields = [pair for pair in fields if pair[0].lower() != name.lower()]
        else:
            assert action == core.ADD
            fields = [*fields, (name, value.decode("latin-1"))]
    return fields


steps = st.lists(st.tuples(st.sampled_from(["set_header", "add_header", "clear_header"]), st.sampled_from(NAMES),
                           st.sampled_from(["", "1", "two \xe9"])))


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["a", "b"]))), steps, st.booleans())
def test_what_is_read_back_is_what_the_upstream_gets(fields, steps, reads_first):
    one = request(Call(fields=fields))
    if reads_first:
        assert one.headers == fields
    for step, name, value in steps:
        getattr(one, step)(name, *([value] if step != "clear_header" else []))
    expected = carried_out(fields, one._changes)
    assert one.headers == expected
    for name in NAMES:
        assert one.header(name) == next((v for n, v in expected if n.lower() == name.lower()), None)


def test_query_and_args():
    one = request(Call({core.QUERY: "a=1&a=2&b=%20&c"}))
    assert one.args() == {"a": "1", "b": " ", "c": ""}
    one.set_query({"x": "a b&", "y": "é"})
    assert one.query == "x=a+b%26&y=%C3%A9"
    one.set_query("?raw=1")
    one.set_query("")
    assert [value for _, _, value in one._changes] == [b"x=a+b%26&y=%C3%A9", b"raw=1", None]
    one.set_query({"a": ["1", "é"], "b": ("2",), "c": [], "d": ""})
    assert one.query == "a=1&a=%C3%A9&b=2&d="
    one.set_query({"c": []})
    for bad in ("a b", "a\r\nb", "é", "a#b", "x" * 20000, None, ["a"], b"a=1"):
        with pytest.raises(ValueError):
            one.set_query(bad)
    assert one.query == ""


@pytest.mark.parametrize("arguments", [{"a": 1}, {"a": ["1", 2]}, {"a": None}, {"a": b"1"}, {"a": {"b": "c"}}, {"a": [["b"]]}, {1: "a"}])
def test_arguments_that_are_no_text(arguments):
    with pytest.raises(ValueError, match="is a text or a list of texts, and its name a text; "):
        request().set_query(arguments)


@pytest.mark.parametrize("name", ["", "a b", "a:", "é", "x" * 300, "Host", "content-length", "Transfer-Encoding", "Connection"])
def test_names_that_can_not_be_set(name):
    one = request()
    for change in (lambda: one.set_header(name, "1"), lambda: one.add_header(name, "1"), lambda: one.clear_header(name)):
        with pytest.raises(ValueError):
            change()
    assert one._changes is None


@pytest.mark.parametrize("name", ["X-Forwarded-For", "x-forwarded-proto", "X-Real-IP"])
def test_what_the_gateway_writes_into_requests_itself(name):
    one = request(Call(fields=[(name, "1.2.3.4")]))
    for change in (one.set_header, one.add_header):
        with pytest.raises(ValueError, match=f"the gateway itself writes the request's {name}"):
            change(name, "5.6.7.8")
    assert one._changes is None and one.headers == [(name, "1.2.3.4")]
    one.clear_header(name)
    assert one.headers == []
    context(Call()).add_response_header(name, "1")      # an answer's is anybody's


def test_the_names_are_those_the_core_refuses():
    def bits(file: str, begin: str) -> set[str]:
        source = (Path(__file__).parents[2] / "src/fastgate/_core/proxy" / file).read_text()
        text = re.search(rf"^{re.escape(begin)}.*?^ *\)$", source, re.MULTILINE | re.DOTALL).group()
        return {name.lower().replace("_", "-") for name in re.findall(r"field_bit\(HEADER_(\w+)\)", text)}

    assert bits("policy.pyx", "cdef uint64_t NOT_THEIRS = (") == NOT_A_PLUGINS
    assert bits("pass_fields.pxd", "cdef inline uint64_t forwarding_bits()") == WRITTEN_HERE


@pytest.mark.parametrize("value", ["a\r\nb", "a\0", "\u2028", "x" * 20000, 1, None, b"x"])
def test_values_that_can_not_be_set(value):
    one = request()
    with pytest.raises(ValueError):
        one.set_header("X-A", value)
    assert one._changes is None


def test_changes_are_bounded():
    one = request()
    with pytest.raises(ValueError, match="32768 bytes"):
        for _ in range(100):
            one.add_header("X-A", "x" * 1000)


def test_log_reads_and_changes_nothing():
    call = Call({core.ROUTE: "r"})
    one = context(call, "log")
    assert one.request.path == "/" and one.route.name == "r" and one.service is None and one.consumer is None
    assert one.outcome == Outcome(200, 201, 1.5, 2.0, 1.0)
    changes = {
        "request.set_header": lambda: one.request.set_header("X-A", "1"),
        "request.add_header": lambda: one.request.add_header("X-A", "1"),
        "request.clear_header": lambda: one.request.clear_header("X-A"),
        "request.set_query": lambda: one.request.set_query("a"),
        "request.set_method": lambda: one.request.set_method("GET"),
        "request.set_path": lambda: one.request.set_path("/"),
        "request.body": lambda: one.request.set_body(b""),
        "context.authenticate": lambda: one.authenticate("me"),
        "context.set_service": lambda: one.set_service("it"),
        "context.add_response_header": lambda: one.add_response_header("X-A", "1"),
    }
    for name, change in changes.items():
        with pytest.raises(PhaseError, match=f"{name} is for the (phases rewrite and access|access phase); this is log"):
            change()


def test_access_has_no_outcome():
    with pytest.raises(PhaseError, match="context.outcome is for the log phase; this is access"):
        _ = context(Call()).outcome


def test_afterwards_nothing_is_there():
    call = Call()
    one = context(call)
    call.open = False
    for late in (lambda: one.request.path, lambda: one.request.headers, lambda: one.consumer,
                 lambda: one.request.set_header("X-A", "1"), lambda: one.add_response_header("X-A", "1")):
        with pytest.raises(PhaseError, match="is over"):
            late()
    assert repr(one.request) == "<Request, over>"


def test_consumer():
    call = Call({core.CONSUMER_ID: "1", core.CONSUMER_USERNAME: "ann", core.CONSUMER_CUSTOM_ID: "", core.CREDENTIAL: "c"})
    assert context(call).consumer == Consumer("1", "ann", None, "c")


class BodyCall(Call):
    def __init__(self, body: bytes | None) -> None:
        super().__init__()
        self._body = body

    def body(self) -> bytes | None:
        return self._body


def test_bodies_are_read_and_replaced():
    one = request(BodyCall(b'{"a": 1}'))
    assert one.body == b'{"a": 1}' and one.json() == {"a": 1}
    one.set_body("first")
    one.set_header("X-A", "1")
    one.set_body(json=["\xe9"])
    assert one.body == '["\xe9"]'.encode() and one.json() == ["\xe9"]
    assert [change for change in one._changes if change[0] == core.SET_BODY] == [(core.SET_BODY, b"", one.body)]
    assert carried_out([], [change for change in one._changes if change[0] != core.SET_BODY])[-1][1] == "application/json"
    one.set_body(json=None)
    assert one.body == b"null"
    assert request(BodyCall(b"a=1&b=%20x&a=2")).form() == {"a": "1", "b": " x"}
    for wrong in ({}, {"body": b"", "json": 1}, {"body": 5}, {"body": b"x" * (16 * 2**20 + 1)}):
        with pytest.raises(ValueError, match="bod"):
            one.set_body(**wrong)
    with pytest.raises(ValueError, match="not JSON compliant"):
        one.set_body(json=[float("nan")])
    with pytest.raises(ValueError, match="nested too deeply"):
        request(BodyCall(b"[" * 100_000)).json()
    with pytest.raises(PluginError, match="reads_body = True"):
        request(BodyCall(None)).set_body(b"")
    with pytest.raises(PhaseError, match="request.body is for the access phase; this is rewrite"):
        _ = request(BodyCall(b""), "rewrite").body


def test_methods_and_paths():
    one = request(phase="rewrite")
    one.set_method("POST")
    one.set_path("/a%20b")
    assert one.method == "POST" and one.path == "/a%20b"
    assert one._changes == [(core.SET_METHOD, b"", b"\x03"), (core.SET_PATH, b"", b"/a%20b")]
    for method in ("post", "CONNECT", "TRACE", "", "G\r\n", None):
        with pytest.raises(ValueError, match="no method"):
            one.set_method(method)
    for path in ("", "a", "/a b", "/a?b", "/a#b", "/\xe9", "/a\r\n", None):
        with pytest.raises(ValueError, match="can't be a path"):
            one.set_path(path)
    with pytest.raises(ValueError, match="the most is"):
        one.set_path("/" + "a" * 16384)
    later = request()
    later.set_path("/upstream")
    assert later.path == "/"


class NamesCall(Call):
    def find(self, kind: int, name: str):
        known = {core.CONSUMERS: {"ann": (7, "id-1", "ann", "")}, core.SERVICES: {"s": (2, "s", None, None)}}
        return known[kind].get(name)

    def kept(self) -> dict:
        return self.__dict__.setdefault("state", {})


def test_who_asks_and_which_service_answers():
    call = NamesCall()
    one = context(call)
    one.authenticate("ann", "c1")
    assert one.consumer == Consumer("id-1", "ann", None, "c1")
    one.set_service("s")
    assert one.request._changes == [(core.SET_CONSUMER, (7).to_bytes(4, sys.byteorder), b"c1"),
                                    (core.SET_SERVICE, (2).to_bytes(4, sys.byteorder), None)]
    for ask in (lambda: one.authenticate("bob"), lambda: one.set_service("t")):
        with pytest.raises(LookupError, match="there is no"):
            ask()
    with pytest.raises(ValueError, match="control character"):
        one.authenticate("ann", "a\r\nb")
    one.state["a"] = 1
    assert context(call, "log").state == {"a": 1}


def test_rewrite_knows_no_route():
    one = context(Call(), "rewrite")
    assert one.service is None
    with pytest.raises(PhaseError, match="not known yet"):
        _ = one.route
    with pytest.raises(PhaseError, match="context.authenticate is for the access phase; this is rewrite"):
        one.authenticate("ann")
