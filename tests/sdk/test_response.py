"""Responses: what can be sent, and what is refused where it is made."""

import pytest
from fastgate import Response


def test_forms():
    assert Response().status == 200 and Response().body == b""
    text = Response(201, "é", headers={"X-A": "1"})
    assert (text.body, text.content_type, text.headers, text.is_message) == ("é".encode(), "", [(b"X-A", b"1")], False)
    json = Response(json={"a": [1, None]})
    assert (json.body, json.content_type) == (b'{"a":[1,null]}', "application/json; charset=utf-8")
    message = Response(404, message="gone")
    assert message.is_message and message.body == b"gone"
    page = Response(200, b"<p>", headers=[("content-type", "text/html"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert page.content_type == "text/html" and page.headers == [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")]


@pytest.mark.parametrize("arguments, options", [
    ((199,), {}), ((600,), {}), (("200",), {}), ((True,), {}),
    ((200, "a"), {"json": 1}), ((200,), {"json": 1, "message": "a"}),
    ((204, "a"), {}), ((304,), {"message": "a"}),
    ((200,), {"headers": {"X A": "1"}}), ((200,), {"headers": {"X-A": "1\r\nX-B: 2"}}), ((200,), {"headers": {"Content-Length": "1"}}),
    ((200,), {"headers": [("X-A", "1" * 10000)] * 4}), ((200, "a"), {"content_type": "a\nb"}),
    ((200, b"x" * (16 * 1024 * 1024 + 1)), {}),
])
def test_what_can_not_be_sent(arguments, options):
    with pytest.raises(ValueError):
        Response(*arguments, **options)
