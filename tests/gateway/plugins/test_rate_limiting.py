"""rate-limiting with real clients: what answers say, who shares a counter with whom, reloads, a full table.

The windows are a day, and sliding: just past midnight the calls of the day before still count whole.
"""

from __future__ import annotations

import pytest

from support.client import get
from support.identity import alice, bob, message, nobody
from support.messages import Response
from support.process import reserve_port
from support.site import Config, Site, config_of, plugin, service

pytestmark = pytest.mark.core

TRUSTING = {"trusted_ips": ["127.0.0.0/8"]}         # X-Real-IP says who calls
LIMITS = [f"X-RateLimit-{what}-{window}" for window in ("Second", "Minute", "Hour", "Day", "Month", "Year", "Concurrency")
          for what in ("Limit", "Remaining")]
NAMES = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", *LIMITS, "Retry-After"]


def limit(**config) -> Config:
    return plugin("rate-limiting", **{"limit_by": "ip", **config})


def told(response: Response) -> dict[str, int]:
    """What the answer says of limits; each field once."""
    found: dict[str, int] = {}
    for name, value in response.fields:
        if name in NAMES:
            assert name not in found, f"{name} came twice"
            found[name] = int(value)
    return found


def left(response: Response) -> int:
    assert response.status == 200, (response.status, response.body)
    return told(response)["RateLimit-Remaining"]


@pytest.fixture
def limited(open_site, open_origin):
    """A site of one service, before which these plugins stand."""
    def start(*plugins: Config, gateway: Config | None = None, workers: int = 1, **options) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin, plugins=list(plugins)), gateway=gateway, **options), origin, workers=workers)
    return start


# --- what answers say

def test_answers_tell_limits_and_what_remains(limited):
    site = limited(limit(day=5, month=6, year=1000))
    first = told(site.ask(get()))
    reset = first.pop("RateLimit-Reset")
    assert 0 < reset <= 86400
    assert first == {
        "RateLimit-Limit": 5, "RateLimit-Remaining": 4,
        "X-RateLimit-Limit-Day": 5, "X-RateLimit-Remaining-Day": 4,
        "X-RateLimit-Limit-Month": 6, "X-RateLimit-Remaining-Month": 5,
        "X-RateLimit-Limit-Year": 1000, "X-RateLimit-Remaining-Year": 999,
    }
    assert [left(site.ask(get())) for _ in range(4)] == [3, 2, 1, 0]


def test_a_call_too_many_is_refused_as_kong_refuses_it(limited):
    site = limited(limit(day=2))
    for _ in range(2):
        site.echo(get())
    for _ in range(3):
        refused = site.ask(get())
        assert (refused.status, message(refused)) == (429, "API rate limit exceeded")
        said = told(refused)
        assert said.pop("RateLimit-Reset") <= 86400
        assert 0 < said.pop("Retry-After") <= 2 * 86400
        assert said == {"RateLimit-Limit": 2, "RateLimit-Remaining": 0, "X-RateLimit-Limit-Day": 2, "X-RateLimit-Remaining-Day": 0}
    assert len(site.origin.requests) == 2
    assert site.metrics()["fastgate_rate_limit_refusals_total"] == 3


def test_every_window_has_its_fields(limited):
    windows = {"second": 10**6, "minute": 2 * 10**6, "hour": 3 * 10**6, "day": 4 * 10**6, "month": 5 * 10**6, "year": 2**31 - 1}
    said = told(limited(limit(**windows, concurrency=7)).ask(get()))
    for name, most in {**windows, "concurrency": 7}.items():
        assert said[f"X-RateLimit-Limit-{name.title()}"] == most
        assert said[f"X-RateLimit-Remaining-{name.title()}"] == most - 1
    assert said["RateLimit-Limit"] == 10**6


def test_concurrency_alone_has_fields_of_its_own_only(limited):
    assert told(limited(limit(concurrency=3)).ask(get())) == {
        "X-RateLimit-Limit-Concurrency": 3, "X-RateLimit-Remaining-Concurrency": 2}


