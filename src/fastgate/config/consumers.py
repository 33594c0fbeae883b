"""Consumers and what tells who they are: credentials and groups."""

from __future__ import annotations

import re
from typing import Any

from . import fields
from .schema import Problems, Record, Rule, array, boolean, field, integer, one_of, text

_ALGORITHMS = tuple(f"{family}{bits}" for family in ("HS", "RS", "ES", "PS") for bits in (256, 384, 512)) + ("EdDSA",)


def _need_name(consumer: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if consumer["username"] is None and consumer["custom_id"] is None:
        problems.append(((), "a consumer needs username or custom_id"))


def _need_issuer(secret: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if secret["key"] is None:
        problems.append(((), "a jwt secret needs key: what its tokens have as iss, or as the plugin's key_claim_name"))


def _need_key(secret: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if secret["algorithm"].startswith("HS"):
        if secret["secret"] is None:
            problems.append(((), f"a jwt secret of algorithm {secret['algorithm']} {_NO_MAKING.format('secret')}"))
    elif secret["rsa_public_key"] is None:
        problems.append(((), f"algorithm {secret['algorithm']} needs rsa_public_key"))


def _public_key(value: Any, problems: Problems) -> Any:
    """Its shape alone: whoever verifies with it reads it whole."""
    value = fields.multiline(value, problems)
    if value is not None:
        value = value.strip()
        if not value.startswith(_PEM) or _PEM_END not in value:
            problems.append(((), f"expected a public key in PEM, from {_PEM} to {_PEM_END}"))
    return value


def check_hashed_passwords(rows: list, problems: Problems) -> None:
    """What the file's `_transform: false` says: passwords are Kong's hashes already."""
    for credential, path in rows:
        credential["is_hashed"] = True
        password = credential["password"]
        if password is None:
            continue
        if _SHA1.match(password):
            credential["password"] = password.lower()
        else:
            problems.append(((*path, "password"), "with _transform: false a password is Kong's hash: 40 hexadecimal "
                                                  "digits, the SHA-1 of the password and the consumer's id"))


# A random one would be another after each load, and one made from the file could be guessed.
_NO_MAKING = "needs a {} of its own: none is made here; write one, like the output of `openssl rand -hex 32`"
_PEM, _PEM_END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
_SHA1 = re.compile(r"[0-9a-fA-F]{40}\Z")


def _own(what: str) -> Rule:
    def apply(credential: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
        if credential[what] is None:
            problems.append(((), f"the credential {_NO_MAKING.format(what)}"))

    return Rule((what,), apply)


_text = text()
_optional_text = field(_text)
_secret_field = field(fields.secret)
_needed_text = field(_text, is_required=True)
_consumer = {"consumer": field(fields.reference)}

CREDENTIALS = {
    "keyauth_credentials": Record("a key-auth credential", {
        **fields.common(), **_consumer, "key": _secret_field, "ttl": field(integer(0, 100_000_000))}, rules=(_own("key"),)),
    "basicauth_credentials": Record("a basic-auth credential", {
        **fields.common(), **_consumer, "username": _needed_text, "password": field(fields.secret, is_required=True)},
        computed={"is_hashed": False}),
    "hmacauth_credentials": Record("an hmac-auth credential", {
        **fields.common(), **_consumer, "username": _needed_text, "secret": _secret_field},
        rules=(_own("secret"),)),
    "jwt_secrets": Record("a jwt secret", {
        **fields.common(), **_consumer, "key": _optional_text, "secret": _secret_field,
        "algorithm": field(one_of(*_ALGORITHMS), "HS256"), "rsa_public_key": field(_public_key),
    }, rules=(Rule(("key",), _need_issuer), Rule(("algorithm", "secret", "rsa_public_key"), _need_key))),
    "oauth2_credentials": Record("an oauth2 credential", {
        **fields.common(), **_consumer, "name": _needed_text, "client_id": _optional_text,
        "client_secret": _secret_field, "hash_secret": field(boolean, False),
        "redirect_uris": field(array(_text)), "client_type": field(one_of("confidential", "public"), "confidential")}),
    "acls": Record("an acl", {**fields.common(), **_consumer, "group": _needed_text}),
}

CONSUMER = Record("a consumer", {
    **fields.common(),
    "username": _optional_text,
    "custom_id": _optional_text,
}, rules=(Rule(("username", "custom_id"), _need_name),), nested=(*CREDENTIALS, "plugins"))
