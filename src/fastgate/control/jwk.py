"""Published keys (JWKS, RFC 7517, 7518, 8037) as text, read strictly: public keys in DER, by name and algorithm."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections import Counter
from typing import Any, NamedTuple

Forms = list[tuple[str, bytes]]         # (algorithm, SubjectPublicKeyInfo in DER)

MIN_RSA_BITS = 2048                     # RFC 7518 sections 3.3 and 3.5
MAX_RSA_BITS = 16384                    # what OpenSSL verifies with
MAX_EXPONENT_BITS = 64
MAX_KID = 1024                          # characters
PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
RSA_ALGORITHMS = tuple(family + size for family in ("RS", "PS") for size in ("256", "384", "512"))

# curve: its algorithm, bytes of a coordinate, AlgorithmIdentifier
_CURVES = {
    "P-256": ("ES256", 32, "301306072a8648ce3d020106082a8648ce3d030107"),
    "P-384": ("ES384", 48, "301006072a8648ce3d020106052b81040022"),
    "P-521": ("ES512", 66, "301006072a8648ce3d020106052b81040023"),
}
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")
_ED25519 = bytes.fromhex("300506032b6570")
ED25519_BYTES = 32


class NotAKeySet(ValueError):
    """The text is no JWKS, or one with more keys than allowed. Nothing of it is used."""


class _Unfit(ValueError):
    """A key that is left out; the message is a word or two for logs."""


class PublishedKey(NamedTuple):
    kid: str                            # empty: it has none
    forms: Forms


class KeySet(NamedTuple):
    keys: list[PublishedKey]
    skipped: dict[str, int]             # why -> how many


def read_key_set(body: bytes, most_keys: int) -> KeySet:
    """The keys that can verify a signature; what is unknown, unfit or not for signatures is left out and counted
    (RFC 7517 section 5). Raises NotAKeySet."""
    try:
        whole = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotAKeySet(f"no JSON: {str(error)[:200]}") from None
    if not isinstance(whole, dict) or not isinstance(whole.get("keys"), list):
        raise NotAKeySet('no JSON object with a list "keys"')
    if len(whole["keys"]) > most_keys:
        raise NotAKeySet(f"{len(whole['keys'])} keys; the most is {most_keys}")
    keys: list[PublishedKey] = []
    skipped: Counter[str] = Counter()
    taken: dict[tuple[str, str], bytes] = {}
    for jwk in whole["keys"]:
        try:
            key = _read(jwk)
        except _Unfit as error:
            skipped[str(error)] += 1
            continue
        names = [(key.kid, algorithm) for algorithm, _ in key.forms]
        if any(name in taken for name in names if key.kid):
            # The same key twice is one; of two that share a name the first is as good a guess as any.
            if any(taken.get(name) != der for name, (_, der) in zip(names, key.forms)):
                skipped["another key of the same kid"] += 1
            continue
        taken |= {name: der for name, (_, der) in zip(names, key.forms)}
        keys.append(key)
    return KeySet(keys, dict(skipped))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _read(jwk: Any) -> PublishedKey:
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kty"), str):
        raise _Unfit("no kty")
    kind = jwk["kty"]
    if kind == "oct":
        raise _Unfit("a symmetric key")
    if kind not in ("RSA", "EC", "OKP"):
        raise _Unfit("an unknown kty")
    if PRIVATE & jwk.keys():
        raise _Unfit("a private key")       # whoever can read it can sign with it
    kid = jwk.get("kid", "")
    if not isinstance(kid, str) or len(kid) > MAX_KID or ("kid" in jwk and not kid) or _is_broken(kid):
        raise _Unfit("a bad kid")
    _check_purpose(jwk)
    algorithms, der = {"RSA": _rsa, "EC": _curve, "OKP": _edwards}[kind](jwk)
    if "alg" in jwk:
        if jwk["alg"] not in algorithms:
            raise _Unfit("an alg that is none of its kind")
        algorithms = (jwk["alg"],)
    return PublishedKey(kid, [(algorithm, der) for algorithm in algorithms])


def _is_broken(text: str) -> bool:
    """Half of a surrogate pair, which no token's UTF-8 can hold."""
    return any(0xD800 <= ord(character) <= 0xDFFF for character in text)


def _check_purpose(jwk: dict[str, Any]) -> None:
    if jwk.get("use", "sig") != "sig":
        raise _Unfit("not for signatures")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise _Unfit("not for signatures")


def _rsa(jwk: dict[str, Any]) -> tuple[tuple[str, ...], bytes]:
    modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise _Unfit("an RSA key of another size than 2048 to 16384 bits")
    # With an exponent of 1 every message is its own signature; an even one is no exponent.
    if not modulus & 1 or not exponent & 1 or exponent < 3 or exponent.bit_length() > MAX_EXPONENT_BITS:
        raise _Unfit("a bad RSA key")
    return RSA_ALGORITHMS, _der(0x30, _RSA + _bits(_der(0x30, _integer(modulus) + _integer(exponent))))


def _curve(jwk: dict[str, Any]) -> tuple[tuple[str, ...], bytes]:
    known = _CURVES.get(jwk["crv"]) if isinstance(jwk.get("crv"), str) else None
    if known is None:
        raise _Unfit("an unknown curve")
    algorithm, size, identifier = known
    point = [_octets(jwk, name) for name in ("x", "y")]
    if [len(half) for half in point] != [size, size]:
        raise _Unfit("a point of another size than its curve's")
    return (algorithm,), _der(0x30, bytes.fromhex(identifier) + _bits(b"\x04" + point[0] + point[1]))


def _edwards(jwk: dict[str, Any]) -> tuple[tuple[str, ...], bytes]:
    if jwk.get("crv") != "Ed25519":
        raise _Unfit("an unknown curve")
    point = _octets(jwk, "x")
    if len(point) != ED25519_BYTES:
        raise _Unfit("a point of another size than its curve's")
    return ("EdDSA",), _der(0x30, _ED25519 + _bits(point))


def _octets(jwk: dict[str, Any], name: str) -> bytes:
    """base64url in its one form: no padding, no spare bits (RFC 7515 section 2)."""
    text = jwk.get(name)
    if not isinstance(text, str):
        raise _Unfit(f"no {name}")
    try:
        octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError):
        octets = b""
    if not octets or urlsafe_b64encode(octets).rstrip(b"=").decode() != text:
        raise _Unfit(f"bad base64url in {name}")
    return octets


def _number(jwk: dict[str, Any], name: str) -> int:
    """In as few octets as it needs (RFC 7518 section 2)."""
    octets = _octets(jwk, name)
    if octets[0] == 0:
        raise _Unfit(f"a leading zero in {name}")
    return int.from_bytes(octets, "big")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _bits(content: bytes) -> bytes:
    return _der(0x03, b"\0" + content)


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))
