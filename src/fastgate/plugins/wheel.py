"""A wheel's signature: in its .dist-info, over all its files but RECORD, which installers write anew."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from email.parser import HeaderParser
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from fastgate.sdk import PluginError

from . import manifest
from .trust import SIGNATURE


class _Wheel(NamedTuple):
    info: str                   # the name of its .dist-info
    files: dict[str, bytes]     # what is signed
    signature: bytes | None
    name: str
    version: str


def sign(file: Path, private: Any) -> manifest.Manifest:
    """Writes the wheel anew, with its signature. Raises PluginError."""
    wheel = _read(file)
    text = manifest.write(wheel.name, wheel.version, wheel.files, private)
    place = f"{wheel.info}/{SIGNATURE}"
    digest = urlsafe_b64encode(sha256(text).digest()).rstrip(b"=").decode()
    new = file.with_name(f".{file.name}.new")
    try:
        with ZipFile(file) as old, ZipFile(new, "w") as target:
            for entry in old.infolist():
                content = old.read(entry)
                if entry.filename == place:
                    continue
                if entry.filename == f"{wheel.info}/RECORD":
                    lines = [line for line in content.decode().splitlines() if not line.startswith(f"{place},")]
                    content = "".join(f"{line}\n" for line in [*lines, f"{place},sha256={digest},{len(text)}"]).encode()
                target.writestr(entry, content)
            target.writestr(place, text)
        os.replace(new, file)
    except OSError as error:
        raise PluginError(f"{file} can't be written: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)
    return manifest.Manifest(wheel.name, wheel.version, "", {path: "" for path in wheel.files})


def verify(file: Path, keys: list[str]) -> manifest.Manifest:
    """Raises PluginError unless one of the keys signed all that is in it."""
    wheel = _read(file)
    if wheel.signature is None:
        raise PluginError(f"{file} is not signed: sign it (fastgate plugins sign)")
    found = manifest.verify(f"{file}: {SIGNATURE}", wheel.signature, keys)
    found.check(str(file), wheel.files)
    if (found.name, found.version) != (wheel.name, wheel.version):
        raise PluginError(f"{file} is signed as {found.name} {found.version}, and is {wheel.name} {wheel.version}")
    return found


def _read(file: Path) -> _Wheel:
    try:
        with ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            names = [entry.filename for entry in entries]
            if len(set(names)) != len(names):
                raise PluginError(f"{file} holds a file twice: build it again")
            files = {entry.filename: archive.read(entry) for entry in entries}
    except OSError as error:
        raise PluginError(f"{file} can't be read: {error.strerror}") from None
    except BadZipFile as error:
        raise PluginError(f"{file} is no wheel: {error}") from None
    infos = {path.partition("/")[0] for path in files if path.partition("/")[0].endswith(".dist-info")}
    if len(infos) != 1:
        raise PluginError(f"{file} is no wheel: it has {len(infos)} .dist-info folders")
    (info,) = infos
    for path in files:
        if path.partition("/")[0].endswith(".data"):
            raise PluginError(f"{file}: {path} is installed elsewhere: a wheel with a .data folder can't be signed")
        if not manifest.is_path(path):
            raise PluginError(f"{file}: {path!r} can't be the name of a signed file")
    signature = files.pop(f"{info}/{SIGNATURE}", None)
    files.pop(f"{info}/RECORD", None)
    metadata = HeaderParser().parsestr(files.get(f"{info}/METADATA", b"").decode("utf-8", "replace"))
    name, version = metadata["Name"], metadata["Version"]
    if not name or not version or not f"{name}{version}".isprintable():
        raise PluginError(f"{file}: its METADATA has no Name and Version")
    return _Wheel(info, files, signature, name, version)
