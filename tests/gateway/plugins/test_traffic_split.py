"""traffic-split: rules, shares, stickiness, and weights that change while requests come."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter

import pytest

from gateway.test_websocket import HANDSHAKE, echo_all, switching
from support.client import get
from support.origin import echo, named, wait_until
from support.site import Site, config_of, consumer, plugin, service, upstream

pytestmark = [pytest.mark.core]


def rule(*splits: dict, match: list[dict] | None = None) -> dict:
    return {"splits": list(splits), **({"match": match} if match else {})}


def to(name: str | None = None, weight: int = 1, **target: str) -> dict:
    return {"weight": weight, **({"service": name} if name else target)}


@pytest.fixture
def split(open_site, open_origin):
    """A gateway: all requests to `stable`, but for what traffic-split sends to the service `canary` or the upstream `blue`."""
    def start(*rules: dict, script=named, consumers=None, plugins=(), access_log="off", **config) -> Site:
        stable, canary, blue = (open_origin(script, name=name) for name in ("stable", "canary", "blue"))

        def configuration(*rules: dict) -> dict:
            return config_of(
                service(stable, name="stable", path="/own",
                        plugins=[plugin("traffic-split", rules=list(rules), **config), *plugins]),
                service(canary, {"name": "nowhere", "paths": ["/canary-itself"]}, name="canary", path="/of-canary"),
                upstreams=[upstream("blue", (blue, 100), host_header="blue.example")], consumers=consumers)

        site = open_site(configuration(*rules), stable, canary, blue, access_log=access_log)
        site.configuration = configuration
        return site
    return start


def names(site: Site, n: int, *fields: str, target: str = "/") -> list[str]:
    client = site.connect()
    answers = [client.ask(get(target, *fields)) for _ in range(n)]
    assert {answer.status for answer in answers} == {200}
    return [answer.text for answer in answers]


# --- shares

def test_ninety_to_ten_is_ninety_to_ten_in_every_hundred(split):
    chosen = names(split(rule(to(weight=90), to("canary", 10))), 300)
    assert {chosen[start:start + 100].count("canary") for start in range(200)} == {10}
    assert set(chosen) == {"stable", "canary"}


def test_three_ways(split):
    chosen = names(split(rule(to(weight=5), to("canary", 3), to(upstream="blue", weight=2))), 100)
    assert Counter(chosen) == {"stable": 50, "canary": 30, "blue": 20}


def test_no_weight_no_request(split):
    assert set(names(split(rule(to(weight=0), to("canary", 1))), 20)) == {"canary"}


def test_the_service_chosen_is_the_one_that_is_asked(split):
    """Its path and its Host; of an upstream its Host, the rest is the route's own service's."""
    site = split(rule(to("canary"), match=[{"header": "x-to", "is": "canary"}]),
                 rule(to(upstream="blue"), match=[{"header": "x-to", "is": "blue"}]), script=echo)
    by = {to: site.echo(get("/a?b=c", f"X-To: {to}")) for to in ("stable", "canary", "blue")}
    assert {to: (seen["origin"], seen["target"]) for to, seen in by.items()} == {
        "stable": ("stable", "/own/a?b=c"), "canary": ("canary", "/of-canary/a?b=c"), "blue": ("blue", "/own/a?b=c")}
    hosts = {to: dict(seen["headers"])["Host"] for to, seen in by.items()}
    assert hosts["blue"] == "blue.example" and hosts["canary"] == site.origins[1].target


def test_timeouts_and_retries_are_those_of_the_service_chosen(open_site, open_origin):
    stable = open_origin(named, name="stable")
    hangs = open_origin(lambda connection: connection.wait_end(), name="hangs")
    site = open_site(config_of(
        service(stable, name="stable", plugins=[plugin("traffic-split", rules=[rule(to("hangs"), match=[{"header": "x-slow"}])])]),
        service(hangs, {"name": "other", "paths": ["/hangs"]}, name="hangs", read_timeout=50, retries=0)), stable, hangs)
    assert site.ask(get("/", "X-Slow: 1")).status == 504
    assert len(hangs.requests) == 0 and site.metrics()["fastgate_upstream_retries_total"] == 0
    assert site.ask(get()).text == "stable"


def test_a_service_that_is_away_is_told_as_such(split):
    site = split(rule(to("canary"), match=[{"header": "x-canary"}]))
    site.origins[1].close()
    assert site.ask(get("/", "X-Canary: 1")).status == 502
    assert site.ask(get()).text == "stable"


def test_a_route_without_a_service(open_site, open_origin):
    canary = open_origin(named, name="canary")
    bare = {"name": "bare", "paths": ["/bare"],
            "plugins": [plugin("traffic-split", rules=[rule(to("canary"), match=[{"header": "x"}])])]}
    site = open_site(config_of(service(canary, name="canary")) | {"routes": [bare]}, canary)
    assert site.ask(get("/bare", "X: 1")).text == "canary"
    assert site.ask(get("/bare")).status == 503


# --- rules

CONDITIONS = [
    ({"header": "x-beta"}, ["X-Beta: anything"], [], "/"),
    ({"header": "x-beta", "is": "1"}, ["X-Beta: 1"], ["X-Beta: 11"], "/"),
    ({"header": "x-beta", "in": ["1", "2"]}, ["X-Beta: 2"], ["X-Beta: 3"], "/"),
    ({"header": "x-beta", "prefix": "v2"}, ["X-Beta: v2.1"], ["X-Beta: v1"], "/"),
    ({"header": "user-agent", "regex": "(iPhone|Android) [0-9]+$"}, ["User-Agent: x Android 14"], ["User-Agent: Android"], "/"),
    ({"cookie": "beta", "is": "on"}, ["Cookie: a=b; beta=on"], ["Cookie: beta=off"], "/"),
    ({"cookie": "beta"}, ["Cookie: beta="], ["Cookie: alpha=1"], "/"),
]


@pytest.mark.parametrize("condition, fits, fits_not, target", CONDITIONS)
def test_a_condition_on_fields(split, condition, fits, fits_not, target):
    site = split(rule(to("canary"), match=[condition]))
    assert site.ask(get(target, *fits)).text == "canary"
    assert site.ask(get(target, *fits_not)).text == "stable"
    assert site.ask(get(target)).text == "stable"


@pytest.mark.parametrize("condition, fits, fits_not", [
    ({"query": "v"}, "/?a=b&v", "/?a=v"),
    ({"query": "v", "is": "a b/c"}, "/?v=a+b%2Fc", "/?v=a%2Bb/c"),
    ({"query": "v", "regex": "^[0-9]+$"}, "/?v=12", "/?v=12x"),
    ({"path": "/v2"}, "/v2/x", "/v1/v2"),
    ({"path": "/v2"}, "/./v%32", "/V2"),
    ({"path": ["/v2", "~/v[34]$"]}, "/v3", "/v3/"),
])
def test_a_condition_on_the_target(split, condition, fits, fits_not):
    site = split(rule(to("canary"), match=[condition]))
    assert (site.ask(get(fits)).text, site.ask(get(fits_not)).text) == ("canary", "stable")


def test_a_condition_on_who_asks(split):
    site = split(rule(to("canary"), match=[{"consumer": ["alice", "carl"]}]), rule(to(upstream="blue"), match=[{"group": "beta"}]),
                 plugins=[plugin("key-auth", anonymous="nobody")],
                 consumers=[consumer("alice", "a"), consumer("bob", "b", acls=[{"group": "alpha"}, {"group": "beta"}]),
                            consumer("carl", "c"), consumer("nobody")])
    asked = {key: site.ask(get("/", f"apikey: {key}")).text for key in "abcd"}
    assert asked == {"a": "canary", "b": "blue", "c": "canary", "d": "stable"}


def test_all_conditions_must_hold_and_the_first_rule_that_fits_decides(split):
    site = split(rule(to("canary"), match=[{"header": "x"}, {"header": "y"}]), rule(to(), match=[{"header": "x", "is": "own"}]),
                 rule(to(upstream="blue"), match=[{"header": "x"}]))
    assert site.ask(get("/", "X: own", "Y: 1")).text == "canary"
    assert site.ask(get("/", "X: own")).text == "stable"
    assert site.ask(get("/", "X: 1")).text == "blue"
    assert site.ask(get("/", "Y: 1")).text == "stable"


def test_a_regular_expression_that_does_not_end_does_not_fit(split):
    site = split(rule(to("canary"), match=[{"header": "x", "regex": "(a+)+$"}]))
    assert site.ask(get("/", "X: " + "a" * 3000 + "b")).text == "stable"
    assert site.ask(get("/", "X: aaa")).text == "canary"


# --- stickiness

KEYS = [f"user-{n}" for n in range(60)]


def test_a_header_always_leads_to_the_same_side_and_a_raise_moves_only_to_the_canary(split):
    site = split(rule(to(weight=80), to("canary", 20)), hash_on="header", hash_on_header="x-user")
    client = site.connect()

    def where() -> dict[str, str]:
        return {key: client.ask(get("/", f"X-User: {key}")).text for key in KEYS}

    first = where()
    assert where() == first and set(first.values()) == {"stable", "canary"}
    assert site.process.reload(site.configuration(rule(to(weight=50), to("canary", 50))))["ok"]
    raised = where()
    moved = {(first[key], raised[key]) for key in KEYS if raised[key] != first[key]}
    assert moved == {("stable", "canary")}
    assert site.process.reload(site.configuration(rule(to(weight=80), to("canary", 20))))["ok"]
    assert where() == first


def test_without_what_it_sticks_by_a_request_takes_its_turn(split):
    site = split(rule(to(), to("canary")), hash_on="header", hash_on_header="x-user")
    assert Counter(names(site, 20)) == {"stable": 10, "canary": 10}


def test_by_address(split):
    assert len(set(names(split(rule(to(), to("canary"), to(upstream="blue")), hash_on="ip"), 10))) == 1


def test_by_consumer_and_the_anonymous_is_nobody(split):
    site = split(rule(to(), to("canary")), hash_on="consumer", plugins=[plugin("key-auth", anonymous="nobody")],
                 consumers=[*(consumer(f"c{n}", f"k{n}") for n in range(20)), consumer("nobody")])
    by = [set(names(site, 4, f"apikey: k{n}")) for n in range(20)]
    assert {len(one) for one in by} == {1} and len(set().union(*by)) == 2
    assert Counter(names(site, 10)) == {"stable": 5, "canary": 5}


COOKIE = re.compile(r"side=([0-9a-f]{32}); Path=/shop; Max-Age=600; HttpOnly")


def test_by_a_cookie_that_the_gateway_issues(split):
    site = split(rule(to(), to("canary")), hash_on="cookie", hash_on_cookie="side", hash_on_cookie_path="/shop",
                 hash_on_cookie_ttl=600)
    seen = set()
    for _ in range(30):
        first = site.ask(get())
        value = COOKIE.fullmatch(first.get("set-cookie"))[1]
        again = site.ask(get("/", f"Cookie: side={value}"))
        assert (again.text, again.get("set-cookie")) == (first.text, None)
        seen.add(first.text)
    assert seen == {"stable", "canary"}


def test_a_cookie_of_somebody_elses(split):
    site = split(rule(to(), to("canary")), hash_on="cookie", hash_on_cookie="session", hash_on_cookie_issue=False)
    answer = site.ask(get())
    assert answer.get("set-cookie") is None
    assert len(set(names(site, 6, "Cookie: session=abc"))) == 1


def test_balancing_by_hash_is_that_of_the_upstream_chosen(open_site, open_origin):
    stable, *blues = (open_origin(named, name=name) for name in ("stable", "b1", "b2", "b3"))
    site = open_site(config_of(
        service(stable, name="stable", plugins=[plugin("traffic-split", rules=[rule(to(upstream="blue"))])]),
        upstreams=[upstream("blue", *((blue, 100) for blue in blues), hash_on="uri_capture", hash_on_uri_capture="user")],
        ), stable, *blues)
    routes = [{"name": "r", "paths": [r"~/u/(?<user>\w+)"], "strip_path": False}]
    assert site.process.reload(config_of(
        service(stable, *routes, name="stable", plugins=[plugin("traffic-split", rules=[rule(to(upstream="blue"))])]),
        upstreams=[upstream("blue", *((blue, 100) for blue in blues), hash_on="uri_capture", hash_on_uri_capture="user")]))["ok"]
    where = {user: {site.ask(get(f"/u/{user}")).text for _ in range(4)} for user in "abcdefghij"}
    assert {len(one) for one in where.values()} == {1} and len(set().union(*where.values())) > 1


# --- told apart

def test_metrics_and_log_name_what_was_chosen(split):
    site = split(rule(to(weight=5), to("canary", 3), to(upstream="blue", weight=2)), access_log="stdout")
    names(site, 10)
    metrics = site.metrics()
    for name, count in ("stable", 5), ("canary", 3), ("blue", 2):
        labels = f'service="{name}",route="stable-all"'
        assert metrics[f'fastgate_http_requests_total{{{labels},code="200"}}'] == count
        assert metrics[f'fastgate_upstream_latency_seconds_count{{{labels}}}'] == count
    wait_until(lambda: site.process.access_log().count("\n") == 10, "ten lines never came")
    lines = site.process.access_log().splitlines()
    assert Counter(json.loads(line)["service"]["name"] for line in lines) == {"stable": 5, "canary": 3, "blue": 2}


def test_a_tunnel_goes_where_it_was_sent_over_reloads(split):
    site = split(rule(to(upstream="blue")), script=switching(echo_all))
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    assert site.process.reload(site.configuration(rule(to("canary"))))["ok"]
    site.wait_metric("fastgate_snapshots_retired", 0)
    client.send(b"x" * 1000)
    assert client.exactly(1000) == b"x" * 1000
    assert [bool(origin.requests) for origin in site.origins] == [False, False, True]
    client.close()
    site.wait_metric("fastgate_tunnels_active", 0)
    assert site.metrics()['fastgate_http_requests_total{service="blue",route="stable-all",code="101"}'] == 1


# --- live

def test_weights_change_under_load_and_no_request_is_lost(split):
    site = split(rule(to(weight=90), to("canary", 10)))
    is_over = threading.Event()
    wrong: list[str] = []
    counts: Counter[str] = Counter()

    def load(client) -> None:
        while not is_over.is_set():
            answer = client.ask(get("/", method="POST", body=b"x" * 100))
            counts[answer.text] += 1
            if answer.status != 200:
                wrong.append(answer.text)
                return

    loaders = [threading.Thread(target=load, args=(site.connect(),)) for _ in range(3)]
    for loader in loaders:
        loader.start()
    try:
        for n in range(20):
            splits = [to(weight=n % 3), to("canary", 1 + n % 5), to(upstream="blue", weight=n % 2)]
            assert site.process.reload(site.configuration(rule(*splits)))["ok"]
            answered = counts.total()
            wait_until(lambda answered=answered: counts.total() > answered + 12 or wrong, "nobody asks any more")     # all had a turn
        assert site.process.reload(site.configuration(rule(to(weight=1), to("canary", 0))))["ok"]
        names(site, 30)
    finally:
        is_over.set()
        for loader in loaders:
            loader.join()
    assert not wrong and len(counts) == 3
    drained = len(site.origins[1].requests)
    names(site, 30)
    assert len(site.origins[1].requests) == drained
