"""JSON read strictly, and schemas in all their versions."""

from __future__ import annotations

import json

import pytest
from fastgate.plugins.json_schema import MOST_ERRORS, VERSIONS, Checker, NoJson, from_kong, read_json
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(st.none() | st.booleans() | st.integers(-10**9, 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(JSON)
def test_what_is_json_is_read_as_it_was(value):
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize("data, why", [
    (b"", "no JSON"), (b"{", "no JSON"), (b'{"a": 1, "a": 2}', "twice"), (b'[{"a": {"b": 1, "b": 1}}]', "twice"), (b"NaN", "NaN"),
    (b"[-Infinity]", "-Infinity"), ('{"a": 1}'.encode("utf-16"), "UTF-8"), (b"\xef\xbb\xbf{}", "no JSON"), (b'"\xff"', "UTF-8"),
    (b"[" * 100_000, "deep"), (b"1 2", "no JSON"), (b"9" * 5000, "no JSON")])
def test_what_others_might_read_otherwise_is_none(data, why):
    with pytest.raises(NoJson, match=why):
        read_json(data)


@pytest.mark.parametrize("version", VERSIONS)
def test_all_versions_of_json_schema(version):
    checker = Checker('{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "maximum": 5}}}', version)
    assert checker.errors({"a": 5, "b": None}) == []
    assert [error["path"] for error in checker.errors({"a": 6})] == ["$.a"]
    assert "'a' is a required property" in checker.errors({})[0]["message"]


def test_exclusive_bounds_are_each_versions_own():
    assert Checker({"minimum": 1, "exclusiveMinimum": True}, "draft4").errors(1)
    assert Checker({"exclusiveMinimum": 1}, "draft202012").errors(1)
    with pytest.raises(ValueError, match="exclusiveMinimum"):
        Checker({"exclusiveMinimum": True}, "draft7")


def test_references_lead_to_the_schema_itself_alone():
    checker = Checker({"$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}}, "draft4")
    assert checker.errors(1) and not checker.errors("x")
    for target in ("http://127.0.0.1:1/x", "other.json#/a", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="only places in the schema itself"):
            Checker({"properties": {"a": {"$ref": target}}}, "draft4")


def test_errors_are_few_and_short():
    checker = Checker({"items": {"maxLength": 1}}, "draft4")
    errors = checker.errors(["x" * 10_000] * 100)
    assert len(errors) == MOST_ERRORS and all(len(error["message"]) <= 200 for error in errors)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("number, of, good", [
    (19.99, 0.01, True), (1.1, 0.1, True), (19.995, 0.01, False), (0, 0.01, True), (-0.3, 0.1, True), (1e308, 0.5, True), (5, 2.5, True),
    (10**400, 0.5, True), (10**400 + 1, 3, False), (7, 2, False), (float("inf"), 0.01, False), (float("inf"), 2, False), (True, 2, True)])
def test_multiples_are_those_of_what_is_written(version, number, of, good):
    assert (Checker({"multipleOf": of}, version).errors(number) == []) is good


@given(st.lists(JSON | st.sampled_from([0, 0.0, False, 1, 1.0, True, "1", [1], [True], {"a": 1}, {"a": 1.0}, {"a": True}, "", [], {}])))
def test_items_are_unique_by_what_they_are(items):
    def is_same(one, other):
        if isinstance(one, dict) and isinstance(other, dict):
            return one.keys() == other.keys() and all(is_same(one[name], other[name]) for name in one)
        if isinstance(one, list) and isinstance(other, list):
            return len(one) == len(other) and all(map(is_same, one, other))
        return isinstance(one, bool) == isinstance(other, bool) and one == other

    is_unique = not any(is_same(one, other) for at, one in enumerate(items) for other in items[:at])
    assert (Checker({"uniqueItems": True}, "draft202012").errors(items) == []) is is_unique


class Counted(int):
    """Which says how often it was compared."""

    compared = 0
    __hash__ = int.__hash__

    def __eq__(self, other):
        Counted.compared += 1
        return int.__eq__(self, other)

    __lt__ = None


@pytest.mark.parametrize("schema", [
    {"uniqueItems": True},
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "anyOf": [{"type": "null"}, {"$ref": "#/$defs/list"}],
     "$defs": {"list": {"$schema": "https://json-schema.org/draft/2020-12/schema", "uniqueItems": True}}}])
def test_items_are_not_compared_with_one_another(schema):
    Counted.compared = 0
    items = [[Counted(at * (2**61 - 1))] for at in range(1000)]      # of one hash, all of them
    assert Checker(schema, "draft202012").errors([*items, {}, ""]) == []
    assert Counted.compared < 10_000


def test_a_schema_that_is_data_stays_as_it_is():
    known = {"$schema": "http://json-schema.org/draft-04/schema#"}
    checker = Checker(known | {"properties": {"$schema": {"type": "string"}, "a": {"const": known}}}, "draft7")
    assert checker.errors({"$schema": "x", "a": known}) == []
    assert checker.errors({"$schema": 5}) and checker.errors({"a": {}})


KONG = [
    {"name": {"type": "string", "required": True, "len_min": 2, "len_max": 4}}, {"age": {"type": "integer", "between": [0, 150]}},
    {"kind": {"type": "string", "one_of": ["a", "b"]}}, {"tags": {"type": "set", "elements": {"type": "string"}, "len_max": 2}},
    {"sizes": {"type": "map", "keys": {"type": "string"}, "values": {"type": "number", "gt": 0}}},
    {"address": {"type": "record", "fields": [{"city": {"type": "string", "required": True}}]}}]


@pytest.mark.parametrize("value, good", [
    ({"name": "ann"}, True), ({}, False), ({"name": "x"}, False), ({"name": "xxxxx"}, False), ({"name": "ann", "age": 151}, False),
    ({"name": "ann", "age": 1.5}, False), ({"name": "ann", "kind": "c"}, False), ({"name": "ann", "tags": ["a", "a"]}, False),
    ({"name": "ann", "tags": ["a", "b", "c"]}, False), ({"name": "ann", "tags": ["a", "b"]}, True),
    ({"name": "ann", "sizes": {"a": 0}}, False), ({"name": "ann", "sizes": {"a": 0.1}}, True), ({"name": "ann", "more": 1}, False),
    ({"name": "ann", "address": {}}, False), ({"name": "ann", "address": {"city": "x"}}, True), ([], False)])
def test_kongs_schemas(value, good):
    assert (Checker(KONG, "kong").errors(value) == []) is good


@pytest.mark.parametrize("schema, why", [
    ({}, "list of fields"), ([{}], "one name"), ([{"a": {}}], "a has no type"), ([{"a": {"type": "function"}}], "none of Kong's"),
    ([{"a": {"type": "array"}}], "elements of a has no type"), ([{"a": {"type": "string", "match": "^x"}}], "match is not in this version"),
    ([{"a": {"type": "integer", "len_min": 1}}], "len_min is not")])
def test_kongs_schemas_that_cannot_be(schema, why):
    with pytest.raises(ValueError, match=why):
        from_kong(schema)


def test_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jsonschema", None)
    with pytest.raises(ValueError, match=r"pip install 'fastgate\[validator\]'"):
        Checker({}, "draft4")
