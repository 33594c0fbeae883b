"""Upstreams over the wire: algorithms, kinds of addresses, services that are out."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest

from support.client import get
from support.origin import named
from support.process import reserve_port
from support.site import config_of, service, upstream

pytestmark = pytest.mark.core


@pytest.fixture
def balanced(open_site, open_origin):
    """A site before an upstream of named origins with these weights; further fields are the upstream's."""
    def start(*weights: int, workers: int = 1, **fields):
        origins = [open_origin(named, name=f"o{n}") for n in range(len(weights))]
        pool = upstream("pool", *zip(origins, weights, strict=True), **fields)
        return open_site(config_of(service("pool"), upstreams=[pool]), *origins, workers=workers)
    return start


def spread(site, count: int, *lines: str, target: str = "/") -> Counter:
    client = site.connect()
    return Counter(client.ask(get(target, *lines)).text for _ in range(count))


def test_round_robin_gives_each_its_weight(balanced):
    assert spread(balanced(100, 100, 200), 400) == {"o0": 100, "o1": 100, "o2": 200}


def test_round_robin_is_smooth(balanced):
    client = balanced(300, 100).connect()
    row = "".join(client.ask(get()).text[1] for _ in range(40))
    assert row.count("0") == 30
    assert "0000" not in row


def test_weight_zero_is_out_of_rotation(balanced):
    assert spread(balanced(100, 0, 100), 40) == {"o0": 20, "o2": 20}


def test_all_weights_zero_is_503(balanced):
    response = balanced(0, 0).ask(get())
    assert response.status == 503
    assert json.loads(response.body)["message"] == "failure to get a peer from the ring-balancer"


def test_upstream_without_targets_is_503(open_site):
    site = open_site(config_of(service("pool"), upstreams=[upstream("pool")]))
    response = site.ask(get())
    assert response.status == 503
    assert json.loads(response.body)["message"] == "failure to get a peer from the ring-balancer"


def test_least_connections_avoids_the_busy(open_site, open_origin):
    gate, entered = threading.Event(), threading.Semaphore(0)

    def slow_at_first(connection):
        request = connection.read()
        if request.target == "/hold":
            entered.release()
            assert gate.wait(20)
        connection.reply(connection.origin.name.encode())

    origins = [open_origin(slow_at_first, name=f"o{n}") for n in range(2)]
    pool = upstream("pool", *[(o, 100) for o in origins], algorithm="least-connections")
    site = open_site(config_of(service("pool"), upstreams=[pool]), *origins)
    held = [site.connect() for _ in range(2)]
    for client in held:
        client.send(get("/hold"))
        assert entered.acquire(timeout=20)
    assert all(len(o.requests) == 1 for o in origins), "two held requests go to two targets"
    extra = site.connect()
    extra.send(get("/hold"))
    assert entered.acquire(timeout=20)
    idle = next(o for o in origins if len(o.requests) == 1)
    assert spread(site, 10) == {idle.name: 10}
    gate.set()
    for client in [*held, extra]:
        assert client.response().status == 200


@pytest.mark.parametrize("algorithm", ["round-robin", "least-connections", "latency", "consistent-hashing"])
def test_each_algorithm_serves(balanced, algorithm):
    counts = spread(balanced(100, 100, 100, algorithm=algorithm), 60)
    assert sum(counts.values()) == 60
    assert set(counts) <= {"o0", "o1", "o2"}


def test_hash_on_header_is_sticky_and_spreads(balanced):
    site = balanced(100, 100, 100, hash_on="header", hash_on_header="X-User")
    seen = {user: spread(site, 5, f"X-User: u{user}") for user in range(60)}
    assert all(len(counts) == 1 for counts in seen.values())
    assert len({next(iter(counts)) for counts in seen.values()}) == 3


def test_hash_falls_back_when_the_header_is_missing(balanced):
    site = balanced(100, 100, 100, hash_on="header", hash_on_header="X-User", hash_fallback="path")
    assert len(spread(site, 10, target="/same")) == 1
    assert len({next(iter(spread(site, 1, target=f"/{n}"))) for n in range(60)}) == 3


def test_hash_on_path_query_and_capture(open_site, open_origin, balanced):
    site = balanced(100, 100, 100, hash_on="query_arg", hash_on_query_arg="user")
    assert len(spread(site, 5, target="/?x=1&user=ann")) == 1
    assert spread(site, 1, target="/?user=ann&x=2") == spread(site, 1, target="/other?user=ann")
    origins = [open_origin(named, name=f"c{n}") for n in range(3)]
    pool = upstream("pool", *[(o, 100) for o in origins], hash_on="uri_capture", hash_on_uri_capture="id")
    route = {"name": "r", "paths": ["~/u/(?<id>\\w+)"], "strip_path": False}
    captured = open_site(config_of(service("pool", route), upstreams=[pool]), *origins)
    assert spread(captured, 3, target="/u/ann/a") == spread(captured, 3, target="/u/ann/b")
    assert len({next(iter(spread(captured, 1, target=f"/u/user{n}"))) for n in range(60)}) == 3


