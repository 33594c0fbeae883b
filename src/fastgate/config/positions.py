"""The line each wrong field stands on. Only called when there are errors: the
text is walked again, so that good files need not remember any place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

Path = tuple[str | int, ...]

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def find_lines(text: str, form: str, wanted: Iterable[Path]) -> dict[Path, int]:
    """The line (from 1) of each wanted path: of its key in a mapping, of the
    entry in a list. What is not in the text has the line of what it belongs to."""
    wanted = set(wanted)
    known: dict[Path, int] = {}
    needed = {path[:length] for path in wanted for length in range(len(path) + 1)}
    try:
        for path, line, _ in json_nodes(text, needed) if form == "json" else _yaml_nodes(text, needed):
            known.setdefault(path, line)
    except Exception:  # noqa: BLE001 - a text that breaks off has lines up to there
        pass
    return {path: _nearest(path, known) for path in wanted}


def _nearest(path: Path, known: dict[Path, int]) -> int:
    for length in range(len(path), -1, -1):
        line = known.get(path[:length])
        if line is not None:
            return line
    return 1


class _Walk:
    """Where in the tree a walk is. Paths nobody asks for are None."""

    def __init__(self, needed: set[Path] | None) -> None:
        self._needed = needed
        self._frames: list[list[Any]] = []  # [is_mapping, key or index, path of the collection, keys seen]

    def wants_key(self) -> bool:
        return bool(self._frames) and self._frames[-1][0] and self._frames[-1][1] is None

    def take_key(self, key: str, line: int) -> tuple[Path | None, int, bool]:
        frame = self._frames[-1]
        is_repeated = key in frame[3]
        frame[3].add(key)
        frame[1] = (key, line)
        return self._below(frame[2], key), line, is_repeated

    def take_value(self, line: int) -> tuple[Path | None, int]:
        """The path and line of the value that begins here."""
        if not self._frames:
            return (), line
        frame = self._frames[-1]
        if frame[0]:
            key, key_line = frame[1]
            frame[1] = None
            return self._below(frame[2], key), key_line
        frame[1] += 1
        return self._below(frame[2], frame[1]), line

    def open(self, path: Path | None, is_mapping: bool) -> None:
        self._frames.append([is_mapping, None if is_mapping else -1, path, set()])

    def close(self) -> None:
        self._frames.pop()

    def _below(self, path: Path | None, step: str | int) -> Path | None:
        if path is None:
            return None
        below = (*path, step)
        return below if self._needed is None or below in self._needed else None


def json_nodes(text: str, needed: set[Path] | None) -> Iterator[tuple[Path, int, bool]]:
    """`(path, line, is_repeated)` of each key and value, `needed` ones only (None: all)."""
    import json

    starts = [0, *(end.end() for end in re.finditer("\n", text))]
    walk = _Walk(needed)
    for token in _TOKEN.finditer(text):
        first = token[0][0]
        if first in ",:":
            continue
        if first in "}]":
            walk.close()
            continue
        line = bisect_right(starts, token.start())
        if walk.wants_key():
            path, line, is_repeated = walk.take_key(json.loads(token[0], strict=False), line)
            if path is not None:
                yield path, line, is_repeated
            continue
        path, line = walk.take_value(line)
        if path is not None:
            yield path, line, False
        if first in "{[":
            walk.open(path, first == "{")


def _yaml_nodes(text: str, needed: set[Path]) -> Iterator[tuple[Path, int, bool]]:
    from yaml.events import AliasEvent, MappingEndEvent, MappingStartEvent, NodeEvent, ScalarEvent, \
        SequenceEndEvent, SequenceStartEvent, StreamEndEvent

    from .yaml_tree import events

    get_event, close = events(text)
    walk = _Walk(needed)
    try:
        while True:
            event = get_event()
            kind = type(event)
            if kind is StreamEndEvent:
                return
            if not isinstance(event, NodeEvent):
                if kind is MappingEndEvent or kind is SequenceEndEvent:
                    walk.close()
                continue
            line = event.start_mark.line + 1
            if walk.wants_key() and kind in (ScalarEvent, AliasEvent):
                path, line, is_repeated = walk.take_key(getattr(event, "value", event.anchor), line)
                if path is not None:
                    yield path, line, is_repeated
                continue
            path, line = walk.take_value(line)
            if path is not None:
                yield path, line, False
            if kind is MappingStartEvent or kind is SequenceStartEvent:
                walk.open(path, kind is MappingStartEvent)
    finally:
        close()
