"""jwt: a signed token tells who calls."""

from __future__ import annotations

from typing import Any

from fastgate.config.schema import Problems, Record, Rule, array, boolean, field, integer, one_of, refused

from .parts import ANONYMOUS, REALM, header_names, plain, texts

NAME = "jwt"
PRIORITY = 1450
TAKES_CONSUMER = False
is_native = True


def _need_exp(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if config["maximum_expiration"] and "exp" not in (config["claims_to_verify"] or ()):
        problems.append((("maximum_expiration",), "needs exp among claims_to_verify: without it nothing expires"))


def _one_or_several(value: Any, problems: Problems) -> Any:
    return _several([value] if isinstance(value, str) else value, problems)


_several = array(plain, is_set=True)

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
    "jwks_uri": field(refused("keys from a jwks_uri are not in this version; write them as jwt_secrets of a consumer")),
}, rules=(Rule(("claims_to_verify", "maximum_expiration"), _need_exp),))
