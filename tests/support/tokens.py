"""Tokens for tests: keys and signatures of every JOSE algorithm, made by the `cryptography` package."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ALGORITHMS = [*(family + size for family in ("HS", "RS", "PS", "ES") for size in ("256", "384", "512")), "EdDSA"]
SECRET = "a secret of the tests, as long as it should be"
_CURVES = {"ES256": (ec.SECP256R1, 32), "ES384": (ec.SECP384R1, 48), "ES512": (ec.SECP521R1, 66)}


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@cache
def private_key(algorithm: str) -> Any:
    """Of an asymmetric algorithm; one for RS and PS."""
    if algorithm[:2] in ("RS", "PS"):
        return _rsa_key()
    return ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA" else ec.generate_private_key(_CURVES[algorithm][0]())


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: Any) -> str:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def sign(algorithm: str, data: bytes, key: Any) -> bytes:
    digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}.get(algorithm[2:])
    if algorithm.startswith("HS"):
        return hmac.digest(key if isinstance(key, bytes) else key.encode(), data, digest().name)
    if algorithm == "EdDSA":
        return key.sign(data)
    if algorithm.startswith("ES"):
        size = _CURVES[algorithm][1]
        return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(key.sign(data, ec.ECDSA(digest()))))
    if algorithm.startswith("RS"):
        return key.sign(data, padding.PKCS1v15(), digest())
    return key.sign(data, padding.PSS(padding.MGF1(digest()), digest.digest_size), digest())


def token(claims: Any, algorithm: str = "HS256", key: Any = None, *, signature: bytes | None = None, **header: Any) -> str:
    """A signed token; the module's own key unless one is given. `header`: more members, or another `alg`."""
    head = {"typ": "JWT", "alg": algorithm, **header}
    data = ".".join(b64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (head, claims))
    if signature is None:
        if key is None:
            key = SECRET if algorithm.startswith("HS") else private_key(algorithm)
        signature = sign(algorithm, data.encode(), key)
    return f"{data}.{b64(signature)}"


def jwt_secret(algorithm: str = "HS256", name: str | None = None, **fields: Any) -> dict[str, Any]:
    """The credential that the module's own tokens of this algorithm are verified with."""
    key = {"secret": SECRET} if algorithm.startswith("HS") else {"rsa_public_key": pem(private_key(algorithm))}
    return {"key": name or algorithm, "algorithm": algorithm, **key, **fields}


def now() -> int:
    return int(time.time())


def forged(text: str) -> str:
    """The token with another signature of the same length."""
    head, _, signature = text.rpartition(".")
    digest = hashlib.sha512(signature.encode()).hexdigest()
    return f"{head}.{(digest * 8)[:len(signature) - 1]}A"
