"""acl with real clients: groups allowed and denied, nobody known, and the groups the upstream is told."""

from __future__ import annotations

from random import Random

import pytest

from support.client import get
from support.identity import alice, assert_refused, bob, identity, nobody
from support.site import Site, config_of, consumer, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]


def in_groups(*groups: str) -> list[dict]:
    return [{"group": group} for group in groups]


CONSUMERS = [alice("alice-key", acls=in_groups("zebra", "a,b", "admin")), bob("bob-key", acls=in_groups("guests")),
             consumer("loner", "loner-key"), nobody(acls=in_groups("strangers"))]


@pytest.fixture
def guarded(open_site, open_origin):
    def start(*plugins, consumers=CONSUMERS) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin, plugins=list(plugins)), consumers=consumers), origin)
    return start


def verdicts(site: Site) -> dict[str, int]:
    return {name: site.ask(get("/", f"apikey: {name}-key")).status for name in ("alice", "bob", "loner")}


@pytest.mark.parametrize("config, expected", [
    ({"allow": ["admin"]}, (200, 403, 403)), ({"deny": ["admin"]}, (403, 200, 200)),
    ({"allow": ["zebra", "guests", "other"]}, (200, 200, 403)), ({"deny": ["zebra", "guests", "other"]}, (403, 403, 200)),
    ({"allow": ["adm", "admins", "Admin", "b"]}, (403, 403, 403)), ({"deny": ["adm", "admins", "Admin"]}, (200, 200, 200)),
    ({"allow": ["a,b"], "always_use_authenticated_groups": True}, (200, 403, 403)),
])
def test_groups(guarded, config, expected):
    site = guarded(plugin("key-auth"), plugin("acl", **config))
    assert verdicts(site) == dict(zip(("alice", "bob", "loner"), expected))
    assert_refused(site.ask(get("/")), "No API key found in request", "Key")


def test_the_refusal_has_no_challenge(guarded):
    site = guarded(plugin("key-auth"), plugin("acl", allow=["x"]))
    assert_refused(site.ask(get("/", "apikey: bob-key")), "You cannot consume this service", None, 403)


@pytest.mark.parametrize("config", [{"allow": ["admin"]}, {"deny": ["admin"]}])
def test_without_anybody_known(guarded, config):
    assert_refused(guarded(plugin("acl", **config)).ask(get("/", "apikey: alice-key")), "Unauthorized", None)


def test_the_upstream_is_told_the_groups(guarded):
    site = guarded(plugin("key-auth"), plugin("acl", deny=["nobody's"]))
    spoofed = "X-Consumer-Groups: root"
    assert identity(site.echo(get("/", "apikey: alice-key", spoofed)))["X-Consumer-Groups"] == "a,b, admin, zebra"
    assert "X-Consumer-Groups" not in identity(site.echo(get("/", "apikey: loner-key", spoofed)))


def test_hidden_groups(guarded):
    site = guarded(plugin("key-auth"), plugin("acl", allow=["guests"], hide_groups_header=True))
    assert "X-Consumer-Groups" not in identity(site.echo(get("/", "apikey: bob-key", "X-Consumer-Groups: root")))


def test_the_anonymous_consumer_has_groups_too(guarded):
    site = guarded(plugin("key-auth", anonymous="nobody"), plugin("acl", allow=["strangers"]))
    assert identity(site.echo(get("/")))["X-Consumer-Groups"] == "strangers"
    assert site.ask(get("/", "apikey: bob-key")).status == 403


def test_many_groups_against_a_model(guarded):
    random = Random(950)
    names = [f"g{n}{tail}" for n in range(30) for tail in ("", "é", "-x")]
    allowed = random.sample(names, 12)
    members = {f"c{n}": random.sample(names, random.randrange(8)) for n in range(60)}
    site = guarded(
        plugin("key-auth"), plugin("acl", allow=allowed),
        consumers=[consumer(name, f"{name}-key", acls=in_groups(*groups)) for name, groups in members.items()],
    )
    client = site.connect()
    got = {name: client.ask(get("/", f"apikey: {name}-key")).status for name in members}
    assert got == {name: 200 if set(groups) & set(allowed) else 403 for name, groups in members.items()}
