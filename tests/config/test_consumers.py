"""Consumers and credentials: what is checked, and what the Model says of them."""

import uuid

import pytest

from .support import HEAD, errors_of, loaded, the_error

PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
CONSUMERS = {
    "_format_version": "3.0",
    "consumers": [{
        "username": "alice",
        "custom_id": "7",
        "tags": ["gold"],
        "keyauth_credentials": [{"key": "k1"}, {"key": "k2", "tags": ["old"]}],
        "basicauth_credentials": [{"username": "alice", "password": "s"}],
        "hmacauth_credentials": [{"username": "alice", "secret": "t"}],
        "jwt_secrets": [{"key": "iss", "secret": "u"}, {"key": "iss2", "algorithm": "RS256", "rsa_public_key": PEM}],
        "acls": [{"group": "g1"}, {"group": "g2"}],
    }, {"custom_id": "8"}],
    "acls": [{"consumer": "alice", "group": "g3"}, {"consumer": {"username": "alice"}, "group": "g4"}],
}


def made(collection, key):
    root = uuid.UUID("fd02801f-0957-4a15-a55a-c8d9606f30b5")
    return str(uuid.uuid5(uuid.uuid5(root, collection), key))


def test_consumers_have_their_credentials():
    model = loaded(CONSUMERS)
    alice, other = model.consumers
    assert (alice["username"], alice["custom_id"], alice["tags"]) == ("alice", "7", ["gold"])
    assert [one["key"] for one in alice["keyauth_credentials"]] == ["k1", "k2"]
    assert [(one["username"], one["password"], one["is_hashed"]) for one in alice["basicauth_credentials"]] == [
        ("alice", "s", False)]
    assert [(one["username"], one["secret"]) for one in alice["hmacauth_credentials"]] == [("alice", "t")]
    assert [(one["key"], one["algorithm"], one["secret"], one["rsa_public_key"]) for one in alice["jwt_secrets"]] == [
        ("iss", "HS256", "u", None), ("iss2", "RS256", None, PEM.strip())]
    assert [one["group"] for one in alice["acls"]] == ["g1", "g2", "g3", "g4"]
    assert {one["consumer"] for one in alice["acls"]} == {alice["id"]}
    assert other["username"] is None and other["acls"] == other["keyauth_credentials"] == []
    assert not model.warnings


def test_ids_are_made_as_kong_makes_them():
    alice, other = loaded(CONSUMERS).consumers
    assert alice["id"] == made("consumers", "alice")
    assert alice["keyauth_credentials"][0]["id"] == made("keyauth_credentials", "keyauth_credentials:*:k1")
    assert alice["basicauth_credentials"][0]["id"] == made("basicauth_credentials", "basicauth_credentials:*:alice")
    assert alice["jwt_secrets"][0]["id"] == made("jwt_secrets", "jwt_secrets:*:iss")
    assert alice["acls"][0]["id"] == made("acls", f"acls:*:{alice['id']}:g1")
    assert other["id"] == loaded(CONSUMERS, now=5).consumers[1]["id"]


def test_flat_and_nested_credentials_are_the_same():
    nested = loaded(HEAD + "consumers: [{username: a, keyauth_credentials: [{key: k}], acls: [{group: g}]}]").consumers
    flat = loaded(HEAD + "keyauth_credentials: [{key: k, consumer: a}]\nacls: [{group: g, consumer: a}]\n"
                         "consumers: [{username: a}]").consumers
    assert nested == flat


def test_hashed_passwords_are_told_from_plain_ones():
    text = HEAD + "_transform: {}\nconsumers: [{{username: a, basicauth_credentials: [{{username: a, password: {}}}]}}]\n"
    digest = "A94A8FE5CCB19BA61C4C0873D391E987982FBBD3"
    for transform, is_hashed, password in (("false", True, digest.lower()), ("true", False, digest)):
        ((credential,),) = [one["basicauth_credentials"] for one in loaded(text.format(transform, digest)).consumers]
        assert (credential["is_hashed"], credential["password"]) == (is_hashed, password)
    error = the_error(text.format("false", "plain"))
    assert (error.line, error.path) == (3, "consumers[0].basicauth_credentials[0].password")
    assert "40 hexadecimal" in error.message and "plain" not in error.message


