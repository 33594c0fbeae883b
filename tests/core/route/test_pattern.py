"""route/pattern: PCRE2 bound at run time, its limits, and the literal beginnings that place a regex in a path tree."""

import os
import re
import subprocess
import sys

import pytest
from fastgate_doors import route_door
from hypothesis import given
from hypothesis import strategies as st

ANYWHERE, CASELESS, TO_END = 1, 2, 4


def test_match_starts_at_the_first_byte_and_gives_groups():
    pattern = route_door.Pattern(rb"/(?<kind>\w+)(/x)?/(?P<id>\d+)")
    assert pattern.match(b"/users/42/more") == [b"/users/42", b"users", None, b"42"]
    assert pattern.match(b"x/users/42") is None
    assert pattern.names == {b"kind": 1, b"id": 3}


def test_dollar_is_the_very_end():
    assert route_door.Pattern(b"/a$").match(b"/a\n") is None


def test_bytes_are_not_utf8():
    assert route_door.Pattern(b"/.$").match(b"/\xc3\xa9") is None
    assert route_door.Pattern(b"/..$").match(b"/\xc3\xa9") == [b"/\xc3\xa9"]


def test_anywhere_and_caseless():
    pattern = route_door.Pattern(b"^a|B", ANYWHERE | CASELESS)
    assert [bool(pattern.match(subject)) for subject in (b"A", b"xb", b"xa", b"", b"x\nb")] == [True, True, False, False, True]


def test_more_groups_than_are_kept_still_match():
    assert len(route_door.Pattern(b"(a)" * 40).match(b"a" * 40)) == 32


@given(st.text("ab", max_size=5))
@pytest.mark.parametrize("text", ["a|ab", "(a|ab)+", "a*", "^a$|b", ""])
def test_to_the_end_all_of_it_must_match(text, subject):
    found = route_door.Pattern(text.encode(), TO_END).match(subject.encode())
    assert (found is not None) == bool(re.fullmatch(text, subject))


@pytest.mark.parametrize("text, flags, offset", [(b"/(", 0, 2), (b"a[", ANYWHERE, 2), (b"/a**+*", 0, 3), (rb"/\C", 0, 3), (b"(*UTF)/a", 0, 6)])
def test_a_bad_pattern_is_refused_with_place_and_reason(text, flags, offset):
    with pytest.raises(ValueError) as caught:
        route_door.Pattern(text, flags)
    assert caught.value.args[0] == offset
    assert caught.value.args[1]


@pytest.mark.parametrize("text, flags, subject", [
    # Each subject holds what the pattern needs, but in the wrong place: PCRE2 cannot refuse it at a glance.
    (b"/(a+)+$", 0, b"/" + b"a" * 4000 + b"!"),
    (b"/(a|a)*b$", 0, b"/" + b"a" * 4000 + b"b!"),
    (b"(.*)*x$", 0, b"y" * 8000 + b"xy"),
    (b"(a+)+$", ANYWHERE, b"a" * 8000 + b"!"),
    (b".*.*.*=.*z$", ANYWHERE, b"z" + b"=" * 8000),
    (b"(*NO_JIT)/(a+)+$", 0, b"/" + b"a" * 4000 + b"!"),
    (b"(*NO_JIT)/(a|b)*c$", 0, b"/" + b"ab" * 4000 + b"ca"),
    (b"a", ANYWHERE, b"a" * 8193),
])
def test_a_catastrophic_pattern_stops_at_a_limit(text, flags, subject):
    pattern = route_door.Pattern(text, flags)
    assert pattern.match(subject) is None
    assert pattern.was_stopped


def test_a_limit_does_not_outlast_its_match():
    pattern = route_door.Pattern(b"/(a+)+$")
    pattern.match(b"/" + b"a" * 4000 + b"!")
    assert pattern.was_stopped
    assert pattern.match(b"/aaa") == [b"/aaa", b"aaa"]
    assert not pattern.was_stopped
    assert pattern.match(b"/b") is None
    assert not pattern.was_stopped


def test_without_the_library_the_problem_says_what_to_install():
    # Out of file descriptors dlopen finds no library: as good as none installed. The next try may find it.
    code = """
import resource
from fastgate_doors import route_door
most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, most[1]))
problem = route_door.open_library()
resource.setrlimit(resource.RLIMIT_NOFILE, most)
print(problem, route_door.open_library(), sep="|")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    problem, after = ran.stdout.split("|")
    assert "libpcre2-8-0" in problem and "pcre2" in problem
    assert after == "\n"


# ---- literal beginnings

@pytest.mark.parametrize("text, literal", [
    (b"/api/v1", b"/api/v1"), (rb"/api/v1\.0/x", b"/api/v1.0/x"), (b"/a/(b|c)", b"/a/"), (b"/ab*", b"/a"), (b"/ab+c", b"/ab"),
    (b"/ab?", b"/a"), (b"/ab{0,2}", b"/a"), (rb"/a\d", b"/a"), (b"/a[bc]", b"/a"), (b"/a.b", b"/a"), (b"/a$", b"/a"),
    (b"/a|/b", b""), (b"/a/[|]x", b"/a/"), (b"/a[(]|/b", b""), (b"/a[](]|/b", b""), (b"/a[[:alpha:](]|/b", b""), (rb"/a\(|/b", b""),
    (rb"/a\Q(\E|/b", b""), (rb"/a\c(|/b", b""), (b"(?i)/A", b""), (b"/a(?#()|/b", b""), (b"/a(*ACCEPT)b", b""), (b"/a(?x)#(\n|/b", b""),
    (b"/a(?<n>b|c)", b"/a"), (b"/a(?:b|c)|/d", b""), (b"", b""), (b"\\", b""), (b"/a[", b"/a"), (b"/a(?", b""), (b"/a\\*b", b"/a*b"),
    (b"/a\\**", b"/a"),
])
def test_literal_known(text, literal):
    assert route_door.literal(text) == literal


@given(st.lists(st.sampled_from(["/", "a", "b", "|", "(", ")", "(?:", "[", "]", "^", "*", "+", "?", "\\.", ".", "$", "{1}", "{0}"]), max_size=12),
       st.text("/ab.", max_size=6))
def test_every_match_begins_with_the_literal(pieces, subject):
    text = "".join(pieces).encode()
    try:
        pattern = route_door.Pattern(text)
    except ValueError:
        return
    if pattern.match(subject.encode()) is not None:
        assert subject.encode().startswith(route_door.literal(text)), re.escape(text)
