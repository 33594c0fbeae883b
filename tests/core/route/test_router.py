"""route/router against a plain Python model on random tables, and Kong's rules one by one."""

import ctypes
import random

import httptools.parser.parser
import pytest
import model
from model import Request, route_of
from fastgate._core.bridge.errors import SnapshotError
from fastgate._core.snapshot.routes_builder import METHODS
from fastgate_doors import route_door
from hypothesis import given, settings
from hypothesis import strategies as st


def door_request(request: Request) -> route_door.Request:
    headers = [(name.encode(), value.encode()) for name, value in request.headers]
    return route_door.Request(request.host.encode(), request.path.encode(), request.method, request.port, request.is_https, headers)


def match(routes, names=(), **request):
    return route_door.Router(routes).match(door_request(Request(**request)), names)


def winner(routes, **request):
    found = match(routes, **request)
    return None if found is None else found["route"]


def assert_agrees(router, routes, request):
    found = router.match(door_request(request))
    expected = model.match(routes, request)
    if expected is None:
        assert found is None
    else:
        groups = [None if group is None else group.encode() for group in expected.groups]
        while groups and groups[-1] is None:
            groups.pop()                # PCRE2 leaves out the last ones where they took no part
        assert (found["route"], found["prefix_len"], found["https_status"], found["groups"]) == (*expected[:3], groups)


# ---- against the model

HOSTS = ["a.com", "b.com", "x.a.com", "y.x.a.com", "a.com:8000", "*.a.com", "*.x.a.com", "*.com", "a.*", "x.a.*", "*.a.com:8000",
         "a.*:8000", "A.com", "[::1]"]
PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/a/b/c", "/b", "/%3A", "~/a", "~/a/(?<id>\\d+)", "~/(a|b)/b", "~/a/b$", "~/[ab]+/(x)?",
         "~/a\\.b", "~/ab*c", "~/.*b", "~/a|/b"]
HEADERS = {"x-a": ["1", "2", "One"], "X-B": ["1"], "x-c": ["~*^v\\d"], "x-d": ["~*on", "1"]}
REQUEST_HEADERS = [("X-A", "1"), ("x-a", "one"), ("x-a", "3"), ("x-b", "1"), ("X-C", "V1"), ("x-c", "av1"), ("x-d", "~*on"), ("x-d", "on")]

subsets = lambda values, most=3: st.none() | st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)  # noqa: E731
routes_strategy = st.lists(
    st.builds(
        route_of,
        hosts=subsets(HOSTS),
        paths=subsets(PATHS),
        methods=subsets(["GET", "POST", "PATCH"]),
        headers=st.none() | st.sets(st.sampled_from(sorted(HEADERS)), min_size=1, max_size=3).map(lambda names: {n: HEADERS[n] for n in sorted(names)}),
        snis=st.none() | st.just(["a.com"]),
        protocols=st.sampled_from([["http", "https"], ["http"], ["https"]]),
        https_redirect_status_code=st.sampled_from([426, 301]),
        regex_priority=st.integers(-1, 2),
        created_at=st.integers(0, 2),
    ).filter(lambda r: r["hosts"] or r["paths"] or r["methods"] or r["headers"] or r["snis"]),
    max_size=12,
)
requests_strategy = st.builds(
    Request,
    host=st.sampled_from(["", "a.com", "b.com", "x.a.com", "y.x.a.com", "a.org", "x.a.de", "c.net", ".com", "[::1]", "com"]),
    port=st.sampled_from([80, 8000]),
    path=st.sampled_from(["/", "/a", "/a/", "/a/b", "/a/b/c/d", "/ab", "/abbc", "/b/b", "/b/x", "/a/12", "/a/x", "/a.b", "/c", "/%3A"]),
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    is_https=st.booleans(),
    headers=st.lists(st.sampled_from(REQUEST_HEADERS), max_size=4).map(tuple),
)


@settings(max_examples=400)
@given(routes_strategy, st.lists(requests_strategy, min_size=1, max_size=12))
def test_match_agrees_with_the_model(routes, requests):
    router = route_door.Router(routes)
    for request in requests:
        assert_agrees(router, routes, request)


def test_match_on_a_large_table_agrees_with_the_model():
    chance = random.Random(7)
    words = ["api", "v1", "v2", "user", "users", "use", "order", "x", "xy", "xyz"]
    path = lambda: "/" + "/".join(chance.choices(words, k=chance.randint(0, 4)))  # noqa: E731
    host = lambda: chance.choice(["", "*."]) + chance.choice(words) + "." + chance.choice(["com", "org"])  # noqa: E731
    routes = [
        route_of(hosts=[host() for _ in range(chance.randint(0, 2))], paths=[path() for _ in range(chance.randint(1, 3))],
                 methods=chance.sample(["GET", "POST"], chance.randint(0, 1)), created_at=chance.randint(0, 9))
        for _ in range(600)
    ]
    router = route_door.Router(routes)
    for _ in range(300):
        assert_agrees(router, routes, Request(host=host().replace("*", "h"), path=path() + chance.choice(["", "/", "/z"])))


