"""external in whole gateways: what the service is told, what its answers do, and what happens when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.plugins.python_site import PATIENT
from support.client import get
from support.origin import echo
from support.site import config_of, consumer, plugin, service

EXAMPLE = Path(__file__).parents[3] / "examples/external/service.py"
CALLS = "fastgate_plugin_external_calls_total"


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


@pytest.fixture
def policy(open_origin):
    """The service; `answers` says what."""
    one = open_origin(answers({}))
    return one


def answers(found, status="200 OK"):
    body = found if isinstance(found, bytes) else json.dumps(found).encode()

    def script(connection):
        connection.read()
        connection.reply(body, status=status)
    return script


def site_with(open_site, origin, policy, *more, consumers=None, **config):
    """Patient, unless told otherwise: the machine may have other work."""
    route = {"name": "all", "paths": ["/"], "strip_path": False,
             "plugins": [plugin("external", **{"url": policy.url + "/policy", "timeout": 20_000} | config), *more]}
    plain = {"name": "plain", "paths": ["/plain"], "strip_path": False}
    return open_site(config_of(service(origin, route, plain), consumers=consumers, gateway={"python": PATIENT}), origin)


def counted(site, phase, result):
    return site.metrics().get(f'{CALLS}{{phase="{phase}",result="{result}"}}', 0)


def test_what_the_service_is_told(open_site, origin, policy):
    site = site_with(open_site, origin, policy, plugin("key-auth", hide_credentials=True), consumers=[consumer("ann", "k1")],
                     settings={"plan": ["gold", 3]}, headers={"Authorization": "Bearer t"}, send_headers=["x-one", "X-Two"])
    answer = site.ask(get("/a?b=c", "apikey: k1", "X-One: 1", "X-Three: 3", host="some.host"))
    assert answer.status == 200
    request = policy.requests[-1]
    assert (request.method, request.target, request.get("Authorization")) == ("POST", "/policy", "Bearer t")
    told = json.loads(request.body)
    assert told["consumer"].pop("id") and told["consumer"].pop("credential")
    assert told == {
        "version": 1, "phase": "access",
        "request": {"id": answer.get("X-Fastgate-Request-Id"), "method": "GET", "scheme": "http", "host": "some.host",
                    "path": "/a", "query": "b=c", "client_ip": "127.0.0.1", "headers": [["X-One", "1"]]},
        "route": {"name": "all"}, "service": {"name": "service"}, "consumer": {"username": "ann", "custom_id": None},
        "settings": {"plan": ["gold", 3]}}


@pytest.mark.parametrize("body, member, told", [(b"caf\xc3\xa9", "body", "caf\xe9"), (b"\xff\x00", "body_base64", "/wA="), (b"", "body", "")])
def test_the_body_is_told_if_it_is_asked_for(open_site, origin, policy, body, member, told):
    site = site_with(open_site, origin, policy, send_body=True)
    assert site.ask(get("/x", method="POST", body=body)).status == 200
    assert json.loads(policy.requests[-1].body)["request"][member] == told
    assert origin.requests[-1].body == body


def test_go_on_with_changes(open_site, origin, policy):
    policy.script = answers({"remove_headers": ["X-Secret"], "set_headers": {"X-Plan": "gold"}, "add_headers": {"X-More": "2"},
                             "set_query": {"a": ["b c", "d"], "e": "f"}, "response_headers": {"X-Said": "yes"}})
    site = site_with(open_site, origin, policy)
    answer = site.ask(get("/x?old=1", "X-Secret: s", "X-Plan: mine", "X-More: 1"))
    assert answer.status == 200 and answer.get("X-Said") == "yes"
    seen = origin.requests[-1]
    assert seen.target == "/x?a=b+c&a=d&e=f" and seen.get("X-Secret") is None
    assert seen.all("X-Plan") == ["gold"] and seen.all("X-More") == ["1", "2"]


def test_nothing_to_say_is_204(open_site, origin, policy):
    def script(connection):
        connection.read()
        connection.reply(b"", status="204 No Content", length=False)

    policy.script = script
    site = site_with(open_site, origin, policy)
    assert site.echo(get("/x"))["target"] == "/x"


@pytest.mark.parametrize("answer, status, body", [
    ({"status": 403, "json": {"reason": "no"}, "headers": {"X-Why": "no"}}, 403, b'{"reason":"no"}'),
    ({"body": "<p>", "content_type": "text/html"}, 200, b"<p>"),
    ({"body": "a", "json": None, "content_type": "text/html"}, 200, b"a"),
    ({"status": 204}, 204, b"")])
def test_exit_with_an_answer(open_site, origin, policy, answer, status, body):
    policy.script = answers({"action": "exit"} | answer)
    site = site_with(open_site, origin, policy)
    found = site.ask(get("/x"))
    assert (found.status, found.body) == (status, body) and not origin.requests
    assert found.get("X-Why") == answer.get("headers", {}).get("X-Why")
    assert found.get("Content-Type") == {200: "text/html", 403: "application/json; charset=utf-8"}.get(status)


def test_exit_with_a_message_takes_the_form_the_client_accepts(open_site, origin, policy):
    policy.script = answers({"action": "exit", "status": 402, "message": "Pay first"})
    site = site_with(open_site, origin, policy)
    assert json.loads(site.ask(get("/x")).body)["message"] == "Pay first"
    assert b"<" in site.ask(get("/x", "Accept: text/html")).body


BROKEN = [b"no json", b"[]", b'{"action": "stop"}', b'{"action": "exit", "set_headers": {}}', b'{"set_header": {}}',
          b'{"set_headers": {"Host": "x"}}', b'{"set_headers": []}', b'{"remove_headers": "X"}', b'{"set_query": "a b"}',
          b'{"set_headers": {"X": 1}}', b'{"set_query": {"a": 1}}', b'{"action": "exit", "status": 99}', b'{"action": "exit", "body": "a", "json": 1}',
          b'{"action": "exit", "status": "403"}', b'{"action": "exit", "headers": {"X": "a\\nb"}}']


def test_an_answer_that_is_none_is_a_failure(open_site, origin, policy):
    site = site_with(open_site, origin, policy, failures=1000)
    for body in BROKEN:
        policy.script = answers(body)
        found = site.ask(get("/x"))
        assert (found.status, json.loads(found.body)["message"]) == (503, "The service is unavailable"), body
    policy.script = answers({}, "500 Internal Server Error")
    assert site.ask(get("/x")).status == 503
    assert not origin.requests
    policy.script = answers({})
    assert site.ask(get("/x")).status == 200


def test_a_service_that_fails_is_left_alone_and_tried_again(open_site, origin, policy):
    policy.script = answers({}, "500 Internal Server Error")
    site = site_with(open_site, origin, policy, failures=3, pause=2000)
    asked = site.connect()
    for _ in range(3):
        assert asked.ask(get("/x")).status == 503
    site.process.wait_for_log("is not asked for 2 s: it keeps failing")
    assert asked.ask(get("/x")).status == 503
    assert counted(site, "access", "failed") == 3 == len(policy.requests) and counted(site, "access", "skipped") >= 1
    assert site.ask(get("/plain")).status == 200
    policy.script = answers({})
    while asked.ask(get("/x")).status == 503:
        pass
    assert counted(site, "access", "answered") == 1 and asked.ask(get("/x")).status == 200


def test_a_failing_service_of_one_route_does_not_turn_off_anothers(open_site, origin, policy, open_origin):
    failing = open_origin(answers({}, "500 Internal Server Error"))
    routes = [{"name": name, "paths": [f"/{name}"], "strip_path": False, "plugins": [plugin("external", url=where.url, failures=2, timeout=20_000)]}
              for name, where in (("good", policy), ("bad", failing))]
    site = open_site(config_of(service(origin, *routes), gateway={"python": PATIENT | {"failures": 2}}), origin)
    for _ in range(6):
        assert site.ask(get("/bad")).status == 503
    assert site.ask(get("/good")).status == 200


def test_on_error_continue_goes_on_without_it(open_site, origin, policy):
    policy.script = lambda connection: connection.wait_end()
    site = site_with(open_site, origin, policy, timeout=50, on_error="continue")
    assert site.ask(get("/x")).status == 200
    site.process.wait_for_log("no answer within 0.05 s")


def test_in_the_log_phase_it_is_told_how_it_ended(open_site, origin, policy):
    site = site_with(open_site, origin, policy, phases=["log"])
    assert site.ask(get("/x")).status == 200
    request = policy.next_request()
    while not request.is_whole:
        pass
    told = json.loads(request.body)
    assert told["phase"] == "log" and told["outcome"]["status"] == 200 and told["outcome"]["upstream_status"] == 200
    assert len(policy.requests) == 1


def test_the_example_service_does_what_the_page_says(open_site, origin):
    with subprocess.Popen([sys.executable, EXAMPLE, "0"], stdout=subprocess.PIPE, text=True) as example:
        try:
            url = example.stdout.readline().strip()
            config = config_of(service(origin), plugins=[plugin("external", url=url, phases=["access", "log"], timeout=20_000)],
                               gateway={"python": PATIENT})
            site = open_site(config, origin)
            refused = site.ask(get("/a", "X-Tenant: red"))
            assert (refused.status, json.loads(refused.body)) == (403, {"reason": "no such tenant"})
            passed = site.ask(get("/b", "X-Tenant: blue"))
            assert passed.status == 200 and passed.get("X-Served-For") == "blue"
            seen = origin.requests[-1]
            assert seen.get("X-Plan") == "gold" and seen.get("X-Tenant") is None
            assert [example.stdout.readline() for _ in range(2)] == ["/a 403\n", "/b 200\n"]
        finally:
            example.kill()
