"""Responses: what can be sent, and what is refused where it is made."""

import pytest
from fastgate import Response
from fastgate.sdk.response import checked


def test_forms():
    assert Response().status == 200 and Response().body == b""
    text = Response(201, "é", headers={"X-A": "1"})
    assert (text.body, text.content_type, text.headers, text.is_message) == ("é".encode(), "", [(b"X-A", b"1")], False)
    json = Response(json={"a": [1, None]})
    assert (json.body, json.content_type) == (b'{"a":[1,null]}', "application/json; charset=utf-8")
    null = Response(json=None)
    assert (null.body, null.content_type) == (b"null", "application/json; charset=utf-8")
    message = Response(404, message="gone")
    assert message.is_message and message.body == b"gone"
    assert Response(404, message="x" * 4096).is_message
    page = Response(200, b"<p>", headers=[("content-type", "text/html"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert page.content_type == "text/html" and page.headers == [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")]


@pytest.mark.parametrize("arguments, options", [
    ((199,), {}), ((600,), {}), (("200",), {}), ((True,), {}),
    ((200, "a"), {"json": 1}), ((200,), {"json": 1, "message": "a"}), ((200, "a"), {"json": None}),
    ((200,), {"json": float("nan")}), ((200,), {"json": [float("inf")]}),
    ((204, "a"), {}), ((304,), {"message": "a"}),
    ((200,), {"headers": {"X A": "1"}}), ((200,), {"headers": {"X-A": "1\r\nX-B: 2"}}), ((200,), {"headers": {"Content-Length": "1"}}),
    ((200,), {"headers": [("X-A", "1" * 10000)] * 4}), ((200, "a"), {"content_type": "a\nb"}),
    ((200, b"x" * (16 * 1024 * 1024 + 1)), {}), ((200, 5), {}), ((200, [1]), {}), ((401,), {"message": 5}),
    ((401,), {"message": b"no"}), ((401,), {"message": "x" * 4097}),
])
def test_what_can_not_be_sent(arguments, options):
    with pytest.raises(ValueError):
        Response(*arguments, **options)


@pytest.mark.parametrize("attribute, value", [
    ("status", 0), ("status", 600), ("status", 70000), ("status", "200"), ("status", True), ("body", "text"), ("body", 5),
    ("body", bytearray(b"a")), ("content_type", "a\r\nX-B: 2"), ("content_type", b"a"), ("headers", [("X-A", "1")]),
    ("headers", [(b"X-A", b"1\r\nX-B: 2")]), ("headers", [(b"X A", b"1")]), ("headers", [(b"Content-Length", b"1")]),
    ("headers", [b"ab"]), ("headers", [(b"X-A", b"1" * 10000)] * 4),
])
def test_what_is_assigned_later_is_checked_when_it_is_sent(attribute, value):
    response = Response(200, "a", headers={"X-C": "1"})
    assert checked(response) == (200, False, b"a", b"", [(b"X-C", b"1")])
    setattr(response, attribute, value)
    with pytest.raises(ValueError):
        checked(response)


def test_what_may_be_assigned_later():
    response = Response(200, "a")
    response.status, response.body = 404, b"b"
    response.headers.append((b"content-type", b"text/html"))
    assert checked(response) == (404, False, b"b", b"text/html", [])
