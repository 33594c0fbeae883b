"""Plugins written in Python: those that come with fastgate, those in a folder, and installed ones (entry points
`fastgate.plugins`).

Looked for when a configuration names a plugin that is not native, not before. What has not changed is not
loaded again. What has is loaded beside the version that runs, and must be fit to follow it; otherwise the
configuration that names it is refused. The control plane says which versions run (`settle`) and which
are over (`unload`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from fastgate.config.scalars import Substituted, resolve
from fastgate.config.schema import Problems, integer, one_of
from fastgate.sdk import Contract, Plugin, PluginError
from fastgate.sdk.plugin import MOST_BODY_LIMIT

from . import registry, shipped
from .bundle import Bundle, read_file, read_package, top_of
from .module_loader import Modules
from .raised import raised
from .versions import check_successor

GROUP = "fastgate.plugins"
_ON_ERROR = one_of("fail", "continue")
_BODY_LIMIT = integer(1, MOST_BODY_LIMIT)
_TIMEOUT = integer(1, 2**31 - 2)


class PythonPlugin:
    """A plugin's class, with the members that a native plugin's module has."""

    is_native = False
    TAKES_CONSUMER = True

    def __init__(self, contract: Contract, origin: str, modules: Modules | None = None, package_version: str = "") -> None:
        self.contract = contract
        self.origin = origin            # file or entry point, for messages
        self.modules = modules          # None: imported as any other module, once a process
        self.package_version = package_version
        self.NAME = contract.name
        self.PRIORITY = contract.priority
        self.CONFIG = PythonConfig(contract)
        self.needs_redis = contract.plugin_class.needs_redis

    @property
    def signer(self) -> str | None:
        """The trusted key it is signed with."""
        return self.modules.bundle.signer if self.modules is not None else None


class RefusedPlugin:
    """Stands for a plugin that runs, and that has changed into what can't follow it: a configuration
    that names it is refused."""

    is_native = False
    TAKES_CONSUMER = True

    def __init__(self, running: PythonPlugin, reason: str) -> None:
        self.NAME = running.NAME
        self.PRIORITY = running.PRIORITY
        self.origin = running.origin
        self.CONFIG = self
        self._reason: str | None = f"{reason}; version {running.contract.version} of {running.NAME} goes on"

    def read(self, raw: Any, problems: Problems) -> dict[str, Any]:
        if self._reason is not None:        # once, however many configurations there are
            problems.append(((), self._reason))
            self._reason = None
        return {}


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
                problems.append(((), f"{self._schema.label}: making it {raised(error)}"))
        return found | own


def _scalar(value: Any) -> Any:
    return resolve(value) if isinstance(value, Substituted) else value


class _Source(NamedTuple):
    """A place where there is a plugin."""

    origin: str
    read: Callable[[], Bundle | None]               # None: it can only be imported as any other module
    find_class: Callable[[Modules | None], type[Plugin]]
    package_version: str = ""


_latest: dict[str, PythonPlugin] = {}       # origin → what was loaded from it last, in use or not
_running: dict[str, PythonPlugin] = {}      # name → the version in use
_alive: list[PythonPlugin] = []             # all whose modules are loaded
_known: dict[str, PythonPlugin | RefusedPlugin] = {}        # name → the plugin of the last look


def plugin(name: str) -> PythonPlugin:
    """What the last `find` found. Raises KeyError."""
    found = _known[name]
    if isinstance(found, RefusedPlugin):
        raise KeyError(name)
    return found


def find(folder: str | None, trust: list[str] | None = None) -> tuple[dict[str, Any], list[str]]:
    """All plugins by name, and what is wrong with those that can't be used. trust: the keys one of which each
    must be signed with."""
    importlib.invalidate_caches()           # what has been installed meanwhile
    found: dict[str, Any] = {}
    refused: dict[str, RefusedPlugin] = {}
    wrong: list[str] = []

    def refuse(origin: str, problem: str, names: Iterable[str]) -> None:
        wrong.append(f"{origin}: {problem}")
        refused.update((name, RefusedPlugin(_running[name], wrong[-1])) for name in names if name in _running)

    sources = _sources(folder, trust, wrong)
    for origin in _latest.keys() - {source.origin for source in sources}:
        del _latest[origin]
    for source in sources:
        before = [one.NAME for one in _running.values() if one.origin == source.origin]
        try:
            one = _taken(source)
            check_name(one.NAME)
            if one.NAME in found:
                raise PluginError(f"the name {one.NAME} is taken by {found[one.NAME].origin}")
            if before and one.NAME not in before:
                refuse(source.origin, f"defines {one.NAME} now", before)
            running = _running.get(one.NAME)
            if running is not None and running is not one:
                before = [one.NAME]
                check_successor(running, one)
            found[one.NAME] = one
        except PluginError as error:
            refuse(source.origin, str(error), before)
        except BaseException as error:      # SystemExit and the like would end the gateway
            refuse(source.origin, f"importing it {raised(error)}", before)
    found = refused | found
    _known.clear()
    _known.update(found)
    return found, wrong


def running() -> dict[str, PythonPlugin]:
    """By name."""
    return dict(_running)


def settle(contracts: Iterable[Contract]) -> None:
    """The plugins that the configuration now published uses."""
    in_use = set(contracts)
    _running.clear()
    _running.update((one.NAME, one) for one in _alive if one.contract in in_use)


def unload(contracts: Iterable[Contract]) -> bool:
    """All versions but these, and what was loaded last. Whether there were any."""
    kept = set(contracts) | {one.contract for one in _latest.values()}
    gone = [one for one in _alive if one.contract not in kept]
    _alive[:] = [one for one in _alive if one.contract in kept]
    shared = {one.modules for one in _alive}
    for modules in {one.modules for one in gone} - shared:
        if modules is not None:
            modules.unload()
    return bool(gone)


def check_name(name: str) -> None:
    """Raises PluginError."""
    if name in registry.PLUGINS:
        raise PluginError(f"the name {name} is a native plugin's")


def load_file(file: Path) -> type[Plugin]:
    """The one plugin class that a file or a package defines."""
    return load_bundle(read_file(file), top_of(file))


def load_bundle(bundle: Bundle, top: str) -> type[Plugin]:
    modules = Modules(bundle)
    try:
        return _only_class(modules.load(top))
    except BaseException:
        modules.unload()
        raise


def _taken(source: _Source) -> PythonPlugin:
    """As it was loaded before, unless it has changed."""
    bundle = source.read()
    for one in (*_running.values(), *_latest.values()):
        if one.origin != source.origin or (one.modules is None) != (bundle is None):
            continue
        if bundle is None or (one.modules is not None and one.modules.bundle.digest == bundle.digest):
            if bundle is not None and one.modules is not None:
                one.modules.bundle = bundle     # equal, but perhaps verified with another key
            _latest[source.origin] = one
            return one
    modules = None
    is_shared = False
    if bundle is not None:
        for one in _alive:                      # several plugins of one distribution
            if one.modules is not None and one.modules.bundle.digest == bundle.digest and one.modules.bundle.place == bundle.place:
                modules, is_shared = one.modules, True
                modules.bundle = bundle
        modules = modules or Modules(bundle)
    try:
        contract = Contract(source.find_class(modules))
        if bundle is not None and bundle.signed_as not in (None, (contract.name, contract.version)):
            raise PluginError(f"is signed as {' '.join(bundle.signed_as or ())}, and is {contract.name} {contract.version}: sign it again")
        found = PythonPlugin(contract, source.origin, modules, source.package_version)
    except BaseException:
        if modules is not None and not is_shared:
            modules.unload()
        raise
    _alive.append(found)
    _latest[source.origin] = found
    return found


def _sources(folder: str | None, trust: list[str] | None, wrong: list[str]) -> list[_Source]:
    """Those that come with fastgate, which need no signature, the folder's, the installed ones."""
    sources = [_Source(origin, lambda: None, lambda modules, found=found: found) for origin, found in shipped.sources()]
    if folder is not None:
        try:
            paths = sorted(Path(folder).iterdir())
        except OSError as error:
            wrong.append(f"{folder}: {error.strerror}")
            paths = []
        for path in paths:
            file = path / "__init__.py" if path.is_dir() else path
            if path.name[0] not in "._" and file.suffix == ".py" and file.is_file():
                sources.append(_source_of_file(file, trust))
    sources += [_source_of_point(point, trust) for point in entry_points(group=GROUP)]
    return sources


