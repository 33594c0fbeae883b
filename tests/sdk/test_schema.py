"""Config classes: read, refused with the place, made, exported."""

import dataclasses
import enum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

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


SCHEMA = schema_of(Config, "the config", "Config")


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


class Common:
    required: bool = True
    tags: list[str] = ["a"]
    names: dict[str, int] = dataclasses.field(default_factory=dict)


class Derived(Common):
    KIND: ClassVar[str] = "k"
    extra: str = "x"
    required: int = 5


class Nesting:
    inner: Derived | None = None


def test_what_it_derives_from_has_its_fields_first():
    schema = schema_of(Derived, "it", "It")
    assert list(schema.fields) == ["required", "tags", "names", "extra"]
    plain = schema.read({"tags": ["b"]}, [])
    assert plain == {"required": 5, "tags": ["b"], "names": {}, "extra": "x"}
    made = schema.make(plain)
    assert (made.required, made.tags, made.extra, made.KIND) == (5, ["b"], "x", "k")
    assert list(schema.json_schema()["properties"]) == ["required", "tags", "names", "extra"]
    with pytest.raises(AttributeError):
        made.tags = []
    # The class it derives from stays as it was, for others.
    assert not dataclasses.is_dataclass(Common) and Common.required is True and Common.tags == ["a"]
    assert schema_of(Nesting, "it", "It").json_schema()["properties"]["inner"]["anyOf"][0] == schema.json_schema()


def test_a_class_that_only_derives():
    class Needs:
        host: str

    class Same(Needs):
        pass

    class Holds:
        same: Same

    problems = []
    assert list(schema_of(Holds, "it", "It").fields["same"].json_schema()["properties"]) == ["host"]
    schema_of(Same, "it", "It").read({}, problems)
    assert problems == [((), "it needs host")]


def test_what_derives_from_what_was_read_before_keeps_its_own():
    class First:
        a: int = 1

    class Second(First):
        b: int = 2
        a = 7

    assert list(schema_of(First, "it", "It").fields) == ["a"]
    assert schema_of(Second, "it", "It").read({}, []) == {"a": 7, "b": 2}
    assert schema_of(First, "it", "It").read({}, []) == {"a": 1}


def test_dataclasses_and_what_derives_from_them():
    @dataclasses.dataclass
    class Made:
        a: list[int] = dataclasses.field(default_factory=lambda: [1])

    class Config(Made):
        b: int = 2

    schema = schema_of(Config, "it", "It")
    assert schema.read({}, []) == {"a": [1], "b": 2} and schema.make({"a": [2], "b": 3}).a == [2]

    class Bare:
        c: int = 1

    @dataclasses.dataclass
    class Loses(Bare):
        d: int = 1

    with pytest.raises(PluginError, match="Loses is a dataclass, and c of a class it derives from is no field of it"):
        schema_of(Loses, "it", "It")


def test_a_value_without_a_type_is_refused_where_it_is_derived_from():
    class Untyped:
        text = "hello"

    class Config(Untyped):
        a: int = 1

    with pytest.raises(PluginError, match="text needs a type"):
        schema_of(Config, "it", "It")


def config_of(**annotations):
    return type("Bad", (), {"__annotations__": annotations})


@pytest.mark.parametrize("hint", [int | str, set, list, dict[int, str], object, tuple[int, ...], "Nowhere"])
def test_types_that_can_not_be(hint):
    with pytest.raises(PluginError):
        schema_of(config_of(field=hint), "it", "It")


def test_a_value_without_a_type_is_refused():
    with pytest.raises(PluginError, match="text needs a type"):
        schema_of(type("Bad", (), {"text": "hello"}), "it", "It")


class Inner:
    tags: list[str] = []
    n: int = 3


def test_a_default_that_is_an_object():
    class Outer:
        inner: Inner = Inner()
        parts: list[Inner] = [Inner()]

    schema = schema_of(Outer, "it", "It")
    plain = schema.read({}, [])
    assert plain == {"inner": {"tags": [], "n": 3}, "parts": [{"tags": [], "n": 3}]}
    assert schema.make(plain).inner.n == 3 and schema.json_schema()["properties"]["inner"]["default"] == plain["inner"]


def test_a_default_that_is_an_object_made_before_its_class_was_read():
    class Part:
        tags: list[str] = ["a"]

    class First:
        part: Part = Part()

    class Second:
        part: Part = First.part

    class Third(First):
        n: int = 1

    for config_class in (First, Second, Third):
        schema = schema_of(config_class, "it", "It")
        assert schema.make(schema.read({}, [])).part.tags == ["a"]