def test_hash_on_ip_is_sticky(balanced):
    assert len(spread(balanced(100, 100, 100, hash_on="ip"), 20)) == 1


def test_hash_on_cookie_sets_one_where_none_came(balanced):
    site = balanced(100, 100, 100, hash_on="cookie", hash_on_cookie="sticky")
    response = site.ask(get())
    cookie = response.get("set-cookie")
    assert cookie and cookie.startswith("sticky=") and "path=/" in cookie.lower()
    pair = cookie.partition(";")[0]
    assert spread(site, 10, f"Cookie: a=b; {pair}") == {response.text: 10}
    assert site.ask(get("/", f"Cookie: {pair}")).get("set-cookie") is None


def test_hash_moves_little_when_a_target_goes(balanced):
    site = balanced(100, 100, 100, 100, hash_on="header", hash_on_header="X-User")
    def owners():
        client = site.connect()
        return [client.ask(get("/", f"X-User: {n}")).text for n in range(300)]
    before = owners()
    pool = upstream("pool", *[(o, 100) for o in site.origins[:3]], hash_on="header", hash_on_header="X-User")
    assert site.process.reload(config_of(service("pool"), upstreams=[pool]))["ok"]
    after = owners()
    assert "o3" not in after
    assert all(b == a for b, a in zip(before, after, strict=True) if b != "o3")


def test_host_header_of_the_upstream_is_sent(open_site, open_origin):
    origin = open_origin()
    pool = upstream("pool", (origin, 100), host_header="inner.example")
    site = open_site(config_of(service("pool"), upstreams=[pool]), origin)
    assert ["inner.example"] == [v for k, v in site.echo(get())["headers"] if k.lower() == "host"]


# -- kinds of addresses --------------------------------------------------------------------------


def test_upstream_over_ipv6(open_site, open_origin):
    origin = open_origin(host="::1")
    site = open_site(config_of(service(origin)), origin)
    echoed = site.echo(get())
    assert [v for k, v in echoed["headers"] if k.lower() == "host"] == [f"[::1]:{origin.port}"]


def test_upstream_over_a_unix_socket(open_site, open_origin, tmp_path):
    origin = open_origin(path=str(tmp_path / "origin.sock"))
    site = open_site(config_of(service(origin)), origin)
    client = site.connect()
    for number in range(5):
        assert json.loads(client.ask(get(f"/{number}")).body)["target"] == f"/{number}"
    assert len(origin.connections) == 1


def test_target_over_a_unix_socket(open_site, open_origin, tmp_path):
    origins = [open_origin(named, path=str(tmp_path / f"{n}.sock"), name=f"o{n}") for n in range(2)]
    site = open_site(config_of(service("pool"), upstreams=[upstream("pool", *[(o, 100) for o in origins])]), *origins)
    assert spread(site, 10) == {"o0": 5, "o1": 5}


def test_upstream_by_name(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of({"name": "s", "url": f"http://localhost:{origin.port}",
                                "routes": [{"name": "r", "paths": ["/"]}]}), origin)
    assert site.ask(get()).status == 200


def test_name_that_does_not_resolve_is_503_or_502(open_site):
    site = open_site(config_of({"name": "s", "url": "http://no-such-name.invalid:8000",
                                "routes": [{"name": "r", "paths": ["/"]}]}))
    response = site.ask(get())
    assert response.status in (502, 503)


def test_client_over_ipv6_and_unix(open_site, open_origin, tmp_path):
    path = str(tmp_path / "proxy.sock")
    origin = open_origin()
    with reserve_port("::1") as reserved:
        port = reserved.getsockname()[1]
        site = open_site(config_of(service(origin)), origin, listen=[f"[::1]:{port}", f"unix:{path}"])
    six = json.loads(site.connect(("::1", port)).ask(get()).body)
    assert ["::1"] == [v for k, v in six["headers"] if k.lower() == "x-forwarded-for"]
    local = site.connect(path)
    assert local.ask(get()).status == 200
    assert local.ask(get()).status == 200


def test_two_workers_share_the_work(balanced):
    site = balanced(100, 100, workers=2)
    answers = Counter(site.ask(get()).text for _ in range(40))
    assert sum(answers.values()) == 40 and set(answers) == {"o0", "o1"}
