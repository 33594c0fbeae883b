"""request-mirror: what the copy says, where it goes, which requests have one."""

from __future__ import annotations

import pytest

from gateway.plugins.mirror_site import Shadow, mirrored, mirrors
from gateway.plugins.python_site import HELD, PATIENT, wait_calls, write_plugin
from gateway.test_websocket import HANDSHAKE, echo_all, switching
from support.client import get
from support.messages import chunk
from support.origin import pattern
from support.site import config_of, consumer, plugin, service, upstream

pytestmark = [pytest.mark.core]


@pytest.fixture
def origin(open_origin):
    return open_origin()


@pytest.fixture
def shadow():
    with Shadow() as shadow:
        yield shadow
        shadow.check()


def chunked(*pieces: bytes, trailer: bytes = b"", method: str = "POST") -> bytes:
    return get("/c?d=e", "Transfer-Encoding: chunked", method=method) + b"".join(map(chunk, pieces)) + b"0\r\n" + trailer + b"\r\n"


REQUESTS = {
    "get": get("/a%20b/./c?x=1&y=%2F", "X-One: 1", "X-Two: 2", "X-One: 3", "Cookie: a=b"),
    "head": get("/h", method="HEAD"),
    "options": get("*", method="OPTIONS"),
    "body": get("/p", method="POST", body=b"x" * 3000),
    "empty body": get("/p", method="PUT", body=b""),
    "chunked": chunked(b"one", b"twotwo", trailer=b"X-Trailer: t\r\n"),
    "delete with a body": get("/d", method="DELETE", body=b"12345"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_copy_says_what_the_request_says(open_site, origin, shadow, name):
    site = open_site(mirrored(origin, shadow), origin)
    assert site.ask(REQUESTS[name], to_head=name == "head").status == 200
    copy, seen = shadow.next(), origin.requests[0]
    assert (copy.method, copy.target, copy.text, copy.trailers) == (seen.method, seen.target, seen.text, seen.trailers)
    fields = [(field, value) for field, value in seen.fields if field != "Host"]
    assert [pair for pair in copy.fields if pair[0] not in ("Host", "X-Mirrored")] == fields
    assert copy.all("X-Mirrored") == ["1"] and copy.all("Host") == [shadow.target] and not seen.all("X-Mirrored")
    assert mirrors(site) == {"sent": 1}


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_comes_in_pieces(open_site, origin, shadow, framing):
    site = open_site(mirrored(origin, shadow, max_body=300_000), origin)
    body = pattern(300_000)
    pieces = [body[at:at + 7000] for at in range(0, len(body), 7000)]
    client = site.connect()
    if framing == "length":
        client.send(get("/", f"Content-Length: {len(body)}", method="POST"))
        client.send_pieces(pieces)
    else:
        client.send(get("/", "Transfer-Encoding: chunked", method="POST"))
        client.send_pieces([*map(chunk, pieces), b"0\r\n\r\n"])
    assert client.response().status == 200
    assert shadow.next().body == body == origin.requests[0].body


def test_a_request_that_waits_meanwhile(open_site, origin, shadow, tmp_path):
    """Behind this plugin another parks it: the body comes before the copy is begun."""
    write_plugin(tmp_path, "held", HELD, priority=5, config="gate: str")
    site = open_site(mirrored(origin, shadow, plugin("held", gate=str(tmp_path / "gate")),
                              gateway={"plugin_path": str(tmp_path), "python": PATIENT}), origin)
    client = site.connect()
    client.send(get("/", method="POST", body=b"x" * 1000))
    wait_calls(site, "held", 1)
    assert site.scrape()["fastgate_mirrors_active"] == 1 and not shadow.requests
    (tmp_path / "gate").touch()
    assert client.response().status == 200
    copy = shadow.next()
    assert copy.body == b"x" * 1000 and copy.get("X-Held") == "yes"


def test_expect_is_not_for_a_copy_whose_body_follows_at_once(open_site, open_origin, shadow):
    def continues(connection) -> None:
        request = connection.read_head()
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.read_body(request)
        connection.reply()

    origin = open_origin(continues)
    site = open_site(mirrored(origin, shadow), origin)
    client = site.connect()
    client.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="POST"))
    client.until(b"100 Continue\r\n\r\n")
    client.send(b"12345")
    assert client.response().status == 200
    copy = shadow.next()
    assert copy.text == "12345" and copy.get("Expect") is None and origin.requests[0].get("Expect")