# ---- the order of choice, kong.md "Routing semantics"

CHOICES = {
    "more kinds win": [
        dict(paths=["/"], methods=["GET"]), dict(paths=["/a/b"]), dict(hosts=["a.com"])],
    "host before header": [dict(hosts=["a.com"]), dict(headers={"x-a": ["1"]})],
    "header before path": [dict(headers={"x-a": ["1"]}), dict(paths=["/a/b"])],
    "path before method": [dict(paths=["/"]), dict(methods=["GET"])],
    "host and method before header and path": [dict(hosts=["a.com"], methods=["GET"]), dict(headers={"x-a": ["1"]}, paths=["/a/b"])],
    "snis count": [dict(paths=["/"], snis=["a.com"]), dict(hosts=["a.com"])],
    "plain host before wildcard": [dict(hosts=["a.com"]), dict(hosts=["*.com"])],
    "one wildcard among the hosts makes the route a wildcard one": [dict(hosts=["a.com"], created_at=9), dict(hosts=["a.com", "*.org"])],
    "more header names": [dict(headers={"x-a": ["1"], "x-b": ["1"]}), dict(headers={"x-a": ["1"]})],
    "more header names before regex": [dict(headers={"x-a": ["1"], "x-b": ["1"]}, paths=["/"]), dict(headers={"x-a": ["1"]}, paths=["~/a/b"])],
    "regex before prefix": [dict(paths=["~/a"]), dict(paths=["/a/b"])],
    "regex_priority": [dict(paths=["~/a"], regex_priority=5), dict(paths=["~/a/b"], regex_priority=1)],
    "longer prefix": [dict(paths=["/a/b"]), dict(paths=["/a"]), dict(paths=["/"])],
    "a regex's length does not count": [dict(paths=["~/a"], created_at=1), dict(paths=["~/a/b"], created_at=2)],
    "earlier created_at": [dict(paths=["/a"], created_at=1), dict(paths=["/a"], created_at=2)],
    "earlier in the list": [dict(paths=["/a"]), dict(paths=["/a"])],
    "each path of a route ranks by itself": [dict(paths=["/x", "/a/b"], created_at=9), dict(paths=["/a"]), dict(paths=["/x/y", "/"])],
}


@pytest.mark.parametrize("name", CHOICES)
def test_choice_among_matches(name):
    routes = [route_of(**fields) for fields in CHOICES[name]]
    request = dict(host="a.com", path="/a/b", headers=(("x-a", "1"), ("x-b", "1")))
    assert winner(routes, **request) == 0
    if name != "earlier in the list":
        assert winner(routes[::-1], **request) == len(routes) - 1


@pytest.mark.parametrize("route, request_, status", [
    (dict(protocols=["https"]), {}, 426),
    (dict(protocols=["https"], https_redirect_status_code=308), {}, 308),
    (dict(protocols=["https"]), dict(is_https=True), 0),
    (dict(protocols=["http", "https"]), {}, 0),
    (dict(protocols=["http"]), dict(is_https=True), 0),
])
def test_https_only_route_over_http_asks_for_https(route, request_, status):
    assert match([route_of(paths=["/"], **route)], **request_)["https_status"] == status


def test_the_better_match_decides_about_https():
    plain, secure = route_of(paths=["/a"]), route_of(paths=["/"], protocols=["https"])
    assert match([secure, plain], path="/a")["https_status"] == 0
    assert match([secure, plain], path="/b")["https_status"] == 426


def test_snis_alone_never_match_plain_http():
    assert winner([route_of(snis=["a.com"])], host="a.com") is None


@pytest.mark.parametrize("host, fits", [
    ("a.com", False), ("x.a.com", True), ("y.x.a.com", True), ("xa.com", False), (".a.com", False), ("", False)])
def test_leftmost_wildcard(host, fits):
    assert (winner([route_of(hosts=["*.A.com"])], host=host) == 0) == fits


@pytest.mark.parametrize("host, fits", [("a.com", True), ("a.co.uk", True), ("a.", False), ("a", False), ("x.a.com", False)])
def test_rightmost_wildcard(host, fits):
    assert (winner([route_of(hosts=["a.*"])], host=host) == 0) == fits


