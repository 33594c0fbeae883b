"""A file's text into a tree: JSON by its extension, YAML otherwise."""

from __future__ import annotations

import os
from typing import Any

from .errors import ConfigError, ConfigErrors, path_text, shown

LARGEST = 64 * 1024 * 1024
PIECE = 64 * 1024

# What the text itself is at fault for: (path, line, message).
Findings = list


def read_text(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            raw = bytearray()       # by pieces: Python makes room for as much as is asked for, and there may be none
            while len(raw) <= LARGEST and (piece := file.read(PIECE)):
                raw += piece
    except OSError as error:
        raise _refused(name, 0, f"can't be read: {error.strerror or error}") from None
    except ValueError as error:
        raise _refused(name, 0, f"can't be read: {error}") from None
    if len(raw) > LARGEST:
        raise _refused(name, 0, f"is larger than {LARGEST // 1024 // 1024} MiB, the most a configuration may have")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(name, raw.count(b"\n", 0, error.start) + 1,
                       f"is not UTF-8 text: byte 0x{raw[error.start]:02x}; save it as UTF-8") from None


def form_of(name: str) -> str:
    """"json" or "yaml"."""
    return "json" if name.lower().endswith(".json") else "yaml"


def parse(text: str, name: str, form: str) -> tuple[Any, Findings]:
    """The tree of `text`; raises ConfigErrors when it is not JSON or YAML at all."""
    if form == "json":
        return _parse_json(text, name)
    from .yaml_tree import TreeBuilder, YamlProblem

    builder = TreeBuilder(text)
    try:
        tree = builder.build()
    except YamlProblem as problem:
        errors = [ConfigError(name, line, path_text(path), message) for path, line, message in builder.findings]
        line = min(problem.line, len(text.splitlines()))  # the parser may point behind the end
        raise ConfigErrors([*errors, ConfigError(name, line, "", problem.message)]) from None
    return tree, builder.findings


def _parse_json(text: str, name: str) -> tuple[Any, Findings]:
    import json

    has_repeated = False

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal has_repeated
        value = dict(pairs)
        if len(value) != len(pairs):
            has_repeated = True
        return value

    def constant(word: str) -> None:
        raise ValueError(f"{word} is not a JSON value")

    try:
        tree = json.loads(text, object_pairs_hook=mapping, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise _refused(name, error.lineno, f"not valid JSON: {error.msg} (column {error.colno})") from None
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error).partition(":")[0]
        raise _refused(name, 0, f"not valid JSON: {what}") from None
    if not has_repeated:
        return tree, []
    from .positions import json_nodes

    return tree, [(path, line, f"{shown(path[-1])} is given twice in this object; remove one")
                  for path, line, is_repeated in json_nodes(text, None) if is_repeated]


def _refused(name: str, line: int, message: str) -> ConfigErrors:
    return ConfigErrors([ConfigError(name, line, "", message)])
