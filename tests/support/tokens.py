"""Tokens for tests, of every JOSE algorithm. Those with a shared secret need no package: emulated CPUs have none."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

ALGORITHMS = [*(family + size for family in ("HS", "RS", "PS", "ES") for size in ("256", "384", "512")), "EdDSA"]
SECRET = "a secret of the tests, as long as it should be"


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def private_key(algorithm: str) -> Any:
    """Of an asymmetric algorithm; one for RS and PS."""
    from support import signing_keys

    return signing_keys.private_key(algorithm)


def pem(key: Any) -> str:
    from support import signing_keys

    return signing_keys.pem(key)


def sign(algorithm: str, data: bytes, key: Any) -> bytes:
    if algorithm.startswith("HS"):
        return hmac.digest(key if isinstance(key, bytes) else key.encode(), data, f"sha{algorithm[2:]}")
    from support import signing_keys

    return signing_keys.sign(algorithm, data, key)


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
