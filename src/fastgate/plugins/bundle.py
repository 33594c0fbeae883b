"""The files of one version of a plugin, as they were read: what is executed, and compared, are these bytes."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from importlib.metadata import Distribution
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from fastgate.sdk import PluginError

INIT = "__init__.py"


class Module(NamedTuple):
    """A module's source."""

    path: str
    source: bytes
    is_package: bool


class Bundle(NamedTuple):
    """All modules of a plugin: a file's, a folder's, or an installed package's."""

    place: str                      # file, folder or package: what its versions have in common
    modules: dict[str, Module]      # by dotted name
    is_installed: bool              # its modules may name each other absolutely
    digest: bytes                   # of the modules
    verified: dict[str, bytes] | None = None    # path → content of all its files; then nothing else is loaded for it
    signer: str | None = None                   # the key it was verified with
    signed_as: tuple[str, str] | None = None    # the plugin's name and version, as its signature has them


def top_of(file: Path) -> str:
    """What the module of a plugin's file, or of the package it begins, is called."""
    return re.sub(r"\W", "_", file.parent.name if file.name == INIT else file.stem)


def read_file(file: Path) -> Bundle:
    """A plugin of the folder: a file, or all of the package whose __init__.py it is."""
    return of_file(file, _sources_below(file.parent) if file.name == INIT else {file.name: _read(file)})


def of_file(file: Path, files: dict[str, bytes]) -> Bundle:
    """files: by path below the file's folder."""
    top = top_of(file)
    if file.name == INIT:
        modules = package_modules(file.parent, top, files)
    else:
        modules = {top: Module(str(file), files[file.name], False)}
    return made(str(file), modules, False)


def made(place: str, modules: dict[str, Module], is_installed: bool) -> Bundle:
    whole = sha256()
    for name in sorted(modules):
        whole.update(f"{name} {modules[name].is_package} {len(modules[name].source)} ".encode() + modules[name].source)
    return Bundle(place, modules, is_installed, whole.digest())


def package_modules(folder: Path, top: str, files: dict[str, bytes]) -> dict[str, Module]:
    """The modules of a package's files, by path below its folder. A folder below without __init__.py is an empty package."""
    found = {}
    for path, content in files.items():
        if path.endswith(".py"):
            *parts, last = path.removesuffix(".py").split("/")
            is_package = last == "__init__"
            found[".".join([top, *parts, *([] if is_package else [last])])] = Module(str(folder / path), content, is_package)
            for depth in range(1, len(parts) + 1):
                if "/".join([*parts[:depth], INIT]) not in files:
                    place = Path(folder, *parts[:depth], INIT)
                    found[".".join([top, *parts[:depth]])] = Module(str(place), b"", True)
    return found


def read_package(top: str, dist: Distribution | None) -> Bundle | None:
    """An installed package, with what else its distribution brings. None: its source can't be read apart
    (a namespace package, a compiled one), so it can only be imported as any other."""
    modules = {}
    for name in sorted({top} | _tops(dist)):
        try:
            spec = find_spec(name)
        except ValueError:          # somebody made the module by hand
            spec = None
        if spec is None or not isinstance(spec.loader, SourceFileLoader) or spec.origin is None:
            continue
        file = Path(spec.origin)
        if file.name == INIT:
            modules |= package_modules(file.parent, name, _sources_below(file.parent))
        else:
            modules[name] = Module(str(file), _read(file), False)
    return made(top, modules, True) if top in modules else None


def _tops(dist: Distribution | None) -> set[str]:
    """The packages and modules at the top of what a distribution installed."""
    paths = [file.parts for file in ((dist.files if dist is not None else None) or [])]
    return {parts[0].removesuffix(".py") for parts in paths
            if (len(parts) == 1 and parts[0].endswith(".py")) or (len(parts) == 2 and parts[1] == INIT)}


def _sources_below(folder: Path) -> dict[str, bytes]:
    found = {}
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and name[0] != ".")
        for name in sorted(names):
            path = Path(at, name)
            if name.endswith(".py") and name[0] != "." and path.is_file():      # an editor's lock is a dead link
                found[path.relative_to(folder).as_posix()] = _read(path)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PluginError(f"{path} can't be read: {error.strerror}") from None
