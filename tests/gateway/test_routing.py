"""Routing over the wire: which service a request reaches and with which target (kong.md, Routing semantics)."""

from __future__ import annotations

import json

import pytest

from support.client import get
from support.origin import Origin, echo
from support.site import Site, config_of, service

pytestmark = pytest.mark.core
NO_ROUTE = "no Route matched with those values"


def route(name: str, **fields) -> dict:
    return {"name": name, "strip_path": False, **fields}


ROUTES = [
    route("plain-host", hosts=["a.example"]),
    route("left-wild", hosts=["*.wild.example"]),
    route("right-wild", hosts=["wild.*"]),
    route("plain-beats-wild", hosts=["x.wild.example"]),
    route("host-and-path", hosts=["a.example"], paths=["/deep"]),
    route("host-port", hosts=["port.example:8080"]),
    route("short", paths=["/p"]),
    route("long", paths=["/p/longer"]),
    route("regex-low", paths=["~/r/(?<id>\\d+)"], regex_priority=1),
    route("regex-high", paths=["~/r/\\d+/edit"], regex_priority=5),
    route("regex-prefix", paths=["/r/12"]),
    route("method", methods=["PURGE"]),
    route("method-path", methods=["POST"], paths=["/p"]),
    route("header", headers={"X-Version": ["v1", "v2"]}),
    route("two-headers", headers={"X-Version": ["v1"], "X-Region": ["eu"]}),
    route("header-regex", headers={"X-Agent": ["~*^curl/\\d"]}),
    route("tie-first", paths=["/tie"]),
    route("tie-second", paths=["/tie"]),
    route("encoded", paths=["/with%20space"]),
]


@pytest.fixture(scope="module")
def router():
    """One service a route, so that the answer names the route: the service's path says it."""
    def script(connection):
        echo(connection)

    with Origin(script) as origin:
        services = [service(origin, entry, name=f"s-{entry['name']}", path=f"/to-{entry['name']}") for entry in ROUTES]
        site = Site(config_of(*services), origin)
        yield site
        site.close()


def reached(site, data: bytes) -> str:
    response = site.ask(data)
    if response.status == 404:
        assert json.loads(response.body)["message"] == NO_ROUTE
        return "404"
    assert response.status == 200, response.body
    return json.loads(response.body)["target"].split("/")[1].removeprefix("to-")


CASES = [
    (get("/", host="a.example"), "plain-host"),
    (get("/", host="A.EXAMPLE"), "plain-host"),
    (get("/", host="a.example:1234"), "plain-host"),
    (get("/", host="b.example"), "404"),
    (get("/", host="y.wild.example"), "left-wild"),
    (get("/", host="y.z.wild.example"), "left-wild"),
    (get("/", host="wild.example"), "right-wild"),
    (get("/", host="wild.org"), "right-wild"),
    (get("/", host="x.wild.example"), "plain-beats-wild"),
    (get("/deep", host="a.example"), "host-and-path"),
    (get("/deeper", host="a.example"), "host-and-path"),
    (get("/shallow", host="a.example"), "plain-host"),
    (get("/", host="port.example:8080"), "host-port"),
    (get("/", host="port.example:8081"), "404"),
    (get("/p"), "short"),
    (get("/p/longe"), "short"),
    (get("/p/longer/x"), "long"),
    (get("/pq"), "short"),
    (get("/q"), "404"),
    (get("/r/7"), "regex-low"),
    (get("/r/7/edit"), "regex-high"),
    (get("/r/12"), "regex-low"),
    (get("/r/12x"), "regex-low"),
    (get("/r/x"), "404"),
    (get("/x/r/7"), "404"),
    (get("/anything", method="PURGE"), "method"),
    (get("/p", method="POST", body=b""), "method-path"),
    (get("/p", method="PURGE"), "short"),
    (get("/h", "X-Version: v2"), "header"),
    (get("/h", "x-version: v1"), "header"),
    (get("/h", "X-Version: v3"), "404"),
    (get("/h", "X-Version: v1", "X-Region: eu"), "two-headers"),
    (get("/h", "X-Agent: curl/8.1"), "header-regex"),
    (get("/h", "X-Agent: CURL/8.1"), "header-regex"),
    (get("/h", "X-Agent: wget"), "404"),
    (get("/tie"), "tie-first"),
    (get("/with%20space"), "encoded"),
    (get("/p/./longer"), "long"),
    (get("/p/x/../longer"), "long"),
    (get("//p//longer"), "long"),
    (get("/%70/longer"), "long"),
    (get("/p/longer?x=/q"), "long"),
    (get("/q/../../../p"), "short"),
    (get("/p%2Flonger"), "short"),
]


@pytest.mark.parametrize("data,expected", CASES, ids=[f"{n}-{expected}" for n, (_, expected) in enumerate(CASES)])
def test_request_reaches(router, data, expected):
    assert reached(router, data) == expected


# -- the target that goes out --------------------------------------------------------------------

PATHS = [
    # service path, route path, strip, request, goes out as
    (None, "/api", True, "/api", "/"),
    (None, "/api", True, "/api/", "/"),
    (None, "/api", True, "/api/x/y", "/x/y"),
    (None, "/api", True, "/apix", "/x"),
    (None, "/api", False, "/api/x", "/api/x"),
    (None, "/", True, "/x/", "/x/"),
    ("/", "/api", True, "/api/x", "/x"),
    ("/base", "/api", True, "/api", "/base"),
    ("/base", "/api", True, "/api/", "/base/"),
    ("/base", "/api", True, "/api/x", "/base/x"),
    ("/base/", "/api", True, "/api/x", "/base/x"),
    ("/base/", "/api", True, "/api", "/base"),
    ("/base/", "/api/", True, "/api/x", "/base/x"),
    ("/base", "/api/", True, "/api/x", "/base/x"),
    ("/base", "/api", False, "/api/x", "/base/api/x"),
    ("/base/", "/api", False, "/api/x", "/base/api/x"),
    ("/base", "~/v(\\d)", True, "/v1/x", "/base/x"),
    ("/base", "/api", True, "/api/x?q=1&r=%20", "/base/x?q=1&r=%20"),
    ("/base", "/api", True, "/api?q", "/base?q"),
    (None, "/api", True, "/api/a%2Fb", "/a%2Fb"),
    (None, "/api", True, "/api/x/", "/x/"),
]