@pytest.mark.parametrize(("change", "gone", "new"), [
    ({"remove": {"headers": ["x-ratelimit-limit-day"]}}, "X-RateLimit-Limit-Day", {}),
    ({"remove": {"headers": ["ratelimit-limit"]}}, "RateLimit-Limit", {}),
    ({"rename": {"headers": ["x-ratelimit-remaining-day:X-New"]}}, "X-RateLimit-Remaining-Day", {"X-New": "4"}),
    ({"replace": {"headers": ["ratelimit-remaining:77"]}}, "RateLimit-Remaining", {"ratelimit-remaining": "77"}),
    ({"append": {"headers": ["X-New:77"]}}, None, {"X-New": "77"}),
])
def test_a_plugin_behind_it_changes_one_field_and_the_others_stay(limited, change, gone, new):
    """They are one piece of text until somebody changes one of them."""
    fields = {"X-RateLimit-Limit-Day": "5", "X-RateLimit-Remaining-Day": "4", "X-RateLimit-Limit-Year": "2147483647",
              "X-RateLimit-Remaining-Year": "2147483646", "RateLimit-Limit": "5", "RateLimit-Remaining": "4"}
    site = limited(limit(day=5, year=2**31 - 1), plugin("response-transformer", **change))
    got = [(name, value) for name, value in site.ask(get()).fields if "ratelimit" in name.lower() or name == "X-New"]
    reset = [value for name, value in got if name == "RateLimit-Reset"]
    assert len(reset) == 1 and 0 < int(reset[0]) <= 86400
    kept = {name: value for name, value in fields.items() if name != gone}
    assert sorted(got) == sorted([*kept.items(), *new.items(), ("RateLimit-Reset", reset[0])])


def test_fields_can_be_hidden(limited):
    site = limited(limit(day=1, concurrency=1, hide_client_headers=True))
    assert told(site.ask(get())) == {}
    refused = site.ask(get())
    assert refused.status == 429 and told(refused) == {}


@pytest.mark.parametrize("status", [200, 204, 304, 503])
def test_status_and_text_of_a_refusal_can_be_chosen(limited, status):
    site = limited(limit(day=1, error_code=status, error_message='slow "down"'))
    site.echo(get())
    client = site.connect()
    for _ in range(2):                      # the second finds the first whole: its framing was right
        refused = client.ask(get())
        assert refused.status == status and told(refused)["RateLimit-Remaining"] == 0
        if status not in (204, 304):
            assert message(refused) == 'slow "down"'


def test_a_refused_head_request_has_no_body(limited):
    site = limited(limit(day=1))
    site.echo(get())
    client = site.connect()
    for _ in range(2):
        assert client.ask(get("/", method="HEAD"), to_head=True).status == 429


def test_a_refused_body_is_read_away(limited):
    site = limited(limit(day=1))
    site.echo(get())
    for _ in range(2):
        assert site.ask(get("/", method="POST", body=b"x" * 500_000)).status == 429


# --- who shares a counter with whom

