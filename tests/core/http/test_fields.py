"""`_core/http/fields.pyx`: the names the gateway knows, in any case, and no others."""

import string
from http import HTTPStatus

import pytest
from core.http.messages import KNOWN
from fastgate_doors import http_door as door
from hypothesis import given
from hypothesis import strategies as st

TOKEN = (string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode()


def test_each_known_name_has_a_number_of_its_own():
    ids = [door.id_of(name) for name in KNOWN]
    assert sorted(ids) == list(range(1, len(KNOWN) + 1))


@given(st.sampled_from(KNOWN), st.data())
def test_case_does_not_matter(name, data):
    flips = data.draw(st.lists(st.booleans(), min_size=len(name), max_size=len(name)))
    mixed = bytes(c ^ 0x20 if flip and chr(c).isalpha() else c for c, flip in zip(name, flips, strict=True))
    assert door.id_of(mixed) == door.id_of(name)


@pytest.mark.parametrize("name", KNOWN)
def test_one_other_byte_makes_another_name(name):
    """Any byte a field name may hold: the comparison folds case by setting a bit, which must not join others."""
    for at in range(len(name)):
        for other in TOKEN:
            changed = name[:at] + bytes([other]) + name[at + 1:]
            assert door.id_of(changed) == (door.id_of(name) if changed.lower() == name else 0), changed
        assert door.id_of(name[:at] + name[at + 1:]) == 0 or name[:at] + name[at + 1:] in KNOWN
    assert door.id_of(name + b"x") == door.id_of(b"x" + name) == 0


@given(st.text(TOKEN.decode(), max_size=40))
def test_other_names_are_other(name):
    name = name.encode()
    assert (door.id_of(name) != 0) == (name.lower() in KNOWN)


@pytest.mark.parametrize("name", [b"", b"a", b"a" * 32, b"a" * 33, b"transfer_encoding", b"content-lengt", b"x" * 70000])
def test_edges(name):
    assert door.id_of(name) == 0


@pytest.mark.parametrize("status, phrase", [
    (200, b"OK"), (404, b"Not Found"), (431, b"Request Header Fields Too Large"), (505, b"HTTP Version Not Supported"), (0, b""), (299, b""), (999, b""),
])
def test_reason_phrases(status, phrase):
    assert door.reason_of(status) == phrase


def test_reason_phrases_are_the_registered_ones():
    # RFC 9110's names; older Pythons have RFC 7231's
    renamed = {413: b"Content Too Large", 414: b"URI Too Long", 416: b"Range Not Satisfiable", 422: b"Unprocessable Content"}
    for status in HTTPStatus:
        if status == 418 or status < 200:               # a joke; and no final answers
            continue
        assert door.reason_of(status) == (renamed.get(status) or status.phrase.encode())
