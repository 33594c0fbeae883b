"""The configuration asks the core about its regular expressions."""

import pytest

from fastgate._core.bridge.pattern_check import check_pattern

pytestmark = pytest.mark.core


@pytest.mark.parametrize("pattern", ["", "/a", r"/(?<id>\d+)/x$", "/caf\u00e9", "(a|b)*"])
def test_good(pattern):
    assert check_pattern(pattern) is None


@pytest.mark.parametrize("pattern, place, words", [
    ("/a(", 3, "closing parenthesis"), ("(?<=a+)b", 0, "lookbehind"), ("(?<n>a)(?<n>b)", 12, "same name"),
    ("\u00e9(", 3, "closing parenthesis"),
])
def test_bad(pattern, place, words):
    problem = check_pattern(pattern)
    assert problem.startswith(f"at byte {place}: ") and words in problem
