"""cors: preflights, simple requests, and the gateway's own answers, against a table of what Kong decides."""

from __future__ import annotations

import itertools

import pytest

from support.client import get
from support.messages import Response
from support.origin import Origin
from support.site import Config, Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

GOOD, EVIL = "https://good.example", "https://evil.example"
METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS,TRACE,CONNECT"
PREFIX = "access-control-"


@pytest.fixture
def open_cors(open_site, open_origin):
    def start(**config) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin, plugins=[plugin("cors", **config)])), origin)
    return start


def fields(answer: Response) -> dict[str, list[str]]:
    """Those of cors, without the common beginning of their names, and Vary."""
    names = {name.lower() for name, _ in answer.fields}
    found = {name.removeprefix(PREFIX): answer.all(name) for name in names if name.startswith(PREFIX)}
    return found | ({"vary": answer.all("vary")} if "vary" in names else {})


def from_origin(origin: str | None, *more: str, method: str = "GET", target: str = "/") -> bytes:
    return get(target, *([f"Origin: {origin}"] if origin else []), *more, method=method)


def preflight(origin: str, *more: str, method: str = "GET") -> bytes:
    return from_origin(origin, f"Access-Control-Request-Method: {method}", *more, method="OPTIONS")


def model(origins: list[str] | None, credentials: bool, origin: str | None) -> dict[str, list[str]]:
    """Allow-Origin, Allow-Credentials and Vary."""
    if not origins or "*" in origins:
        if not credentials:
            return {"allow-origin": ["*"]}
        if origin is None:
            return {"allow-origin": ["*"], "vary": ["Origin"]}
        allowed = origin
    elif origins == [GOOD]:
        allowed = GOOD
    else:
        allowed = origin if origin == GOOD else None
    found = {"vary": ["Origin"]}
    if allowed:
        found["allow-origin"] = [allowed]
        if credentials:
            found["allow-credentials"] = ["true"]
    return found


LISTS = [None, ["*"], [GOOD], [GOOD, "https://other.example"], [r"https://go+d\.example"], ["good.example", "x.example"], [GOOD, "*"]]


@pytest.mark.parametrize("origins", LISTS, ids=str)
def test_the_table(open_site, open_origin, origins):
    """Every list, with and without credentials, with and without Origin; simple requests and preflights."""
    origin = open_origin()
    routes = []
    for credentials, absent in itertools.product((False, True), repeat=2):
        config = {"credentials": credentials, "allow_origin_absent": absent} | ({"origins": origins} if origins else {})
        name = f"{credentials}-{absent}".lower()
        routes.append({"name": name, "paths": [f"/{name}"], "plugins": [plugin("cors", **config)]})
    site = open_site(config_of(service(origin, *routes)), origin)
    client = site.connect()
    for credentials, absent, asked in itertools.product((False, True), (False, True), (None, GOOD, EVIL, "null")):
        target = f"/{credentials}-{absent}".lower()
        expected = model(origins, credentials, asked)
        if asked is None and not absent:
            expected = {"vary": ["Origin"]}
        elif not absent:
            expected["vary"] = ["Origin"]
        answer = client.ask(from_origin(asked, target=target))
        assert (answer.status, fields(answer)) == (200, expected), (target, asked)
        if asked:
            answer = client.ask(from_origin(asked, "Access-Control-Request-Method: PUT", target=target, method="OPTIONS"))
            assert (answer.status, fields(answer)) == (200, expected | {"allow-methods": [METHODS]}), (target, asked)


def test_a_preflight_is_answered_here(open_cors):
    site = open_cors(origins=[GOOD, EVIL], methods=["GET", "PUT"], max_age=600)
    answer = site.ask(preflight(GOOD, "Access-Control-Request-Headers: x-one, X-Two"))
    assert (answer.status, answer.body, answer.get("content-length"), answer.get("content-type")) == (200, b"", "0", None)
    assert fields(answer) == {
        "allow-origin": [GOOD], "allow-methods": ["GET,PUT"], "allow-headers": ["x-one, X-Two"], "max-age": ["600"], "vary": ["Origin"],
    }
    assert not site.origin.requests


def test_a_preflight_names_the_headers_of_the_configuration(open_cors):
    site = open_cors(headers=["X-One", "x-two"], exposed_headers=["X-Three"])
    answer = site.ask(preflight(GOOD, "Access-Control-Request-Headers: x-evil"))
    assert fields(answer) == {"allow-origin": ["*"], "allow-methods": [METHODS], "allow-headers": ["X-One,x-two"]}


def test_headers_may_stand_together_and_a_preflight_be_kept_by_nobody(open_cors):
    """As files of Kong's have them: several names in one text, and -1, with which browsers ask each time."""
    site = open_cors(headers=["X-One, x-two", "X-Four"], exposed_headers=["X-Three,X-Five"], max_age=-1)
    found = fields(site.ask(preflight(GOOD)))
    assert (found["allow-headers"], found["max-age"]) == (["X-One, x-two,X-Four"], ["-1"])
    assert fields(site.ask(from_origin(GOOD)))["expose-headers"] == ["X-Three,X-Five"]


def test_a_preflight_without_headers_names_none(open_cors):
    assert fields(open_cors().ask(preflight(GOOD))) == {"allow-origin": ["*"], "allow-methods": [METHODS]}


@pytest.mark.parametrize("is_on, asked, is_told", [(True, "true", True), (True, "false", False), (True, None, False), (False, "true", False)])
def test_private_networks(open_cors, is_on, asked, is_told):
    more = [f"Access-Control-Request-Private-Network: {asked}"] if asked else []
    found = fields(open_cors(private_network=is_on).ask(preflight(GOOD, *more)))
    assert found.get("allow-private-network") == (["true"] if is_told else None)


