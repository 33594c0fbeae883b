"""jwt with jwks_uri and real clients: whose token it is, which keys are taken, and no choice for the token."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from support.client import get
from support.identity import ALICE_ID, alice, assert_refused, bob, identity, nobody, told
from support.jwks import KeyServer, jwk, jwk_of
from support.site import Site, config_of, consumer, plugin, service
from support.tokens import ALGORITHMS, b64, forged, jwt_secret, now, pem, private_key, sign, token

pytestmark = pytest.mark.core

INVALID = 'Bearer error="invalid_token"'
PUBLISHED = [name for name in ALGORITHMS if not name.startswith("HS")]
NO_KEY = "No credentials found for given 'kid'"


def bearer(text: str) -> bytes:
    return get("/", f"Authorization: Bearer {text}")


def good(algorithm: str = "ES256", sub: str = "A-1", kid: str | None = None, **claims) -> str:
    return token({"sub": sub, "exp": now() + 600, **claims}, algorithm, kid=kid or algorithm)


@pytest.fixture
def server():
    with KeyServer(*(jwk(name) for name in ("RS256", "ES256", "ES384", "ES512", "EdDSA"))) as running:
        yield running


@pytest.fixture
def guarded(open_site, open_origin, server):
    """A site whose one service wants a token of the server's keys, once they are there."""
    def start(*more, keys: int = 5, people=None, gateway=None, **config) -> Site:
        origin = open_origin()
        guards = [plugin("jwt", jwks_uri=server.uri, **config), *more]
        people = people or [alice(jwt_secrets=[jwt_secret("HS256", "A-1")]), bob(), nobody()]
        site = open_site(config_of(service(origin, plugins=guards), consumers=people, gateway=gateway), origin)
        site.wait_metric("fastgate_jwks_keys", keys)
        return site
    return start


def test_every_algorithm_tells_who_calls(guarded, server):
    server.publish(jwk("RS256", "RSA"), *(jwk(name) for name in ("ES256", "ES384", "ES512", "EdDSA")))
    site = guarded()
    for algorithm in PUBLISHED:
        text = good(algorithm, kid="RSA" if algorithm[:2] in ("RS", "PS") else None)
        for _ in range(2):                  # judged, then known
            assert identity(site.echo(bearer(text))) == told("alice", X_Credential_Identifier="A-1"), algorithm
        for _ in range(2):
            assert_refused(site.ask(bearer(forged(text))), "Invalid signature", INVALID)


# ---- the published key decides, never the token

def test_no_algorithm_confusion(guarded):
    """The classic one: an HMAC whose secret is the text of a public key, in all the forms it has."""
    site = guarded()
    public = pem(private_key("RS256"))
    for material in (public, public.strip(), json.dumps(jwk("RS256")), jwk("RS256")["n"], b""):
        for size in ("256", "384", "512"):
            for kid in ("RS256", "ES256"):
                text = token({"sub": "A-1", "exp": now() + 600}, "HS" + size, material, kid=kid)
                assert_refused(site.ask(bearer(text)), "Invalid algorithm", INVALID)
    for name in ("none", "None", "", "HS257", None, 5, ["ES256"], {}):
        for signature in (None, b""):
            text = token({"sub": "A-1", "exp": now() + 600}, "ES256", kid="ES256", alg=name, signature=signature)
            assert_refused(site.ask(bearer(text)), "Bad token; invalid alg", INVALID)
    for algorithm in PUBLISHED:
        assert_refused(site.ask(bearer(token({"sub": "A-1"}, algorithm, kid=algorithm if algorithm[:2] in ("ES", "Ed") else "RS256", signature=b""))),
                       "Invalid signature", INVALID)
    assert not site.origin.requests


def test_a_token_names_a_key_but_not_its_algorithm(guarded, server):
    server.publish(jwk("RS256", alg="RS256"), jwk("PS256", "PS384", alg="PS384"), jwk("ES256", alg="ES256"), jwk("EdDSA"))
    site = guarded(keys=4)
    assert site.ask(bearer(good("RS256"))).status == site.ask(bearer(good("PS384"))).status == 200
    for algorithm, kid in (("PS256", "RS256"), ("RS512", "RS256"), ("RS256", "PS384"), ("PS256", "PS384"), ("ES384", "ES256"), ("EdDSA", "ES256"), ("ES256", "EdDSA"),
                           ("RS256", "EdDSA")):
        assert_refused(site.ask(bearer(good(algorithm, kid=kid))), "Invalid algorithm", INVALID)
    # The right name over the wrong kind of signature.
    for algorithm, other in (("RS256", "PS256"), ("ES256", "EdDSA")):
        data = f'{b64(json.dumps({"alg": algorithm, "kid": algorithm}).encode())}.{b64(json.dumps({"sub": "A-1"}).encode())}'
        signature = sign(other, data.encode(), private_key(other))
        assert_refused(site.ask(bearer(f"{data}.{b64(signature)}")), "Invalid signature", INVALID)


