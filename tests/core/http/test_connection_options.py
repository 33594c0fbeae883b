"""`_core/http/connection_options.pyx` against splitting by commas in Python."""

import pytest
from fastgate_doors import http_door as door
from hypothesis import given
from hypothesis import strategies as st

PLAIN = {b"", b"keep-alive", b"close", b"upgrade", b"te"}
elements = st.sampled_from([b"close", b"Close", b"keep-alive", b"Upgrade", b"TE", b"te ", b"", b" ", b"\t", b"x-a", b"X-A ", b"closed", b"clos", b"upgrade\tx"])
lines = st.lists(st.lists(elements, max_size=5).map(b",".join), max_size=3)


def parsed(values):
    parser = door.Parser()
    head = b"".join(b"Connection: %s\r\nX: close\r\n" % value for value in values)
    assert parser.feed(b"GET / HTTP/1.1\r\n" + head + b"\r\n")[0] == "done"
    return parser


def options_of(values):
    return [option.strip(b" \t").lower() for value in values for option in value.strip(b" \t").split(b",")]


@given(lines)
def test_options_are_found_in_any_line_and_case(values):
    parser, options = parsed(values), options_of(values)
    for wanted in (b"close", b"KEEP-ALIVE", b"upgrade", b"te", b"x-a", b"clos", b"zzz"):
        assert parser.connection_has(wanted) == (wanted.lower() in options)


@given(lines)
def test_names_fields_when_an_option_is_none_of_the_usual(values):
    assert parsed(values).connection_names_fields() == any(option not in PLAIN for option in options_of(values))


@given(lines)
def test_llhttp_and_we_agree_on_close(values):
    parser = parsed(values)
    assert parser.keeps_alive == (not parser.connection_has(b"close"))


@pytest.mark.parametrize("values", [[], [b""], [b","], [b" , ,"]])
def test_nothing_named(values):
    parser = parsed(values)
    assert not parser.connection_names_fields() and not parser.connection_has(b"close")
