"""Tokens: the RFCs' examples, every malformed, mistyped and re-encoded part, and the claims."""

import json

import pytest
from fastgate_doors import auth_door as door
from hypothesis import given, settings
from hypothesis import strategies as st
from support_keys import ALGORITHMS, RFC, b64, key, material, needs_libcrypto, unsigned

HEADER = {"alg": "HS256"}
GOOD = ALGORITHMS["HS256"]["tokens"][0].encode()


def claims_of(text: bytes, header=HEADER) -> door.Token:
    token = door.Token(unsigned(header, text))
    assert token.result == "ok"
    return token


@needs_libcrypto
@pytest.mark.parametrize("name", [name for name in RFC if name.startswith("RFC 7515 A.") and not name.endswith("A.4")])
def test_rfc_examples(name):
    token = door.Token(RFC[name]["token"].encode())
    assert token.result == "ok"
    assert token.verify(door.Key(RFC[name]["alg"].encode(), material(RFC[name]["jwk"])), door.Verifier()) == "ok"
    assert token.key_claim(b"iss") == b"joe"
    assert token.date(b"exp") == 1300819380000
    assert token.claim(b"http://example.com/is_root") == ("true", b"true")
    assert token.exp(1300819380000) == "expired"


@pytest.mark.parametrize("name", ["RFC 7515 A.4", "RFC 7520 4.1", "RFC 7520 4.2", "RFC 7520 4.3", "RFC 7520 4.4", "RFC 8037 A.4"])
def test_a_signed_text_that_is_no_claims_set_is_no_jwt(name):
    assert door.Token(RFC[name]["token"].encode()).result == "bad claims"


def test_the_rfcs_unsecured_jwt_is_refused():
    assert door.Token(RFC["RFC 7519 6.1"]["token"].encode()).result == "bad algorithm"


@needs_libcrypto
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm(algorithm):
    verifier, algorithm_key = door.Verifier(), key(algorithm)
    for text in ALGORITHMS[algorithm]["tokens"]:
        token = door.Token(text.encode())
        assert token.verify(algorithm_key, verifier) == "ok"
        for other in ALGORITHMS:
            if other != algorithm:
                assert token.verify(key(other), verifier) == "other algorithm"


@needs_libcrypto
def test_a_public_key_is_no_hmac_secret():
    """The classic confusion: a token signed with the text of the RSA key as secret, and alg HS256."""
    import hashlib
    import hmac
    pem = ALGORITHMS["RS256"]["key"].encode()
    data = b64(b'{"alg":"HS256"}') + b"." + b64(b'{"iss":"x"}')
    token = door.Token(data + b"." + b64(hmac.digest(pem, data, hashlib.sha256)))
    assert token.verify(door.Key(b"HS256", pem), door.Verifier()) == "ok"       # as a secret it would do
    assert token.verify(door.Key(b"RS256", pem), door.Verifier()) == "other algorithm"


@pytest.mark.parametrize("token, result", [
    (b"", "bad parts"), (b".", "bad parts"), (b"..", "bad parts"), (b"a.b", "bad parts"), (b"...", "bad parts"), (GOOD + b".", "bad parts"),
    (GOOD + b".x", "bad parts"), (b"." + GOOD, "bad parts"), (GOOD.rpartition(b".")[0], "bad parts"), (b"." + GOOD.partition(b".")[2], "bad parts"),
    (GOOD.split(b".")[0] + b".." + GOOD.split(b".")[2], "bad parts"), (b"a" * 70_000, "bad parts"), (unsigned(HEADER, {"a": "x" * 60_000}), "bad parts"),
    (GOOD + b"=", "bad base64"), (GOOD.replace(b".", b"=.", 1), "bad base64"), (b" " + GOOD, "bad base64"), (GOOD + b" ", "bad base64"), (GOOD + b"\n", "bad base64"),
    (b"Bearer " + GOOD, "bad base64"), (b'{"alg":"HS256"}.e30.', "bad base64"), (GOOD[:-1] + b"+", "bad base64"), (b"\xff" + GOOD[1:], "bad base64"),
    (b"a." + GOOD.partition(b".")[2], "bad base64"), (GOOD.replace(b".", b"..", 1), "bad parts"),
])
def test_shapes_refused(token, result):
    assert door.Token(token).result == result


