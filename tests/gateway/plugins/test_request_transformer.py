"""request-transformer before a real service: order, Host, path, and what it may not touch."""

from __future__ import annotations

import pytest

from support.client import get
from support.origin import Origin
from support.site import Config, Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

NAME = "request-transformer"


@pytest.fixture
def open_changed(open_site, open_origin):
    """A gateway with one route, whose requests are changed so."""
    def start(*more: Config, gateway: Config | None = None, route: Config | None = None, fields: Config | None = None, **config) -> Site:
        origin: Origin = open_origin()
        way = {"name": "way", "paths": ["/"], "strip_path": False, **(route or {})}
        return open_site(config_of(service(origin, way, plugins=[plugin(NAME, **config), *more], **(fields or {})), gateway=gateway), origin)
    return start


def values(echoed: Config, name: str) -> list[str]:
    return [value for key, value in echoed["headers"] if key.lower() == name]


def test_verbs_go_in_kongs_order(open_changed):
    site = open_changed(
        remove={"headers": ["X-A"], "querystring": ["a"]},
        rename={"headers": ["x-b:X-A"], "querystring": ["b:a"]},
        replace={"headers": ["x-a:replaced"], "querystring": ["a:replaced"]},
        add={"headers": ["x-a:no", "x-b:added"], "querystring": ["a:no", "b:added"]},
        append={"headers": ["x-b:appended"], "querystring": ["b:appended"]},
    )
    echoed = site.echo(get("/p?a=1&b=2&%63=%33", "X-A: 1", "X-B: 2", "X-C: 3"))
    assert [values(echoed, name) for name in ("x-a", "x-b", "x-c")] == [["replaced"], ["added", "appended"], ["3"]]
    assert echoed["target"] == "/p?a=replaced&%63=%33&b=added&b=appended"
    echoed = site.echo(get("/p"))
    assert [values(echoed, name) for name in ("x-a", "x-b")] == [["no"], ["added", "appended"]]
    assert echoed["target"] == "/p?a=no&b=added&b=appended"


def test_the_last_argument_takes_the_question_mark_along(open_changed):
    site = open_changed(remove={"querystring": ["a"]})
    assert [site.echo(get(target))["target"] for target in ("/p?a=1", "/p?", "/p", "/p?&a")] == ["/p", "/p?", "/p", "/p"]


def test_templates_see_the_request_as_it_came(open_changed):
    site = open_changed(
        remove={"headers": ["x-a"], "querystring": ["a"]},
        replace={"uri": "/$(query_params.a)"},
        add={"headers": ["x-b:$(headers.x-a)", "x-c:$(headers.x-b)"], "querystring": ["b:$(query_params.a)"]},
    )
    echoed = site.echo(get("/?a=1", "X-A: one"))
    assert (values(echoed, "x-b"), values(echoed, "x-c"), echoed["target"]) == (["one"], [], "/1?b=1")


def test_what_is_missing_is_not_added_and_replaces_by_nothing(open_changed):
    texts = ["x-a:$(headers.none)", "x-b:$(query_params.none)", "x-c:$(uri_captures.none)", "x-d:$(uri_captures[1])"]
    site = open_changed(replace={"headers": texts[:2], "uri": "$(headers.none)"}, add={"headers": texts[2:]}, append={"headers": texts})
    echoed = site.echo(get("/here", "X-A: mine", "X-C: mine"))
    assert [values(echoed, name) for name in ("x-a", "x-b", "x-c", "x-d")] == [[""], [], ["mine"], []]
    assert echoed["target"] == "/here"


def test_an_underscore_in_a_headers_name_may_stand_for_a_hyphen(open_changed):
    texts = ["a:$(headers.user_agent)", "b:$(headers['X_Some_Thing'])", "c:$(headers.x_real)", "d:$(headers.x_no)", "e:$(headers.x-real)"]
    site = open_changed(add={"querystring": texts})
    fields = ("User-Agent: UA", "X-Some-Thing: thing", "X_Real: underscore", "X-Real: hyphen")
    assert site.echo(get("/", *fields))["target"] == "/?a=UA&b=thing&c=underscore&e=hyphen"


