"""Fields that several entities share."""

from __future__ import annotations

import re
from typing import Any

from .addresses import UNIX, host_problem, unbracketed, unix_problem
from .errors import shown
from .scalars import Substituted, type_problem
from .schema import Check, Field, Problems, array, field, integer, text

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\Z")
# ASCII only letters, digits, "-", ".", "_", "~"; beyond it anything (told by what is
# excluded: the positive set takes a millisecond to compile).
_NAME = re.compile(r"[^\x00-,/:-@\[-^`{-}\x7f]+\Z")
_TAG = re.compile(r"[^,/]+\Z")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")

LONGEST_TIME = 2**31 - 2  # milliseconds, Kong's bound


def uuid_problem(value: str) -> str | None:
    return None if _UUID.match(value) else f"{shown(value)} is not a UUID; leave id out to have one made"


def name_problem(value: str) -> str | None:
    if _NAME.match(value):
        return None
    return f"{shown(value)} may hold letters, digits, '.', '-', '_' and '~' only"


def tag_problem(value: str) -> str | None:
    return None if _TAG.match(value) else f'the tag {shown(value)} may not hold "," or "/"'


def token_problem(value: str) -> str | None:
    """RFC 9110, 5.6.2: what a header name, a method or a cookie name is made of."""
    return None if _TOKEN.match(value) else f"{shown(value)} is not a valid name: use letters, digits and '-'"


def host(value: Any, problems: Problems) -> Any:
    """A host without port; IPv6 without its brackets, `unix:/path` as it is."""
    value = _any_text(value, problems)
    if value is None:
        return None
    problem = unix_problem(value) if value.startswith(UNIX) else host_problem(value)
    if problem is None:
        return unbracketed(value)
    problems.append(((), problem))
    return None


def reference(value: Any, problems: Problems) -> Any:
    """Another entity, by id or key: text, or Kong's `{id: …}` / `{name: …}`."""
    if type(value) is dict:
        if len(value) == 1 and next(iter(value)) in ("id", "name", "username"):
            key, value = next(iter(value.items()))
            start = len(problems)
            value = _any_text(value, problems)
            for at in range(start, len(problems)):
                problems[at] = ((key,), problems[at][1])
            return value
        problems.append(((), "expected the id or name of the entity, or a mapping with only id or name"))
        return None
    return _any_text(value, problems)


def timeout(default: int = 60000) -> Field:
    """Milliseconds, Kong's range."""
    return field(integer(1, LONGEST_TIME), default)


def common(*, stamps: Check | None = None) -> dict[str, Field]:
    """What every entity has."""
    stamp = stamps or integer(0, 2**53)
    return {
        "id": field(_identifier),
        "created_at": field(stamp),
        "updated_at": field(stamp),
        "tags": field(array(text(tag_problem, longest=128), is_set=True)),
    }


def secret(value: Any, problems: Problems) -> Any:
    """Text that no message shows."""
    start = len(problems)
    value = _any_text(value, problems)
    if len(problems) != start:
        problems[start:] = [((), "expected text without control characters, 1 to 4096 long; what looks like a number or "
                                 "a boolean needs quotes")]
    return value


def multiline(value: Any, problems: Problems) -> Any:
    """Text with line ends, as PEM and whole documents have, which text() refuses."""
    if not isinstance(value, str):
        problems.append(((), type_problem("text", value)))
    elif not value:
        problems.append(((), "must not be empty"))
    else:
        return str(value)
    return None


_any_text = text()
_id_text = text(uuid_problem)


def _identifier(value: Any, problems: Problems) -> Any:
    value = _id_text(value, problems)
    return value.lower() if value is not None else None


def moment(value: Any, problems: Problems) -> Any:
    """A time in seconds; targets may carry Kong's fractions of a second."""
    if isinstance(value, Substituted) or type(value) in (int, float):
        try:
            seconds = int(float(value))
        except (ValueError, OverflowError):
            seconds = -1
        if 0 <= seconds < 2**53:
            return seconds
    problems.append(((), type_problem("a time in seconds since 1970", value)))
    return None
