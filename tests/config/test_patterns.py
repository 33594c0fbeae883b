"""The hook by which the core's compiler judges patterns."""

from .support import HEAD, errors_of, loaded

TEXT = HEAD + r"""
routes:
- paths: [/plain, '~/a\d+', '~/bad', bad]
  headers:
    x-a: ['~*bad']
    x-b: ['~*good']
    x-c: ['bad']
"""


def check(pattern):
    return "quantifier at offset 3" if "bad" in pattern else None


def test_bad_patterns_are_reported_with_their_places_beside_other_errors():
    errors = errors_of(TEXT, check_pattern=check)
    assert [(error.line, error.path) for error in errors] == [
        (4, "routes[0].paths[3]"), (4, "routes[0].paths[2]"), (6, "routes[0].headers.x-a[0]")]
    assert "quantifier at offset 3" in errors[1].message


def test_hook_is_asked_for_patterns_alone_without_their_marks():
    asked = []
    loaded(TEXT.replace(", bad]", "]"), check_pattern=lambda pattern: asked.append(pattern))
    assert asked == [r"/a\d+", "/bad", "bad", "good"]