# --- where it goes

def test_to_a_url_with_a_path(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow.url + "/shadow"), origin)
    site.ask(get("/a/b?c"))
    assert shadow.next().target == "/shadow/a/b?c" and origin.requests[0].target == "/a/b?c"


def test_to_a_service_with_its_path_and_its_upstreams_host(open_site, origin, shadow):
    config = mirrored(origin, shadow, service="other", upstreams=[upstream("pool", (shadow, 1), host_header="shadow.example")])
    config["services"].append(service("pool", {"name": "none", "paths": ["/none"]}, name="other", path="/other"))
    site = open_site(config, origin)
    site.ask(get("/a"))
    copy = shadow.next()
    assert (copy.target, copy.get("Host")) == ("/other/a", "shadow.example")


def test_to_an_upstream_with_the_path_of_the_requests_own_service(open_site, origin, shadow):
    site = open_site(config_of(
        service(origin, name="own", path="/own", plugins=[plugin("request-mirror", upstream="pool")]),
        upstreams=[upstream("pool", (shadow, 1))]), origin)
    site.ask(get("/a"))
    copy = shadow.next()
    assert (copy.target, copy.get("Host")) == ("/own/a", shadow.target)


def test_to_a_name_whose_address_is_known_before_the_first_request(open_site, origin, shadow):
    site = open_site(mirrored(origin, f"http://localhost:{shadow.port}"), origin)
    site.ask(get("/a"))
    assert shadow.next().get("Host") == f"localhost:{shadow.port}"
    assert mirrors(site) == {"sent": 1}


def test_to_an_upstream_that_a_url_names(open_site, origin, shadow):
    site = open_site(mirrored(origin, "http://pool:1234/x", upstreams=[upstream("pool", (shadow, 1))]), origin)
    site.ask(get("/a"))
    assert shadow.next().target == "/x/a"


def test_to_a_unix_socket(open_site, origin, tmp_path):
    with Shadow(path=str(tmp_path / "shadow")) as shadow:
        site = open_site(mirrored(origin, shadow), origin)
        site.ask(get("/a"))
        assert shadow.next().target == "/a"
        assert mirrors(site) == {"sent": 1}


def test_behind_a_split_it_is_what_the_service_chosen_gets(open_site, origin, shadow):
    config = mirrored(origin, shadow, plugin("traffic-split", rules=[{"splits": [{"upstream": "pool"}]}]), upstream="pool2",
                      upstreams=[upstream("pool", (origin, 1), host_header="split.example"), upstream("pool2", (shadow, 1))])
    config["services"][0]["url"] += "/own"
    site = open_site(config, origin)
    site.ask(get("/a"))
    assert shadow.next().target == origin.requests[0].target == "/own/a"
    assert origin.requests[0].get("Host") == "split.example"


# --- what it does not tell

def test_credentials_are_hidden_as_from_the_upstream(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow, plugin("key-auth", hide_credentials=True), consumers=[consumer("alice", "secret-key")]), origin)
    assert site.ask(get("/?apikey=secret-key&x=1")).status == 200
    assert site.ask(get("/", "apikey: secret-key")).status == 200
    for copy in (shadow.next(), shadow.next()):
        assert copy.get("X-Consumer-Username") == "alice"
    assert not any(b"secret-key" in bytes(connection.received) for connection in shadow.connections)


def test_a_client_may_not_say_that_it_is_a_copy(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow), origin)
    site.ask(get("/", "X-Mirrored: 1"))
    assert shadow.next().all("X-Mirrored") == ["1"] and not origin.requests[0].all("X-Mirrored")


