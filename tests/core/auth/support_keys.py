"""Keys and tokens of the tests: tests/data/jose, and JWKs as the DER that libcrypto reads."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import pytest
from fastgate_doors import auth_door as door

DATA = Path(__file__).parents[2] / "data/jose"
RFC = json.loads((DATA / "rfc.json").read_text())
VECTORS = json.loads((DATA / "vectors.json").read_text())
ALGORITHMS = VECTORS["algorithms"]
OTHER = VECTORS["other"]
PROBLEM = door.open_library()
needs_libcrypto = pytest.mark.skipif("not installed" in PROBLEM, reason=PROBLEM)

OIDS = {
    "RSA": "06092a864886f70d0101010500", "P-256": "06072a8648ce3d020106082a8648ce3d030107",
    "P-384": "06072a8648ce3d020106052b81040022", "P-521": "06072a8648ce3d020106052b81040023", "Ed25519": "06032b6570",
}


def b64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def unb64(text: str | bytes) -> bytes:
    text = text.encode() if isinstance(text, str) else text
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + length + content


def material(jwk: dict) -> bytes:
    """What a Key is made of: an HMAC secret, or SubjectPublicKeyInfo in DER."""
    if jwk["kty"] == "oct":
        return unb64(jwk["k"])
    if jwk["kty"] == "RSA":
        key = _der(0x30, b"".join(_der(2, b"\0" + unb64(jwk[name])) if unb64(jwk[name])[0] > 127 else _der(2, unb64(jwk[name])) for name in "ne"))
        return _der(0x30, _der(0x30, bytes.fromhex(OIDS["RSA"])) + _der(3, b"\0" + key))
    point = b"\x04" + unb64(jwk["x"]) + unb64(jwk["y"]) if jwk["kty"] == "EC" else unb64(jwk["x"])
    return _der(0x30, _der(0x30, bytes.fromhex(OIDS[jwk["crv"]])) + _der(3, b"\0" + point))


def key(algorithm: str) -> door.Key:
    return door.Key(algorithm.encode(), ALGORITHMS[algorithm]["key"].encode())


def parts(token: str | bytes) -> tuple[bytes, bytes]:
    """What the signature is over, and the signature."""
    token = token.encode() if isinstance(token, str) else token
    data, _, signature = token.rpartition(b".")
    return data, unb64(signature)


def unsigned(header, claims, signature=b"x") -> bytes:
    """A token of these parts; a part that is not bytes is written as JSON."""
    def text(part):
        return b64(part if isinstance(part, bytes) else json.dumps(part).encode())
    return text(header) + b"." + text(claims) + b"." + b64(signature)
