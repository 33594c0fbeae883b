"""`fastgate plugins keygen`, `sign` and `verify`."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgate.plugins.manifest import Manifest


def add_actions(actions: argparse._SubParsersAction) -> None:
    keygen = actions.add_parser("keygen", help="make a key to sign with")
    keygen.add_argument("file", metavar="FILE", help="the private key; the public one goes to FILE.pub")
    keygen.set_defaults(act=_keygen)
    sign = actions.add_parser("sign", help="sign a plugin's file or folder, or a wheel")
    sign.add_argument("--key", metavar="FILE", required=True, help="the private key")
    sign.add_argument("paths", metavar="PATH", nargs="+")
    sign.set_defaults(act=_sign)
    verify = actions.add_parser("verify", help="whether a signature is valid")
    verify.add_argument("--trust", metavar="KEY", action="append", required=True,
                        help="a public key, in base64 or as a file; may be given several times")
    verify.add_argument("paths", metavar="PATH", nargs="+")
    verify.set_defaults(act=_verify)


def _keygen(args: argparse.Namespace) -> int:
    from fastgate.plugins import manifest
    from fastgate.sdk import PluginError

    try:
        private, public, text = manifest.new_key()
        for path, content, mode in ((args.file, private, 0o600), (f"{args.file}.pub", public, 0o644)):
            # No file is overwritten: a key that is lost can't be made again.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with open(descriptor, "wb") as file:
                file.write(content)
    except PluginError as error:
        return _said(str(error))
    except OSError as error:
        return _said(f"{error.filename}: {error.strerror}")
    print(f"{args.file}: the private key; keep it secret\n{args.file}.pub: the public key, for gateway.plugin_trust:\n{text}")
    return 0


def _sign(args: argparse.Namespace) -> int:
    from fastgate.plugins import manifest
    from fastgate.plugins.raised import raised
    from fastgate.sdk import PluginError

    try:
        private = manifest.read_private_key(Path(args.key))
    except PluginError as error:
        return _said(str(error))
    result = 0
    for path in map(Path, args.paths):
        try:
            found = _sign_one(path, private)
            print(f"{path}: signed {found.name} {found.version}, {len(found.files)} files")
        except PluginError as error:
            result = _said(_with_place(path, str(error)))
        except (Exception, SystemExit) as error:
            result = _said(f"{path}: importing it {raised(error)}")
    return result


def _sign_one(path: Path, private: object) -> "Manifest":
    from fastgate.plugins import manifest, trust, wheel
    from fastgate.plugins.bundle import of_file, top_of
    from fastgate.plugins.discovery import load_bundle
    from fastgate.sdk import Contract, PluginError

    if path.suffix == ".whl":
        return wheel.sign(path, private)
    file = _file_of(path)
    files = trust.files_of(file)
    contract = Contract(load_bundle(of_file(file, files), top_of(file)))
    text = manifest.write(contract.name, contract.version, files, private)
    place = trust.signature_of(file)
    new = place.with_name(f".{place.name}.new")
    try:
        new.write_bytes(text)
        os.replace(new, place)
    except OSError as error:
        raise PluginError(f"{place} can't be written: {error.strerror}") from None
    return manifest.Manifest(contract.name, contract.version, "", dict.fromkeys(files, ""))


def _verify(args: argparse.Namespace) -> int:
    from fastgate.plugins import manifest, trust, wheel
    from fastgate.sdk import PluginError

    try:
        keys = manifest.read_keys(args.trust)
    except PluginError as error:
        return _said(str(error))
    result = 0
    for path in map(Path, args.paths):
        try:
            if path.suffix == ".whl":
                found = wheel.verify(path, keys)
                name, version, key = found.name, found.version, found.key
            else:
                bundle = trust.read_verified(_file_of(path), keys)
                (name, version), key = bundle.signed_as or ("", ""), bundle.signer
            print(f"OK: {path}: {name} {version}, signed with {key}")
        except PluginError as error:
            result = _said(_with_place(path, str(error)))
    return result


def _file_of(path: Path) -> Path:
    from fastgate.sdk import PluginError

    file = path / "__init__.py" if path.is_dir() else path
    if file.suffix != ".py" or not file.exists():
        raise PluginError(f"{path} is neither a plugin's file (.py), its folder (with an __init__.py), nor a wheel (.whl)")
    return file


def _with_place(path: Path, message: str) -> str:
    return message if str(path) in message else f"{path}: {message}"


def _said(message: str) -> int:
    print(f"fastgate plugins: {message}", file=sys.stderr)
    return 1
