"""Which configuration of a plugin runs: all eight levels of Kong's precedence, against a plain model."""

from __future__ import annotations

from random import Random

import pytest

from support.client import get
from support.identity import alice, bob, message
from support.origin import named
from support.site import Config, Site, config_of, plugin, service

pytestmark = pytest.mark.core

# Most specific first: which of route, service and consumer a configuration names.
LEVELS = [("route", "service", "consumer"), ("route", "consumer"), ("service", "consumer"), ("route", "service"),
          ("consumer",), ("route",), ("service",), ()]
ROUTES = {"r1": "s1", "r2": "s1", "r3": "s2", "r4": None}
CALLERS = {"alice": "apikey: alice-key", "bob": "apikey: bob-key", None: "X: 1"}
Scope = dict[str, str]


def scopes() -> list[Scope]:
    """Each level, for r1, s1 and alice, and for others that must not get in their way."""
    found: list[Scope] = []
    for level in LEVELS:
        for names in ({"route": "r1", "service": "s1", "consumer": "alice"}, {"route": "r3", "service": "s2", "consumer": "bob"}):
            scope = {part: names[part] for part in level}
            if scope not in found:
                found.append(scope)
    return found


def text_of(scope: Scope) -> str:
    return "+".join(scope.values()) or "global"


def config_with(chosen: list[Scope], origin) -> Config:
    def routes(of: str | None) -> list[Config]:
        return [{"name": name, "paths": [f"/{name}"]} for name, owner in ROUTES.items() if owner == of]

    guard = plugin("key-auth", run_on_preflight=False)      # OPTIONS requests are nobody's
    ends = [plugin("request-termination", status_code=418, message=text_of(scope)) | scope for scope in chosen]
    config = config_of(service(origin, *routes("s1"), name="s1"), service(origin, *routes("s2"), name="s2"),
                       consumers=[alice("alice-key"), bob("bob-key")], plugins=[*ends, guard])
    return config | {"routes": routes(None)}


def expected(chosen: list[Scope], route: str, caller: str | None) -> str | None:
    facts = {"route": route, "service": ROUTES[route], "consumer": caller}
    for level in LEVELS:
        for scope in chosen:
            if tuple(scope) == level and all(facts[part] == name for part, name in scope.items()):
                return text_of(scope)
    return None


def answers(site: Site) -> dict[tuple[str, str | None], str | None]:
    """What answered each caller on each route: a plugin, by its message, or something behind it."""
    client = site.connect()
    got = {}
    for route in ROUTES:
        for caller, line in CALLERS.items():
            response = client.ask(get(f"/{route}", line, method="GET" if caller else "OPTIONS"))
            assert response.status in (418, 200 if ROUTES[route] else 503)
            got[route, caller] = message(response) if response.status == 418 else None
    client.close()
    return got


def check(site: Site, chosen: list[Scope]) -> None:
    reloaded = site.process.reload(config_with(chosen, site.origin))
    assert reloaded["ok"], reloaded
    want = {(route, caller): expected(chosen, route, caller) for route in ROUTES for caller in CALLERS}
    assert answers(site) == want, chosen


@pytest.fixture
def scoped(open_site, open_origin) -> Site:
    origin = open_origin(named)
    return open_site(config_with([], origin), origin)


def test_each_level_alone(scoped):
    for scope in scopes():
        check(scoped, [scope])


def test_the_more_specific_wins_in_every_pair(scoped):
    full = {"route": "r1", "service": "s1", "consumer": "alice"}
    levels = [{part: full[part] for part in level} for level in LEVELS]
    for at, scope in enumerate(levels):
        for other in levels[at + 1:]:
            check(scoped, [other, scope])
            assert expected([other, scope], "r1", "alice") == text_of(scope)


def test_all_levels_and_random_ones(scoped):
    random = Random(8)
    check(scoped, scopes())
    for _ in range(40):
        check(scoped, random.sample(scopes(), random.randrange(2, len(scopes()))))


def test_a_disabled_configuration_leaves_its_place_to_the_next(scoped):
    config = config_with([{}, {"route": "r1"}], scoped.origin)
    config["plugins"][1]["enabled"] = False
    assert scoped.process.reload(config)["ok"]
    assert answers(scoped)["r1", "alice"] == "global"


def test_the_anonymous_consumer_has_its_own_configuration(open_site, open_origin):
    """Kong's way to end OR logic: who nobody knows is refused by a plugin of the anonymous consumer."""
    origin = open_origin(named)
    ends = plugin("request-termination", status_code=403, message="not without a key") | {"consumer": "bob"}
    site = open_site(config_of(service(origin), consumers=[alice("alice-key"), bob()],
                               plugins=[plugin("key-auth", anonymous="bob"), ends]), origin)
    assert site.ask(get("/", "apikey: alice-key")).status == 200
    refused = site.ask(get("/"))
    assert (refused.status, message(refused)) == (403, "not without a key")
