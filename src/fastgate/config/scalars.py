"""What a plain word in a file means: YAML's reading of scalars, kept predictable.

Booleans are YAML 1.1's (yes/no/on/off too, as Kong reads them). What surprises
people in 1.1 stays the text it looks like: dates, `010` (octal), `1:30`
(base 60), `1_000`.
"""

from __future__ import annotations

import re

from .errors import shown

_WORDS: dict[str, object] = {"": None, "~": None}
for _word, _meaning in (("null", None), ("true", True), ("yes", True), ("on", True),
                        ("false", False), ("no", False), ("off", False)):
    for _form in (_word, _word.capitalize(), _word.upper()):
        _WORDS[_form] = _meaning

_NUMBER_STARTS = frozenset("0123456789+-.")
# Longer digit runs stay text: int() refuses thousands of digits, and none is meant as a number.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,38})\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,32}\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,4})?\Z")
_SPECIAL_FLOAT = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)\Z")


class Substituted(str):
    """Text that one `${VAR}` produced as a whole scalar: the field's type
    decides whether it is read as a number or boolean, as YAML would, or stays
    text (so `name: ${NAME}` may be "123")."""

    __slots__ = ()


def resolve(text: str) -> object:
    """The value of a plain (unquoted) scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INTEGER.match(text):
        return int(text)
    if _HEX.match(text):
        return int(text, 16)
    if _FLOAT.match(text):
        return float(text)
    special = _SPECIAL_FLOAT.match(text)
    if special:
        return float(special[1] + special[2])
    return text


def type_problem(expected: str, value: object) -> str:
    """The message for a value of the wrong type, with what to do about it."""
    if isinstance(value, str):
        return f"expected {expected}, not the text {shown(value)}"
    if isinstance(value, bool):
        hint = ""
        if expected == "text":
            hint = ": put it in quotes (YAML reads yes, no, on, off, true and false as booleans)"
        return f"expected {expected}, not the boolean {shown(value)}{hint}"
    if isinstance(value, (int, float)):
        hint = ": put it in quotes" if expected == "text" else ""
        return f"expected {expected}, not the number {shown(value)}{hint}"
    if isinstance(value, list):
        return f"expected {expected}, not a list"
    if isinstance(value, dict):
        return f"expected {expected}, not a mapping"
    return f"expected {expected}, not null"
