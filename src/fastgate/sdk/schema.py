"""A plugin's typed Config: from annotations to validation, to objects, and to JSON Schema."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import re
import types
from collections.abc import Callable
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from .config_class import hints_of, is_dataclass_itself, is_field, make_dataclass
from .errors import PluginError

Problems = list[tuple[tuple[Any, ...], str]]    # (path below the value, message)
Scalar = Callable[[Any], Any]                   # a text that a `${VAR}` produced, as YAML reads it; else the value

_PLAIN = {str: "text", int: "an integer", float: "a number", bool: "true or false"}
_JSON = {str: "string", int: "integer", float: "number", bool: "boolean"}


class Between(NamedTuple):
    """A bound on a number: `port: Annotated[int, Between(1, 65535)]`."""

    low: float
    high: float


class Matches(NamedTuple):
    """A regular expression a whole text must match: `Annotated[str, Matches("[a-z]+")]`."""

    pattern: str


class Schema:
    """The fields of one Config class. Made by `schema_of`."""

    def __init__(self, config_class: type, label: str, fields: dict[str, _Field]) -> None:
        self.config_class = config_class
        self.label = label
        self.fields = fields

    def read(self, raw: Any, problems: Problems, scalar: Scalar = lambda value: value) -> dict[str, Any]:
        """The value with every field, as plain data; what is wrong goes to `problems`."""
        if type(raw) is not dict:
            problems.append(((), f"expected a mapping ({self.label}), not {_shown(raw)}"))
            return {}
        found: dict[str, Any] = {}
        for name in raw:
            if name not in self.fields:
                near = get_close_matches(str(name), self.fields, 1)
                problems.append(((name,), f'unknown key "{name}" for {self.label}'
                                          + (f'; did you mean "{near[0]}"?' if near else "")))
        for name, field in self.fields.items():
            if name in raw and not (raw[name] is None and field.has_default and not field.takes_none):
                found[name] = field.read(raw[name], (name,), problems, scalar)
            elif field.has_default:
                found[name] = field.plain_default(problems)
            else:
                problems.append(((), f"{self.label} needs {name}"))
        return found

    def make(self, plain: dict[str, Any]) -> Any:
        """The Config object of what `read` returned. Raises ValueError: its __post_init__ does."""
        return self.config_class(**{name: self.fields[name].make(value) for name, value in plain.items()})

    def plain(self, made: Any) -> dict[str, Any]:
        """The way back; `read` fills in what an object made before its class was a dataclass does not have."""
        return {name: field.plain(getattr(made, name)) for name, field in self.fields.items() if hasattr(made, name)}

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema, draft 2020-12."""
        needed = [name for name, field in self.fields.items() if not field.has_default]
        found: dict[str, Any] = {"type": "object", "additionalProperties": False,
                                 "properties": {name: field.json_schema() for name, field in self.fields.items()}}
        return found | ({"required": needed} if needed else {})


class _Field:
    def __init__(self, kind: _Kind, default: Callable[[], Any] | None, place: str) -> None:
        self.read = kind.read
        self.make = kind.make
        self.plain = kind.plain
        self._kind = kind
        self._default = default
        self.has_default = default is not None
        self.takes_none = kind.is_optional or kind.name is Any
        if self.has_default:
            self._check_default(place)

    def _check_default(self, place: str) -> None:
        problems: Problems = []
        try:
            default = self.plain_default(problems)
        except Exception as error:
            raise PluginError(f"{place}: making its default raised {type(error).__name__}: {error}") from None
        for path, message in problems:
            below = "".join(f".{part}" for part in path)
            hint = "; if it may be missing, its type is `… | None`" if default is None else ""
            raise PluginError(f"{place}{below}: its default: {message}{hint}")
        try:
            json.dumps(default)
        except (TypeError, ValueError) as error:
            raise PluginError(f"{place}: its default can't be written as JSON: {error}") from None

    def plain_default(self, problems: Problems | None = None) -> Any:
        assert self._default is not None
        return self.read(self.plain(self._default()), (), [] if problems is None else problems, lambda value: value)

    def json_schema(self) -> dict[str, Any]:
        return self._kind.json_schema() | ({"default": self.plain_default()} if self.has_default else {})