def test_keys_inside_a_token_are_not_looked_at(guarded):
    site = guarded()
    own = ec.generate_private_key(ec.SECP256R1())
    for header in ({"jwk": jwk_of(own)}, {"jku": "http://127.0.0.1:9/"}, {"x5c": ["x"]}, {"x5u": "http://127.0.0.1:9/"}):
        text = token({"sub": "A-1", "exp": now() + 600}, "ES256", own, kid="ES256", **header)
        assert_refused(site.ask(bearer(text)), "Invalid signature", INVALID)
    assert_refused(site.ask(bearer(token({"sub": "A-1"}, "ES256", kid="ES256", crit=["jku"]))), "Bad token; unsupported extension", INVALID)


def test_credentials_and_published_keys_do_not_mix(guarded):
    """A consumer's jwt secret opens nothing here, even when its name is what the token says."""
    site = guarded()
    text = token({"sub": "A-1", "iss": "A-1", "exp": now() + 600})
    assert_refused(site.ask(bearer(text)), NO_KEY, INVALID)


# ---- kid

def test_kids(guarded, server):
    site = guarded()
    for kid in ("x", "es256", "ES256 ", "ES256\0", "", 5, None, ["ES256"]):
        text = token({"sub": "A-1", "exp": now() + 600}, "ES256", kid=kid)
        assert_refused(site.ask(bearer(text)), NO_KEY, INVALID)
    assert site.metrics()["fastgate_jwks_unknown_keys_total"] == 8
    assert site.metrics()["fastgate_token_cache_entries"] == 0, "what costs no signature is not kept"
    claims = {"sub": "A-1", "exp": now() + 600}
    assert site.ask(bearer(token(claims, "ES256"))).status == 200       # the only key for ES256
    assert site.ask(bearer(token(claims, "PS512"))).status == 200


def test_a_token_without_kid_is_refused_where_two_keys_fit(guarded, server):
    other = ec.generate_private_key(ec.SECP256R1())
    server.publish(jwk("ES256"), jwk_of(other, kid="other"), jwk("EdDSA"))
    site = guarded(keys=3)
    claims = {"sub": "A-1", "exp": now() + 600}
    assert_refused(site.ask(bearer(token(claims, "ES256"))), NO_KEY, INVALID)
    assert site.ask(bearer(token(claims, "ES256", kid="ES256"))).status == 200
    assert site.ask(bearer(token(claims, "ES256", other, kid="other"))).status == 200
    assert_refused(site.ask(bearer(token(claims, "ES256", other, kid="ES256"))), "Invalid signature", INVALID)
    assert site.ask(bearer(token(claims, "EdDSA"))).status == 200


def test_keys_that_do_not_fit_are_left_out(guarded, server):
    weak = rsa.generate_private_key(65537, 1024)
    secret = {"kty": "oct", "kid": "oct", "k": b64(b"s" * 32), "alg": "HS256"}
    server.publish(
        jwk("ES256"), secret, jwk_of(weak, kid="weak"), {**jwk("ES384"), "crv": "P-256"}, jwk("EdDSA", use="enc"),
        jwk("RS256", d="AQAB"), {"kty": "AKP", "kid": "new"}, {**jwk("ES512"), "y": b64(b"\1" * 66)}, jwk("RS256", "ES256", alg="RS256"))
    site = guarded(keys=2)
    assert site.metrics()["fastgate_jwks_keys_skipped"] == 7
    assert site.ask(bearer(good("ES256"))).status == 200
    assert site.ask(bearer(good("RS256", kid="ES256"))).status == 200          # one name, two kinds (RFC 7517 section 4.5)
    claims = {"sub": "A-1", "exp": now() + 600}
    for text in (token(claims, "HS256", b"s" * 32, kid="oct"), token(claims, "RS256", weak, kid="weak"), good("EdDSA"), good("RS256"), good("ES384")):
        assert_refused(site.ask(bearer(text)), NO_KEY, INVALID)
    log = site.process.wait_for_log("a symmetric key")
    assert "a private key" in log and jwk("RS256")["n"] not in log


# ---- consumers