@pytest.fixture(scope="module")
def rewriter():
    with Origin() as origin:
        services = []
        for number, (base, path, strip, _, _) in enumerate(PATHS):
            fields = {"path": base} if base is not None else {}
            entry = {"name": f"r{number}", "hosts": [f"h{number}.example"], "paths": [path], "strip_path": strip}
            services.append(service(origin, entry, name=f"s{number}", **fields))
        site = Site(config_of(*services), origin)
        yield site
        site.close()


@pytest.mark.parametrize("number", range(len(PATHS)), ids=[f"{p[0]}-{p[1]}-{p[3]}" for p in PATHS])
def test_target_goes_out(rewriter, number):
    _, _, _, request, expected = PATHS[number]
    assert rewriter.echo(get(request, host=f"h{number}.example"))["target"] == expected


# -- host, prefix, redirect, texts ----------------------------------------------------------------


def fields(echoed, name: str) -> list[str]:
    return [value for key, value in echoed["headers"] if key.lower() == name.lower()]


def test_host_is_the_services_unless_preserved(open_site, open_origin):
    origin = open_origin()
    routes = [{"name": "keep", "paths": ["/keep"], "preserve_host": True}, {"name": "own", "paths": ["/own"]}]
    site = open_site(config_of(service(origin, *routes)), origin)
    assert fields(site.echo(get("/keep", host="public.example:81")), "host") == ["public.example:81"]
    assert fields(site.echo(get("/own", host="public.example:81")), "host") == [f"127.0.0.1:{origin.port}"]


def test_prefix_and_path_are_told_to_the_upstream(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin, {"name": "r", "paths": ["/api"]}, {"name": "root", "paths": ["/"]})), origin)
    echoed = site.echo(get("/api/x?q=1"))
    assert fields(echoed, "x-forwarded-prefix") == ["/api"]
    assert fields(echoed, "x-forwarded-path")[0].startswith("/api/x")
    assert fields(site.echo(get("/other")), "x-forwarded-prefix") == []


@pytest.mark.parametrize("status", [426, 301, 302, 307, 308])
def test_https_only_route_by_http_is_redirected(open_site, open_origin, status):
    origin = open_origin()
    entry = {"name": "tls", "paths": ["/tls"], "protocols": ["https"], "https_redirect_status_code": status}
    site = open_site(config_of(service(origin, entry), gateway={"trusted_ips": ["127.0.0.1"]}), origin)
    response = site.ask(get("/tls/x?q=1", host="shop.example"))
    assert response.status == status
    if status == 426:
        assert response.get("upgrade") == "TLS/1.2, HTTP/1.1"
        assert "upgrade" in response.get("connection").lower()
        assert json.loads(response.body)["message"] == "Please use HTTPS protocol"
    else:
        assert response.get("location") == "https://shop.example/tls/x?q=1"
    assert not origin.requests
    assert site.ask(get("/tls/x", "X-Forwarded-Proto: https")).status == 200


def test_https_by_a_stranger_is_not_believed(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin, {"name": "tls", "paths": ["/tls"], "protocols": ["https"]})), origin)
    assert site.ask(get("/tls", "X-Forwarded-Proto: https")).status == 426
    assert not origin.requests


def test_route_without_service_is_503(open_site):
    config = config_of()
    config["routes"] = [{"name": "alone", "paths": ["/alone"]}]
    site = open_site(config)
    response = site.ask(get("/alone"))
    assert response.status == 503
    assert json.loads(response.body)["message"] == "no Service found with those values"


def test_no_configuration_at_all_is_404(open_site):
    response = open_site(config_of()).ask(get("/"))
    assert response.status == 404
    assert json.loads(response.body)["message"] == NO_ROUTE


def test_request_without_a_route_has_its_body_skipped(router):
    client = router.connect()
    for _ in range(3):
        client.send_quietly(get("/q", method="POST", body=b"some body"))
        assert client.response().status == 404
        if not client.is_open():
            client = router.connect()
    client.send_quietly(get("/q", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n0\r\n\r\n")
    assert client.response().status == 404


def test_hostile_regex_does_not_hang_the_reactor(open_site, open_origin):
    """A catastrophic pattern runs into the match limit; others are served meanwhile."""
    origin = open_origin()
    routes = [{"name": "evil", "paths": ["~/(a+)+$"], "regex_priority": 9}, {"name": "rest", "paths": ["/"]}]
    site = open_site(config_of(service(origin, *routes)), origin)
    for _ in range(20):
        assert site.ask(get("/" + "a" * 60 + "!")).status in (200, 404, 500)
    assert site.ask(get("/fine")).status == 200


def test_ten_thousand_routes_match(open_site, open_origin):
    origin = open_origin()
    routes = [{"name": f"r{n}", "paths": [f"/svc{n}/v1"], "strip_path": False} for n in range(10_000)]
    site = open_site(config_of(service(origin, *routes)), origin)
    for number in (0, 1, 9, 10, 4999, 9999):
        assert site.echo(get(f"/svc{number}/v1/x"))["target"] == f"/svc{number}/v1/x"
    assert site.ask(get("/svc10000/v1")).status == 404
