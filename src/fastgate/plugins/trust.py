"""`plugin_trust`: only signed plugins. Each file is read once, without following links; these bytes are
verified, and these are executed.
"""

from __future__ import annotations

import os
import stat
from configparser import ConfigParser, Error as ConfigParserError
from importlib.metadata import EntryPoint
from pathlib import Path

from fastgate.sdk import PluginError

from . import manifest
from .bundle import INIT, Bundle, Module, made, of_file, package_modules

SIGNATURE = "fastgate-plugin.sig"       # of a folder, and in a distribution's .dist-info
_ADVICE = "sign it (fastgate plugins sign), or remove it"


def signature_of(file: Path) -> Path:
    """Where the signature of a plugin's file, or of the package it begins, is."""
    return file.with_name(SIGNATURE) if file.name == INIT else file.with_name(f"{file.name}.sig")


def files_of(file: Path) -> dict[str, bytes]:
    """All files of a plugin, by path below its folder; for a package all there are, but the signature."""
    if file.name != INIT:
        return {file.name: read(file.parent, file.name)}
    files = read_all(file.parent)
    files.pop(SIGNATURE, None)
    return files


def read_verified(file: Path, keys: list[str]) -> Bundle:
    """A plugin of the folder. Raises PluginError unless it is signed."""
    place = signature_of(file)
    if file.name == INIT and file.parent.is_symlink():
        raise PluginError(f"{file.parent} is a link: with gateway.plugin_trust, put the folder itself there")
    if not os.path.lexists(place):
        raise PluginError(f"is not signed: there is no {place}; {_ADVICE}")
    found = manifest.verify(str(place), read(place.parent, place.name), keys)
    files = files_of(file)
    found.check(str(file.parent), files)
    verified = {str(file.parent / path): content for path, content in files.items()}
    return of_file(file, files)._replace(verified=verified, signer=found.key, signed_as=(found.name, found.version))


def read_verified_package(point: EntryPoint, keys: list[str]) -> Bundle:
    """The distribution of an entry point. Raises PluginError unless it is signed."""
    dist = point.dist
    text = dist.read_text(SIGNATURE) if dist is not None else None
    if dist is None or text is None:
        name = dist.name if dist is not None else point.module
        raise PluginError(f"the installed package {name} is not signed: sign its wheel (fastgate plugins sign) and install that, "
                          "or uninstall it")
    found = manifest.verify(f"{SIGNATURE} of {dist.name} {dist.version}", text.encode(), keys)
    place = f"the installed package {dist.name}"
    if (found.name, found.version) != (dist.name, dist.version):
        raise PluginError(f"{place} is signed as {found.name} {found.version}, not as {dist.name} {dist.version}")
    root = Path(str(dist.locate_file("")))
    files = {path: read(root, path) for path in found.files}
    tops = {path.partition("/")[0] for path in files if "/" in path and not path.partition("/")[0].endswith(".dist-info")}
    for top in sorted(tops):
        files |= {f"{top}/{path}": content for path, content in read_all(root / top).items()}
    found.check(place, files)
    _check_point(place, point, files)
    modules = {path.removesuffix(".py"): Module(str(root / path), files[path], False)
               for path in files if "/" not in path and path.endswith(".py")}
    for top in tops:
        below = {path.partition("/")[2]: content for path, content in files.items() if path.startswith(f"{top}/")}
        if INIT in below:
            modules |= package_modules(root / top, top, below)
    if point.module not in modules:
        raise PluginError(f"{place} has no source of {point.module}, or one in a namespace package: neither can be verified")
    verified = {str(root / path): content for path, content in files.items()}
    return made(point.module.partition(".")[0], modules, True)._replace(verified=verified, signer=found.key)


def _check_point(place: str, point: EntryPoint, files: dict[str, bytes]) -> None:
    """What the entry point names is what was signed."""
    for path, content in files.items():
        if path.endswith(".dist-info/entry_points.txt"):
            parser = ConfigParser(delimiters=("=",), interpolation=None)
            parser.optionxform = str        # type: ignore[assignment,method-assign]
            try:
                parser.read_string(content.decode())
            except (ConfigParserError, UnicodeDecodeError):
                continue
            if parser.get(point.group, point.name, fallback=None) == point.value:
                return
    raise PluginError(f"{place}: the entry point {point.name} = {point.value} is not signed: install the package again")


def read(folder: Path, path: str) -> bytes:
    """A file below the folder. Raises PluginError, also for a link on the way."""
    *parts, name = path.split("/")
    at = _open(folder, ".", None, os.O_DIRECTORY)
    try:
        for part in parts:
            below = _open(folder, part, at, os.O_DIRECTORY | os.O_NOFOLLOW)
            os.close(at)
            at = below
        return _content(folder / path, name, at)
    finally:
        os.close(at)


def read_all(folder: Path) -> dict[str, bytes]:
    """All files below the folder, less what Python keeps compiled, which is never read."""
    found = {}
    for at, folders, names, descriptor in os.fwalk(folder, follow_symlinks=False, onerror=_raise):
        folders[:] = [name for name in folders if name != "__pycache__"]
        below = os.path.relpath(at, folder)
        for name in folders:
            if stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                raise PluginError(f"{os.path.join(at, name)} is a link: with gateway.plugin_trust a plugin may hold none")
        for name in names:
            found[name if below == "." else f"{below}/{name}"] = _content(Path(at, name), name, descriptor)
    return found


def _content(path: Path, name: str, folder: int) -> bytes:
    # A pipe would wait for its writer.
    descriptor = _open(path.parent, name, folder, os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise PluginError(f"{path} is no file")
        return file.read()


def _open(folder: Path, name: str, at: int | None, flags: int) -> int:
    try:
        return os.open(folder if at is None else name, os.O_RDONLY | os.O_CLOEXEC | flags, dir_fd=at)
    except OSError as error:
        _raise(error, folder / name)
        raise


def _raise(error: OSError, path: Path | None = None) -> None:
    place = path if path is not None else error.filename
    is_link = path is not None and path.is_symlink()
    why = "is a link: with gateway.plugin_trust a plugin may hold none" if is_link else f"can't be read: {error.strerror}"
    raise PluginError(f"{place} {why}") from None