def test_oauth2_is_read_with_a_warning():
    text = HEAD + "consumers: [{username: a, oauth2_credentials: [{name: app, redirect_uris: ['http://a/']}]}]"
    model = loaded(text)
    (warning,) = model.warnings
    assert warning.startswith("1 oauth2_credential:") and "nothing" in warning
    assert "oauth2_credentials" not in model.consumers[0]


@pytest.mark.parametrize("text, path, part", [
    ("consumers: [{tags: [a]}]", "consumers[0]", "needs username or custom_id"),
    ("consumers: [{username: a, usernme: b}]", "consumers[0].usernme", 'did you mean "username"'),
    ("consumers: [{username: a, jwt_secrets: [{key: a, algorithm: RS256}]}]", "consumers[0].jwt_secrets[0]",
     "rsa_public_key"),
    ("consumers: [{username: a, jwt_secrets: [{key: a, algorithm: none}]}]", "consumers[0].jwt_secrets[0].algorithm",
     "HS256"),
    ("consumers: [{username: a, jwt_secrets: [{key: a}]}]", "consumers[0].jwt_secrets[0]", "needs a secret of its own"),
    ("consumers: [{username: a, jwt_secrets: [{secret: a}]}]", "consumers[0].jwt_secrets[0]", "as iss"),
    ("consumers: [{username: a, jwt_secrets: [{key: a, algorithm: ES256, rsa_public_key: xyz}]}]",
     "consumers[0].jwt_secrets[0].rsa_public_key", "-----BEGIN PUBLIC KEY-----"),
    ("consumers: [{username: a, basicauth_credentials: [{username: x}]}]", "consumers[0].basicauth_credentials[0]",
     "needs password"),
    ("consumers: [{username: a, hmacauth_credentials: [{username: x}]}]", "consumers[0].hmacauth_credentials[0]",
     "openssl rand"),
    ("consumers: [{username: a, keyauth_credentials: [{key: 5}]}]", "consumers[0].keyauth_credentials[0].key", "quotes"),
    ("consumers: [{username: a, keyauth_credentials: [{}]}]", "consumers[0].keyauth_credentials[0]",
     "needs a key of its own"),
    ("consumers: [{username: a, keyauth_credentials: [{key: a, ttl: 100000001}]}]", "consumers[0].keyauth_credentials[0].ttl",
     "from 0 to 100000000"),
    ("hmacauth_credentials: [{username: a, secret: b, consumer: alcie}]\nconsumers: [{username: alice}]",
     "hmacauth_credentials[0].consumer", 'did you mean "alice"'),
])
def test_consumer_is_refused(text, path, part):
    error = the_error(HEAD + text)
    assert error.path == path and part in error.message


@pytest.mark.parametrize("collection, fields", [
    ("keyauth_credentials", "key: same"), ("basicauth_credentials", "username: same, password: p"),
    ("hmacauth_credentials", "username: same, secret: p"), ("jwt_secrets", "key: same, secret: p"),
])
def test_credentials_are_unique_among_all_consumers(collection, fields):
    error = the_error(HEAD + f"consumers:\n- {{username: a, {collection}: [{{{fields}}}]}}\n"
                             f"- {{username: b, {collection}: [{{{fields}}}]}}\n")
    assert (error.line, error.path.rpartition(".")[0]) == (4, f"consumers[1].{collection}[0]")
    assert f"consumers[0].{collection}[0]" in error.message and "already" in error.message


@pytest.mark.parametrize("text", [
    "keyauth_credentials: [{key: hunter2}, {key: hunter2}]",
    'keyauth_credentials: [{key: "hunter2\\u0001"}]',
    'basicauth_credentials: [{username: a, password: "hunter2\\n"}]',
    "hmacauth_credentials: [{username: a, secret: [hunter2]}]",
    'jwt_secrets: [{key: a, secret: "\\u0001hunter2"}]',
])
def test_no_message_shows_a_secret(text):
    errors = errors_of(HEAD + f"consumers: [{{username: a, {text}}}]")
    assert errors and not any("hunter2" in str(error) for error in errors)
