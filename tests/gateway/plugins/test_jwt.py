"""jwt with real clients and real tokens: every algorithm, every refusal, where a token may be."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from support.client import get
from support.identity import alice, assert_refused, bob, identity, nobody, told
from support.site import Site, config_of, plugin, service
from support.tokens import ALGORITHMS, SECRET, b64, forged, jwt_secret, now, pem, private_key, sign, token

pytestmark = pytest.mark.core

SECRET_ID = "0d5f2a9e-7f0c-4f0e-8d39-6a3f5c7d1e01"
INVALID = 'Bearer error="invalid_token"'
GOOD = token({"iss": "HS256"})


def bearer(text: str) -> str:
    return f"Authorization: Bearer {text}"


def claims_refused(answer, claims: dict[str, str], challenge: str = INVALID) -> None:
    assert (answer.status, json.loads(answer.body), answer.get("www-authenticate")) == (401, claims, challenge)
    assert answer.get("content-type") == "application/json; charset=utf-8"


def consumers() -> list[dict]:
    own = [jwt_secret(name, **({"id": SECRET_ID} if name == "HS256" else {})) for name in ALGORITHMS]
    return [alice(jwt_secrets=own), bob("bob-key", jwt_secrets=[jwt_secret("HS256", "bob", secret="Bob's own secret")]), nobody()]


@pytest.fixture
def guarded(open_site, open_origin):
    """A site whose one service wants a token; the plugin configured as given."""
    def start(*more, gateway=None, people=None, **config) -> Site:
        origin = open_origin()
        guards = [plugin("jwt", **config), *more]
        return open_site(config_of(service(origin, plugins=guards), consumers=people or consumers(), gateway=gateway), origin)
    return start


# ---- signatures

def test_every_algorithm_tells_who_calls(guarded):
    site = guarded()
    for algorithm in ALGORITHMS:
        text = token({"iss": algorithm}, algorithm)
        seen = site.echo(get("/", bearer(text)))
        assert identity(seen) == told("alice", X_Credential_Identifier=algorithm), algorithm
        assert ["Authorization", f"Bearer {text}"] in seen["headers"]
        assert_refused(site.ask(get("/", bearer(forged(text)))), "Invalid signature", INVALID)
    assert identity(site.echo(get("/", bearer(token({"iss": "bob"}, key="Bob's own secret")))))["X-Consumer-Username"] == "bob"


def test_the_credentials_algorithm_decides(guarded):
    """A token may not choose how it is verified, whatever it is signed with."""
    site = guarded()
    for owner in ALGORITHMS:
        for algorithm in ALGORITHMS:
            if algorithm != owner:
                answer = site.ask(get("/", bearer(token({"iss": owner}, algorithm))))
                assert_refused(answer, "Invalid algorithm", INVALID)
    # A public key is no secret: the text of it as the key of an HMAC, in all its forms.
    for material in (pem(private_key("RS256")), pem(private_key("RS256")).strip()):
        for size in ("256", "384", "512"):
            assert_refused(site.ask(get("/", bearer(token({"iss": "RS" + size}, "HS" + size, material)))), "Invalid algorithm", INVALID)
    # The right name over the wrong kind of signature.
    for algorithm, other in (("RS256", "PS256"), ("PS256", "RS256"), ("ES256", "EdDSA"), ("HS256", "HS512")):
        data = f'{b64(json.dumps({"alg": algorithm}).encode())}.{b64(json.dumps({"iss": algorithm}).encode())}'
        signature = sign(other, data.encode(), SECRET if other.startswith("HS") else private_key(other))
        assert_refused(site.ask(get("/", bearer(f"{data}.{b64(signature)}"))), "Invalid signature", INVALID)
    assert not site.origin.requests


def test_no_signature_is_none(guarded):
    site = guarded()
    for algorithm in ALGORITHMS:
        assert_refused(site.ask(get("/", bearer(token({"iss": algorithm}, algorithm, signature=b"")))), "Invalid signature", INVALID)
    for name in ("none", "None", "NONE", "nOnE", "", "HS257", "hs256", "RS256 ", None, 5, ["HS256"], {}):
        answer = site.ask(get("/", bearer(token({"iss": "HS256"}, alg=name))))
        assert_refused(answer, "Bad token; invalid alg", INVALID)
        assert_refused(site.ask(get("/", bearer(token({"iss": "HS256"}, signature=b"", alg=name)))), "Bad token; invalid alg", INVALID)
    zeros = token({"iss": "ES256"}, "ES256", signature=bytes(64))
    assert_refused(site.ask(get("/", bearer(zeros))), "Invalid signature", INVALID)
    assert not site.origin.requests


def test_another_tenants_key_signs_for_that_tenant_alone(guarded):
    site = guarded()
    assert_refused(site.ask(get("/", bearer(token({"iss": "HS256"}, key="Bob's own secret")))), "Invalid signature", INVALID)
    # The claim is what was signed, not what a header member says.
    seen = site.echo(get("/", bearer(token({"iss": "bob"}, key="Bob's own secret", iss="HS256"))))
    assert identity(seen)["X-Consumer-Username"] == "bob"


# ---- refusals

def test_bad_tokens(guarded):
    site = guarded()
    head, claims, signature = GOOD.split(".")
    json_texts = (b"", b"[]", b"null", b"{", b'{"iss":"HS256"}x', b'{"iss":"a","iss":"HS256"}', b'{"iss":"\xff"}', b'"HS256"')
    bad = ["x", "a.b", "..", f"{head}..{signature}", f".{claims}.{signature}", f"{GOOD}.", f"{GOOD}.x", f"{head}.{claims}",
           *(token(text) for text in json_texts), *(f"{b64(text)}.{claims}.{signature}" for text in json_texts)]
    for text in bad:
        assert_refused(site.ask(get("/", bearer(text))), "Bad token; invalid JSON", INVALID)
    for text in (f"{GOOD}=", f"{head}=.{claims}.{signature}", f"{head}.{claims}+.{signature}", f"{head}.{claims}.{signature[:-1]}B",
                 f"{head}.{claims}.{signature} x", f"{head}.{claims}.é"):
        assert_refused(site.ask(get("/", bearer(text).encode().decode("latin-1"))), "Bad token; invalid base64", INVALID)
    for member in ({"crit": ["exp"]}, {"b64": False}):
        assert_refused(site.ask(get("/", bearer(token({"iss": "HS256"}, **member)))), "Bad token; unsupported extension", INVALID)
    assert not site.origin.requests


def test_key_claims(guarded):
    site = guarded()
    assert_refused(site.ask(get("/", bearer(token({"sub": "x"})))), "No mandatory 'iss' in claims", INVALID)
    for value in ("", 5, None, True, ["HS256"], {"iss": "HS256"}):
        assert_refused(site.ask(get("/", bearer(token({"iss": value})))), "Invalid 'iss' in claims", INVALID)
    for value in ("hs256", "HS256 ", "x", "HS256\0"):
        assert_refused(site.ask(get("/", bearer(token({"iss": value})))), "No credentials found for given 'iss'", INVALID)
    assert site.echo(get("/", bearer(token({}, iss="HS256"))))
    assert not site.metrics()["fastgate_token_cache_entries"] - 1, "what costs no signature is not kept"


def test_another_claim_may_name_the_key(guarded):
    site = guarded(key_claim_name="kid")
    assert identity(site.echo(get("/", bearer(token({}, kid="HS256")))))["X-Consumer-Username"] == "alice"
    assert identity(site.echo(get("/", bearer(token({"kid": "HS256"})))))["X-Consumer-Username"] == "alice"
    assert_refused(site.ask(get("/", bearer(GOOD))), "No mandatory 'kid' in claims", INVALID)
    assert_refused(site.ask(get("/", bearer(token({"kid": "x"})))), "No credentials found for given 'kid'", INVALID)


def test_no_token_and_the_realm(guarded):
    site = guarded()
    for field in ("X: y", "Authorization: ", "Authorization: Bearer", "Authorization: Bearer   ", "Authorization: Basic eDp5",
                  f"Authorization: Bearer{GOOD}", f"Authorization: {GOOD}", f"Cookie: jwt={GOOD}", f"Proxy-Authorization: Bearer {GOOD}"):
        assert_refused(site.ask(get("/", field)), "Unauthorized", "Bearer")
    site = guarded(realm='the "vault"')
    assert_refused(site.ask(get()), "Unauthorized", r'Bearer realm="the \"vault\""')
    assert_refused(site.ask(get("/", bearer("x"))), "Bad token; invalid JSON", r'Bearer realm="the \"vault\"", error="invalid_token"')


# ---- where a token may be

def test_headers(guarded):
    site = guarded(header_names=["Authorization", "X-Token"])
    for field in (f"authorization: bearer  {GOOD}", f"X-TOKEN: BEARER\t{GOOD}", f"Authorization: Bearer {GOOD} "):
        assert identity(site.echo(get("/", field)))["X-Consumer-Username"] == "alice"
    both = site.echo(get("/", bearer(GOOD), f"X-Token: Bearer {GOOD}"))
    assert identity(both)["X-Consumer-Username"] == "alice"
    assert site.echo(get("/", "Authorization: Basic eDp5", f"X-Token: Bearer {GOOD}"))
    other = token({"iss": "HS256", "n": 1})
    for fields in ((bearer(GOOD), f"X-Token: Bearer {other}"), (bearer(GOOD), bearer(other))):
        assert_refused(site.ask(get("/", *fields)), "Multiple tokens provided", INVALID)


def test_queries(guarded):
    site = guarded(uri_param_names=["jwt", "to ken"])
    escaped = "".join(f"%{byte:02x}" for byte in GOOD.encode())
    for query in (f"jwt={GOOD}", f"a=b&jwt={GOOD}&c", f"%6awt={GOOD}", f"to+ken={GOOD}", f"jwt={escaped}", f"jwt={quote(GOOD, safe='')}",
                  f"jwt={GOOD}&jwt={GOOD}", f"jwt=&jwt={GOOD}", f"jwt={GOOD}&to%20ken={GOOD}"):
        assert identity(site.echo(get(f"/?{query}")))["X-Consumer-Username"] == "alice", query
    assert site.echo(get(f"/?jwt={GOOD}", bearer(GOOD)))
    for target, *fields in ((f"/?jwt={GOOD}&jwt=x",), (f"/?jwt={GOOD}&to+ken=x",), (f"/?jwt={GOOD}", bearer("x")), (f"/?jwt&jwt={GOOD}",)):
        assert_refused(site.ask(get(target, *fields)), "Multiple tokens provided", INVALID)
    assert_refused(site.ask(get("/?jwt")), "Unrecognizable token", INVALID)
    for query in ("", "jwt=", "jw=x", f"JWT={GOOD}", f"a=jwt={GOOD}"):
        assert_refused(site.ask(get(f"/?{query}")), "Unauthorized", "Bearer")
    site = guarded(uri_param_names=[])
    assert_refused(site.ask(get(f"/?jwt={GOOD}")), "Unauthorized", "Bearer")


def test_cookies(guarded):
    site = guarded(cookie_names=["session", "jwt"])
    for cookie in (f"jwt={GOOD}", f"a=b; session={GOOD}; c=d", f"session=; jwt={GOOD}", f"jwt={GOOD}; session={GOOD}"):
        assert identity(site.echo(get("/", f"Cookie: {cookie}")))["X-Consumer-Username"] == "alice"
    for cookies in (f"jwt={GOOD}; session=x", f"jwt={GOOD}; jwt=x", f"jwt=x; a=b; jwt={GOOD}"):
        assert_refused(site.ask(get("/", f"Cookie: {cookies}")), "Multiple tokens provided", INVALID)
    two = site.ask(get("/", f"Cookie: jwt={GOOD}", "Cookie: jwt=x"))
    assert_refused(two, "Multiple tokens provided", INVALID)
    assert_refused(site.ask(get("/", f"Cookie: Jwt={GOOD}")), "Unauthorized", "Bearer")


def test_preflights(guarded):
    assert_refused(guarded().ask(get(method="OPTIONS")), "Unauthorized", "Bearer")
    site = guarded(run_on_preflight=False)
    assert identity(site.echo(get(method="OPTIONS"))) == {}
    assert_refused(site.ask(get()), "Unauthorized", "Bearer")


def test_tokens_are_not_logged(open_site, open_origin):
    origin = open_origin()
    config = config_of(service(origin, plugins=[plugin("jwt", uri_param_names=["jwt", "t"])]), consumers=consumers())
    site = open_site(config, origin, access_log="stdout", workers=1)
    site.echo(get(f"/?a=1&t={GOOD}&b=2"))
    site.echo(get("/", bearer(GOOD)))
    site.ask(get(f"/?jwt={forged(GOOD)}"))
    site.ask(get("/the-last"))
    text = site.process.wait_for_access_log("/the-last")
    assert f"/?a=1&t={'*' * len(GOOD)}&b=2" in text and f"/?jwt={'*' * len(GOOD)}" in text
    told = text + site.process.log()
    assert not any(part in told for token in (GOOD, forged(GOOD)) for part in token.split("."))


# ---- claims

def test_exp_and_nbf(guarded):
    site = guarded(claims_to_verify=["exp", "nbf"])
    soon, past = now() + 600, now() - 600
    assert site.echo(get("/", bearer(token({"iss": "HS256", "exp": soon, "nbf": past}))))
    for claims, wrong in (
        ({"exp": past, "nbf": past}, {"exp": "token expired"}),
        ({"exp": soon, "nbf": soon}, {"nbf": "token not valid yet"}),
        ({"exp": past, "nbf": soon}, {"exp": "token expired", "nbf": "token not valid yet"}),
        ({"exp": soon}, {"nbf": "must be a number"}),
        ({"exp": str(soon), "nbf": past}, {"exp": "must be a number"}),
        ({"nbf": [past]}, {"exp": "must be a number", "nbf": "must be a number"}),
        ({"exp": True, "nbf": None}, {"exp": "must be a number", "nbf": "must be a number"}),
    ):
        for _ in range(2):                  # judged, then known
            claims_refused(site.ask(get("/", bearer(token({"iss": "HS256", **claims})))), wrong)
    # An invalid signature is told before any claim is.
    assert_refused(site.ask(get("/", bearer(forged(token({"iss": "HS256", "exp": past}))))), "Invalid signature", INVALID)
    # Not asked, not looked at.
    assert guarded().echo(get("/", bearer(token({"iss": "HS256", "exp": past, "nbf": "x"}))))


def test_leeway(guarded):
    site = guarded(claims_to_verify=["exp", "nbf"], leeway=300)
    assert site.echo(get("/", bearer(token({"iss": "HS256", "exp": now() - 200, "nbf": now() + 200}))))
    claims_refused(site.ask(get("/", bearer(token({"iss": "HS256", "exp": now() - 400, "nbf": now() + 400})))),
                   {"exp": "token expired", "nbf": "token not valid yet"})


def test_maximum_expiration(guarded):
    site = guarded(claims_to_verify=["exp"], maximum_expiration=300)
    assert site.echo(get("/", bearer(token({"iss": "HS256", "exp": now() + 200}))))
    for _ in range(2):
        claims_refused(site.ask(get("/", bearer(token({"iss": "HS256", "exp": now() + 900})))),
                       {"exp": "exceeds maximum allowed expiration"})
    claims_refused(site.ask(get("/", bearer(token({"iss": "HS256", "exp": now() - 1})))), {"exp": "token expired"})


def test_audiences_and_issuers(guarded):
    site = guarded(audience=["here", "there"], issuers="HS256")
    for audience in ("here", "there", ["x", "there"], ["here"]):
        assert site.echo(get("/", bearer(token({"iss": "HS256", "aud": audience}))))
    for audience in ("elsewhere", "her", [], ["x", 5], 5, None, {"here": 1}, ["her", "e"]):
        claims_refused(site.ask(get("/", bearer(token({"iss": "HS256", "aud": audience})))), {"aud": "not an accepted audience"})
    claims_refused(site.ask(get("/", bearer(token({"iss": "HS384"}, "HS384")))),
                   {"aud": "not an accepted audience", "iss": "not an accepted issuer"})
    site = guarded(key_claim_name="kid", issuers=["https://issuer.example"], realm="r")
    assert site.echo(get("/", bearer(token({"iss": "https://issuer.example"}, kid="HS256"))))
    for claims in ({}, {"iss": "https://issuer.example/"}, {"iss": ["https://issuer.example"]}):
        claims_refused(site.ask(get("/", bearer(token(claims, kid="HS256")))), {"iss": "not an accepted issuer"},
                       'Bearer realm="r", error="invalid_token"')


def test_secrets_in_base64(guarded):
    raw = bytes(range(64, 128)) * 2
    people = [alice(jwt_secrets=[
        jwt_secret("HS256", "plain", secret=base64.b64encode(raw).decode()), jwt_secret("HS256", "url", secret=b64(raw)),
        jwt_secret("HS256", "none", secret="no base64!"), jwt_secret("RS256")]), bob()]
    site = guarded(secret_is_base64=True, people=people)
    for name in ("plain", "url"):
        assert site.echo(get("/", bearer(token({"iss": name}, key=raw))))
    assert_refused(site.ask(get("/", bearer(token({"iss": "plain"}, key=base64.b64encode(raw))))), "Invalid signature", INVALID)
    assert_refused(site.ask(get("/", bearer(token({"iss": "none"}, key="no base64!")))), "Invalid key/secret", INVALID)
    assert site.echo(get("/", bearer(token({"iss": "RS256"}, "RS256"))))


# ---- with others

def test_who_fails_goes_on_as_the_anonymous_consumer(guarded):
    site = guarded(anonymous="nobody", claims_to_verify=["exp"])
    assert identity(site.echo(get("/", bearer(token({"iss": "HS256", "exp": now() + 60})))))["X-Consumer-Username"] == "alice"
    for fields in ((), (bearer("x"),), (bearer(forged(GOOD)),), (bearer(GOOD),), (bearer(token({"iss": "x"})), bearer("y"))):
        assert identity(site.echo(get("/", *fields))) == told("nobody")


def test_a_key_or_a_token(guarded):
    site = guarded(plugin("key-auth", anonymous="nobody"), anonymous="nobody")
    assert identity(site.echo(get("/", bearer(GOOD))))["X-Consumer-Username"] == "alice"
    assert identity(site.echo(get("/", "apikey: bob-key")))["X-Consumer-Username"] == "bob"
    assert identity(site.echo(get())) == told("nobody")


def test_a_key_and_a_token(guarded):
    site = guarded(plugin("key-auth"))
    assert_refused(site.ask(get("/", bearer(GOOD))), "No API key found in request", "Key")
    assert_refused(site.ask(get("/", "apikey: bob-key")), "Unauthorized", "Bearer")
    assert identity(site.echo(get("/", bearer(GOOD), "apikey: bob-key")))["X-Consumer-Username"] == "bob"


def test_keys_that_are_none_keep_the_old_configuration(guarded):
    site = guarded()
    small = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
    for secret, part in (
        (jwt_secret("RS256", rsa_public_key=small), "reads no public key"),
        (jwt_secret("ES256", rsa_public_key=pem(private_key("ES384"))), "another curve"),
        (jwt_secret("ES256", rsa_public_key=pem(private_key("RS256"))), "elliptic-curve"),
    ):
        wrong = config_of(service(site.origin, plugins=[plugin("jwt")]), consumers=[alice(jwt_secrets=[secret])])
        answer = site.process.reload(wrong)
        assert not answer["ok"] and "rsa_public_key" in str(answer["errors"]) and part in str(answer["errors"])
    assert site.echo(get("/", bearer(GOOD)))
