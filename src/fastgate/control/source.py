"""Where a gateway's configuration comes from, and whether it is one: what `run`, `reload` and `check` share."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from fastgate.control.published import publish

if TYPE_CHECKING:
    from fastgate.config import Model

Identity = tuple[int, int, int, int, int]

COUNTED = ("services", "routes", "upstreams")
COUNTED_IF_ANY = ("consumers", "plugins")


class Source(NamedTuple):
    path: str                           # of the file; names the control socket
    load: "Callable[[], Model]"         # reads and validates it, overrides applied; raises ConfigErrors


class CheckReport(NamedTuple):
    errors: list[str]
    warnings: list[str]
    counts: dict[str, int]      # of entities, by their plural
    limits: list[str]           # a line for each that follows from memory_budget; none without one


def file_source(path: str, flags: dict, allow_unknown_plugins: bool = False) -> Source:
    """flags: values that win over the variables and the file's `gateway:` section, by its keys."""

    def load() -> "Model":
        from fastgate import config
        from fastgate._core.bridge.pattern_check import check_pattern
        from fastgate.control.resources import machine
        from fastgate.plugins.registry import PLUGINS, find_python

        return config.load(path, allow_unknown_plugins=allow_unknown_plugins, flags=flags, check_pattern=check_pattern,
                           plugins=PLUGINS, find_plugins=find_python, find_application=find_application, machine=machine())

    return Source(path, load)


def file_identity(path: str) -> Identity | None:
    """What changes when the file behind the path does; None while there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def find_application(name: str, folder: str | None) -> str | None:
    """Why the ASGI application can't be used, or None. What it takes to know is imported if there is one."""
    from fastgate.asgi.find import problem_of

    return problem_of(name, folder)


def check(source: Source) -> CheckReport:
    """Loads and compiles as a start does, with no socket and no log opened."""
    from fastgate._core.bridge.errors import SnapshotError
    from fastgate._core.bridge.gateway import Gateway
    from fastgate.config import ConfigErrors
    from fastgate.config.memory_budget import lines
    from fastgate.control.resources import machine

    try:
        model = source.load()
    except ConfigErrors as error:
        return CheckReport(str(error).splitlines(), [], {}, [])
    warnings = model_warnings(model)
    try:
        publish(Gateway(1, model.gateway | {"access_log": {"path": "off", "format": "json"}}), model)
    except SnapshotError as error:
        return CheckReport([str(error) if error.place else f"{source.path}: {error}"], warnings, {}, [])
    except MemoryError as error:
        return CheckReport([f"{source.path}: gateway: {error}"], warnings, {}, [])
    counts = {name: len(getattr(model, name)) for name in COUNTED + COUNTED_IF_ANY}
    limits = lines(model.gateway, machine()) if model.gateway["memory_budget"] else []
    return CheckReport([], warnings, {name: n for name, n in counts.items() if n or name in COUNTED}, limits)


def model_warnings(model: "Model") -> list[str]:
    """What a start, a reload and a check say of a configuration they accept."""
    warnings = list(model.warnings)
    if model.left_out:
        warnings.append(f"left out, unknown plugins: {', '.join(model.left_out)}")
    return warnings
