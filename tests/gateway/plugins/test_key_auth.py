"""key-auth with real clients: where keys are looked for, what refusals say, what the upstream sees."""

from __future__ import annotations

import time

import pytest

from support.client import get
from support.identity import ALICE_ID, IDENTITY, alice, assert_refused, bob, identity, nobody, told
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

KEY_ID = "6b1ad1d6-6d4f-4b0f-8a55-3c7a4c9be001"
ODD = "second/key +é"
CONSUMERS = [alice(keyauth_credentials=[{"key": "alice-key", "id": KEY_ID}, {"key": ODD}]), bob("bob-key"), nobody()]


@pytest.fixture
def guarded(open_site, open_origin):
    """A site whose one service wants a key; its plugin configured as given."""
    def start(gateway=None, **config) -> Site:
        origin = open_origin()
        guard = plugin("key-auth", **config)
        return open_site(config_of(service(origin, plugins=[guard]), consumers=CONSUMERS, gateway=gateway), origin)
    return start


def test_a_key_lets_in_and_tells_the_upstream_who_it_is(guarded):
    site = guarded()
    seen = site.echo(get("/", "apikey: alice-key"))
    assert identity(seen) == told("alice", X_Credential_Identifier=KEY_ID)
    assert ["apikey", "alice-key"] in seen["headers"]
    assert identity(site.echo(get("/x?a=1&apikey=bob-key&b=2")))["X-Consumer-Username"] == "bob"


def test_keys_in_queries_are_decoded(guarded):
    site = guarded()
    for query in ("apikey=second%2Fkey+%2B%C3%A9", "%61pikey=second/key%20%2b%c3%a9"):
        assert identity(site.echo(get(f"/?{query}")))["X-Consumer-Username"] == "alice"
    field = "ApiKey: second/key +é".encode().decode("latin-1")
    assert identity(site.echo(get("/", field)))["X-Consumer-Username"] == "alice"


def test_refusals(guarded):
    site = guarded()
    for target, *fields in (("/",), ("/?apikey",), ("/?apikey=",), ("/", "apikey:"), ("/?Apikey=alice-key",), ("/?apike=alice-key",)):
        assert_refused(site.ask(get(target, *fields)), "No API key found in request", "Key")
    for target, *fields in (("/?apikey=alice-key&apikey=alice-key",), ("/?apikey=alice-key&apikey",),
                            ("/", "apikey: alice-key", "Apikey: alice-key")):
        assert_refused(site.ask(get(target, *fields)), "Duplicate API key found", "Key")
    for key in ("alice-ke", "alice-keyy", "Alice-key", "bob", "alice-key, alice-key", "%61lice-key", KEY_ID):
        assert_refused(site.ask(get("/", f"apikey: {key}")), "Unauthorized", "Key")
    assert not site.origin.requests


def test_the_realm_is_told(guarded):
    assert_refused(guarded(realm="the vault").ask(get("/")), "No API key found in request", 'Key realm="the vault"')


def test_the_header_goes_before_the_query_and_names_in_order(guarded):
    site = guarded(key_names=["X-Key", "k"])
    seen = site.echo(get("/?k=bob-key&X-Key=bob-key", "x-key: alice-key", "k: bob-key"))
    assert identity(seen)["X-Consumer-Username"] == "alice"
    assert identity(site.echo(get("/?X-Key=alice-key", "k: bob-key")))["X-Consumer-Username"] == "alice"
    # The first place with a key decides: a good one behind it does not help.
    assert_refused(site.ask(get("/?k=alice-key", "X-Key: wrong")), "Unauthorized", "Key")
    assert_refused(site.ask(get("/?k=alice-key", "X-Key:")), "No API key found in request", "Key")


@pytest.mark.parametrize("places, in_header, in_query", [
    ({"key_in_header": False}, 401, 200), ({"key_in_query": False}, 200, 401),
    ({"key_in_header": False, "key_in_query": False}, 401, 401),
])
def test_only_where_it_may_be(guarded, places, in_header, in_query):
    site = guarded(**places)
    assert site.ask(get("/", "apikey: alice-key")).status == in_header
    assert site.ask(get("/?apikey=alice-key")).status == in_query


