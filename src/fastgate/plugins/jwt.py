"""jwt: a signed token tells who calls."""

from __future__ import annotations

from typing import Any

from fastgate.config.errors import shown
from fastgate.config.schema import Problems, Record, Rule, array, boolean, field, integer, number, one_of, text

from .parts import ANONYMOUS, REALM, header_names, plain, texts

NAME = "jwt"
PRIORITY = 1450
TAKES_CONSUMER = False
is_native = True


def _need_exp(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if config["maximum_expiration"] and "exp" not in (config["claims_to_verify"] or ()):
        problems.append((("maximum_expiration",), "needs exp among claims_to_verify: without it nothing expires"))


def _uri_problem(value: str) -> str | None:
    from urllib.parse import urlsplit       # here: a gateway whose keys are in its file has no need of it

    try:
        split = urlsplit(value)
        is_whole = split.scheme in ("http", "https") and split.hostname and (split.port is None or split.port)
    except ValueError:
        is_whole = False
    if not is_whole or not value.isascii() or " " in value:
        return f'{shown(value)} is not a whole URL like "https://login.example.com/keys"'
    return f"{shown(value)}: remove what follows the #" if "#" in value else None


def _either_kind_of_keys(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    """Keys are credentials or published: what is said of the other kind would do nothing."""
    if config["jwks_uri"] is None:
        alien, message = _OF_PUBLISHED, "says how published keys are used: it needs jwks_uri"
    else:
        alien, message = _OF_CREDENTIALS, "is about jwt_secrets, which a plugin with jwks_uri does not use: remove it"
    problems.extend(((name,), message) for name in alien if config[name] != CONFIG.fields[name].default)
    if config["jwks_uri"] is not None and config["jwks_min_refresh"] > config["jwks_refresh"]:
        problems.append((("jwks_min_refresh",), "is longer than jwks_refresh"))


def _published_expire(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    """Tokens of somebody else's server: one that never expires could not be taken back."""
    if config["jwks_uri"] is not None and config["claims_to_verify"] is None:
        config["claims_to_verify"] = ["exp"]


def _one_or_several(value: Any, problems: Problems) -> Any:
    return _several([value] if isinstance(value, str) else value, problems)


_several = array(plain, is_set=True)
_OF_PUBLISHED = ("jwks_refresh", "jwks_min_refresh", "jwks_timeout", "jwks_max_bytes", "jwks_max_keys", "jwks_ca_file",
                 "consumer_claim", "consumer_by", "consumer_optional")
_OF_CREDENTIALS = ("key_claim_name", "secret_is_base64")

CONFIG = Record("jwt's config", {
    "uri_param_names": texts("jwt"),
    "cookie_names": texts(),
    "header_names": header_names("authorization"),
    "key_claim_name": field(plain, "iss"),
    "secret_is_base64": field(boolean, False),
    "claims_to_verify": field(array(one_of("exp", "nbf"), is_set=True)),
    "maximum_expiration": field(integer(0, 31_536_000), 0),
    "anonymous": ANONYMOUS,
    "run_on_preflight": field(boolean, True),
    "realm": REALM,
    "audience": field(_one_or_several),
    "issuers": field(_one_or_several),
    "leeway": field(integer(0, 3600), 0),
    "jwks_uri": field(text(_uri_problem)),
    "jwks_refresh": field(number(1, 86_400), 300),
    "jwks_min_refresh": field(number(0.1, 3600), 10),
    "jwks_timeout": field(number(0.1, 60), 5),
    "jwks_max_bytes": field(integer(1024, 4_194_304), 262_144),
    "jwks_max_keys": field(integer(1, 1000), 100),
    "jwks_ca_file": field(plain),
    "consumer_claim": field(plain, "sub"),
    "consumer_by": field(one_of("custom_id", "username", "id"), "custom_id"),
    "consumer_optional": field(boolean, False),
}, rules=(
    Rule(("jwks_uri", *_OF_PUBLISHED, *_OF_CREDENTIALS), _either_kind_of_keys),
    Rule(("jwks_uri", "claims_to_verify"), _published_expire),
    Rule(("claims_to_verify", "maximum_expiration"), _need_exp),
))
