"""Consumers and credentials: read and checked, used by nothing in this version."""

from __future__ import annotations

from typing import Any

from . import fields
from .schema import Problems, Record, Rule, array, boolean, field, integer, one_of, text

_ALGORITHMS = tuple(f"{family}{bits}" for family in ("HS", "RS", "ES", "PS") for bits in (256, 384, 512)) + ("EdDSA",)


def _need_name(consumer: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if consumer["username"] is None and consumer["custom_id"] is None:
        problems.append(((), "a consumer needs username or custom_id"))


def _need_key(secret: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if not secret["algorithm"].startswith("HS") and secret["rsa_public_key"] is None:
        problems.append(((), f"algorithm {secret['algorithm']} needs rsa_public_key"))


def _multiline(value: Any, problems: Problems) -> Any:
    # PEM keys have line ends, which text() refuses; they are checked for type alone.
    if isinstance(value, str):
        return str(value)
    return _text(value, problems)


_text = text()
_optional_text = field(_text)
_needed_text = field(_text, is_required=True)
_consumer = {"consumer": field(fields.reference)}

CREDENTIALS = {
    "keyauth_credentials": Record("a key-auth credential", {
        **fields.common(), **_consumer, "key": _optional_text, "ttl": field(integer(0, 100_000_000))}),
    "basicauth_credentials": Record("a basic-auth credential", {
        **fields.common(), **_consumer, "username": _needed_text, "password": _needed_text}),
    "hmacauth_credentials": Record("an hmac-auth credential", {
        **fields.common(), **_consumer, "username": _needed_text, "secret": _optional_text}),
    "jwt_secrets": Record("a jwt secret", {
        **fields.common(), **_consumer, "key": _optional_text, "secret": _optional_text,
        "algorithm": field(one_of(*_ALGORITHMS), "HS256"), "rsa_public_key": field(_multiline),
    }, rules=(Rule(("algorithm", "rsa_public_key"), _need_key),)),
    "oauth2_credentials": Record("an oauth2 credential", {
        **fields.common(), **_consumer, "name": _needed_text, "client_id": _optional_text,
        "client_secret": _optional_text, "hash_secret": field(boolean, False),
        "redirect_uris": field(array(_text)), "client_type": field(one_of("confidential", "public"), "confidential")}),
    "acls": Record("an acl", {**fields.common(), **_consumer, "group": _needed_text}),
}

CONSUMER = Record("a consumer", {
    **fields.common(),
    "username": _optional_text,
    "custom_id": _optional_text,
}, rules=(Rule(("username", "custom_id"), _need_name),), nested=(*CREDENTIALS, "plugins"))