# -- Host --------------------------------------------------------------------------------------------------


def test_host_is_replaced(open_changed):
    site = open_changed(replace={"headers": ["Host:$(headers.x-to)"]}, remove={"headers": ["host"]}, add={"headers": ["host:added"]},
                        append={"headers": ["host:more"]}, rename={"headers": ["host:x-host"]})
    echoed = site.echo(get("/", "X-To: other.example:8080", host="mine"))
    assert values(echoed, "host") == ["other.example:8080"]
    assert (values(echoed, "x-forwarded-host"), values(echoed, "x-host")) == (["mine"], [])
    assert values(site.echo(get("/", host="mine")), "host") == [site.origin.target]


@pytest.mark.parametrize("text", ["Host: other.example:8080", "Host:other.example:8080 ", "Host: $(headers.x-to)"])
def test_spaces_around_a_fields_value_are_not_its_own(open_changed, text):
    """As people write them: `Host: name`, which Kong takes."""
    site = open_changed(replace={"headers": [text]}, add={"headers": ["X-A: a b "], "querystring": ["q: 1"]})
    echoed = site.echo(get("/", "X-To: other.example:8080", host="mine"))
    assert (values(echoed, "host"), values(echoed, "x-a"), echoed["target"]) == (["other.example:8080"], ["a b"], "/?q=%201")


@pytest.mark.parametrize("bad", ["a b", "a/b", "a@b", "a:99999", "h\xe9", "a?b", "a,b:x", "[::1", "x" * 256])
def test_what_is_no_host_is_refused(open_changed, bad):
    site = open_changed(replace={"headers": ["host:$(headers.x-to)"]})
    assert site.ask(get("/", f"X-To: {bad}")).status == 400
    assert site.origin.requests == []


# -- path ---------------------------------------------------------------------------------------------------


def test_the_new_path_replaces_all_of_it(open_changed):
    """Neither service.path nor strip_path has to do with it; the query stays, X-Forwarded-Path tells the old one."""
    site = open_changed(replace={"uri": "/new//./a/../b%7e"}, route={"paths": ["/old"], "strip_path": True}, fields={"path": "/base"})
    echoed = site.echo(get("/old/x?q=%31"))
    assert echoed["target"] == "/new/b~?q=%31"
    assert values(echoed, "x-forwarded-path") == ["/old/x"]


def test_captures_by_name_and_number(open_changed):
    route = {"paths": [r"~/users/(?<id>\d+)/(.*)$"]}
    site = open_changed(replace={"uri": "/$(uri_captures[2])/$(uri_captures.id)$(uri_captures[7])"}, route=route,
                        add={"headers": ["x-all:$(uri_captures[0])", 'x-id:$(uri_captures["id"])']})
    echoed = site.echo(get("/users/7/a%2Fb%20c/d"))
    assert echoed["target"] == "/a%2Fb%20c/d/7"
    assert (values(echoed, "x-all"), values(echoed, "x-id")) == (["/users/7/a/b c/d"], ["7"])


def test_captures_for_a_configuration_of_all_routes(open_site, open_origin):
    origin = open_origin()
    routes = {"name": "way", "paths": [r"~/(?<what>\w+)"], "strip_path": False}
    config = config_of(service(origin, routes), plugins=[plugin(NAME, add={"headers": ["x-what:$(uri_captures.what)"]})])
    assert values(open_site(config, origin).echo(get("/this/x")), "x-what") == ["this"]


@pytest.mark.parametrize("value", ["..", ".", "../..", "a/../..", "a/.", "/..", "./a", "a/./b"])
def test_nobody_climbs_out_of_a_path(open_changed, value):
    site = open_changed(replace={"uri": "/v1/$(headers.x-p)/$(query_params.p)"})
    assert site.ask(get("/", f"X-P: {value}")).status == 400
    assert site.ask(get(f"/?p={value}")).status == 400
    assert site.ask(get("/?p=" + value.replace(".", "%2e").replace("/", "%2F"))).status == 400
    assert site.origin.requests == []