@pytest.mark.parametrize("target, left", [
    ("/?apikey=alice-key", "/"), ("/p?apikey=alice-key&a=1", "/p?a=1"), ("/?a=1&apikey=alice-key", "/?a=1"),
    ("/?a=%20&&%61pikey=alice-key&&b", "/?a=%20&&&b"), ("/?a=1", "/?a=1"), ("/", "/"), ("/?", "/?"),
])
def test_hidden_keys_are_not_for_the_upstream(guarded, target, left):
    site = guarded(hide_credentials=True)
    fields = [] if "alice-key" in target else ["apikey: alice-key"]
    seen = site.echo(get(target, *fields))
    assert seen["target"] == left
    assert "alice-key" not in str(seen)


def test_hiding_takes_the_key_out_of_both_places(guarded):
    seen = guarded(hide_credentials=True).echo(get("/?apikey=bob-key&x=1", "apikey: alice-key", "Other: 1"))
    assert seen["target"] == "/?x=1" and identity(seen)["X-Consumer-Username"] == "alice"
    assert {"apikey", "Apikey"}.isdisjoint(name for name, _ in seen["headers"])
    assert ["Other", "1"] in seen["headers"]


@pytest.mark.parametrize("target, fields", [
    ("/?apikey=alice-key&apikey=bob-key&x=1", ()), ("/?x=1", ("apikey: alice-key", "apikey: bob-key")),
    ("/?apikey=bob-key&x=1", ("apikey: alice-key", "Apikey: alice-key")),
])
def test_a_key_that_comes_twice_is_hidden_although_it_does_not_count(guarded, target, fields):
    seen = guarded(hide_credentials=True, anonymous="nobody").echo(get(target, *fields))
    assert identity(seen) == told("nobody") and seen["target"] == "/?x=1"
    assert "apikey" not in {name.lower() for name, _ in seen["headers"]}


def test_an_underscore_in_a_fields_name_may_stand_for_a_hyphen(guarded):
    """As for Kong: api_key is looked for as it is, then as api-key; of an argument it is its name."""
    site = guarded(key_names=["x", "api_key"], hide_credentials=True)
    for lines in (["api_key: alice-key"], ["Api-Key: alice-key"], ["api-key: bob-key", "API_KEY: alice-key"]):
        seen = site.echo(get("/", *lines))
        assert identity(seen)["X-Consumer-Username"] == "alice"
        assert {"api_key", "api-key"}.isdisjoint(name.lower() for name, _ in seen["headers"])
    assert_refused(site.ask(get("/", "api-key: alice-key", "api-key: alice-key")), "Duplicate API key found", "Key")
    assert_refused(site.ask(get("/?api-key=alice-key")), "No API key found in request", "Key")
    hyphened = guarded(key_names=["api-key"])
    assert_refused(hyphened.ask(get("/", "api_key: alice-key")), "No API key found in request", "Key")


def test_queries_longer_than_the_notes_are_cut_too(guarded):
    long = "v" * 3000
    seen = guarded(hide_credentials=True).echo(get(f"/?x={long}&apikey=alice%2Dkey&y={long}"))
    assert seen["target"] == f"/?x={long}&y={long}"


def test_preflight_requests_pass_where_they_may(guarded):
    site = guarded(run_on_preflight=False)
    assert identity(site.echo(get("/", method="OPTIONS"))) == {}
    assert site.ask(get("/")).status == 401
    assert guarded().ask(get("/", method="OPTIONS")).status == 401


@pytest.mark.parametrize(("change", "gone", "new"), [
    ({"remove": {"headers": ["x-consumer-custom-id"]}}, "X-Consumer-Custom-ID", {}),
    ({"rename": {"headers": ["X-Consumer-ID:X-Who"]}}, "X-Consumer-ID", {"X-Who": ALICE_ID}),
    ({"replace": {"headers": ["X-Consumer-Username:nobody"]}}, "X-Consumer-Username", {"X-Consumer-Username": "nobody"}),
    ({"append": {"headers": ["X-Who:me"]}}, None, {"X-Who": "me"}),
])
def test_a_plugin_behind_it_changes_one_field_of_identity_and_the_others_stay(open_site, open_origin, change, gone, new):
    """They are one piece of text until somebody changes one of them."""
    origin = open_origin()
    plugins = [plugin("key-auth"), plugin("request-transformer", **change)]
    site = open_site(config_of(service(origin, plugins=plugins), consumers=[alice("alice-key"), bob("bob-key")]), origin)
    seen = site.echo(get("/", "apikey: alice-key"))
    expected = {"X-Consumer-ID": ALICE_ID, "X-Consumer-Custom-ID": "A-1", "X-Consumer-Username": "alice"}
    expected = {name: value for name, value in expected.items() if name != gone} | new
    got = [(name, value) for name, value in seen["headers"] if name.startswith("X-Consumer") or name == "X-Who"]
    assert sorted(got) == sorted(expected.items())