@pytest.mark.parametrize("header, result", [
    (b"", "bad parts"), (b"x", "bad header"), (b"[]", "bad header"), (b'"alg"', "bad header"), (b"null", "bad header"), (b"{}", "bad algorithm"),
    (b'{"alg":"HS256"', "bad header"), (b'{"alg":"HS256"}x', "bad header"), (b'{"alg":"HS256","alg":"HS256"}', "bad header"), (b'{"alg":"HS256","alg":"none"}', "bad header"),
    (b'{"alg":"HS256","\\u0061lg":"none"}', "bad header"), (b'{"alg":"HS256","x":"\xff"}', "bad header"), (b"\xef\xbb\xbf" + b'{"alg":"HS256"}', "bad header"),
    (b'{"alg":null}', "bad algorithm"), (b'{"alg":1}', "bad algorithm"), (b'{"alg":["HS256"]}', "bad algorithm"), (b'{"alg":{"x":1}}', "bad algorithm"), (b'{"alg":true}', "bad algorithm"),
    (b'{"alg":""}', "bad algorithm"), (b'{"alg":"none"}', "bad algorithm"), (b'{"alg":"None"}', "bad algorithm"), (b'{"alg":"hs256"}', "bad algorithm"), (b'{"alg":"HS256 "}', "bad algorithm"),
    (b'{"alg":"HS257"}', "bad algorithm"), (b'{"alg":"XS256"}', "bad algorithm"), (b'{"alg":"ES256K"}', "bad algorithm"), (b'{"alg":"HS1"}', "bad algorithm"), (b'{"alg":"eddsa"}', "bad algorithm"),
    (b'{"alg":"RSA-OAEP","enc":"A128GCM"}', "bad algorithm"), (b'{"ALG":"HS256"}', "bad algorithm"),
    (b'{"alg":"HS256","crit":["exp"]}', "critical"), (b'{"alg":"HS256","crit":[]}', "critical"), (b'{"alg":"HS256","crit":null}', "critical"),
    (b'{"alg":"HS256","b64":false,"crit":["b64"]}', "critical"), (b'{"alg":"HS256","b64":true}', "critical"), (b'{"alg":"HS256","cri\\u0074":["x"]}', "critical"),
    (b'{"alg":"HS256"}', "ok"), (b' {\n"alg" : "HS256" }\t', "ok"), (b'{"alg":"\\u0048S256"}', "ok"), (b'{"alg":"EdDSA","typ":"at+jwt","kid":"k","x":{"crit":1}}', "ok"),
    (b'{"alg":"HS256","typ":5}', "ok"),
])
def test_headers(header, result):
    assert door.Token(unsigned(header, {})).result == result


@pytest.mark.parametrize("claims, result", [
    (b"x", "bad claims"), (b"[]", "bad claims"), (b"1", "bad claims"), (b'{"iss":"a","iss":"a"}', "bad claims"), (b'{"iss":"a","i\\u0073s":"b"}', "bad claims"),
    (b'{"iss":"\xff"}', "bad claims"), (b'{"exp":NaN}', "bad claims"), (b'{"exp":01}', "bad claims"), (b'{"a":1,}', "bad claims"), (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", "bad claims"),
    (b"{}", "ok"), (b'{"iss":1}', "ok"),
])
def test_claims_sets(claims, result):
    assert door.Token(unsigned(HEADER, claims)).result == result


@needs_libcrypto
def test_a_token_has_one_spelling():
    """Each text that decodes to the same parts, and is another text, is refused."""
    verifier, secret = door.Verifier(), key("HS256")
    assert door.Token(GOOD).verify(secret, verifier) == "ok"
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. \n"
    for last in alphabet:
        text = GOOD[:-1] + bytes([last])
        token = door.Token(text)
        assert text == GOOD or token.result != "ok" or token.verify(secret, verifier) == "bad signature"


@needs_libcrypto
@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "EdDSA"])
def test_a_change_of_any_byte_is_refused(algorithm):
    verifier, algorithm_key = door.Verifier(), key(algorithm)
    text = ALGORITHMS[algorithm]["tokens"][0].encode()
    for at in range(len(text)):
        for byte in b"Aa-.=":
            changed = text[:at] + bytes([byte]) + text[at + 1 :]
            token = door.Token(changed)
            if changed != text and token.result == "ok":
                assert token.verify(algorithm_key, verifier) in ("bad signature", "other algorithm"), at


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=80), st.lists(st.binary(max_size=30), min_size=3, max_size=3).map(lambda parts: b".".join(map(b64, parts)))))
def test_any_bytes(token):
    assert door.Token(token).result in ("bad parts", "bad base64", "bad header", "bad algorithm", "critical", "bad claims", "ok")


