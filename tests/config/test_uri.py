"""Paths: the normal form against a plain model, and the conversion of older files."""

import re

import pytest
from fastgate.config.uri import looks_like_regex, migrated, normalized, regex_problem, route_path_problem
from hypothesis import given
from hypothesis import strategies as st

from .support import loaded

PIECES = ["/", "//", ".", "..", "a", "B", "%2e", "%2F", "%2f", "%41", "%e9", "é", " ", "?", "~", "(", "{", "%zz", "%", "%%32e"]
paths = st.lists(st.sampled_from(PIECES), max_size=16).map(lambda pieces: "/" + "".join(pieces))


def normal_form(path):
    """A model in a few lines; the core's normalisation, and the escapes a request could not do without."""
    escaped = re.sub(rb"[^!-~]|[?#]", lambda found: b"%%%02X" % found[0][0], path.encode())
    decoded = b""
    for piece in re.split(rb"(%[0-9a-fA-F]{2})", escaped):
        if re.fullmatch(rb"%[0-9a-fA-F]{2}", piece):
            byte = bytes.fromhex(piece[1:].decode())
            would_escape = re.match(rb"[0-9a-fA-F]", byte) and re.search(rb"%[0-9a-fA-F]?\Z", decoded)
            piece = byte if re.match(rb"[A-Za-z0-9._~-]", byte) and not would_escape else piece.upper()
        decoded += piece
    kept = []
    segments = decoded.split(b"/")[1:]
    for at, segment in enumerate(segments):
        if segment == b"..":
            kept = kept[:-1]
        elif segment not in (b".", b""):
            kept.append(segment + (b"" if at == len(segments) - 1 else b"/"))
    return (b"/" + b"".join(kept)).decode()


@given(paths)
def test_normal_form_is_the_models(path):
    assert normalized(path) == normal_form(path)


@given(paths)
def test_normal_form_is_final_and_taken(path):
    once = normalized(path)
    assert normalized(once) == once
    if not re.search(r"%(?![0-9A-Fa-f]{2})", once):
        assert route_path_problem(once) is None


@pytest.mark.parametrize("old, new", [
    ("/a", "/a"), ("/a/%61/../b", "/a/b"), (r"/v\d+", r"~/v\d+"), ("/a(b|c)", "~/a(b|c)"), ("~/a(b)", "~/a(b)"),
    ("/a%20(b)", "~/a (b)"), ("/a%2E(b)", r"~/a\.(b)"), ("/a%2f(b)", "~/a%2F(b)"), ("/a%c3%a9$", "~/a%C3%A9$"),
    ("/a//b", "/a//b"), ("/a%", "/a%"), ("a", "a"),
])
def test_path_of_an_older_file_is_converted(old, new):
    assert migrated(old) == new


@pytest.mark.parametrize("version", ["1.1", "2.1", 1.1, 2.1])
def test_older_files_are_converted_wherever_routes_are(version):
    paths = ["/a/./b", r"/v\d+", "~/x(y)"]
    model = loaded({"_format_version": version, "routes": [{"paths": list(paths)}],
                    "services": [{"host": "a", "routes": [{"paths": list(paths)}, {"paths": None}, {}][:1]}]})
    assert [route["paths"] for route in model.routes] == [["/a/b", r"~/v\d+", "~/x(y)"]] * 2


def test_version_3_files_are_not_converted():
    assert loaded({"_format_version": "3.0", "routes": [{"paths": ["/a(b)"]}]}).routes[0]["paths"] == ["/a(b)"]


@pytest.mark.parametrize("pattern", [
    r"/a\(b", r"/a\\", "/[(]", "/(?#)()", r"/\Q(\E", "/(?x) a # )\n", "/a{1,2}+", r"/\K", "/(?R)?", "/((a))", "(*UCP)/a",
    r"/\Qa\\",
])
def test_pattern_the_core_may_take_is_not_refused(pattern):
    assert regex_problem(pattern) is None


@pytest.mark.parametrize("path, expected", [
    ("/a.b", False), ("/a-b_c~d", False), ("/a+b", False), ("/a%20", False), ("/a*", False), ("/a(b)", True),
    (r"/\w", True), ("/a$", True), ("/[a]", True), ("/a.*", True), ("/a|b", True), ("/a{2}", True),
])
def test_lookalikes(path, expected):
    assert looks_like_regex(path) is expected
