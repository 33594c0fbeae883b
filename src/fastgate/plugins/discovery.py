"""Plugins written in Python: those that come with fastgate, those in a folder, and installed ones (entry points
`fastgate.plugins`).

Imported when a configuration names a plugin that is not native, not before. A plugin is loaded once a
process; one that could not be is tried again when it is looked for again.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from fastgate.config.scalars import Substituted, resolve
from fastgate.config.schema import Problems, integer, one_of
from fastgate.sdk import Contract, Plugin, PluginError
from fastgate.sdk.plugin import MOST_BODY_LIMIT

from . import registry, shipped

GROUP = "fastgate.plugins"
_ON_ERROR = one_of("fail", "continue")
_BODY_LIMIT = integer(1, MOST_BODY_LIMIT)
_TIMEOUT = integer(1, 2**31 - 2)


class PythonPlugin:
    """A plugin's class, with the members that a native plugin's module has."""

    is_native = False
    TAKES_CONSUMER = True

    def __init__(self, contract: Contract, origin: str) -> None:
        self.contract = contract
        self.origin = origin            # file or distribution, for messages
        self.NAME = contract.name
        self.PRIORITY = contract.priority
        self.CONFIG = PythonConfig(contract)


class PythonConfig:
    """What `config:` may hold: the class's Config, and what the gateway itself reads."""

    def __init__(self, contract: Contract) -> None:
        self._schema = contract.schema

    def read(self, raw: Any, problems: Problems) -> dict[str, Any]:
        own = dict(raw)
        found: dict[str, Any] = {}
        for name, check in (("on_error", _ON_ERROR), ("phase_timeout", _TIMEOUT), ("body_limit", _BODY_LIMIT)):
            value = own.pop(name, None)
            below: Problems = []
            found[name] = None if value is None else check(value, below)
            problems += [((name, *path), message) for path, message in below]
        found["on_error"] = found["on_error"] or "fail"
        start = len(problems)
        own = self._schema.read(own, problems, _scalar)
        if len(problems) == start:
            try:
                self._schema.make(own)
            except ValueError as error:
                problems.append(((), f"{self._schema.label}: {error}"))
            except BaseException as error:
                problems.append(((), f"{self._schema.label}: making it raised {type(error).__name__}: {error}"))
        return found | own


def _scalar(value: Any) -> Any:
    return resolve(value) if isinstance(value, Substituted) else value


_loaded: dict[str, PythonPlugin] = {}       # file's path, or entry point's name and value → plugin
_known: dict[str, PythonPlugin] = {}        # name → the plugin of the last look


def plugin(name: str) -> PythonPlugin:
    """What the last `find` found. Raises KeyError."""
    return _known[name]


def find(folder: str | None) -> tuple[dict[str, PythonPlugin], list[str]]:
    """All plugins by name, and what is wrong with those that can't be used."""
    found: dict[str, PythonPlugin] = {}
    wrong: list[str] = []
    for origin, load in _sources(folder, wrong):
        try:
            if origin not in _loaded:
                _loaded[origin] = PythonPlugin(Contract(load()), origin)
            one = _loaded[origin]
            if one.NAME in registry.PLUGINS:
                raise PluginError(f"the name {one.NAME} is a native plugin's")
            if one.NAME in found:
                raise PluginError(f"the name {one.NAME} is taken by {found[one.NAME].origin}")
            found[one.NAME] = one
        except PluginError as error:
            wrong.append(f"{origin}: {error}")
        except BaseException as error:      # SystemExit and the like would end the gateway
            wrong.append(f"{origin}: importing it raised {type(error).__name__}: {error}")
    _known.update(found)
    return found, wrong


def _sources(folder: str | None, wrong: list[str]) -> list[tuple[str, Any]]:
    """(origin, function that returns the class): those that come with fastgate, the folder's, the installed ones."""
    sources: list[tuple[str, Any]] = [(origin, lambda found=found: found) for origin, found in shipped.sources()]
    if folder is not None:
        try:
            paths = sorted(Path(folder).iterdir())
        except OSError as error:
            wrong.append(f"{folder}: {error.strerror}")
            paths = []
        for path in paths:
            file = path / "__init__.py" if path.is_dir() else path
            if path.name[0] not in "._" and file.suffix == ".py" and file.is_file():
                sources.append((str(file), lambda file=file: load_file(file)))
    for point in entry_points(group=GROUP):
        sources.append((f"{point.name} = {point.value}", lambda point=point: _load_point(point)))
    return sources


def load_file(file: Path) -> type[Plugin]:
    """The one plugin class that a file or a package defines."""
    stem = file.parent.name if file.name == "__init__.py" else file.stem
    name = f"fastgate_plugin_{stem.replace('-', '_')}"
    where = [str(file.parent)] if file.name == "__init__.py" else None
    spec = spec_from_file_location(name, file, submodule_search_locations=where)
    if spec is None or spec.loader is None:
        raise PluginError("is no Python source")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        return _only_class(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise


def _load_point(point: EntryPoint) -> type[Plugin]:
    found = import_module(point.module) if not point.attr else point.load()
    if isinstance(found, ModuleType):
        return _only_class(found)
    if not (isinstance(found, type) and issubclass(found, Plugin)):
        raise PluginError(f"is {found!r}, not a subclass of fastgate.Plugin")
    return found


def _only_class(module: ModuleType) -> type[Plugin]:
    classes = [value for value in vars(module).values()
               if isinstance(value, type) and issubclass(value, Plugin) and value.__module__ == module.__name__]
    if len(classes) != 1:
        named = " and ".join(one.__name__ for one in classes) or "none"
        raise PluginError(f"must define one subclass of fastgate.Plugin; it defines {named}")
    return classes[0]
