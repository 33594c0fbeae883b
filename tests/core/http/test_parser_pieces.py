"""`_core/http/parser.pyx`: bytes give the same message, body, trailers and verdict in whatever pieces they come."""

import pytest
from core.http.messages import REQUESTS, RESPONSES, requests, responses
from fastgate_doors import http_door as door
from hypothesis import example, given
from hypothesis import strategies as st


def read(pieces, **options):
    """What came of it, as far as it may not depend on the pieces."""
    parser = door.Parser(**options)
    status, used = "ok", 0
    for piece in pieces:
        assert status == "ok"
        status, n = parser.feed(piece)
        assert n <= len(piece) and (status != "ok" or n == len(piece))
        used += n
        if status != "ok":
            break
    if status not in ("ok", "done"):
        return status, parser.fault, parser.heads_told, parser.body
    seen = [status, used, parser.body, parser.trailers, parser.body_bytes, parser.heads_told, parser.is_head_done]
    if parser.is_head_done:
        seen += [
            parser.method, parser.target, parser.status, parser.reason, parser.http_minor, parser.headers, parser.ids, parser.framing,
            parser.content_length, parser.keeps_alive, parser.is_complete, parser.end(),
        ]
    return seen


def cut(data, places):
    places = sorted({min(place, len(data)) for place in places})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


BOTH = [(False, data) for data in REQUESTS] + [(True, data) for data in RESPONSES]


@pytest.mark.parametrize("is_response, data", BOTH)
def test_two_pieces_at_every_place(is_response, data):
    data += b"behind"
    whole = read([data], is_response=is_response)
    assert whole[0] in ("done", "ok")
    for place in range(len(data) + 1):
        assert read([data[:place], data[place:]], is_response=is_response) == whole, place


@pytest.mark.parametrize("is_response, data", BOTH)
def test_byte_by_byte_and_with_empty_pieces(is_response, data):
    whole = read([data], is_response=is_response)
    assert read([data[i:i + 1] for i in range(len(data))], is_response=is_response) == whole
    assert read([piece for i in range(len(data)) for piece in (b"", data[i:i + 1])], is_response=is_response) == whole


places = st.one_of(st.lists(st.integers(0, 400), max_size=8), st.just(range(400)))


@given(requests, places)
@example(b"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", [5])
@example(b"\rGET / HTTP/1.1\r\n\r\n", [1])
@example(b"GET / HTTP/1.1\r\nA: b\r\n\r", [22])
def test_any_pieces_of_any_request(data, cuts):
    assert read(cut(data, cuts)) == read([data])


@given(responses, places, st.booleans())
def test_any_pieces_of_any_response(data, cuts, answers_head):
    options = dict(is_response=True, answers_head=answers_head)
    assert read(cut(data, cuts), **options) == read([data], **options)


def verdict(pieces, **options):
    """Refused or not; more than one limit may be exceeded, and which is seen first depends on the pieces."""
    outcome = read(pieces, **options)
    return "refused" if isinstance(outcome, tuple) else outcome


@given(requests, places, st.integers(20, 120), st.integers(0, 4), st.integers(0, 8), st.integers(0, 3))
def test_limits_do_not_depend_on_pieces(data, cuts, header_bytes, headers, uri_bytes, chunk_extension_bytes):
    options = dict(header_bytes=header_bytes, headers=headers, uri_bytes=uri_bytes, chunk_extension_bytes=chunk_extension_bytes)
    assert verdict(cut(data, cuts), **options) == verdict([data], **options)


@given(responses, places, st.integers(10, 80), st.integers(0, 3))
def test_limits_of_answers_do_not_depend_on_pieces(data, cuts, header_bytes, headers):
    options = dict(is_response=True, header_bytes=header_bytes, headers=headers)
    assert verdict(cut(data, cuts), **options) == verdict([data], **options)
