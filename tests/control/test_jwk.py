"""Published keys as text: what is taken, what is left out, what refuses the whole."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from fastgate._core.bridge.remote_keys import key_problem
from fastgate.control.jwk import RSA_ALGORITHMS, NotAKeySet, read_key_set
from hypothesis import given
from hypothesis import strategies as st

from support.jwks import jwk, jwk_of
from support.tokens import b64, private_key

# RFC 7517 appendix A.1 to A.3
RFC_RSA = {
    "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-28",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst"
         "n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1"
         "n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}
RFC_EC = {
    "kty": "EC", "crv": "P-256", "use": "enc", "kid": "1",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}
RFC_OCT = {"kty": "oct", "alg": "A128KW", "k": "GawgguFyGrWKav7AX4VKUg"}


def read(*keys, most=100):
    return read_key_set(json.dumps({"keys": list(keys)}).encode(), most)


def left_out(key) -> str:
    found = read(key)
    assert not found.keys
    return next(iter(found.skipped))


def test_the_rfcs_keys():
    found = read(RFC_EC, RFC_RSA, RFC_OCT, {**RFC_EC, "d": "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"})
    assert [(key.kid, [name for name, _ in key.forms]) for key in found.keys] == [("2011-04-28", ["RS256"])]
    assert found.skipped == {"not for signatures": 1, "a symmetric key": 1, "a private key": 1}
    numbers = load_der_public_key(found.keys[0].forms[0][1]).public_numbers()
    assert (numbers.e, numbers.n.bit_length()) == (65537, 2048)
    for_signatures = read({**RFC_EC, "use": "sig"}).keys[0]
    assert [name for name, _ in for_signatures.forms] == ["ES256"] and key_problem(*for_signatures.forms[0]) == ""


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_every_kind_is_read_as_the_key_it_is(algorithm):
    forms = read(jwk(algorithm)).keys[0].forms
    assert tuple(name for name, _ in forms) == (RSA_ALGORITHMS if algorithm == "RS256" else (algorithm,))
    expected = private_key(algorithm).public_key()
    for name, der in forms:
        assert load_der_public_key(der) == expected and key_problem(name, der) == ""
    assert read(jwk(algorithm, alg=algorithm)).keys[0].forms == [form for form in forms if form[0] == algorithm]


@pytest.mark.parametrize("change, why", [
    ({"kty": None}, "no kty"), ({"kty": 5}, "no kty"), ({"kty": "DSA"}, "an unknown kty"), ({"kty": "rsa"}, "an unknown kty"),
    ({"kid": 5}, "a bad kid"), ({"kid": ""}, "a bad kid"), ({"kid": None}, "a bad kid"), ({"kid": "x" * 1025}, "a bad kid"),
    ({"kid": "\ud800"}, "a bad kid"), ({"use": "enc"}, "not for signatures"), ({"use": ["sig"]}, "not for signatures"),
    ({"key_ops": ["sign"]}, "not for signatures"), ({"key_ops": "verify"}, "not for signatures"), ({"key_ops": []}, "not for signatures"),
    ({"d": "AQ"}, "a private key"), ({"oth": []}, "a private key"), ({"k": "AQ"}, "a private key"),
    ({"alg": "HS256"}, "an alg that is none of its kind"), ({"alg": "none"}, "an alg that is none of its kind"),
    ({"alg": "ES256"}, "an alg that is none of its kind"), ({"alg": "RSA-OAEP"}, "an alg that is none of its kind"),
    ({"alg": None}, "an alg that is none of its kind"), ({"alg": ["RS256"]}, "an alg that is none of its kind"),
    ({"n": None}, "no n"), ({"e": 65537}, "no e"), ({"e": ""}, "bad base64url in e"), ({"e": "AQAB="}, "bad base64url in e"),
    ({"e": "AQAB=="}, "bad base64url in e"), ({"e": "AR"}, "bad base64url in e"), ({"e": "A+AB"}, "bad base64url in e"),
    ({"e": "AQ AB"}, "bad base64url in e"), ({"e": "é"}, "bad base64url in e"), ({"e": "AAEAAQ"}, "a leading zero in e"),
    ({"e": "AQ"}, "a bad RSA key"), ({"e": "Ag"}, "a bad RSA key"), ({"e": b64(b"\1" + bytes(8) + b"\1")}, "a bad RSA key"),
    ({"n": b64(b"\xff" * 255)}, "an RSA key of another size than 2048 to 16384 bits"),
    ({"n": b64(b"\x7f" + b"\xff" * 255)}, "an RSA key of another size than 2048 to 16384 bits"),
    ({"n": b64(b"\xff" * 2049)}, "an RSA key of another size than 2048 to 16384 bits"),
    ({"n": b64(b"\xff" * 255 + b"\xfe")}, "a bad RSA key"),
])
def test_rsa_keys_left_out(change, why):
    assert left_out({**jwk("RS256"), **change}) == why


@pytest.mark.parametrize("algorithm, change, why", [
    ("ES256", {"crv": "P-384"}, "a point of another size than its curve's"), ("ES256", {"crv": "secp256k1"}, "an unknown curve"),
    ("ES256", {"crv": None}, "an unknown curve"), ("ES256", {"crv": ["P-256"]}, "an unknown curve"), ("ES256", {"x": "AQ"}, "a point of another size than its curve's"),
    ("ES256", {"y": None}, "no y"), ("ES256", {"y": b64(bytes(33))}, "a point of another size than its curve's"),
    ("ES256", {"alg": "ES384"}, "an alg that is none of its kind"), ("ES512", {"alg": "ES256"}, "an alg that is none of its kind"),
    ("EdDSA", {"crv": "Ed448"}, "an unknown curve"), ("EdDSA", {"crv": "X25519"}, "an unknown curve"),
    ("EdDSA", {"x": b64(bytes(31))}, "a point of another size than its curve's"), ("EdDSA", {"alg": "ES256"}, "an alg that is none of its kind"),
])
def test_curve_keys_left_out(algorithm, change, why):
    assert left_out({**jwk(algorithm), **change}) == why


def test_a_point_off_its_curve_is_openssls_to_refuse():
    forms = read({**jwk("ES256"), "y": b64(b"\1" * 32)}).keys[0].forms
    assert key_problem(*forms[0]) != ""


def test_a_key_of_the_wrong_algorithm_is_a_problem():
    der = read(jwk("ES256")).keys[0].forms[0][1]
    assert "another curve" in key_problem("ES384", der) and "RSA key" in key_problem("RS256", der) and "Ed25519" in key_problem("EdDSA", der)


def test_names_given_twice():
    other = jwk_of(ec.generate_private_key(ec.SECP256R1()), kid="ES256")
    found = read(jwk("ES256"), jwk("ES256"), other, jwk("RS256", "ES256"))
    assert [key.forms for key in found.keys] == [read(jwk("ES256")).keys[0].forms, read(jwk("RS256")).keys[0].forms]
    assert found.skipped == {"another key of the same kid": 1}
    nameless = [{name: value for name, value in key.items() if name != "kid"} for key in (jwk("ES256"), other)]
    assert [key.kid for key in read(*nameless).keys] == ["", ""]


def test_what_else_is_in_a_key_does_not_matter():
    assert read(jwk("ES256", x5c=["no certificate"], x5u="http://a/", more={"d": 1})).keys


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"keys"', b"{}", b'{"keys":{}}', b'{"keys":null}', b'{"keys":[]} x', b'{"keys":[],"keys":[]}',
    b'{"keys":[{"kty":"RSA","kty":"EC"}]}', b"\xff\xfe", b'{"keys":["\xff"]}', b'{"keys":[NaN]}', b"[" * 100_000, b"<html></html>",
])
def test_no_key_set(body):
    with pytest.raises(NotAKeySet):
        read_key_set(body, 100)


def test_more_keys_than_allowed():
    assert len(read(*({"kty": "x"} for _ in range(3)), most=3).skipped) == 1
    with pytest.raises(NotAKeySet, match="4 keys; the most is 3"):
        read(*({"kty": "x"} for _ in range(4)), most=3)


def test_no_keys_are_a_set_too():
    assert read() == ([], {})


def test_a_weak_key_of_a_real_generator():
    assert left_out(jwk_of(rsa.generate_private_key(65537, 1024), kid="weak")).startswith("an RSA key of another size")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", "sig", "verify"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=5)
names = st.sampled_from(["kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y", "d"])


@given(st.lists(st.dictionaries(names, values) | values, max_size=4))
def test_any_json_is_a_set_of_keys_or_not(keys):
    """Whatever a server says is sorted without an exception of another kind."""
    body = json.dumps({"keys": keys}).encode()
    found = read_key_set(body, 100)
    assert len(found.keys) + sum(found.skipped.values()) <= len(keys)