class _Kind:
    """A type: reads plain data, and makes objects of it."""

    def __init__(self, hint: Any, where: _Where) -> None:
        place = where.place
        self.name: Any
        self.limits: tuple[Any, ...] = ()
        self.of: Any = None         # of a list or a mapping
        self.schema: Schema | None = None
        self.choices: tuple[Any, ...] = ()
        if get_origin(hint) is Annotated:
            hint, *limits = get_args(hint)
            self.limits = tuple(one for one in limits if isinstance(one, (Between, Matches)))
        origin, arguments = get_origin(hint), get_args(hint)
        self.is_optional = False
        if origin in (Union, types.UnionType):
            rest = [one for one in arguments if one is not type(None)]
            self.is_optional = len(rest) < len(arguments)
            if len(rest) != 1:
                raise PluginError(f"{place}: a Config's field has one type, or one and None; not {hint}")
            inner = _Kind(rest[0], where)
            self.limits, self.of, self.name, self.schema = inner.limits + self.limits, inner.of, inner.name, inner.schema
            self.choices = inner.choices
            self._check_limits(place)
            return
        if hint in _PLAIN or hint is Any:
            self.name = hint
        elif origin is list and arguments:
            self.name, self.of = list, _Kind(arguments[0], where)
        elif origin is dict and arguments and arguments[0] is str:
            self.name, self.of = dict, _Kind(arguments[1], where)
        elif origin is Literal and all(type(one) in _PLAIN for one in arguments):
            self.name, self.choices = Literal, arguments
        elif isinstance(hint, type) and any(map(inspect.get_annotations, hint.__mro__)):
            self.name, self.schema = hint, _schema_of(hint, where)
        else:
            raise PluginError(f"{place}: {hint!r} can't be a Config's type; there are str, int, float, bool, list[…], "
                              "dict[str, …], Literal[…], None beside one of them, and classes like Config")
        self._check_limits(place)

    def _check_limits(self, place: str) -> None:
        for limit in self.limits:
            if isinstance(limit, Between):
                if self.name not in (int, float):
                    raise PluginError(f"{place}: Between is for int and float")
                if not all(type(one) in (int, float) for one in limit) or limit.low > limit.high:
                    raise PluginError(f"{place}: Between({limit.low!r}, {limit.high!r}) takes two numbers, the lower one first")
                continue
            if self.name is not str:
                raise PluginError(f"{place}: Matches is for str")
            try:
                re.compile(limit.pattern)
            except Exception as error:
                raise PluginError(f"{place}: Matches({limit.pattern!r}) is no regular expression: {error}") from None

    def read(self, value: Any, path: tuple[Any, ...], problems: Problems, scalar: Scalar) -> Any:
        if value is None and (self.is_optional or self.name is Any):
            return None
        if self.schema is not None:
            below: Problems = []
            found = self.schema.read(value, below, scalar)
            problems += [((*path, *deeper), message) for deeper, message in below]
            return found
        if self.name in (list, dict):
            return self._read_many(value, path, problems, scalar)
        if self.name is not str:
            value = scalar(value)
        elif isinstance(value, str):
            value = str.__str__(value)      # of an enum's member, too, the text it is
        if self.name is float and type(value) is int:
            value = float(value)
        if self.name is int and type(value) is float and value.is_integer():
            value = int(value)
        if self.name is Any:
            return value
        if self.name is Literal:
            if not any(value == one and type(value) is type(one) for one in self.choices):
                problems.append((path, f"expected one of {', '.join(map(str, self.choices))}, not {_shown(value)}"))
        elif type(value) is not self.name:
            problems.append((path, f"expected {_PLAIN[self.name]}, not {_shown(value)}"))
        else:
            problems += [(path, message) for message in map(_broken, self.limits, [value] * len(self.limits)) if message]
        return value

    def _read_many(self, value: Any, path: tuple[Any, ...], problems: Problems, scalar: Scalar) -> Any:
        if type(value) is not self.name:
            expected = "a list" if self.name is list else "a mapping"
            problems.append((path, f"expected {expected}, not {_shown(value)}"))
            return value
        if self.name is list:
            return [self.of.read(one, (*path, at), problems, scalar) for at, one in enumerate(value)]
        return {key: self.of.read(one, (*path, key), problems, scalar) for key, one in value.items()}

    def make(self, plain: Any) -> Any:
        if plain is None:
            return None
        if self.schema is not None:
            return self.schema.make(plain)
        if self.name is list:
            return [self.of.make(one) for one in plain]
        if self.name is dict:
            return {key: self.of.make(one) for key, one in plain.items()}
        return plain

    def plain(self, made: Any) -> Any:
        """The way back, for defaults that are objects."""
        if self.schema is not None and isinstance(made, self.schema.config_class):
            return self.schema.plain(made)
        if self.name is list and type(made) is list:
            return [self.of.plain(one) for one in made]
        if self.name is dict and type(made) is dict:
            return {key: self.of.plain(one) for key, one in made.items()}
        return copy.deepcopy(made)

    def json_schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.schema is not None:
            found = self.schema.json_schema()
        elif self.name is list:
            found = {"type": "array", "items": self.of.json_schema()}
        elif self.name is dict:
            found = {"type": "object", "additionalProperties": self.of.json_schema()}
        elif self.name is Literal:
            found = {"enum": list(self.choices)}
        elif self.name is not Any:
            found = {"type": _JSON[self.name]}
        for limit in self.limits:
            if isinstance(limit, Between):
                found |= {"minimum": limit.low, "maximum": limit.high}
            else:
                found["pattern"] = f"^(?:{limit.pattern})$"
        return {"anyOf": [found, {"type": "null"}]} if self.is_optional else found