CONSUMERS = [alice("a-1", "a-2"), bob("b-1"), nobody()]
ROUTES = [{"name": name, "paths": [f"/{name}"], "strip_path": False} for name in ("one", "two")]
A1, A2, B1 = ("apikey: a-1",), ("apikey: a-2",), ("apikey: b-1",)
HERE, THERE = ("X-Real-IP: 192.0.2.1",), ("X-Real-IP: 192.0.2.2",)
# limit_by, the plugin's other fields; a caller, one with the same counter, others with their own. Each
# a path and fields.
CALLERS = [
    ("consumer", {}, ("/one", *A1, *HERE), [("/two", *A2, *THERE)], [("/one", *B1, *HERE), ("/one", *HERE)]),
    ("credential", {}, ("/one", *A1, *HERE), [("/two", *A1, *THERE)],
     [("/one", *A2, *HERE), ("/one", *B1, *HERE), ("/one", *HERE), ("/one", *THERE)]),       # anonymous: by address
    ("ip", {}, ("/one", *A1, *HERE), [("/two", *B1, *HERE)], [("/one", *A1, *THERE)]),
    ("ip", {}, ("/one", "X-Real-IP: 2001:db8::1"), [("/one", "X-Real-IP: 2001:0db8:0:0::0:1"), ("/one", "X-Real-IP: [2001:DB8::1]:443")],
     [("/one", "X-Real-IP: 2001:db8::2"), ("/one", "X-Real-IP: 192.0.2.1")]),
    ("ip", {}, ("/one", "X-Real-IP: ::ffff:192.0.2.1"), [("/one", *HERE)], [("/one", *THERE)]),
    ("service", {}, ("/one", *A1, *HERE), [("/two", *B1, *THERE)], [("/other", *A1, *HERE)]),
    ("header", {"header_name": "X-Tenant"}, ("/one", "X-Tenant: t1", *HERE), [("/two", "x-tenant:  t1 ", *THERE)],
     [("/one", "X-Tenant: t2", *HERE), ("/one", "X-Tenant: T1", *HERE), ("/one", *HERE), ("/one", *THERE),
      ("/one", "X-Tenant: 192.0.2.1", *HERE)]),                 # not who calls from there without the field
    ("header", {"header_name": "X-Tenant"}, ("/one", "X-Tenant: ", *HERE), [("/one", *HERE)], [("/one", "X-Tenant:", *THERE)]),
    ("header", {"header_name": "X-Consumer-Username"}, ("/one", *A1, "X-Consumer-Username: bob"), [("/one", *A2)], [("/one", *B1)]),
    ("path", {"path": "/one/a"}, ("/one/a", *A1, *HERE), [("/one/a?x=1", *B1, *THERE), ("/one/./b/../%61", *HERE)],
     [("/one/b", *A1, *HERE), ("/one/b", *A1, *THERE), ("/one/ab", "X-Real-IP: 192.0.2.3")]),
    ("path", {"path": "/one//%61/../ b"}, ("/one/%20b", *HERE), [("/one/%20b", *THERE)], [("/one/b", *HERE), ("/one/b", *THERE)]),
    (["path", "consumer"], {"path": "/one"}, ("/one", *A1, *HERE), [("/one", *A2, *THERE)],
     [("/one", *B1, *HERE), ("/two", *A1, *HERE), ("/two", *A1, *THERE)]),
    (["header", "ip"], {"header_name": "X-Tenant"}, ("/one", "X-Tenant: t", *HERE), [("/two", "X-Tenant: t", *HERE, *A1)],
     [("/one", "X-Tenant: t", *THERE), ("/one", "X-Tenant: u", *HERE), ("/one", *HERE)]),
    (["ip", "service", "consumer", "credential"], {}, ("/one", *A1, *HERE), [("/two", *A1, *HERE)],
     [("/one", *A2, *HERE), ("/one", *A1, *THERE), ("/other", *A1, *HERE)]),
]


@pytest.mark.parametrize(("limit_by", "more", "caller", "same", "others"), CALLERS, ids=[str(row[0]) + str(i) for i, row in enumerate(CALLERS)])
def test_counters_belong_to_callers(open_site, open_origin, limit_by, more, caller, same, others):
    origin = open_origin()
    site = open_site(config_of(
        service(origin, *ROUTES, name="first"), service(origin, {"name": "other", "paths": ["/other"]}, name="second"),
        plugins=[plugin("key-auth", anonymous="nobody"), limit(day=100, limit_by=limit_by, **more)],
        consumers=CONSUMERS, gateway=TRUSTING), origin)
    assert left(site.ask(get(*caller))) == 99
    for number, one in enumerate(same):
        assert left(site.ask(get(*one))) == 98 - number, one
    for one in others:
        assert left(site.ask(get(*one))) == 99, one
    assert left(site.ask(get(*caller))) == 98 - len(same)
    assert site.metrics()["fastgate_rate_limit_keys"] == 1 + len(others)


def test_the_anonymous_share_one_counter(limited):
    site = limited(plugin("key-auth", anonymous="nobody"), limit(day=100, limit_by="consumer"), consumers=CONSUMERS, gateway=TRUSTING)
    assert [left(site.ask(get("/", *where))) for where in (HERE, THERE)] == [99, 98]


def test_a_route_without_a_service_counts_by_address(open_site):
    site = open_site(config_of(gateway=TRUSTING, plugins=[limit(day=100, limit_by="service"), plugin("request-termination")])
                     | {"routes": [{"name": "bare", "paths": ["/"]}]})
    for where in (HERE, THERE):
        assert told(site.ask(get("/", *where)))["RateLimit-Remaining"] == 99


def test_an_ipv6_client_counts_by_its_address(open_site, open_origin):
    origin = open_origin()
    with reserve_port("::1") as reserved:
        port = reserved.getsockname()[1]
        site = open_site(config_of(service(origin), plugins=[limit(day=2)]), origin, listen=[f"[::1]:{port}", "127.0.0.1:0"])
    assert [site.connect(("::1", port)).ask(get()).status for _ in range(3)] == [200, 200, 429]