@pytest.mark.parametrize(("value", "sent"), [
    ("a b\tc", "a%20b%09c"), ("x?y=1#z", "x%3Fy=1%23z"), ("%2e%2e", "%252e%252e"), ("%", "%25"), ("caf\xe9", "caf%E9"),
    ("...", "..."), ('"<>\\^`{|}', "%22%3C%3E%5C%5E%60%7B%7C%7D"), ("a//b", "a/b"),
])
def test_what_a_path_cannot_hold_is_escaped(open_changed, value, sent):
    site = open_changed(replace={"uri": "/v1/$(headers.x-p)"})
    assert site.echo(get("/", f"X-P: {value}"))["target"] == f"/v1/{sent}"


def test_two_parts_of_a_request_make_no_escape_and_no_dots_together(open_changed):
    site = open_changed(replace={"uri": "/$(uri_captures[1])$(uri_captures[2])/x"}, route={"paths": [r"~/(.*)-(.*)$"]})
    assert site.echo(get("/%25-2e"))["target"] == "/%252e/x"
    assert site.echo(get("/%-2e%-2e"))["target"] == "/%25-2e%252e/x"
    assert site.ask(get("/.-.")).status == 400


# -- injection ----------------------------------------------------------------------------------------------


def test_escaped_line_ends_stay_escaped(open_changed):
    site = open_changed(add={"headers": ["x-a:$(query_params.q)", "x-b:$(uri_captures[1])"], "querystring": ["r:$(query_params.q)"]},
                        route={"paths": ["~/(.*)$"]})
    echoed = site.echo(get("/p%0d%0aX-Evil:%201%00?q=1%0D%0AX-Evil:+1%7f%26"))
    assert values(echoed, "x-a") == ["1%0D%0AX-Evil: 1%7F&"]
    assert values(echoed, "x-b") == ["p%0D%0AX-Evil: 1%00"]
    assert values(echoed, "x-evil") == []
    assert echoed["target"].endswith("&r=1%0D%0AX-Evil%3A%201%7F%26")


@pytest.mark.parametrize("value", ["a,b", '"a, b"', "", "caf\xe9", "$(headers.x-other)", "a: b", "\\r\\n", "%0d%0a"])
def test_values_are_passed_on_as_they_are(open_changed, value):
    site = open_changed(append={"headers": ["x-copy:<$(headers.x-a)>"]})
    assert values(site.echo(get("/", f"X-A: {value}")), "x-copy") == [f"<{value}>"]


def test_who_the_consumer_is_cannot_be_told_by_another_name(open_changed):
    """What only the gateway may say is there neither for templates nor to be renamed."""
    lines = ["X-Consumer-Username: root", "X-Authenticated-Groups: admin"]
    config = {"rename": {"headers": ["x-authenticated-groups:x-groups"]}, "add": {"headers": ["x-user:$(headers.x-consumer-username)"]}}
    echoed = open_changed(**config).echo(get("/", *lines))
    assert (values(echoed, "x-user"), values(echoed, "x-groups")) == ([], [])
    echoed = open_changed(gateway={"trusted_ips": ["127.0.0.1"]}, **config).echo(get("/", *lines))
    assert (values(echoed, "x-user"), values(echoed, "x-groups")) == (["root"], ["admin"])


def test_connection_cannot_keep_a_field_from_being_added(open_changed):
    """A field that goes no further than this hop is not there."""
    site = open_changed(add={"headers": ["x-tenant:default", "authorization:ours"]})
    echoed = site.echo(get("/", "Connection: x-tenant, authorization", "X-Tenant: mine", "Authorization: mine"))
    assert (values(echoed, "x-tenant"), values(echoed, "authorization")) == (["default"], ["ours"])


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "TE", "Trailer",
                                  "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "X-Fastgate-Request-Id", "Keep-Alive"])
