"""Config classes: read, refused with the place, made, exported."""

from typing import Annotated, Any, Literal

import pytest
from fastgate.sdk import Between, Matches, PluginError
from fastgate.sdk.schema import schema_of


class Part:
    weight: float = 1
    name: str


class Config:
    text: str
    number: int = 3
    ratio: float = 0.5
    switch: bool = False
    kind: Literal["a", "b", 3] = "a"
    maybe: str | None = None
    many: list[int] = []
    named: dict[str, list[str]] = {}
    part: Part | None = None
    parts: list[Part] = []
    port: Annotated[int, Between(1, 10)] = 5
    word: Annotated[str, Matches("[a-z]+")] | None = None
    anything: Any = None


SCHEMA = schema_of(Config, "the config")


def read(raw):
    problems = []
    return SCHEMA.read(raw, problems), problems


def test_defaults_are_filled_in_and_not_shared():
    plain, problems = read({"text": "x"})
    assert not problems
    assert plain == {"text": "x", "number": 3, "ratio": 0.5, "switch": False, "kind": "a", "maybe": None, "many": [],
                     "named": {}, "part": None, "parts": [], "port": 5, "word": None, "anything": None}
    one, other = SCHEMA.make(plain), SCHEMA.make(read({"text": "x"})[0])
    assert one == other and one.many is not other.many
    with pytest.raises(AttributeError):
        one.text = "y"


def test_all_kinds_of_values():
    plain, problems = read({"text": "x", "number": 4.0, "ratio": 2, "switch": True, "kind": 3, "maybe": None, "many": [1],
                            "named": {"a": ["b"]}, "part": {"name": "p"}, "parts": [{"name": "q", "weight": 2}], "port": 10,
                            "word": "abc", "anything": {"a": [None]}})
    assert not problems
    made = SCHEMA.make(plain)
    assert made.part.name == "p" and made.part.weight == 1 and made.parts[0].weight == 2.0
    assert made.number == 4 and type(made.number) is int and type(made.ratio) is float and made.kind == 3


@pytest.mark.parametrize("raw, path, message", [
    ([], (), "expected a mapping (the config), not a list"),
    ({}, (), "the config needs text"),
    ({"text": None}, ("text",), "expected text, not nothing"),
    ({"text": 1}, ("text",), "expected text, not 1"),
    ({"text": "x", "numbr": 1}, ("numbr",), 'unknown key "numbr" for the config; did you mean "number"?'),
    ({"text": "x", "number": "4"}, ("number",), 'expected an integer, not the text "4"'),
    ({"text": "x", "number": True}, ("number",), "expected an integer, not true"),
    ({"text": "x", "number": 4.5}, ("number",), "expected an integer, not 4.5"),
    ({"text": "x", "switch": 1}, ("switch",), "expected true or false, not 1"),
    ({"text": "x", "kind": "c"}, ("kind",), 'expected one of a, b, 3, not the text "c"'),
    ({"text": "x", "many": 1}, ("many",), "expected a list, not 1"),
    ({"text": "x", "many": [1, "b"]}, ("many", 1), 'expected an integer, not the text "b"'),
    ({"text": "x", "named": {"a": ["b", 1]}}, ("named", "a", 1), "expected text, not 1"),
    ({"text": "x", "parts": [{"name": 1}]}, ("parts", 0, "name"), "expected text, not 1"),
    ({"text": "x", "part": {}}, ("part",), "the config.part needs name"),
    ({"text": "x", "port": 11}, ("port",), "expected 1 to 10, not 11"),
    ({"text": "x", "word": "aB"}, ("word",), 'expected text that matches [a-z]+, not the text "aB"'),
])
def test_what_is_wrong_is_said_with_its_place(raw, path, message):
    assert read(raw)[1] == [(path, message)]


def test_all_problems_at_once():
    assert [path for path, _ in read({"number": "a", "many": ["b"], "no": 1})[1]] == [
        ("no",), (), ("number",), ("many", 0)]


def test_json_schema():
    exported = SCHEMA.json_schema()
    assert exported["required"] == ["text"] and exported["additionalProperties"] is False
    found = exported["properties"]
    part = {"type": "object", "additionalProperties": False, "required": ["name"],
            "properties": {"weight": {"type": "number", "default": 1}, "name": {"type": "string"}}}
    assert found["text"] == {"type": "string"} and found["number"] == {"type": "integer", "default": 3}
    assert found["kind"] == {"enum": ["a", "b", 3], "default": "a"}
    assert found["maybe"] == {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    assert found["named"] == {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}},
                              "default": {}}
    assert found["parts"] == {"type": "array", "items": part, "default": []}
    assert found["port"] == {"type": "integer", "minimum": 1, "maximum": 10, "default": 5}
    assert found["word"]["anyOf"][0] == {"type": "string", "pattern": "^(?:[a-z]+)$"}


def config_of(**annotations):
    return type("Bad", (), {"__annotations__": annotations})


@pytest.mark.parametrize("hint", [int | str, set, list, dict[int, str], object, tuple[int, ...], "Nowhere"])
def test_types_that_can_not_be(hint):
    with pytest.raises(PluginError):
        schema_of(config_of(field=hint), "it")


def test_a_value_without_a_type_is_refused():
    with pytest.raises(PluginError, match="text needs a type"):
        schema_of(type("Bad", (), {"text": "hello"}), "it")
