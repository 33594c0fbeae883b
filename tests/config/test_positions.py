"""Lines: the place of any path in a text, YAML and JSON alike."""

import json

import pytest
from fastgate.config.positions import find_lines
from hypothesis import given
from hypothesis import strategies as st

YAML = """\
a:
  - x: 1
    "y z":
      - p
      -
        - q
b: {c: [1,
  2], d: 3}
"""
JSON = """{"a": [
  {"x": 1,
   "y z": ["p",
     [
  "q"]]}],
"b": {"c": [1,
  2], "d": "}]\\"{"}}"""


@pytest.mark.parametrize("form, text, lines", [("yaml", YAML, (1, 2, 3, 4, 6, 6, 7, 7, 8, 8)),
                                               ("json", JSON, (1, 2, 3, 3, 4, 5, 6, 6, 7, 7))])
def test_lines_of_paths(form, text, lines):
    wanted = [("a",), ("a", 0, "x"), ("a", 0, "y z"), ("a", 0, "y z", 0), ("a", 0, "y z", 1), ("a", 0, "y z", 1, 0),
              ("b",), ("b", "c", 0), ("b", "c", 1), ("b", "d")]
    assert find_lines(text, form, wanted) == dict(zip(wanted, lines, strict=True))


@pytest.mark.parametrize("form, text", [("yaml", YAML), ("json", JSON)])
def test_path_that_is_not_there_has_the_line_of_its_nearest(form, text):
    near = find_lines(text, form, [("b",), ("a", 0)])
    assert find_lines(text, form, [("b", "nope", 5), ("a", 0, "q")]) == \
        {("b", "nope", 5): near[("b",)], ("a", 0, "q"): near[("a", 0)]}


def test_text_that_breaks_off_has_lines_up_to_there():
    assert find_lines("a: 1\nb: [", "yaml", [("a",), ("b",)]) == {("a",): 1, ("b",): 2}
    assert find_lines('{"a": 1,\n"b": [', "json", [("a",), ("b",)]) == {("a",): 1, ("b",): 2}


trees = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                     lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=6), below, max_size=4),
                     max_leaves=20)


def all_paths(tree, path=()):
    yield path
    for key, below in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from all_paths(below, (*path, key))


def marked(tree, path):
    """`tree` with a mark for the key or entry of `path`."""
    if isinstance(tree, dict):
        return {"\0MARK" if path == (key,) else key: marked(value, path[1:] if path[:1] == (key,) else ())
                for key, value in tree.items()}
    if isinstance(tree, list):
        return ["\0MARK" if path == (at,) else marked(value, path[1:] if path[:1] == (at,) else ())
                for at, value in enumerate(tree)]
    return tree


def line_of(tree, path):
    """A model: the line on which json.dumps writes a mark put at `path`."""
    text = json.dumps(marked(tree, path), indent=0)
    return text[:text.index('"\\u0000MARK"')].count("\n") + 1


@given(trees)
def test_every_path_of_a_json_text_has_its_line(tree):
    text = json.dumps(tree, indent=0)
    wanted = list(all_paths(tree))
    found = find_lines(text, "json", wanted)
    assert found[()] == 1
    for path in wanted[1:]:
        assert found[path] == line_of(tree, path), path
