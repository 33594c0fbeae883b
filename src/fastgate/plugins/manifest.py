"""The signature of a plugin: which files it has, with which content, and who says so. Ed25519 (RFC 8032).

    fastgate-plugin 1
    name: greeting
    version: 1.0.0
    key: tt2M…=
    file: 9f86d0… greeting.py
    signature: y5Zk…==

What is signed are the bytes before the line of the signature.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from fastgate.sdk import PluginError

FIRST_LINE = "fastgate-plugin 1"
_TEXT = re.compile(r"fastgate-plugin 1\nname: (?P<name>[^\n]+)\nversion: (?P<version>[^\n]+)\nkey: (?P<key>[A-Za-z0-9+/]{43}=)\n"
                   r"(?P<files>(?:file: [0-9a-f]{64} [^\n]+\n)+)signature: (?P<signature>[A-Za-z0-9+/]{86}==)\n?\Z")
_KEY = re.compile(r"[A-Za-z0-9+/]{43}=\Z")
NEEDED = 'signatures of plugins need the package cryptography: pip install "fastgate[trust]"'


class Manifest(NamedTuple):
    """What a signature says."""

    name: str               # of the plugin, or of the distribution
    version: str
    key: str                # public, as base64
    files: dict[str, str]   # SHA-256 in hex, by path

    def check(self, place: str, files: dict[str, bytes]) -> None:
        """Raises PluginError unless these are the files, all of them and no other."""
        for path in sorted(files.keys() - self.files.keys()):
            raise PluginError(f"{place}: {path} is there, but not signed: remove it, or sign the plugin again")
        for path, digest in self.files.items():
            if path not in files:
                raise PluginError(f"{place}: {path} is signed, but not there: install the plugin again")
            if sha256(files[path]).hexdigest() != digest:
                raise PluginError(f"{place}: {path} is not what was signed: install the plugin again, or look at what has "
                                  "changed and sign it again (fastgate plugins sign)")


def write(name: str, version: str, files: dict[str, bytes], private: Any) -> bytes:
    key = b64encode(private.public_key().public_bytes_raw()).decode()
    lines = [FIRST_LINE, f"name: {name}", f"version: {version}", f"key: {key}"]
    for path in sorted(files):
        if not is_path(path):
            raise PluginError(f"{path!r} can't be the name of a signed file")
        lines.append(f"file: {sha256(files[path]).hexdigest()} {path}")
    body = "".join(f"{line}\n" for line in lines).encode()
    return body + b"signature: " + b64encode(private.sign(body)) + b"\n"


def verify(place: str, text: bytes, keys: list[str]) -> Manifest:
    """What the signature in `place` says, if one of these keys made it. Raises PluginError."""
    try:
        found = _TEXT.match(text.decode())
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise PluginError(f"{place} is no signature: sign the plugin again (fastgate plugins sign)")
    if found["key"] not in keys:
        raise PluginError(f"{place}: signed with the key {found['key']}, which gateway.plugin_trust does not name")
    ed25519 = _ed25519()
    body = found.string[: found.start("signature") - len("signature: ")]
    try:
        public = ed25519.Ed25519PublicKey.from_public_bytes(b64decode(found["key"]))
        public.verify(b64decode(found["signature"]), body.encode())
    except Exception:       # InvalidSignature, or a key that is none
        raise PluginError(f"{place}: the signature is wrong: it has been changed; install the plugin again") from None
    pairs = [line.split(" ", 2)[1:] for line in found["files"].splitlines()]
    paths = [path for _, path in pairs]
    if paths != sorted(set(paths)) or not all(map(is_path, paths)):
        raise PluginError(f"{place}: the paths in it are not what fastgate writes")
    return Manifest(found["name"], found["version"], found["key"], {path: digest for digest, path in pairs})


def is_path(path: str) -> bool:
    """Below its folder, and written in one way only."""
    return path.isprintable() and "\\" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def read_keys(trust: list[str]) -> list[str]:
    """gateway.plugin_trust as base64: its files are read. Raises PluginError."""
    return [entry if _KEY.match(entry) else read_public_key(Path(entry)) for entry in trust]


def read_public_key(file: Path) -> str:
    """A PEM file's key, as base64."""
    text = _key_file(file)
    ed25519 = _ed25519()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(text)
    except Exception:
        key = None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise PluginError(f"{file} holds no Ed25519 public key in PEM form (BEGIN PUBLIC KEY)")
    return b64encode(key.public_bytes_raw()).decode()


def read_private_key(file: Path) -> Any:
    text = _key_file(file)
    ed25519 = _ed25519()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text, None)
    except Exception:       # a password, another format; the reason might quote the key
        key = None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise PluginError(f"{file} holds no Ed25519 private key in PEM form without a password; fastgate plugins keygen makes one")
    return key


def new_key() -> tuple[bytes, bytes, str]:
    """The private key and the public key as PEM, and the public one as base64."""
    ed25519 = _ed25519()
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key()
    return (private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            b64encode(public.public_bytes_raw()).decode())


def _key_file(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise PluginError(f"the key {file} can't be read: {error.strerror}") from None


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise PluginError(NEEDED) from None
    return ed25519
