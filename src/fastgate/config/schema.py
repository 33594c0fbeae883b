"""The small language entities are described in: types, defaults, checks.

A check is `check(value, problems) -> value`: it returns the value to keep and
appends `(path below the value, message)` to `problems` for what is wrong. Paths
are built on the way up, so a good file costs none.
"""

from __future__ import annotations

import re
from collections import namedtuple
from typing import Any, Callable

from .errors import did_you_mean, shown
from .scalars import Substituted, resolve, type_problem

Problems = list
Check = Callable[[Any, Problems], Any]

# check: see above; default: what an absent or null field becomes; is_required: absent is an error
Field = namedtuple("Field", ("check", "default", "is_required"))

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def field(check: Check, default: object = None, *, is_required: bool = False) -> Field:
    return Field(check, default, is_required)


def prefix(problems: Problems, start: int, step: str | int) -> None:
    """Put `step` before the path of every problem from `start` on."""
    for at in range(start, len(problems)):
        path, message = problems[at]
        problems[at] = ((step, *path), message)


def text(check: Callable[[str], str | None] | None = None, *, longest: int = 4096) -> Check:
    """Non-empty text without control characters; `check` returns what is wrong with it, or None."""

    def read(value: Any, problems: Problems) -> Any:
        if type(value) is not str:
            if not isinstance(value, Substituted):
                problems.append(((), type_problem("text", value)))
                return None
            value = str(value)
        if not value:
            problem: str | None = "must not be empty"
        elif len(value) > longest:
            problem = f"is {len(value)} characters long; the longest allowed is {longest}"
        elif _UNPRINTABLE.search(value):
            problem = f"{shown(value)} has a control character or broken Unicode in it"
        else:
            problem = check(value) if check is not None else None
        if problem is None:
            return value
        problems.append(((), problem))
        return None

    return read


def integer(low: int, high: int, word: str | None = None) -> Check:
    """An integer in [low, high]; `word` is one text allowed beside it (`auto`)."""
    expected = f"an integer from {low} to {high}" + (f' or "{word}"' if word else "")

    def read(value: Any, problems: Problems) -> Any:
        if type(value) is not int:
            if word is not None and isinstance(value, str) and value == word:
                return word
            if isinstance(value, Substituted):
                value = resolve(value)
            if type(value) is float and value.is_integer():
                value = int(value)
            elif type(value) is not int:
                problems.append(((), type_problem(expected, value)))
                return None
        if low <= value <= high:
            return value
        problems.append(((), f"expected {expected}, not {shown(value)}"))
        return None

    return read


def number(low: float, high: float) -> Check:
    expected = f"a number from {low:g} to {high:g}"

    def read(value: Any, problems: Problems) -> Any:
        if isinstance(value, Substituted):
            value = resolve(value)
        if type(value) is not int and type(value) is not float:
            problems.append(((), type_problem(expected, value)))
        elif not low <= value <= high:
            problems.append(((), f"expected {expected}, not {shown(value)}"))
        else:
            return value
        return None

    return read


def boolean(value: Any, problems: Problems) -> Any:
    if value is True or value is False:
        return value
    if isinstance(value, Substituted):
        value = resolve(value)
        if value is True or value is False:
            return value
    problems.append(((), type_problem("true or false", value)))
    return None


def one_of(*choices: Any, not_yet: tuple[str, ...] = ()) -> Check:
    """One of `choices` (texts or integers). `not_yet`: values Kong knows and this version lacks."""
    listed = ("one of " if len(choices) > 1 else "") + ", ".join(map(str, choices))
    are_numbers = isinstance(choices[0], int)

    def read(value: Any, problems: Problems) -> Any:
        if are_numbers and isinstance(value, Substituted):
            value = resolve(value)
        if isinstance(value, str):
            value = str(value)
            if value in choices:
                return value
            if value in not_yet:
                problems.append(((), f"{shown(value)} is not in this version; use {listed}"))
                return None
            near = did_you_mean(value, choices, len(problems))
            problems.append(((), f"expected {listed}, not {shown(value)}{near}"))
        elif are_numbers and type(value) is int and value in choices:
            return value
        else:
            problems.append(((), type_problem(listed, value)))
        return None

    return read