@pytest.mark.parametrize("by, value", [("custom_id", "A-1"), ("username", "alice"), ("id", ALICE_ID)])
def test_who_a_claim_means(guarded, by, value):
    site = guarded(consumer_claim="azp", consumer_by=by)
    text = good(sub="x", azp=value)
    for _ in range(2):
        assert identity(site.echo(bearer(text))) == told("alice", X_Credential_Identifier=value)
    others = {"A-1", "alice", ALICE_ID} - {value}
    for other in (*others, value + " ", value.swapcase(), "x"):
        for _ in range(2):
            assert_refused(site.ask(bearer(good(azp=other))), "No credentials found for given 'azp'", INVALID)


def test_claims_that_mean_nobody(guarded):
    site = guarded()
    before = site.metrics()["fastgate_token_cache_entries"]
    texts = {token({"exp": now() + 600}, "ES256", kid="ES256", sub="A-1"): "No mandatory 'sub' in claims"}
    texts |= {good(sub=value): "Invalid 'sub' in claims" for value in ("", 5, None, True, ["A-1"])}
    for text, message in texts.items():
        for _ in range(2):
            assert_refused(site.ask(bearer(text)), message, INVALID)
    assert site.metrics()["fastgate_token_cache_entries"] == before + len(texts), "these did cost a signature"


def test_tokens_of_nobody_may_be_enough(guarded):
    site = guarded(consumer_optional=True)
    assert identity(site.echo(bearer(good()))) == told("alice", X_Credential_Identifier="A-1")
    for text in (good(sub="stranger"), good(sub=5), token({"exp": now() + 600}, "ES256", kid="ES256")):
        for _ in range(2):
            spoofed = get("/", f"Authorization: Bearer {text}", "X-Consumer-Username: alice", f"X-Consumer-ID: {ALICE_ID}")
            assert identity(site.echo(spoofed)) == {}
    assert_refused(site.ask(bearer(forged(good(sub="stranger")))), "Invalid signature", INVALID)


def test_anonymous(guarded):
    site = guarded(anonymous="nobody")
    assert identity(site.echo(get())) == told("nobody")
    assert identity(site.echo(bearer(forged(good())))) == told("nobody")
    assert identity(site.echo(bearer(good(kid="x")))) == told("nobody")
    assert identity(site.echo(bearer(good()))) == told("alice", X_Credential_Identifier="A-1")


def test_a_hit_tells_who_the_consumer_is_now(guarded, server):
    site = guarded(consumer_by="username", people=[consumer("a"), consumer("b")])
    text = good(sub="b")
    assert identity(site.echo(bearer(text)))["X-Consumer-Username"] == "b"
    origin = site.origin
    for people, status in (([consumer("b"), consumer("a")], 200), ([consumer("a")], 401), ([consumer("a"), consumer("b")], 200)):
        config = config_of(service(origin, plugins=[plugin("jwt", jwks_uri=server.uri, consumer_by="username")]), consumers=people)
        assert site.process.reload(config)["ok"]
        answer = site.ask(bearer(text))
        assert answer.status == status
        assert status == 401 or identity(json.loads(answer.body))["X-Consumer-Username"] == "b"


# ---- claims

def test_exp_is_asked_unless_the_configuration_says_otherwise(guarded):
    site = guarded()
    answer = site.ask(bearer(token({"sub": "A-1"}, "ES256", kid="ES256")))
    assert (answer.status, json.loads(answer.body)) == (401, {"exp": "must be a number"})
    answer = site.ask(bearer(good(exp=now() - 5)))
    assert (answer.status, json.loads(answer.body)) == (401, {"exp": "token expired"})
    assert guarded(claims_to_verify=["nbf"]).ask(bearer(token({"sub": "A-1", "nbf": now() - 5}, "ES256", kid="ES256"))).status == 200


def test_issuer_audience_and_leeway(guarded):
    site = guarded(issuers="https://login", audience=["us"], leeway=60, claims_to_verify=["exp", "nbf"])
    fits = {"iss": "https://login", "aud": ["them", "us"], "nbf": now() + 30, "exp": now() - 30}
    assert site.ask(bearer(good(**fits))).status == 200
    for change, claim in (({"iss": "https://other"}, "iss"), ({"iss": None}, "iss"), ({"aud": "them"}, "aud"), ({"aud": []}, "aud"),
                          ({"exp": now() - 90}, "exp"), ({"nbf": now() + 90}, "nbf")):
        answer = site.ask(bearer(good(**{**fits, **change})))
        assert answer.status == 401 and list(json.loads(answer.body)) == [claim], change