def test_the_anonymous_consumer_stands_in(guarded):
    site = guarded(anonymous="nobody")
    for data in (get("/"), get("/?apikey=wrong"), get("/?apikey=alice-key&apikey=bob-key"), get("/", "apikey:")):
        assert identity(site.echo(data)) == told("nobody")
    assert identity(site.echo(get("/?apikey=bob-key")))["X-Consumer-Username"] == "bob"
    assert site.ask(get("/")).get("www-authenticate") is None


@pytest.mark.parametrize("gateway", [None, {"trusted_ips": ["127.0.0.0/8"]}], ids=["untrusted", "trusted"])
@pytest.mark.parametrize("config, fields, expected", [
    ({}, ("apikey: alice-key",), told("alice", X_Credential_Identifier=KEY_ID)),
    ({"anonymous": "nobody"}, (), told("nobody")),
], ids=["known", "anonymous"])
def test_spoofed_identity_never_passes(guarded, gateway, config, fields, expected):
    """Not even from a trusted peer: this gateway finds out itself."""
    site = guarded(gateway=gateway, **config)
    spoofed = [line for name in IDENTITY for line in (f"{name}: spoofed", f"{name.lower()}: twice")]
    assert identity(site.echo(get("/", *spoofed, *fields))) == expected


@pytest.mark.parametrize("name", IDENTITY)
def test_spoofed_identity_without_authentication(open_site, open_origin, name):
    """Dropped from strangers, kept from trusted peers, who may have found out themselves."""
    for trusted, expected in ([], {}), (["127.0.0.0/8"], {name: "spoofed"}):
        origin = open_origin()
        site = open_site(config_of(service(origin), gateway={"trusted_ips": trusted}), origin)
        assert identity(site.echo(get("/", f"{name}: spoofed"))) == expected


def test_who_opens_a_connection_is_not_who_asks_next(guarded):
    site = guarded()
    client = site.connect()
    assert client.ask(get("/", "apikey: alice-key")).status == 200
    assert client.ask(get("/")).status == 401
    assert b'"bob"' in client.ask(get("/?apikey=bob-key")).body


@pytest.mark.parametrize("name", [*IDENTITY, "X-Forwarded-For", "X-Real-IP"])
def test_underscores_disguise_nobody(open_site, open_origin, name):
    """With CGI and WSGI an upstream cannot tell X_Consumer_ID from X-Consumer-ID."""
    disguises = {name.replace("-", "_"), name.replace("-", "_", 1), name.lower().replace("-", "_")}
    origin = open_origin()
    site = open_site(config_of(service(origin)), origin)
    received = site.echo(get("/", *(f"{disguise}: spoofed" for disguise in disguises), "X_Harmless: 1"))
    told_upstream = {key for key, value in received["headers"]}
    assert not disguises & told_upstream and "X_Harmless" in told_upstream


def test_a_key_that_ends(open_site, open_origin):
    now = int(time.time())
    keys = [{"key": "over", "created_at": now - 100, "ttl": 100}, {"key": "alive", "created_at": now - 100, "ttl": 100_000_000},
            {"key": "from-now-on", "ttl": 3600}, {"key": "for-ever", "created_at": 1, "ttl": 0},
            {"key": "far", "created_at": 2**53 - 1, "ttl": 1}]
    config = config_of(service(open_origin(), plugins=[plugin("key-auth")]), consumers=[alice(keyauth_credentials=keys)])
    site = open_site(config)
    assert_refused(site.ask(get("/", "apikey: over")), "Unauthorized", "Key")
    for key in ("alive", "from-now-on", "for-ever", "far"):
        assert site.ask(get("/", f"apikey: {key}")).status == 200, key
    log = site.process.wait_for_log("ttl counts from created_at")
    assert "consumers[0].keyauth_credentials[2]: ttl counts" in log and "keyauth_credentials[3]: ttl" not in log
    # One that ends while it is used: from a second on which is still to come.
    keys[0] |= {"created_at": int(time.time()), "ttl": 2}
    assert site.process.reload(config)["ok"]
    client, end = site.connect(), time.monotonic() + 30
    assert client.ask(get("/", "apikey: over")).status == 200
    while client.ask(get("/", "apikey: over")).status == 200:
        assert time.monotonic() < end
    assert int(time.time()) >= keys[0]["created_at"] + 2
