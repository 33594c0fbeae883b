"""basic-auth with real clients: RFC 7617's examples, Kong's stored passwords, and what is not let in."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from support.client import get
from support.identity import ALICE_ID, BOB_ID, alice, assert_refused, bob, identity, nobody, told
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

REALM = 'Basic realm="service"'
USERS = [
    alice(basicauth_credentials=[{"username": "Aladdin", "password": "open sesame"}, {"username": "tést", "password": "123£:x"}]),
    bob(basicauth_credentials=[{"username": "bob", "password": "p"}, {"username": "long", "password": "x" * 2000}]),
    nobody(),
]


def basic(user: str, password: str = "", field: str = "Authorization", scheme: str = "Basic") -> str:
    return f"{field}: {scheme} {b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
def guarded(open_site, open_origin):
    def start(consumers=USERS, top=None, **config) -> Site:
        origin = open_origin()
        config = config_of(service(origin, plugins=[plugin("basic-auth", **config)]), consumers=consumers)
        return open_site(config | (top or {}), origin)
    return start


def test_users_with_the_right_password_get_in(guarded):
    site = guarded()
    seen = site.echo(get("/", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="))      # RFC 7617 section 2
    assert identity(seen) == told("alice", X_Credential_Identifier="Aladdin")
    for line in (basic("tést", "123£:x"), basic("Aladdin", "open sesame", scheme="bASIC  "),
                 basic("Aladdin", "open sesame", field="Proxy-Authorization")):
        assert identity(site.echo(get("/", line)))["X-Consumer-Username"] == "alice"
    for user, password in (("bob", "p"), ("long", "x" * 2000)):
        assert identity(site.echo(get("/", basic(user, password))))["X-Credential-Identifier"] == user


@pytest.mark.parametrize("lines", [
    (), (basic("bob", "q"),), (basic("bob"),), (basic("bob", "pp"),), (basic("bob", "P"),), (basic("Bob", "p"),),
    (basic("nobody", "p"),), (basic("", "p"),), (basic("bob:p", ""),), (basic("long", "x" * 1999),),
    ("Authorization: Basic",), ("Authorization: Basic ",), ("Authorization: Basic Ym9iOnA",),
    ("Authorization: Basic Ym9i OnA=",), ("Authorization: Basic Ym9iOnA=x",), ("Authorization: Basic Ym9iOnB=",),
    ("Authorization: Basic Ym9i",), ("Authorization: Basic Og==",), ("Authorization: Bearer Ym9iOnA=",),
    ("Authorization: BasicYm9iOnA=",), ("Authorization: Basi Ym9iOnA=",), ("Authorization: Basic bob:p",),
    (basic("bob", "p"), basic("bob", "p")), (basic("bob", "p", field="X-Authorization"),),
    (basic("bob", f"p{BOB_ID}"),), (basic("bob", hashlib.sha1(f"p{BOB_ID}".encode()).hexdigest()),),
], ids=lambda lines: "|".join(lines)[:60] or "none")
def test_others_do_not(shared, lines):
    assert_refused(shared.ask(get("/", *lines)), "Unauthorized", REALM)


@pytest.fixture(scope="module")
def shared():
    from support.origin import Origin

    with Origin() as origin:
        site = Site(config_of(service(origin, plugins=[plugin("basic-auth")]), consumers=USERS), origin)
        yield site
        site.settle()
        site.close()


def test_passwords_kong_has_hashed_are_taken_as_they_are(guarded):
    hashed = hashlib.sha1(f"kong's{ALICE_ID}".encode()).hexdigest().upper()
    site = guarded([alice(basicauth_credentials=[{"username": "a", "password": hashed}])], {"_transform": False})
    assert identity(site.echo(get("/", basic("a", "kong's"))))["X-Consumer-Username"] == "alice"
    assert_refused(site.ask(get("/", basic("a", hashed))), "Unauthorized", REALM)


def test_the_realm_is_told(guarded):
    assert_refused(guarded(realm='my "own"').ask(get("/")), "Unauthorized", r'Basic realm="my \"own\""')


def test_two_fields(guarded):
    """Proxy-Authorization goes first; a user it does not know leaves Authorization its turn; a password never."""
    site = guarded(hide_credentials=True)
    bobs = basic("bob", "p")
    seen = site.echo(get("/", bobs, basic("Aladdin", "open sesame", field="Proxy-Authorization")))
    assert identity(seen)["X-Consumer-Username"] == "alice"
    assert bobs.split(": ") in seen["headers"], "what is the upstream's own"
    assert identity(site.echo(get("/", bobs, basic("x", "p", field="Proxy-Authorization"))))["X-Consumer-Username"] == "bob"
    assert site.ask(get("/", bobs, basic("Aladdin", "p", field="Proxy-Authorization"))).status == 401
    assert site.ask(get("/", basic("bob", "q"), basic("x", "p", field="Proxy-Authorization"))).status == 401


@pytest.mark.parametrize("hides", [False, True])
def test_hidden_credentials_are_not_for_the_upstream(guarded, hides):
    seen = guarded(hide_credentials=hides).echo(get("/", basic("bob", "p")))
    assert ("Authorization" in dict(seen["headers"])) is not hides


@pytest.mark.parametrize("lines", [
    ("Authorization: Basic Ym9i",), ("Authorization: basic\tYm9iOnA=",), ("Authorization: Basic",), ("Authorization: BASIC s3cret?",),
    (basic("bob", "q"),), (basic("bob", "p"), basic("bob", "p")), ("Authorization: Bearer x", basic("bob", "p")),
], ids=lambda lines: "|".join(lines)[:60])
def test_what_is_wrong_with_credentials_does_not_show_them(guarded, lines):
    """Mistyped, or given twice: they may be somebody's all the same."""
    seen = guarded(hide_credentials=True, anonymous="nobody").echo(get("/", *lines))
    assert identity(seen) == told("nobody") and "Authorization" not in dict(seen["headers"])


@pytest.mark.parametrize("value", ["Bearer x", "BasicYm9iOnA=", "Basic-2 Ym9iOnA=", "Basi Ym9iOnA="])
def test_other_schemes_are_not_hidden(guarded, value):
    seen = guarded(hide_credentials=True, anonymous="nobody").echo(get("/", f"Authorization: {value}"))
    assert dict(seen["headers"])["Authorization"] == value


def test_the_anonymous_consumer_stands_in(guarded):
    site = guarded(anonymous="nobody", hide_credentials=True)
    for line in ("X: 1", basic("bob", "q"), "Authorization: Basic ???", "Authorization: Bearer x"):
        seen = site.echo(get("/", line))
        assert identity(seen) == told("nobody")
    assert dict(seen["headers"])["Authorization"] == "Bearer x", "another scheme's: not ours to hide"
    assert identity(site.echo(get("/", basic("bob", "p"))))["X-Consumer-Username"] == "bob"
