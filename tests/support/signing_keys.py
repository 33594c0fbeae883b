"""Keys and signatures of the asymmetric JOSE algorithms, made by the `cryptography` package."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def unwatched() -> Iterator[None]:
    """LeakSanitizer, where this process has one, looks away: what other people's libraries keep is not ours to find."""
    process = ctypes.CDLL(None)
    watcher = hasattr(process, "__lsan_disable")
    if watcher:
        getattr(process, "__lsan_disable")()
    try:
        yield
    finally:
        if watcher:
            getattr(process, "__lsan_enable")()


with unwatched():
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_CURVES = {"ES256": (ec.SECP256R1, 32), "ES384": (ec.SECP384R1, 48), "ES512": (ec.SECP521R1, 66)}


@cache
@unwatched()
def private_key(algorithm: str) -> Any:
    """Of an asymmetric algorithm; one for RS and PS."""
    if algorithm[:2] in ("RS", "PS"):
        return _rsa_key()
    return ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA" else ec.generate_private_key(_CURVES[algorithm][0]())


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@unwatched()
def pem(key: Any) -> str:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@unwatched()
def sign(algorithm: str, data: bytes, key: Any) -> bytes:
    digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}.get(algorithm[2:])
    if algorithm == "EdDSA":
        return key.sign(data)
    if algorithm.startswith("ES"):
        size = _CURVES[algorithm][1]
        return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(key.sign(data, ec.ECDSA(digest()))))
    if algorithm.startswith("RS"):
        return key.sign(data, padding.PKCS1v15(), digest())
    return key.sign(data, padding.PSS(padding.MGF1(digest()), digest.digest_size), digest())