def test_what_is_the_gateways_is_not_touched(open_changed, name):
    plain = open_changed().echo(get("/", "X-A: 7", method="POST", body=b"hello"))
    site = open_changed(remove={"headers": [name]}, rename={"headers": [f"{name}:x-was", f"x-a:{name}"]},
                        replace={"headers": [f"{name}:3"]}, add={"headers": [f"{name}:6"]}, append={"headers": [f"{name}:7"]})
    echoed = site.echo(get("/", "X-A: 7", method="POST", body=b"hello"))
    assert echoed["body"] == "hello"
    told = [len(value) if "Request-Id" in name else value for value in values(echoed, name.lower())]
    assert told == [len(value) if "Request-Id" in name else value for value in values(plain, name.lower())]
    assert values(echoed, "x-was") == []


def test_what_a_trusted_peer_tells_stays(open_changed):
    site = open_changed(gateway={"trusted_ips": ["127.0.0.1"]}, replace={"headers": ["x-forwarded-for:6.6.6.6", "x-forwarded-proto:https"]})
    echoed = site.echo(get("/", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: http"))
    assert (values(echoed, "x-forwarded-for"), values(echoed, "x-forwarded-proto")) == (["1.2.3.4, 127.0.0.1"], ["http"])


def test_options_of_everything_stays_what_it_is(open_changed):
    config = {"http_method": "POST", "add": {"querystring": ["a:1"], "headers": ["x-a:1"]}}
    echoed = open_changed(**config).echo(get("*", method="OPTIONS"))
    assert (echoed["method"], echoed["target"], values(echoed, "x-a")) == ("OPTIONS", "*", ["1"])
    echoed = open_changed(**config, replace={"uri": "/all$(uri_captures[0])"}).echo(get("*", method="OPTIONS"))
    assert (echoed["method"], echoed["target"]) == ("POST", "/all?a=1")


def test_what_would_not_fit_is_refused(open_changed):
    big = "$(headers.x-a)" * 40
    site = open_changed(append={"headers": [f"x-b:{big}"]})
    assert site.ask(get("/", "X-A: " + "y" * 7000)).status == 431
    site = open_changed(append={"querystring": [f"b:{big}"]})
    assert site.ask(get("/", "X-A: " + "y" * 7000)).status == 414
    site = open_changed(replace={"uri": f"/{big}"})
    assert site.ask(get("/", "X-A: " + "y" * 7000)).status == 414


def test_a_head_with_more_fields_than_usual(open_changed):
    site = open_changed(remove={"headers": ["x-a"]}, rename={"headers": ["x-b:x-c"]}, replace={"headers": ["x-d:1"]})
    lines = [f"X-{'ABD'[at % 3]}: {at}" for at in range(150)]
    echoed = site.echo(get("/", *lines))
    assert [len(values(echoed, name)) for name in ("x-a", "x-b", "x-c", "x-d")] == [0, 0, 50, 1]
    assert values(echoed, "x-c") == [str(at) for at in range(1, 150, 3)]


HANDSHAKE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


@pytest.mark.parametrize("verb, value", [("remove", "Sec-WebSocket-Key"), ("rename", "Sec-WebSocket-Key:X-Key"),
                                         ("replace", "Sec-WebSocket-Key:AAAAAAAAAAAAAAAAAAAAAA=="), ("remove", "Sec-WebSocket-Version")])
def test_a_handshake_is_not_touched(open_changed, verb, value):
    """The gateway checks it against the upstream's answer."""
    site = open_changed(**{verb: {"headers": [value]}})

    def switch(connection):
        connection.read_head()
        connection.send(SWITCH)
        connection.close()

    site.origin.script = switch
    client = site.connect()
    client.send(get("/", *HANDSHAKE))
    assert " 101 " in " ".join(map(str, client.head().start))
    client.close()
    assert "Sec-WebSocket-Key" in {name for name, _ in site.origin.requests[-1].fields}
