"""Which version of a plugin may follow the one that runs."""

from __future__ import annotations

import re
from typing import Any

from fastgate.sdk import PluginError

_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def version_key(version: str) -> tuple[Any, ...]:
    """Orders versions: by their numbers; `1.0.0-rc1` and `1.0.0b2` come before `1.0.0`, `1.0.0+2` and `1.0.0.post1` after."""
    numbers = _NUMBERS.match(version)
    found = [int(one) for one in numbers[0].split(".")] if numbers is not None else []
    while found and not found[-1]:
        found.pop()
    rest = version[numbers.end():] if numbers is not None else version
    word = rest.lstrip(".+-").lower()
    stage = 0 if not word else 1 if rest[0] == "+" or word.startswith("post") else -1
    parts = [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.findall(r"\d+|[a-z]+", word)]
    return tuple(found), stage, parts


def check_successor(running: Any, next: Any) -> None:
    """Raises PluginError. Both: discovery's PythonPlugin. What has changed needs a higher version: the
    plugin's, or its distribution's while the plugin's stays."""
    old, new = running.contract.version, next.contract.version
    if version_key(new) > version_key(old):
        return
    if version_key(new) < version_key(old):
        raise PluginError(f"is version {new}, and {old} runs: only a higher one may follow; to go back, give the old text "
                          "a higher version, or restart")
    if running.package_version and version_key(next.package_version) > version_key(running.package_version):
        return
    raise PluginError(f"has changed, and its version is still {new}: raise `version` in it")