def _source_of_file(file: Path, trust: list[str] | None) -> _Source:
    def read_it() -> Bundle:
        if trust is None:
            return read_file(file)
        from . import manifest
        from .trust import read_verified

        return read_verified(file, manifest.read_keys(trust))

    def find_class(modules: Modules | None) -> type[Plugin]:
        assert modules is not None
        return _only_class(modules.load(top_of(file)))

    return _Source(str(file), read_it, find_class)


def _source_of_point(point: EntryPoint, trust: list[str] | None) -> _Source:
    def read_it() -> Bundle | None:
        if trust is None:
            return read_package(point.module.partition(".")[0], point.dist)
        from . import manifest
        from .trust import read_verified_package

        return read_verified_package(point, manifest.read_keys(trust))

    def find_class(modules: Modules | None) -> type[Plugin]:
        found = modules.load(point.module) if modules is not None else importlib.import_module(point.module)
        for part in filter(None, (point.attr or "").split(".")):
            found = getattr(found, part)
        if isinstance(found, ModuleType):
            return _only_class(found)
        if not (isinstance(found, type) and issubclass(found, Plugin)):
            raise PluginError(f"is {found!r}, not a subclass of fastgate.Plugin")
        return found

    version = point.dist.version if point.dist is not None else ""
    return _Source(f"{point.name} = {point.value}", read_it, find_class, version)


def _only_class(module: ModuleType) -> type[Plugin]:
    classes = [value for value in vars(module).values()
               if isinstance(value, type) and issubclass(value, Plugin) and value.__module__ == module.__name__]
    if len(classes) != 1:
        named = " and ".join(one.__name__ for one in classes) or "none"
        raise PluginError(f"must define one subclass of fastgate.Plugin; it defines {named}")
    return classes[0]
