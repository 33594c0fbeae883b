"""YAML text into plain dicts, lists and scalars, from the parser's events.

Not through yaml.load: this is several times faster, keeps keys as text, reads
scalars predictably (scalars.py), refuses repeated keys and tags, and bounds what
aliases can expand to.
"""

from __future__ import annotations

from typing import Any, Callable

import yaml
from yaml.events import AliasEvent, DocumentStartEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, \
    SequenceEndEvent, SequenceStartEvent, StreamEndEvent

from .errors import shown
from .scalars import resolve

DEEPEST = 100
MOST_REPEATED = 1_000_000  # nodes that aliases may add to those written down

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = {f"tag:yaml.org,2002:{name}": resolved for name, resolved in (
    ("str", False), ("int", True), ("float", True), ("bool", True), ("null", True))}
_TAGS["!"] = False
_NO_KEY = object()


class YamlProblem(Exception):
    """Text that is not YAML, or not one this reader takes: nothing after it can be read."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def events(text: str) -> tuple[Callable[[], Any], Callable[[], None]]:
    """The parser's `(get_event, close)` over `text`."""
    loader = _Loader(text)
    return loader.get_event, loader.dispose


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("value", "is_mapping", "key", "key_line", "anchor", "merges", "nodes_before")

    def __init__(self, value: Any, is_mapping: bool, anchor: str | None, nodes_before: int) -> None:
        self.value = value
        self.is_mapping = is_mapping
        self.key: Any = _NO_KEY
        self.key_line = 0
        self.anchor = anchor
        self.merges: list[Any] | None = None
        self.nodes_before = nodes_before


class TreeBuilder:
    """One document: `build()` gives its tree. `findings`: `(path, line, message)`
    of what can be reported without giving up, such as repeated keys."""

    def __init__(self, text: str) -> None:
        self.findings: list[tuple[tuple[str | int, ...], int, str]] = []
        self._text = text
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._repeated = 0

    def build(self) -> Any:
        try:
            get_event, close = events(self._text)
            try:
                return self._build(get_event)
            finally:
                close()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            what = ", ".join(filter(None, (error.context, error.problem)))
            raise YamlProblem(f"not valid YAML: {what}", mark.line + 1 if mark else 0) from None
        except (yaml.YAMLError, UnicodeError) as error:
            reason = getattr(error, "reason", None) or "unreadable"
            raise YamlProblem(f"not valid YAML: {reason}", 0) from None

    def _build(self, get_event: Callable[[], Any]) -> Any:
        stack = self._stack
        root: Any = None
        documents = 0
        top: _Open | None = None
        while True:
            event = get_event()
            kind = type(event)
            if kind is ScalarEvent:
                if top is not None and top.is_mapping and top.key is _NO_KEY:
                    self._take_key(top, event)
                    continue
                self._nodes += 1
                value = event.value
                if event.tag is not None:
                    value = self._tagged(event)
                elif event.implicit[0]:
                    value = resolve(value)
                if event.anchor is not None:
                    self._anchors[event.anchor] = (value, 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                top = self._open(event, kind is MappingStartEvent)
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                ended = stack.pop()
                value = ended.value
                if ended.merges:
                    self._merge(ended)
                if ended.anchor is not None:
                    self._anchors[ended.anchor] = (value, self._nodes - ended.nodes_before)
                top = stack[-1] if stack else None
            elif kind is AliasEvent:
                if top is not None and top.is_mapping and top.key is _NO_KEY:
                    self._take_key(top, event)
                    continue
                value = self._aliased(event)
            elif kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise YamlProblem("a second document (---) begins here; write one document a file",
                                      event.start_mark.line + 1)
                continue
            elif kind is StreamEndEvent:
                return root
            else:
                continue
            if top is None:
                root = value
            elif top.is_mapping:
                if top.merges is not None and top.key == "<<":
                    top.merges.append((value, top.key_line))
                else:
                    top.value[top.key] = value
                top.key = _NO_KEY
            else:
                top.value.append(value)

    def _open(self, event: Any, is_mapping: bool) -> _Open:
        top = self._stack[-1] if self._stack else None
        line = event.start_mark.line + 1
        if top is not None and top.is_mapping and top.key is _NO_KEY:
            raise YamlProblem("a key must be a plain word, not a list or mapping", line)
        if len(self._stack) >= DEEPEST:
            raise YamlProblem(f"nested more than {DEEPEST} levels deep", line)
        kind = "map" if is_mapping else "seq"
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
            raise YamlProblem(f"the tag {shown(event.tag)} is not allowed here", line)
        self._nodes += 1
        opened = _Open({} if is_mapping else [], is_mapping, event.anchor, self._nodes)
        self._stack.append(opened)
        return opened

    def _take_key(self, top: _Open, event: Any) -> None:
        line = event.start_mark.line + 1
        if type(event) is AliasEvent:
            key = self._aliased(event)
            if not isinstance(key, str):
                raise YamlProblem("a key must be a plain word", line)
        else:
            key = event.value
            if event.anchor is not None:
                self._anchors[event.anchor] = (key, 1)
            if key == "<<" and event.implicit[0]:
                top.merges = top.merges or []
        top.key, top.key_line = key, line
        if key in top.value:
            self._find(key, line, f"{shown(key)} is given twice in this mapping; remove one")

    def _tagged(self, event: Any) -> Any:
        if event.tag not in _TAGS:
            raise YamlProblem(f"the tag {shown(event.tag)} is not allowed here", event.start_mark.line + 1)
        return resolve(event.value) if _TAGS[event.tag] else event.value

    def _aliased(self, event: Any) -> Any:
        known = self._anchors.get(event.anchor)
        line = event.start_mark.line + 1
        if known is None:
            if any(one.anchor == event.anchor for one in self._stack):
                raise YamlProblem(f"the alias *{event.anchor} refers to what it is part of", line)
            raise YamlProblem(f"the alias *{event.anchor} has no anchor &{event.anchor} before it", line)
        value, nodes = known
        self._nodes += nodes
        self._repeated += nodes
        if self._repeated > MOST_REPEATED:
            raise YamlProblem(f"aliases expand to more than {MOST_REPEATED} nodes", line)
        return value

    def _merge(self, ended: _Open) -> None:
        for merged, line in ended.merges or ():
            for one in merged if isinstance(merged, list) else [merged]:
                if type(one) is not dict:
                    raise YamlProblem("<< takes a mapping or a list of mappings", line)
                for key, value in one.items():
                    ended.value.setdefault(key, value)

    def _find(self, key: str, line: int, message: str) -> None:
        path = [one.key if one.is_mapping else len(one.value) for one in self._stack[:-1]]
        self.findings.append(((*path, key), line, message))
