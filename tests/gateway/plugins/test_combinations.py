"""Several authentications on one route: AND, OR, both; and the order of all effects is that of priorities."""

from __future__ import annotations

from base64 import b64encode
from itertools import combinations

import pytest
from fastgate.plugins.registry import PLUGINS
from gateway.plugins.test_hmac_auth import Signed

from support.client import get
from support.identity import alice, assert_refused, bob, identity, nobody, told
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

USERS = [
    alice("alice-key", basicauth_credentials=[{"username": "al", "password": "p"}], acls=[{"group": "staff"}],
          hmacauth_credentials=[{"username": "alice", "secret": "s3cret"}]),
    bob("bob-key", basicauth_credentials=[{"username": "bo", "password": "p"}]),
    nobody(),
]
ALICE_KEY, BOB_KEY, WRONG_KEY = "apikey: alice-key", "apikey: bob-key", "apikey: x"
BASIC_REALM = 'Basic realm="service"'


def basic(user: str, password: str = "p", field: str = "Authorization") -> str:
    return f"{field}: Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
def guarded(open_site, open_origin):
    def start(*plugins) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin), plugins=list(plugins), consumers=USERS), origin)
    return start


def test_and_wants_all(guarded):
    site = guarded(plugin("basic-auth"), plugin("key-auth"))
    # Who was found last is who it is (as in Kong).
    for key, user, name in ((ALICE_KEY, "bo", "bob"), (BOB_KEY, "al", "alice"), (ALICE_KEY, "al", "alice")):
        assert identity(site.echo(get("/", key, basic(user)))) == told(name, X_Credential_Identifier=user)
    assert_refused(site.ask(get("/", ALICE_KEY)), "Unauthorized", BASIC_REALM)
    assert_refused(site.ask(get("/", ALICE_KEY, basic("al", "q"))), "Unauthorized", BASIC_REALM)
    assert_refused(site.ask(get("/", basic("al"))), "No API key found in request", "Key")
    assert_refused(site.ask(get("/", basic("al"), WRONG_KEY)), "Unauthorized", "Key")


def test_or_wants_one(guarded):
    site = guarded(plugin("basic-auth", anonymous="nobody"), plugin("key-auth", anonymous="nobody"))
    for lines, name in (([ALICE_KEY], "alice"), ([basic("al")], "alice"), ([BOB_KEY, basic("al")], "bob"),
                        ([BOB_KEY, basic("al", "wrong")], "bob"), ([WRONG_KEY, basic("al")], "alice")):
        seen = identity(site.echo(get("/", *lines)))
        assert seen["X-Consumer-Username"] == name and "X-Anonymous-Consumer" not in seen
    for lines in ([], [WRONG_KEY], [basic("x")], [WRONG_KEY, basic("al", "q")]):
        assert identity(site.echo(get("/", *lines))) == told("nobody")


def test_one_optional_and_one_needed(guarded):
    site = guarded(plugin("key-auth", anonymous="nobody"), plugin("basic-auth"))
    assert identity(site.echo(get("/", basic("al"))))["X-Consumer-Username"] == "alice"
    assert identity(site.echo(get("/", basic("al"), BOB_KEY)))["X-Consumer-Username"] == "alice"
    for lines in ([], [BOB_KEY], [WRONG_KEY]):
        assert_refused(site.ask(get("/", *lines)), "Unauthorized", BASIC_REALM)


def test_one_needed_and_one_optional(guarded):
    """Behind a key that is known, the optional way in is not looked at."""
    site = guarded(plugin("key-auth"), plugin("basic-auth", anonymous="nobody"))
    for lines in ([BOB_KEY], [BOB_KEY, basic("al")], [BOB_KEY, basic("al", "wrong")]):
        assert identity(site.echo(get("/", *lines)))["X-Consumer-Username"] == "bob"
    assert_refused(site.ask(get("/", basic("al"))), "No API key found in request", "Key")


# What each plugin says to a request without what it wants, by priority. A signature and a password share a request:
# one in Proxy-Authorization.
SAYS = {
    "key-auth": ("No API key found in request", "Key", 401),
    "basic-auth": ("Unauthorized", BASIC_REALM, 401),
    "hmac-auth": ("HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication",
                  "hmac", 401),
    "acl": ("You cannot consume this service", None, 403),
    "request-termination": ("the end", None, 418),
}
CONFIGS = {"acl": {"deny": ["staff"]}, "request-termination": {"status_code": 418, "message": "the end"}}


def test_effects_come_in_the_order_of_priorities(guarded):
    """Of every two plugins that refuse a request, it is the one with the higher priority that answers."""
    order = sorted(SAYS, key=lambda name: -PLUGINS[name].PRIORITY)
    assert order == list(SAYS)
    signed = Signed()
    gives = {"key-auth": [ALICE_KEY], "basic-auth": [basic("al", field="Proxy-Authorization")],
             "hmac-auth": [f"Authorization: {signed.value}", *signed.fields]}
    marked = plugin("correlation-id", header_name="X-Mark", echo_downstream=True)
    for first, second in combinations(order, 2):
        # In the file the wrong way round; what is left out refuses nothing.
        passing = [name for name in gives if name not in (first, second)]
        there = [name for name in SAYS if name in (first, second) or name in passing]
        site = guarded(*(plugin(name, **CONFIGS.get(name, {})) for name in reversed(there)), marked)
        lines = [line for name in passing for line in gives[name]]
        response = site.ask(get(signed.target, *lines))
        assert_refused(response, *SAYS[first])
        assert response.get("x-mark"), "correlation-id runs before all of them"
        site.process.stop()


def test_who_passes_all_reaches_the_upstream(guarded):
    signed = Signed()
    site = guarded(*(plugin(name) for name in ("hmac-auth", "basic-auth", "key-auth")), plugin("acl", allow=["staff"]))
    seen = identity(site.echo(get(signed.target, ALICE_KEY, basic("al", field="Proxy-Authorization"),
                                  f"Authorization: {signed.value}", *signed.fields)))
    assert seen == told("alice", X_Credential_Identifier="alice", X_Consumer_Groups="staff")