def array(of: Check, *, is_set: bool = False, needs_one: bool = False, keeps_empty: bool = False,
          most: int = 100_000) -> Check:
    """A list of `of`. An empty one means "not set" and becomes None, unless
    `keeps_empty`. `is_set` drops repetitions (Kong's sets)."""

    def read(value: Any, problems: Problems) -> Any:
        if type(value) is not list:
            hint = f": write it as [{shown(value)}]" if isinstance(value, str) else ""
            problems.append(((), type_problem("a list", value) + hint))
            return None
        if not value:
            if needs_one:
                problems.append(((), "must have at least one entry"))
            return [] if keeps_empty else None
        if len(value) > most:
            problems.append(((), f"has {len(value)} entries; the most allowed is {most}"))
            return None
        kept = []
        for at, item in enumerate(value):
            start = len(problems)
            kept.append(of(item, problems))
            if len(problems) != start:
                prefix(problems, start, at)
        if is_set and len(kept) > 1:
            kept = list(dict.fromkeys(kept))
        return kept

    return read


def mapping(key_check: Callable[[str], str | None], of: Check) -> Check:
    """A mapping of any names `key_check` allows to `of`; an empty one becomes None."""

    def read(value: Any, problems: Problems) -> Any:
        if type(value) is not dict:
            problems.append(((), type_problem("a mapping", value)))
            return None
        kept = {}
        for key, item in value.items():
            start = len(problems)
            problem = key_check(key)
            if problem is not None:
                problems.append(((), problem))
            kept[key] = of(item, problems)
            if len(problems) != start:
                prefix(problems, start, key)
        return kept or None

    return read


def any_mapping(value: Any, problems: Problems) -> Any:
    if type(value) is dict:
        return value
    problems.append(((), type_problem("a mapping", value)))
    return None


def refused(message: str) -> Check:
    """A field Kong has and this version does not take: any value but null is an error."""

    def read(value: Any, problems: Problems) -> Any:
        problems.append(((), message))
        return None

    return read


# A rule looks across fields: it runs only when none of `reads` failed its own check.
# apply(entity, raw, problems) may change the entity.
Rule = namedtuple("Rule", ("reads", "apply"))


class Record:
    """A mapping with known keys. `computed`: fields the record has and a file
    may not set. `nested`: child lists the caller reads. `hints`: what to say of
    keys other products have. As a check it is `record.read`."""

    def __init__(self, name: str, fields: dict[str, Field], *, rules: tuple[Rule, ...] = (),
                 computed: dict[str, object] | None = None, nested: tuple[str, ...] = (),
                 hints: dict[str, str] | None = None) -> None:
        self.name = name
        self.fields = fields
        self.rules = rules
        self.nested = nested
        self._hints = hints or {}
        self._checks = {key: one.check for key, one in fields.items()}
        self._skipped = frozenset(("_comment", "_ignore", *nested))
        self._required = tuple(key for key, one in fields.items() if one.is_required)
        self._template = {key: one.default for key, one in fields.items()}
        self._template.update(computed or {})

    def defaults(self) -> dict[str, Any]:
        return self._template.copy()

    def read(self, raw: Any, problems: Problems) -> Any:
        """The validated entity: a plain dict with every field. Defaults that are
        lists or mappings are shared between entities: nobody changes them."""
        entity = self._template.copy()
        if type(raw) is not dict:
            problems.append(((), type_problem(f"a mapping ({self.name})", raw)))
            return entity
        first = len(problems)
        checks = self._checks
        for key, value in raw.items():
            check = checks.get(key)
            if check is None:
                if key not in self._skipped:
                    problems.append(((key,), self._unknown(key, len(problems))))
                elif key[0] == "_":
                    _read_remark(key, value, problems)
                continue
            if value is None or (value == "" and isinstance(value, Substituted)):
                continue
            start = len(problems)
            entity[key] = check(value, problems)
            if len(problems) != start:
                prefix(problems, start, key)
        failed = {path[0] for path, _ in problems[first:] if path} if len(problems) != first else ()
        for key in self._required:
            if entity[key] is None and key not in failed:
                problems.append(((), f"{self.name} needs {key}"))
        for rule in self.rules:
            if not failed or failed.isdisjoint(rule.reads):
                rule.apply(entity, raw, problems)
        return entity

    def _unknown(self, key: str, before: int) -> str:
        if key in self._hints:
            return self._hints[key]
        near = did_you_mean(key, (*self._checks, *self.nested), before)
        return f"unknown key {shown(key)} for {self.name}{near}"


def _read_remark(key: str, value: Any, problems: Problems) -> None:
    if key == "_comment" and value is not None and not isinstance(value, str):
        problems.append(((key,), type_problem("text", value)))
    elif key == "_ignore" and value is not None and type(value) is not list:
        problems.append(((key,), type_problem("a list", value)))