# ---- claims

def test_the_key_claim_is_looked_for_in_claims_then_header():
    token = claims_of(b'{"iss":"a","empty":"","number":1,"escaped":"\\u00e9\\n"}', {"alg": "HS256", "iss": "b", "kid": "k", "empty": "x"})
    assert token.key_claim(b"iss") == b"a"
    assert token.key_claim(b"kid") == b"k"
    assert token.key_claim(b"escaped") == "é\n".encode()
    assert token.key_claim(b"empty") == "claim mistyped"
    assert token.key_claim(b"number") == "claim mistyped"
    assert token.key_claim(b"other") == "claim missing"


@pytest.mark.parametrize("claims, now, leeway, result", [
    ({"exp": 100}, 99_999, 0, "ok"), ({"exp": 100}, 100_000, 0, "expired"), ({"exp": 100}, 100_000, 1, "ok"), ({"exp": 100}, 100_001, 1, "expired"),
    ({"exp": 100.5}, 100_499, 0, "ok"), ({"exp": 100.5}, 100_500, 0, "expired"), ({"exp": -1}, 0, 0, "expired"), ({}, 0, 0, "claim missing"),
    ({"exp": "100"}, 0, 0, "claim mistyped"), ({"exp": None}, 0, 0, "claim mistyped"), ({"exp": True}, 0, 0, "claim mistyped"), ({"exp": [100]}, 0, 0, "claim mistyped"),
    ({"exp": 1e300}, 0, 0, "claim mistyped"), ({"exp": 99999999999999}, 0, 0, "claim mistyped"), ({"exp": 1e3}, 999_999, 0, "ok"),
])
def test_exp(claims, now, leeway, result):
    assert claims_of(json.dumps(claims).encode()).exp(now, leeway) == result


@pytest.mark.parametrize("claims, now, leeway, result", [
    ({"nbf": 100}, 99_999, 0, "not yet"), ({"nbf": 100}, 100_000, 0, "ok"), ({"nbf": 100}, 99_000, 1000, "ok"), ({"nbf": 100}, 98_999, 1000, "not yet"),
    ({}, 0, 0, "claim missing"), ({"nbf": "1"}, 0, 0, "claim mistyped"), ({"nbf": -100}, 0, 0, "ok"),
])
def test_nbf(claims, now, leeway, result):
    assert claims_of(json.dumps(claims).encode()).nbf(now, leeway) == result


@pytest.mark.parametrize("claims, now, most, result", [
    ({"exp": 100}, 40_000, 60_000, "ok"), ({"exp": 100}, 39_999, 60_000, "too long lived"), ({}, 0, 0, "claim missing"), ({"exp": {}}, 0, 0, "claim mistyped"),
])
def test_lifetime(claims, now, most, result):
    assert claims_of(json.dumps(claims).encode()).lifetime(now, most) == result


@pytest.mark.parametrize("claims, audience, result", [
    (b'{"aud":"api"}', b"api", "ok"), (b'{"aud":"api"}', b"ap", "other audience"), (b'{"aud":"API"}', b"api", "other audience"), (b'{"aud":["x","api"]}', b"api", "ok"),
    (b'{"aud":[]}', b"api", "other audience"), (b'{"aud":[1,["api"]]}', b"api", "other audience"), (b'{"aud":"\\u0061pi"}', b"api", "ok"), (b'{"aud":["\\u0061pi"]}', b"api", "ok"),
    (b"{}", b"api", "claim missing"), (b'{"aud":1}', b"api", "claim mistyped"), (b'{"aud":{"api":1}}', b"api", "claim mistyped"), (b'{"aud":null}', b"api", "claim mistyped"),
])
def test_aud(claims, audience, result):
    assert claims_of(claims).aud(audience) == result
