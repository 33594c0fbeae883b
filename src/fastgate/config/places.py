"""Where in its file an entity stands, for what only the core finds wrong, once the file has been accepted."""

from __future__ import annotations

import re

from .errors import ConfigErrors, path_text
from .model import Model
from .positions import find_lines
from .reader import form_of, read_text

_FIELD = re.compile(r"[\w-]+(?:\[[0-9]+\])?(?:\.[\w-]+(?:\[[0-9]+\])?)*\Z")
_STEP = re.compile(r"[\w-]+|\[[0-9]+\]")


def place_of(model: Model, id: str | None, field: str) -> str | None:
    """"file:line: path" of a plugin's or a credential's field; None: it is neither, or has no id."""
    path = model.places.get(id)
    if path is None:
        return None
    path = (*path, *_steps(field, is_plugin=path[-2] == "plugins"))
    return f"{model.source}{_line(model, path)}: {path_text(path)}"


def _steps(field: str, is_plugin: bool) -> tuple[str | int, ...]:
    if not _FIELD.match(field):
        return ()       # a builder that tells what is wrong, but not in which field
    steps: list[str | int] = [int(step[1:-1]) if step[0] == "[" else step for step in _STEP.findall(field)]
    if is_plugin and steps[0] not in ("config", "name"):
        steps.insert(0, "config")
    return tuple(steps)


def _line(model: Model, path: tuple[str | int, ...]) -> str:
    """Nothing when the file is gone, or another one by now."""
    from hashlib import md5

    try:
        text = read_text(model.source)
    except ConfigErrors:
        return ""
    if md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest() != model.hash:
        return ""
    return f":{find_lines(text, form_of(model.source), [path])[path]}"
