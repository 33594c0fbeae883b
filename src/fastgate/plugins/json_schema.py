"""JSON and what it must look like, for request-validator: strict reading, JSON Schema, Kong's own schemas."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterator
from fractions import Fraction
from typing import Any

VERSIONS = {"draft4": "Draft4Validator", "draft6": "Draft6Validator", "draft7": "Draft7Validator",
            "draft201909": "Draft201909Validator", "draft202012": "Draft202012Validator"}
MOST_ERRORS = 10            # told in a verbose answer
MOST_TEXT = 200             # of each
_DATA = ("const", "enum", "default", "examples")      # what stands there is no schema
_SCALARS = {"string": "string", "number": "number", "integer": "integer", "boolean": "boolean"}


class NoJson(ValueError):
    """The message says why, for a client."""


def read_json(data: bytes) -> Any:
    """What every reader must understand in the same way: UTF-8, no name twice in an object, no NaN. Raises NoJson."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except NoJson:
        raise
    except RecursionError:
        raise NoJson("it is nested too deeply") from None
    except ValueError:
        raise NoJson("it is no JSON in UTF-8") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NoJson("a name is twice in an object")
    return found


def _no_constant(name: str) -> Any:
    raise NoJson(f"{name} is no JSON")


class Checker:
    """A compiled schema. In any thread."""

    def __init__(self, schema: Any, version: str) -> None:
        """schema: text with JSON, or what it says. version: of VERSIONS, or "kong". Raises ValueError."""
        try:
            import jsonschema
            from jsonschema.validators import extend
            from referencing import Registry
        except ImportError:
            raise ValueError("needs the package jsonschema: pip install 'fastgate[validator]'") from None
        if isinstance(schema, str):
            try:
                schema = read_json(schema.encode())
            except NoJson as error:
                raise ValueError(f"the schema can't be read: {error}") from None
        if version == "kong":
            schema, version = from_kong(schema), "draft4"
        if not isinstance(schema, (dict, bool)):
            raise ValueError("a JSON Schema is an object")
        for target in _references(schema):
            if not target.startswith("#"):
                raise ValueError(f'"$ref": {target!r}: only places in the schema itself, "#/…"')
        kind = getattr(jsonschema, VERSIONS[version])
        try:
            kind.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ValueError(f"{error.json_path}: {error.message[:MOST_TEXT]}") from None
        # A "$schema" would lead references to the library's own rules, past those below.
        self.schema = schema = _without_dialect(schema)
        kind = extend(kind, {"multipleOf": _multiple_of, "uniqueItems": _unique_items})
        # An empty registry: nothing is ever fetched.
        self._validator = kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)

    def errors(self, value: Any) -> list[dict[str, str]]:
        """What is wrong, for a client: {"path", "message"}, the first ones."""
        found = []
        try:
            for error in self._validator.iter_errors(value):
                found.append({"path": error.json_path[:MOST_TEXT], "message": error.message[:MOST_TEXT]})
                if len(found) == MOST_ERRORS:
                    break
        except RecursionError:
            found.append({"path": "$", "message": "it is nested too deeply"})
        return found


def _multiple_of(validator: Any, of: Any, value: Any, schema: Any) -> Iterator[Any]:
    """By what is written, so that 19.99 is a multiple of 0.01. The library divides floats, and raises for 1e400."""
    from jsonschema import ValidationError

    if validator.is_type(value, "number") and not _is_multiple(value, of):
        yield ValidationError(f"{value!r} is not a multiple of {of}")


def _is_multiple(value: Any, of: Any) -> bool:
    if isinstance(value, int) and isinstance(of, int):
        return value % of == 0
    if any(isinstance(one, float) and not math.isfinite(one) for one in (value, of)):
        return False
    return (Fraction(repr(value)) / Fraction(repr(of))).denominator == 1


def _unique_items(validator: Any, is_wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    """In linear time: the library compares each with each, which a client can make last for hours."""
    from jsonschema import ValidationError

    if is_wanted and validator.is_type(value, "array") and len(set(map(_identity, value))) < len(value):
        yield ValidationError(f"{value!r} has non-unique elements")


def _identity(value: Any) -> Hashable:
    """The same for what JSON Schema calls equal: 1 and 1.0, but not 1 and true. Numbers as text: clients can choose
    numbers that have one hash, of texts they can't."""
    if isinstance(value, bool):
        return bool, value
    if isinstance(value, (int, float)):
        return float, repr(int(value) if isinstance(value, float) and value.is_integer() else value)
    if isinstance(value, list):
        return list, tuple(map(_identity, value))
    if isinstance(value, dict):
        return dict, frozenset((name, _identity(one)) for name, one in value.items())
    return value


def _without_dialect(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_dialect(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: value if name in _DATA else _without_dialect(value) for name, value in schema.items()
            if name != "$schema" or not isinstance(value, str)}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(value, str):
                yield value
            yield from _references(value)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)


def from_kong(fields: Any) -> dict[str, Any]:
    """Kong's list of fields, [{"name": {"type": "string", "required": true}}], as JSON Schema. Raises ValueError."""
    if not isinstance(fields, list):
        raise ValueError('a schema of Kong\'s is a list of fields, like [{"name": {"type": "string"}}]; for JSON Schema '
                         "say version: draft4, or later")
    properties, needed = {}, []
    for field in fields:
        if not isinstance(field, dict) or len(field) != 1:
            raise ValueError('each field of a schema of Kong\'s is an object with one name, like {"name": {"type": "string"}}')
        [(name, rules)] = field.items()
        properties[name] = _kong_type(rules, name)
        if isinstance(rules, dict) and rules.get("required"):
            needed.append(name)
    made: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": needed} if needed else {})


def _kong_type(rules: Any, name: str) -> dict[str, Any]:
    if not isinstance(rules, dict) or not isinstance(rules.get("type"), str):
        raise ValueError(f"{name} has no type")
    rules = dict(rules)
    kind = rules.pop("type")
    rules.pop("required", None)
    made: dict[str, Any]
    if kind in _SCALARS:
        made = {"type": _SCALARS[kind]}
    elif kind in ("array", "set"):
        made = {"type": "array", "items": _kong_type(rules.pop("elements", None), f"elements of {name}")}
        if kind == "set":
            made["uniqueItems"] = True
    elif kind == "map":
        rules.pop("keys", None)             # names in JSON are text, whatever else
        made = {"type": "object", "additionalProperties": _kong_type(rules.pop("values", None), f"values of {name}")}
    elif kind == "record":
        made = from_kong(rules.pop("fields", None))
    else:
        raise ValueError(f"{name}: the type {kind!r} is none of Kong's: string, number, integer, boolean, array, set, map, record")
    length = {"string": "Length", "array": "Items", "set": "Items", "map": "Properties"}.get(kind, "")
    for rule, value in rules.items():
        made |= _kong_rule(rule, value, length, name)
    return made


def _kong_rule(rule: str, value: Any, length: str, name: str) -> dict[str, Any]:
    if rule == "len_min" and length:
        return {f"min{length}": value}
    if rule == "len_max" and length:
        return {f"max{length}": value}
    if rule == "len_eq" and length:
        return {f"min{length}": value, f"max{length}": value}
    if rule == "between" and isinstance(value, list) and len(value) == 2:
        return {"minimum": value[0], "maximum": value[1]}
    if rule == "one_of":
        return {"enum": value}
    if rule == "gt":
        return {"minimum": value, "exclusiveMinimum": True}
    if rule in ("default", "description"):
        return {}
    raise ValueError(f"{name}: {rule} is not in this version (patterns of Kong's are Lua's); say it in JSON Schema")