def _broken(limit: Between | Matches, value: Any) -> str | None:
    if isinstance(limit, Between):
        return None if limit.low <= value <= limit.high else f"expected {limit.low} to {limit.high}, not {value}"
    return None if re.fullmatch(limit.pattern, value) else f"expected text that matches {limit.pattern}, not {_shown(value)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    text = str(value)
    text = text if len(text) <= 60 else f"{text[:57]}…"
    return f'the text "{text}"' if isinstance(value, str) else text


def schema_of(config_class: type, label: str, place: str = "Config") -> Schema:
    """label: what values' problems call it; place: what those of the class itself do.

    Raises PluginError for what can't be a Config. A class that is no dataclass is made a frozen one."""
    return _schema_of(config_class, _Where(label, place, ()))


class _Where(NamedTuple):
    label: str
    place: str
    within: tuple[type, ...]        # the classes it is part of

    def below(self, name: str, config_class: type) -> _Where:
        return _Where(f"{self.label}.{name}", f"{self.place}.{name}", (*self.within, config_class))


def _schema_of(config_class: type, where: _Where) -> Schema:
    place = where.place
    if config_class in where.within:
        raise PluginError(f"{place}: a configuration can't contain itself, and {config_class.__name__} does")
    hints = hints_of(config_class, place)
    if not is_dataclass_itself(config_class):
        make_dataclass(config_class, hints, place)
    found = {field.name: field for field in dataclasses.fields(config_class)}
    lost = [name for name, hint in hints.items() if name not in found and is_field(hint)]
    if lost:
        raise PluginError(f"{place}: {config_class.__name__} is a dataclass, and {', '.join(lost)} of a class it derives from is no "
                          "field of it; make that class a dataclass too")
    fields = {}
    for name, field in found.items():
        default: Callable[[], Any] | None = None
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory
        elif field.default is not dataclasses.MISSING:
            default = _Constant(field.default)
        below = where.below(name, config_class)
        fields[name] = _Field(_Kind(hints[name], below), default, below.place)
    return Schema(config_class, where.label, fields)


class _Constant:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> Any:
        return self.value
