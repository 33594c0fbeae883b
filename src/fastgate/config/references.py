"""From the parsed tree to flat lists of entities: nested children, references, ids, uniqueness."""

from __future__ import annotations

from typing import Any

from .entities import FOREIGN_KEYS, KINDS, PARENT_FIELD, REFUSED, singular
from .errors import did_you_mean, path_text, shown
from .ids import ContentKeys, cache_key, entity_id
from .scalars import type_problem
from .schema import Problems
from .targets import normalize

# collection → its entities with their paths, in the order of the file. While
# they are here, a foreign field holds the entity it refers to, not its id.
Rows = dict

_OWN_KEYS = ("_format_version", "_transform", "_comment", "_ignore", "gateway")


def flatten(tree: dict[str, Any], problems: Problems) -> Rows:
    """Validates every entity of the file, wherever it is nested."""
    rows: Rows = {name: [] for name in KINDS}
    for key, value in tree.items():
        if key in KINDS:
            _read_list(key, value, (key,), None, None, rows, problems)
        elif key in REFUSED:
            if value:
                problems.append(((key,), REFUSED[key]))
        elif key not in _OWN_KEYS:
            near = did_you_mean(key, (*KINDS, *_OWN_KEYS), len(problems))
            problems.append(((key,), FOREIGN_KEYS.get(key) or f"unknown key {shown(key)}{near}"))
    return rows


def _read_list(name: str, items: Any, path: tuple[str | int, ...], parent_name: str | None,
               parent: dict[str, Any] | None, rows: Rows, problems: Problems) -> None:
    if items is None:
        return
    if type(items) is not list:
        problems.append((path, type_problem(f"a list of {name}", items)))
        return
    record = KINDS[name].record
    kept = rows[name]
    for at, raw in enumerate(items):
        here = (*path, at)
        start = len(problems)
        entity = record.read(raw, problems)
        if parent_name is not None:
            back = PARENT_FIELD[parent_name]
            if entity[back] is not None:
                problems.append(((back,), f"this {singular(name)} is inside its {back} already; remove the key"))
            entity[back] = parent
        for wrong in range(start, len(problems)):
            below, message = problems[wrong]
            problems[wrong] = ((*here, *below), message)
        kept.append((entity, here))
        if type(raw) is not dict:
            continue
        for child in record.nested:
            if child not in raw:
                continue
            if child in REFUSED:
                if raw[child]:
                    problems.append(((*here, child), REFUSED[child]))
            else:
                _read_list(child, raw[child], (*here, child), name, entity, rows, problems)


def resolve(rows: Rows, problems: Problems) -> None:
    """Replaces names and ids in foreign fields by the entities they mean."""
    indexes: dict[str, dict[str, dict[str, Any]]] = {}
    # A field with a problem of its own is None like an absent one.
    failed = {path for path, _ in problems} | {path[:-1] for path, _ in problems}
    for name, kind in KINDS.items():
        for back, target in kind.foreign.items():
            for entity, path in rows[name]:
                wanted = entity[back]
                if wanted is None:
                    if back == kind.owner and (*path, back) not in failed:
                        problems.append((path, f"{kind.record.name} outside its {back} needs {back}, "
                                               f"the {back}'s name or id"))
                elif type(wanted) is not dict:
                    if target not in indexes:
                        indexes[target] = _index(target, rows)
                    entity[back] = _found(indexes[target], wanted, target, (*path, back), problems)


def _index(target: str, rows: Rows) -> dict[str, dict[str, Any]]:
    """Entities by id and by key; where both say the same word, the key wins as in Kong."""
    key = KINDS[target].key
    index = {entity["id"]: entity for entity, _ in rows[target] if entity["id"] is not None}
    index.update((entity[key], entity) for entity, _ in rows[target] if entity[key] is not None)
    return index


def _found(index: dict[str, dict[str, Any]], wanted: str, target: str, path: tuple[str | int, ...],
           problems: Problems) -> dict[str, Any] | None:
    found = index.get(wanted)
    if found is None:
        found = index.get(wanted.lower())
        if found is not None and found["id"] != wanted.lower():
            found = None  # only ids are compared without case
    if found is None:
        problems.append((path, f"no {singular(target)} in this file has the name or id {shown(wanted)}"
                               f"{did_you_mean(wanted, index, len(problems))}"))
    return found


def give_ids(rows: Rows, now: int, problems: Problems) -> None:
    """Ids for entities without one, and times; foreign fields become ids. Parents
    first: their ids are in their children's."""
    for name, kind in KINDS.items():
        unnamed = ContentKeys()
        for entity, _ in rows[name]:
            for back in kind.foreign:
                owner = entity[back]
                if owner is not None:
                    entity[back] = owner["id"]
            if entity["created_at"] is None:
                entity["created_at"] = now
            if entity["updated_at"] is None:
                entity["updated_at"] = entity["created_at"]
            if entity["id"] is None:
                values = [entity[part] for part in kind.identity or ()]
                if any(values):
                    key = cache_key(name, values)
                else:
                    key = (entity[kind.key] if kind.key else None) or unnamed.key(entity)
                entity["id"] = entity_id(name, key)
            if name == "targets":
                normalize(entity)
        _check_field(name, "id", rows, problems)  # one that was given may be one that was made


def check_unique(rows: Rows, problems: Problems) -> None:
    """No two entities of a collection with the same id, name or other unique field."""
    for name, kind in KINDS.items():
        if len(rows[name]) < 2:
            continue
        for unique in ("id", *kind.unique):
            if type(unique) is str:
                _check_field(name, unique, rows, problems)
            elif name != "plugins" or not problems:  # a reference that failed looks like none
                _check_group(name, unique, rows, problems)


def _check_field(name: str, unique: str, rows: Rows, problems: Problems) -> None:
    seen: dict[str, tuple[str | int, ...]] = {}
    for entity, path in rows[name]:
        value = entity[unique]
        if value is None:
            continue
        first = seen.setdefault(value, path)
        if first is not path:
            is_secret = unique == "key" and name == "keyauth_credentials"
            said = f"this {unique}" if is_secret else f"the {unique} {shown(value)}"
            problems.append(((*path, unique), f"the {singular(name)} at {path_text(first)} has {said} already; it "
                                              "must be unique"))


def _check_group(name: str, unique: tuple[str, ...], rows: Rows, problems: Problems) -> None:
    seen: dict[tuple[object, ...], tuple[str | int, ...]] = {}
    what, owner = _GROUP_WORDS[name]
    for entity, path in rows[name]:
        values = tuple(id(value) if type(value) is dict else value for value in map(entity.__getitem__, unique))
        if None in values and name != "plugins":
            continue
        first = seen.setdefault(values, path)
        if first is not path:
            problems.append(((*path, what), f"{owner} has the {what} {shown(entity[what])} already, "
                                            f"at {path_text(first)}"))


# Per collection: the field messages blame, and whose double it is.
_GROUP_WORDS = {
    "targets": ("target", "the same upstream"),
    "acls": ("group", "the same consumer"),
    "plugins": ("name", "the same combination of route, service and consumer"),
}
