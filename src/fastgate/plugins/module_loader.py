"""Loads a bundle's modules beside those of other versions: each version has names in sys.modules of its own.

The bytes that were read are what is compiled: no `.pyc` is read or written, no file is looked at again.
Modules of an installed package that name each other absolutely (`import my_package.part`) find their own
version: their `import` knows what the package's names stand for.
"""

from __future__ import annotations

import builtins
import linecache
import logging
import os
import sys
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import decode_source
from itertools import count
from types import ModuleType
from typing import Any

from .bundle import Bundle, Module

PREFIX = "fastgate_plugin_"
_numbers = count(1)
_owners: dict[str, tuple[Modules, str]] = {}        # name in sys.modules, without a dot → whose it is, and its own name


class Modules:
    """One version's modules. `unload` when nothing runs any more that is theirs."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        number = next(_numbers)
        self._names = {top: f"{PREFIX}{number}_{top}" for top in {name.partition(".")[0] for name in bundle.modules}}
        for top, name in self._names.items():
            _owners[name] = self, top
        # Only what names itself absolutely needs an import of its own.
        self.builtins = vars(builtins) | {"__import__": self._import} if bundle.is_installed else vars(builtins)
        if _FINDER not in sys.meta_path:
            sys.meta_path.insert(0, _FINDER)

    def load(self, name: str) -> ModuleType:
        """The module that the bundle calls so."""
        __import__(self._renamed(name))
        return sys.modules[self._renamed(name)]

    def unload(self) -> None:
        """Its modules go as soon as nobody refers to them; what the interpreter keeps by name goes at once."""
        tops = tuple(self._names.values())
        for name in tops:
            _owners.pop(name, None)
        below = tuple(f"{name}." for name in tops)
        loggers = logging.getLogger().manager.loggerDict
        for table in (sys.modules, loggers):
            names = list(table)     # at once: threads import, and make loggers, meanwhile
            for name in [name for name in names if name.startswith(PREFIX) and (name in tops or name.startswith(below))]:
                table.pop(name, None)
        for module in self.bundle.modules.values():
            linecache.cache.pop(module.path, None)

    def _renamed(self, name: str) -> str:
        top, dot, rest = name.partition(".")
        return self._names[top] + dot + rest

    def _import(self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> ModuleType:
        if level == 0 and name.partition(".")[0] in self._names:
            name = self._renamed(name)
        return __import__(name, globals, locals, fromlist, level)


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        top, dot, rest = fullname.partition(".")
        if top not in _owners:
            return None
        modules, own = _owners[top]
        module = modules.bundle.modules.get(own + dot + rest)
        if module is None:
            if modules.bundle.verified is not None:
                raise ModuleNotFoundError(f"no module {own + dot + rest} among the signed sources of {modules.bundle.place}; "
                                          "compiled modules can't be loaded from a signed plugin", name=fullname)
            return None             # a compiled one, perhaps
        spec = ModuleSpec(fullname, _Loader(modules, module), origin=module.path, is_package=module.is_package)
        spec.has_location = True
        if module.is_package:
            spec.submodule_search_locations = [os.path.dirname(module.path)]
        return spec


class _Loader(InspectLoader):
    def __init__(self, modules: Modules, module: Module) -> None:
        self._modules = modules
        self._module = module
        self.path = module.path         # for resource readers

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = self._modules.builtins
        exec(compile(self._module.source, self._module.path, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, fullname: str) -> str:
        return decode_source(self._module.source)

    def get_filename(self, fullname: str) -> str:
        return self._module.path

    def is_package(self, fullname: str) -> bool:
        return self._module.is_package

    def get_data(self, path: str) -> bytes:
        verified = self._modules.bundle.verified
        if verified is not None:
            if path not in verified:
                raise FileNotFoundError(f"{path} is not among the signed files of {self._modules.bundle.place}")
            return verified[path]
        with open(path, "rb") as file:
            return file.read()

    def get_resource_reader(self, fullname: str) -> Any:
        """importlib.resources, from the disk; a signed plugin has `pkgutil.get_data`."""
        if self._modules.bundle.verified is not None:
            return None
        from importlib.readers import FileReader

        return FileReader(self)         # type: ignore[arg-type]


_FINDER = _Finder()