def test_clients_of_one_unix_socket_are_one_caller(open_site, open_origin, tmp_path):
    origin = open_origin()
    site = open_site(config_of(service(origin), plugins=[limit(day=2)]), origin, listen=[f"unix:{tmp_path}/gateway.sock"])
    assert [site.ask(get()).status for _ in range(3)] == [200, 200, 429]


def test_two_plugins_share_no_counter(open_site, open_origin):
    origin = open_origin()
    own = {**ROUTES[0], "plugins": [limit(day=2)]}
    site = open_site(config_of(service(origin, own, ROUTES[1]), plugins=[limit(day=3)]), origin)
    assert [site.ask(get("/one")).status for _ in range(4)] == [200, 200, 429, 429]
    assert [site.ask(get("/two")).status for _ in range(4)] == [200, 200, 200, 429]


def test_a_consumer_has_a_limit_of_its_own(open_site, open_origin):
    origin = open_origin()
    consumers = [alice("a-1", plugins=[limit(day=3, limit_by="consumer")]), bob("b-1")]
    site = open_site(config_of(service(origin), plugins=[plugin("key-auth"), limit(day=1, limit_by="consumer")], consumers=consumers), origin)
    assert [site.ask(get("/", *A1)).status for _ in range(4)] == [200, 200, 200, 429]
    assert [site.ask(get("/", *B1)).status for _ in range(2)] == [200, 429]


def test_who_is_refused_before_is_not_counted(limited):
    site = limited(plugin("key-auth"), limit(day=2), consumers=CONSUMERS)
    for _ in range(5):
        refused = site.ask(get("/", "apikey: wrong"))
        assert refused.status == 401 and told(refused) == {}
    assert left(site.ask(get("/", *A1))) == 1


# --- reloads, and a full table

def reloaded(site: Site, *plugins: Config) -> None:
    assert site.process.reload(config_of(service(site.origin, plugins=list(plugins))))["ok"]


def test_a_reload_keeps_counts(limited):
    site = limited(limit(day=3))
    assert [left(site.ask(get())) for _ in range(2)] == [2, 1]
    reloaded(site, limit(day=3), plugin("correlation-id"))
    assert left(site.ask(get())) == 0
    assert site.ask(get()).status == 429
    reloaded(site, limit(day=10, month=20))             # a window that is new has yet to count
    said = told(site.ask(get()))
    assert (said["X-RateLimit-Remaining-Day"], said["X-RateLimit-Remaining-Month"]) == (6, 19)
    reloaded(site, limit(day=2))
    assert site.ask(get()).status == 429


def test_a_full_table_forgets_who_was_away_longest_and_counts_it(limited):
    site = limited(limit(day=100, limit_by="header", header_name="X-Tenant"), gateway={"limits": {"rate_limit_keys": 64}})
    client = site.connect()

    def ask(tenant: int) -> int:
        return left(client.ask(get("/", f"X-Tenant: {tenant}")))

    kept = [ask(1)]
    for tenant in range(2, 200):
        assert ask(tenant) == 99
        if tenant % 20 == 0:
            kept.append(ask(1))             # who keeps calling keeps its counter
    assert kept == list(range(99, 99 - len(kept), -1))
    metrics = site.metrics()
    assert metrics["fastgate_rate_limit_keys"] == 64
    assert metrics["fastgate_rate_limit_evictions_total"] == 199 - 64
    assert ask(3) == 99                     # forgotten: it starts afresh


def test_metrics_without_the_plugin(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin)), origin)
    site.echo(get())
    assert {name: value for name, value in site.metrics().items() if "rate_limit" in name} == {
        "fastgate_rate_limit_keys": 0, "fastgate_rate_limit_evictions_total": 0, "fastgate_rate_limit_refusals_total": 0}


@pytest.mark.parametrize("name", ["X-Real-IP", "X-Forwarded-For", "X-Consumer-ID"])
def test_who_is_not_trusted_makes_no_callers_up(limited, name):
    """A header that the gateway believes only trusted peers: from others it is as if it were not there."""
    site = limited(limit(day=2, limit_by="header", header_name=name))
    answers = [site.ask(get("/", f"{name}: 192.0.2.{n}")).status for n in range(4)]
    assert answers == [200, 200, 429, 429]
    site = limited(limit(day=2, limit_by="header", header_name="X-Forwarded-For"), gateway=TRUSTING)
    assert {site.ask(get("/", f"X-Forwarded-For: 192.0.2.{n}")).status for n in range(4)} == {200}