def test_a_copy_from_a_trusted_peer_is_not_copied_again(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow, gateway={"trusted_ips": ["127.0.0.1"]}), origin)
    assert site.ask(get("/copy", "X-Mirrored: 1")).status == 200
    assert site.ask(get("/own")).status == 200
    assert shadow.next().target == "/own" and mirrors(site) == {"sent": 1}
    assert origin.requests[0].all("X-Mirrored") == ["1"]


# --- which requests have one

def test_percent(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow, percent=50), origin)
    client = site.connect()
    for _ in range(400):
        assert client.ask(get()).status == 200
    # Five times the deviation of a binomial.
    assert abs(mirrors(site)["sent"] - 200) < 50
    assert site.process.reload(mirrored(origin, shadow, percent=0))["ok"]
    before = mirrors(site)
    for _ in range(20):
        client.ask(get())
    assert mirrors(site) == before


@pytest.mark.parametrize("size, count", [(1000, {"sent": 1}), (1001, {"body": 1})])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_bodies_up_to_a_bound(open_site, origin, shadow, framing, size, count):
    site = open_site(mirrored(origin, shadow, max_body=1000), origin)
    request = get("/", method="POST", body=b"x" * size) if framing == "length" else chunked(b"x" * 400, b"x" * (size - 400))
    assert site.ask(request).status == 200
    assert mirrors(site) == count
    assert len(origin.requests[0].body) == size


def test_a_chunked_body_found_too_large_midway(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow, max_body=10_000), origin)
    client = site.connect()
    client.send(get("/", "Transfer-Encoding: chunked", method="POST"))
    client.send_pieces(chunk(b"x" * 4000) for _ in range(5))
    client.send(b"0\r\n\r\n")
    assert client.response().status == 200
    assert mirrors(site) == {"body": 1} and not shadow.connections
    assert len(origin.requests[0].body) == 20_000


def test_no_body_at_all_with_a_bound_of_nothing(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow, max_body=0), origin)
    client = site.connect()
    assert client.ask(get("/", method="POST", body=b"x")).status == 200
    assert client.ask(get("/", method="POST", body=b"")).status == 200
    assert mirrors(site) == {"sent": 1, "body": 1}


def test_a_request_that_is_refused_or_never_whole(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow, plugin("request-termination", trigger="x-stop", status_code=418)), origin)
    assert site.ask(get("/", "X-Stop: 1", method="POST", body=b"x")).status == 418
    assert mirrors(site) == {}
    client = site.connect()
    client.send(get("/", "Content-Length: 100", method="POST") + b"x" * 50)
    origin.next_request()
    client.close()
    site.wait_metric("fastgate_requests_active", 0)
    assert mirrors(site) == {"cut": 1} and not shadow.connections


def test_a_malformed_body_has_no_copy(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow), origin)
    client = site.connect()
    client.send(get("/", "Transfer-Encoding: chunked", method="POST") + chunk(b"good"))
    origin.next_request()
    client.send_quietly(b"zz\r\nbad\r\n0\r\n\r\n")
    assert client.response().status == 400
    assert mirrors(site) == {"cut": 1} and not shadow.connections


def test_a_handshake_has_no_copy(open_site, open_origin, shadow):
    origin = open_origin(switching(echo_all))
    site = open_site(mirrored(origin, shadow), origin)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    client.send(b"hello")
    assert client.exactly(5) == b"hello"
    client.close()
    site.wait_metric("fastgate_tunnels_active", 0)
    assert mirrors(site) == {} and not shadow.connections


def test_pipelined_requests_have_theirs_each(open_site, origin, shadow):
    site = open_site(mirrored(origin, shadow), origin)
    client = site.connect()
    client.send(b"".join(get(f"/{n}", method="POST", body=b"%d" % n) for n in range(5)))
    assert [client.response().status for _ in range(5)] == [200] * 5
    assert sorted((copy.target, copy.text) for copy in (shadow.next() for _ in range(5))) == [(f"/{n}", str(n)) for n in range(5)]
