"""`${VAR}`, `${VAR:-default}` and `{vault://env/name}` in the parsed tree.

Applied once to each text value, never to keys, and never to what it put in.
`$${` is a literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import shown
from .scalars import Substituted
from .schema import Problems

# In the raw text, also escaped as JSON and YAML strings may be; most files have none.
_ANY = re.compile(r"\$\{|\{vault:|\\(?:u00|x|U000000)(?:24|7[bB])")
_MARK = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)|\{(vault://[^}]*)\}")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:-)(.*))?\Z", re.DOTALL)
_VAULT = re.compile(r"vault://([^/?#]+)/([^/?#]+)(?:/([^?#]+))?\Z")
_REMARKS = ("_comment", "_ignore")


class _Unresolved(Exception):
    """What is wrong with one substitution."""


def is_needed(text: str) -> bool:
    return _ANY.search(text) is not None


def substitute(tree: Any, environ: Mapping[str, str], problems: Problems) -> None:
    """Replaces in place. A value that can't be resolved stays as it is, with its problem."""
    if type(tree) not in (dict, list):
        return
    waiting: list[tuple[Any, tuple[str | int, ...]]] = [(tree, ())]
    seen = {id(tree)}  # what a YAML alias repeats is one object: once is enough
    while waiting:
        container, path = waiting.pop()
        for key, value in container.items() if type(container) is dict else enumerate(container):
            kind = type(value)
            if kind is str:
                if "{" not in value or key in _REMARKS:
                    continue
                try:
                    container[key] = _replaced(value, environ)
                except _Unresolved as problem:
                    problems.append(((*path, key), str(problem)))
            elif kind in (dict, list) and key not in _REMARKS and id(value) not in seen:
                seen.add(id(value))
                waiting.append((value, (*path, key)))


def _replaced(value: str, environ: Mapping[str, str]) -> str:
    marks = list(_MARK.finditer(value))
    if not marks:
        return value
    pieces = []
    at = 0
    for mark in marks:
        pieces.append(value[at:mark.start()])
        pieces.append(_meaning(mark, environ))
        at = mark.end()
    whole = len(marks) == 1 and marks[0].start() == 0 and at == len(value) and marks[0][0] != "$${"
    return Substituted(pieces[1]) if whole else "".join(pieces) + value[at:]


def _meaning(mark: re.Match[str], environ: Mapping[str, str]) -> str:
    if mark[0] == "$${":
        return "${"
    if mark[3] is not None:
        return _vault_value(mark[3], environ)
    variable = _VARIABLE.match(mark[1]) if mark[2] else None
    if variable is None:
        raise _Unresolved(f"{shown(mark[0])} is not a substitution: write ${{NAME}} or ${{NAME:-default}}, "
                          "or $${ for a literal ${")
    name, has_default, default = variable[1], variable[2], variable[3]
    value = environ.get(name)
    if has_default:
        return value or default
    if value is None:
        raise _Unresolved(f"the environment variable {name} is not set: set it, or write ${{{name}:-default}}")
    return value


def _vault_value(reference: str, environ: Mapping[str, str]) -> str:
    parts = _VAULT.match(reference)
    if parts is None:
        raise _Unresolved(f"{shown('{' + reference + '}')} is not a reference: write {{vault://env/name}} "
                          "or {vault://env/name/key}")
    vault, resource, key = parts[1], parts[2], parts[3]
    if vault != "env":
        raise _Unresolved(f"the vault {shown(vault)} is not in this version: only env is")
    name = resource.upper().replace("-", "_")
    value = environ.get(name)
    if value is None:
        raise _Unresolved(f"the environment variable {name} is not set, which {{{reference}}} reads")
    return value if key is None else _member(name, value, key)


def _member(name: str, value: str, key: str) -> str:
    import json

    try:
        content = json.loads(value)
    except (ValueError, RecursionError):
        content = None
    if type(content) is not dict:
        raise _Unresolved(f"the environment variable {name} holds no JSON object to take {shown(key)} from")
    member = content.get(key)
    if isinstance(member, str):
        return member
    if member is None or isinstance(member, (list, dict)):
        raise _Unresolved(f"the JSON object in the environment variable {name} has no plain value {shown(key)}")
    return json.dumps(member)
