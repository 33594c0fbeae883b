"""Writes vectors.json: keys, and tokens that the `cryptography` package signed with them, for every algorithm.

    python -m venv v && v/bin/pip install cryptography && v/bin/python tests/data/jose/make_vectors.py

Run by hand, once: the tests need no other implementation then. Signatures of ECDSA and PSS are random, so each run
writes others; several per key, so that halves of an ECDSA signature with leading zero bytes and set top bits occur.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"256": (ec.SECP256R1(), 32), "384": (ec.SECP384R1(), 48), "512": (ec.SECP521R1(), 66)}
SECRET = "a secret of the tests, longer than one block of SHA-512 has bytes: " + "0123456789abcdef" * 8


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def pem(private) -> str:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(private) -> str:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def es_sign(private, size: str, data: bytes) -> bytes:
    r, s = decode_dss_signature(private.sign(data, ec.ECDSA(HASHES[size])))
    half = CURVES[size][1]
    return r.to_bytes(half, "big") + s.to_bytes(half, "big")


def rs_sign(private, size: str, data: bytes) -> bytes:
    return private.sign(data, padding.PKCS1v15(), HASHES[size])


def ps_sign(private, size: str, data: bytes, salt=padding.PSS.DIGEST_LENGTH) -> bytes:
    return private.sign(data, padding.PSS(padding.MGF1(HASHES[size]), salt), HASHES[size])


def token(algorithm: str, sign, serial: int) -> str:
    header = b64(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    claims = b64(json.dumps({"iss": f"issuer-{serial}", "exp": 4102444800, "sub": "é" * serial}).encode())
    data = f"{header}.{claims}"
    return f"{data}.{b64(sign(data.encode()))}"


def es_tokens(private, size: str) -> list[str]:
    """Some as they come, and one for each half that begins with a zero byte."""
    half = CURVES[size][1]
    found = [token(f"ES{size}", lambda data: es_sign(private, size, data), i) for i in range(4)]
    at = 0
    for start in (0, half):
        while True:
            at += 1
            text = token(f"ES{size}", lambda data: es_sign(private, size, data), at % 3)
            signature = decode(text)
            # For P-521 the first byte is 0 or 1: look at the second too.
            if signature[start] == 0 and (size != "512" or signature[start + 1] == 0):
                found.append(text)
                break
    return found


def decode(text: str) -> bytes:
    part = text.rpartition(".")[2]
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def main() -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    keys = {size: ec.generate_private_key(curve) for size, (curve, _) in CURVES.items()}
    ed_key = ed25519.Ed25519PrivateKey.generate()
    found = {}
    for size in HASHES:
        found[f"HS{size}"] = {"key": SECRET, "tokens": [
            token(f"HS{size}", lambda data, size=size: hmac.new(SECRET.encode(), data, getattr(hashlib, f"sha{size}")).digest(), i)
            for i in range(3)]}
        found[f"RS{size}"] = {"key": pem(rsa_key), "tokens": [
            token(f"RS{size}", lambda data, size=size: rs_sign(rsa_key, size, data), i) for i in range(3)]}
        found[f"PS{size}"] = {"key": pem(rsa_key), "tokens": [
            token(f"PS{size}", lambda data, size=size: ps_sign(rsa_key, size, data), i) for i in range(3)]}
        found[f"ES{size}"] = {"key": pem(keys[size]), "tokens": es_tokens(keys[size], size)}
    found["EdDSA"] = {"key": pem(ed_key), "tokens": [token("EdDSA", ed_key.sign, i) for i in range(3)]}
    p256 = keys["256"].public_key()
    numbers = p256.public_numbers()
    spki = p256.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    off_curve = spki[:-1] + bytes([spki[-1] ^ 1])
    assert spki.endswith(numbers.y.to_bytes(32, "big"))
    other = {
        "rsa 1024": pem(rsa.generate_private_key(65537, 1024)),
        "rsa 4096": pem(rsa.generate_private_key(65537, 4096)),
        "secp256k1": pem(ec.generate_private_key(ec.SECP256K1())),
        "ed448": pem(ed448.Ed448PrivateKey.generate()),
        "rsa private": private_pem(rsa_key),
        "ec private": private_pem(keys["256"]),
        "ec der, hex": spki.hex(),
        "ec off its curve, hex": off_curve.hex(),
        "PS256 salt of 0": token("PS256", lambda data: ps_sign(rsa_key, "256", data, 0), 0),
        "PS256 salt of 64": token("PS256", lambda data: ps_sign(rsa_key, "256", data, 64), 0),
    }
    Path(__file__).with_name("vectors.json").write_text(json.dumps({"algorithms": found, "other": other}, indent=1) + "\n")


main()