def test_host_with_port_needs_that_port():
    routes = [route_of(hosts=["a.com:8000"]), route_of(hosts=["*.b.com:81"])]
    assert winner(routes, host="a.com", port=8000) == 0
    assert winner(routes, host="a.com", port=80) is None
    assert winner(routes, host="x.b.com", port=81) == 1
    assert winner(routes, host="x.b.com", port=80) is None


@pytest.mark.parametrize("configured, requested", [
    ("/é", "/%C3%A9"), ("/a b", "/a%20b"), ("/a%2fb", "/a%2Fb"), ("/%61", "/a"), ("/a//b", "/a/b"), ("/a?b", "/a%3Fb")])
def test_prefix_is_compared_in_normal_form(configured, requested):
    assert match([route_of(paths=[configured])], path=requested + "/x")["prefix_len"] == len(requested)


def test_groups_are_the_winners():
    routes = [route_of(paths=["~/(?<kind>[a-z]+)/(?<id>\\d+)(?<rest>/.*)?"], regex_priority=1), route_of(paths=["~/(.*)"], methods=["GET"])]
    found = match(routes[:1], (b"kind", b"id", b"rest", b"none"), path="/users/42")
    assert found["groups"] == [b"/users/42", b"users", b"42"]
    assert found["named"] == {b"kind": b"users", b"id": b"42"}
    assert match(routes, path="/users/42")["groups"] == [b"/users/42", b"users/42"]


def test_a_prefix_that_beats_a_regex_has_no_groups():
    # The regex hangs at the root and is tried first; the prefix route has more kinds of criteria.
    routes = [route_of(paths=["~/(.*)"]), route_of(paths=["/a/b"], methods=["GET"])]
    found = match(routes, (b"x",), path="/a/b")
    assert (found["route"], found["groups"], found["named"], found["prefix_len"]) == (1, [], {}, 4)


def test_a_regex_in_a_header_matches_anywhere_and_in_any_case():
    routes = [route_of(headers={"user-agent": ["~*bot/\\d"]})]
    assert winner(routes, headers=(("User-Agent", "Some BoT/2 thing"),)) == 0
    assert winner(routes, headers=(("User-Agent", "bot/x"),)) is None
    assert winner(routes, headers=(("User-Agent", "x"), ("user-agent", "BOT/1"))) == 0


def test_many_header_names_share_the_memo():
    names = [f"x-{i}" for i in range(20)]
    routes = [route_of(headers={name: ["1"], names[(i + 4) % 20]: ["1"]}) for i, name in enumerate(names)]
    headers = (("x-7", "1"), ("x-11", "1"), ("x-3", "2"), ("x-3", "0"))
    assert winner(routes, headers=headers) == 7


def test_a_method_the_parser_does_not_know_never_matches():
    assert winner([route_of(methods=["BREW"])]) is None
    assert winner([route_of(methods=["BREW", "GET"])]) == 0


def test_method_numbers_are_llhttps():
    library = ctypes.CDLL(httptools.parser.parser.__file__)
    library.llhttp_method_name.restype = ctypes.c_char_p
    assert [library.llhttp_method_name(number).decode() for number in range(len(METHODS))] == METHODS


def test_no_routes_match_nothing():
    assert winner([]) is None


# ---- what cannot be compiled

@pytest.mark.parametrize("fields, field, message", [
    (dict(paths=["/", "~/a(b"]), "paths[1]", "bad regular expression, at byte 4: missing"),
    (dict(headers={"x-a": ["~*["]}), "headers.x-a[0]", "bad regular expression, at byte 1: missing"),
    (dict(paths=["a"]), "paths[0]", 'starts with "/"'),
    (dict(hosts=["a b"]), "hosts[0]", "not a host name"),
    (dict(hosts=["a.com", "*.*"]), "hosts[1]", "at most one"),
    (dict(hosts=["a.*.com"]), "hosts[0]", "first or last label"),
    (dict(hosts=["*a.com"]), "hosts[0]", "first or last label"),
    (dict(hosts=["*"]), "hosts[0]", "leave hosts out"),
    (dict(hosts=["a.com:99999"]), "hosts[0]", "port"),
    (dict(), "paths", "no criteria"),
])
def test_build_refuses_and_says_where(fields, field, message):
    with pytest.raises(SnapshotError) as caught:
        route_door.Router([route_of(paths=["~/fine"]), route_of(name="shop", **fields)])
    assert (caught.value.entity, caught.value.field) == ('route "shop"', field)
    assert message in caught.value.message


def test_hosts_with_the_same_routes_share_one_tree():
    hosts = [f"h{i}.com" for i in range(1000)]
    routes = [route_of(hosts=hosts, paths=[f"/p{i}" for i in range(1000)])]
    router = route_door.Router(routes)
    assert router.bytes < 1_000_000
    assert router.match(door_request(Request(host="h999.com", path="/p999")))["prefix_len"] == 5
