"""`_core/http/cookie.pyx`: the first pair of that name (RFC 6265 section 5.4)."""

import pytest
from fastgate_doors import http_door as door
from hypothesis import given
from hypothesis import strategies as st


def find(name, *cookies):
    parser = door.Parser()
    head = b"".join(b"Cookie: %s\r\nX-Cookie: a=no\r\n" % cookie for cookie in cookies)
    assert parser.feed(b"GET / HTTP/1.1\r\n" + head + b"\r\n")[0] == "done"
    return parser.cookie(name)


@pytest.mark.parametrize("cookies, value", [
    ([], None), ([b""], None), ([b"a=1"], b"1"), ([b"a=1; b=2"], b"1"), ([b"b=2; a=1"], b"1"), ([b"b=2;a=1"], b"1"), ([b"a="], b""), ([b"a"], None),
    ([b"a=1; a=2"], b"1"), ([b"b=2", b"a=1"], b"1"), ([b"aa=1; ba=2"], None), ([b"A=1"], None), ([b"a=b=c"], b"b=c"), ([b"a=\"q\""], b"\"q\""),
    ([b"  a=1  ;b=2"], b"1"), ([b"a =1"], None), ([b";;a=1;;"], b"1"), ([b"b=a=1"], None), ([b"a=x y"], b"x y"),
])
def test_known(cookies, value):
    assert find(b"a", *cookies) == value


names = st.sampled_from([b"a", b"A", b"ab", b"b", b""])
pairs = st.lists(st.tuples(names, st.sampled_from([None, b"", b"1", b"a=2", b" x "])), max_size=6)


@given(pairs, st.sampled_from([b";", b"; ", b" ;"]), names.filter(bool))
def test_agrees_with_the_model(pairs, separator, wanted):
    cookie = separator.join(name if value is None else name + b"=" + value for name, value in pairs)
    expected = None
    for pair in cookie.strip(b" \t").split(b";"):
        name, equals, value = pair.strip(b" \t").partition(b"=")
        if equals and name == wanted:
            expected = value
            break
    assert find(wanted, cookie) == expected