def test_a_default_that_is_a_dataclasss_object():
    @dataclasses.dataclass
    class Limits:
        most: int = 3

    class Outer:
        limits: Limits = Limits(4)

    schema = schema_of(Outer, "it", "It")
    assert schema.make(schema.read({}, [])).limits.most == 4


class Needy:
    host: str


class Node:
    children: "list[Node]" = []


class Tree:
    root: Node


class Point(NamedTuple):
    x: int = 1


@pytest.mark.parametrize("hint, default, message", [
    (int, "abc", r"It\.a: its default: expected an integer, not the text \"abc\"$"),
    (str, None, r"It\.a: .* expected text, not nothing; if it may be missing, its type is `… | None`$"),
    (Literal["x", "y"], "z", r"It\.a: .* expected one of x, y, not the text \"z\""),
    (Annotated[int, Between(1, 5)], 0, r"It\.a: .* expected 1 to 5, not 0"),
    (list[int], [1, "b"], r"It\.a\.1: its default: expected an integer"),
    (list[int], {1}, r"It\.a: .* expected a list"),
    (Needy, Needy(), r"It\.a: .* it\.a needs host"),
    (Any, object(), r"It\.a: its default can't be written as JSON"),
])
def test_a_default_is_a_value_of_its_type(hint, default, message):
    with pytest.raises(PluginError, match=message):
        schema_of(type("Bad", (), {"__annotations__": {"a": hint}, "a": default}), "it", "It")


def test_a_default_that_can_not_be_made():
    class Config:
        a: int = dataclasses.field(default_factory=lambda: 1 // 0)

    with pytest.raises(PluginError, match=r"It\.a: making its default raised ZeroDivisionError"):
        schema_of(Config, "it", "It")


@pytest.mark.parametrize("hint, message", [
    (Annotated[str, Matches("[a")], r"It\.field: Matches\('\[a'\) is no regular expression: unterminated"),
    (Annotated[str, Matches("[a")] | None, r"It\.field: Matches"),
    (Annotated[str, Matches(5)], r"It\.field: Matches\(5\) is no regular expression"),
    (Annotated[int, Matches("a")], r"It\.field: Matches is for str"),
    (Annotated[str, Between(1, 3)], r"It\.field: Between is for int and float"),
    (list[Annotated[str, Between(1, 3)]], r"It\.field: Between is for int and float"),
    (Annotated[list[int], Between(1, 3)], r"It\.field: Between is for int and float"),
    (Annotated[int, Between(3, 1)], r"It\.field: Between\(3, 1\) takes two numbers"),
    (Annotated[int, Between("1", 3)], r"It\.field: Between\('1', 3\) takes two numbers"),
    (Tree, r"It\.field\.root\.children: a configuration can't contain itself, and Node does$"),
    (Point, r"It\.field: Point makes its objects in its own way"),
])
def test_classes_that_can_not_be_say_which_field(hint, message):
    with pytest.raises(PluginError, match=message):
        schema_of(config_of(field=hint), "it", "It")


def test_the_same_class_twice_is_no_recursion():
    assert list(schema_of(config_of(one=Inner, two=list[Inner]), "it", "It").fields) == ["one", "two"]


def test_an_enums_member_is_the_text_it_is():
    class Colour(str, enum.Enum):
        RED = "red"

    class Config:
        colour: str = Colour.RED

    found = schema_of(Config, "it", "It").read({}, [])["colour"]
    assert found == "red" and type(found) is str


class Nullable:
    most: int | None = 5
    anything: Any = 6
    count: int = 7


def test_null_is_a_value_where_the_type_has_it_and_else_not_given():
    schema = schema_of(Nullable, "it", "It")
    assert schema.read({}, []) == {"most": 5, "anything": 6, "count": 7}
    problems = []
    assert schema.read({"most": None, "anything": None, "count": None}, problems) == {"most": None, "anything": None, "count": 7}
    assert not problems


def test_what_can_be_assigned_to():
    @dataclasses.dataclass
    class Open:
        a: int = 1

    class Derived(Open):
        b: int = 2

    class Closed:
        a: int = 1

    for config_class in (Open, Derived):
        made = schema_of(config_class, "it", "It").make({"a": 1})
        made.a = 2
    with pytest.raises(AttributeError):
        schema_of(Closed, "it", "It").make({"a": 1}).a = 2