def test_options_that_is_no_preflight_goes_to_the_upstream(open_cors):
    site = open_cors()
    answer = site.ask(from_origin(GOOD, method="OPTIONS"))
    assert fields(answer) == {"allow-origin": ["*"]}
    answer = site.ask(get("/", "Access-Control-Request-Method: PUT", method="OPTIONS"))
    assert fields(answer) == {"allow-origin": ["*"]}
    assert [request.method for request in site.origin.requests] == ["OPTIONS", "OPTIONS"]


THEIRS = ["Access-Control-Allow-Origin: https://theirs.example", "Access-Control-Allow-Credentials: true", "Vary: Accept",
          "Access-Control-Expose-Headers: X-Theirs", "Access-Control-Allow-Methods: BREW"]


def answers_with_its_own(connection) -> None:
    connection.read()
    connection.reply(b"x", *THEIRS)


def test_preflight_continue_leaves_all_to_the_upstream(open_cors):
    site = open_cors(origins=[GOOD], preflight_continue=True)
    site.origin.script = answers_with_its_own
    assert fields(site.ask(preflight(GOOD))) == {
        "allow-origin": ["https://theirs.example"], "allow-credentials": ["true"], "expose-headers": ["X-Theirs"],
        "allow-methods": ["BREW"], "vary": ["Accept"],
    }
    assert fields(site.ask(from_origin(GOOD)))["allow-origin"] == [GOOD]


def test_the_upstreams_fields_are_replaced(open_cors):
    site = open_cors(origins=[GOOD, "https://b.example"], credentials=True, exposed_headers=["X-A", "X-B"])
    site.origin.script = answers_with_its_own
    assert fields(site.ask(from_origin(GOOD))) == {
        "allow-origin": [GOOD], "allow-credentials": ["true"], "expose-headers": ["X-A,X-B"], "allow-methods": ["BREW"],
        "vary": ["Accept", "Origin"],
    }
    evil = fields(site.ask(from_origin(EVIL)))
    assert "allow-origin" not in evil and "allow-credentials" not in evil


def test_the_upstreams_other_fields_stay_where_nothing_is_configured(open_cors):
    site = open_cors()
    site.origin.script = answers_with_its_own
    assert fields(site.ask(from_origin(GOOD))) == {
        "allow-origin": ["*"], "allow-credentials": ["true"], "expose-headers": ["X-Theirs"], "allow-methods": ["BREW"], "vary": ["Accept"],
    }


def test_an_answer_that_is_taken_back_has_them_once(open_cors):
    """The upstream's head is filtered, then its body shows in the same read that it is no good: 502."""
    site = open_cors(origins=[GOOD, EVIL])

    def breaks(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        connection.close()

    site.origin.script = breaks
    answer = site.ask(from_origin(GOOD))
    assert (answer.status, fields(answer)) == (502, {"allow-origin": [GOOD], "vary": ["Origin"]})


def own_answers(origin: Origin, dead: Origin) -> Config:
    """Routes that the gateway answers for by itself, each with another status."""
    services = [
        service(origin, {"name": "401", "paths": ["/401"], "plugins": [plugin("key-auth")]},
                {"name": "403", "paths": ["/403"], "plugins": [plugin("ip-restriction", deny=["0.0.0.0/0"])]},
                {"name": "404", "paths": ["/404"], "plugins": [plugin("request-termination", status_code=404)]},
                {"name": "413", "paths": ["/413"], "plugins": [plugin("request-size-limiting", allowed_payload_size=0)]},
                {"name": "301", "paths": ["/301"], "plugins": [plugin("redirect", location="https://a.example/")]},
                {"name": "504", "paths": ["/504"]}, name="live", read_timeout=50, retries=0),
        service(dead, {"name": "502", "paths": ["/502"]}, name="dead", retries=0),
    ]
    cors = plugin("cors", origins=[GOOD, "https://b.example"], exposed_headers=["X-A"], credentials=True)
    config = config_of(*services, plugins=[cors])
    return config | {"routes": [{"name": "503", "paths": ["/503"]}]}


def test_the_gateways_own_answers_have_them(open_site, open_origin):
    origin, dead = open_origin(), open_origin()
    site = open_site(own_answers(origin, dead), origin)
    dead.close()                        # nobody listens there now
    origin.script = lambda connection: (connection.read(), connection.wait_end())
    expected = {"allow-origin": [GOOD], "allow-credentials": ["true"], "expose-headers": ["X-A"], "vary": ["Origin"]}
    for status in (301, 401, 403, 404, 502, 503, 504):
        answer = site.ask(from_origin(GOOD, target=f"/{status}"))
        assert (answer.status, fields(answer)) == (status, expected)
        assert fields(site.ask(from_origin(EVIL, target=f"/{status}"))) == {"expose-headers": ["X-A"], "vary": ["Origin"]}
    answer = site.ask(from_origin(GOOD, "Content-Length: 1", target="/413", method="POST"))
    assert (answer.status, fields(answer)) == (413, expected)
    assert site.ask(preflight(GOOD, "x: y").replace(b" / ", b" /401 ")).status == 200     # before the key is asked for


def test_a_reload_changes_the_origins(open_cors):
    site = open_cors(origins=[r"https://a\..*"])
    assert "allow-origin" in fields(site.ask(from_origin("https://a.x")))
    site.process.reload(config_of(service(site.origin, plugins=[plugin("cors", origins=[r"https://b\..*"])])))
    assert "allow-origin" not in fields(site.ask(from_origin("https://a.x")))
    assert fields(site.ask(from_origin("https://b.x")))["allow-origin"] == ["https://b.x"]
