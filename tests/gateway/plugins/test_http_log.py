"""http-log in whole gateways: what arrives, in which batches, and what happens when nobody takes it."""

from __future__ import annotations

import json
import threading

import pytest

from gateway.plugins.python_site import PATIENT
from support.client import get
from support.origin import echo
from support.site import config_of, consumer, plugin, service

ENTRIES = "fastgate_plugin_http_log_entries_total"


def counted(site, result):
    return site.metrics().get(f'{ENTRIES}{{result="{result}"}}', 0)


def wait_counted(site, result, number):
    while (found := counted(site, result)) < number:
        assert site.process.returncode is None
    assert found == number


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


@pytest.fixture
def taker(open_origin):
    """The log server: says 200, and keeps what came."""
    return open_origin(lambda connection: (connection.read(), connection.reply(b"ok")))


def taken(taker, requests=1):
    found = [taker.next_request() for _ in range(requests)]
    for request in found:
        while not request.is_whole:
            pass
    return found


def site_with(open_site, origin, taker, *more, consumers=None, **config):
    log = plugin("http-log", http_endpoint=taker.url + "/log", **config)
    return open_site(config_of(service(origin), plugins=[log, *more], consumers=consumers, gateway={"python": PATIENT}), origin)


def test_the_record_is_kongs(open_site, origin, taker):
    site = site_with(open_site, origin, taker, plugin("key-auth"), consumers=[consumer("ann", "k1", custom_id="7")],
                     headers={"X-Source": "gateway"}, content_type="application/json; charset=utf-8")
    answer = site.ask(get("/a%20b?x=1&apikey=k1", "Authorization: secret", "X-Two: 1", "x-two: 2", host="some.host"))
    assert answer.status == 200
    [request] = taken(taker)
    assert (request.method, request.target) == ("POST", "/log") and request.get("X-Source") == "gateway"
    assert request.get("Content-Type") == "application/json; charset=utf-8"
    record = json.loads(request.body)
    told = record["request"]
    assert told["id"] == answer.get("X-Fastgate-Request-Id") and told["method"] == "GET"
    assert told["uri"] == "/a%20b?x=1&apikey=REDACTED" and told["url"] == "http://some.host" + told["uri"]
    assert told["querystring"] == {"x": "1", "apikey": "REDACTED"}
    assert told["headers"]["authorization"] == "REDACTED" and told["headers"]["x-two"] == ["1", "2"]
    assert record["response"]["headers"]["content-type"] == "application/json"
    assert record["response"]["status"] == 200 and record["upstream_status"] == "200" and record["source"] == "upstream"
    assert record["service"] == {"name": "service"} and record["route"] == {"name": "service-all"}
    assert record["client_ip"] == "127.0.0.1" and record["started_at"] > 1.6e12
    assert record["consumer"] == {"id": record["consumer"]["id"], "username": "ann", "custom_id": "7"}
    assert record["authenticated_entity"]["id"] and set(record["latencies"]) == {"request", "proxy", "kong"}
    wait_counted(site, "sent", 1)


@pytest.mark.parametrize("host, start", [("Some.host:8443", "http://some.host:8443"), ("[::1]:8000", "http://[::1]:8000"), ("[::1]", "http://[::1]")])
def test_the_url_has_the_port_that_was_asked(open_site, origin, taker, host, start):
    site = site_with(open_site, origin, taker)
    assert site.ask(get("/a?x=1", host=host)).status == 200
    [request] = taken(taker)
    assert json.loads(request.body)["request"]["url"] == f"{start}/a?x=1"


def test_tokens_of_devices_are_not_shown(open_site, origin, taker):
    site = site_with(open_site, origin, taker)
    assert site.ask(get("/a?apikey=secret", "X-Device-Token: secret")).status == 200
    assert b"secret" not in taken(taker)[0].body


def test_what_the_gateway_answers_itself_is_logged_too(open_site, origin, taker):
    site = site_with(open_site, origin, taker, plugin("request-termination", status_code=418))
    assert site.ask(get("/")).status == 418
    [request] = taken(taker)
    record = json.loads(request.body)
    assert record["response"]["status"] == 418 and record["source"] == "exit" and "upstream_status" not in record


@pytest.mark.parametrize("own, accept, status, type", [
    (plugin("key-auth"), "*/*", 401, "application/json; charset=utf-8"),
    (plugin("key-auth"), "text/html", 401, "text/html; charset=utf-8"),
    (plugin("request-termination", status_code=418, content_type="text/x-tea", body="tea"), "*/*", 418, "text/x-tea"),
], ids=["json", "html", "a plugin's"])
def test_the_type_of_what_the_gateway_answers_itself_is_logged(open_site, origin, taker, own, accept, status, type):
    """Without a filter on the route, too."""
    site = site_with(open_site, origin, taker, own)
    answer = site.ask(get("/", f"Accept: {accept}"))
    assert (answer.status, answer.all("Content-Type")) == (status, [type])
    [request] = taken(taker)
    told = json.loads(request.body)["response"]["headers"]
    assert told["content-type"] == type and ("www-authenticate" in told) == (status == 401)


def test_batches_are_arrays_and_the_rest_goes_at_the_end(open_site, origin, taker):
    site = site_with(open_site, origin, taker, queue={"max_batch_size": 3, "max_coalescing_delay": 3600})
    client = site.connect()
    for number in range(5):
        assert client.ask(get(f"/{number}")).status == 200
    [first] = taken(taker)
    assert [one["request"]["uri"] for one in json.loads(first.body)] == ["/0", "/1", "/2"]
    client.close()
    assert site.process.stop() == 0
    [rest] = taken(taker)
    assert [one["request"]["uri"] for one in json.loads(rest.body)] == ["/3", "/4"]
    assert len(taker.connections) == 1              # kept alive


def test_files_from_before_there_were_queues(open_site, origin, taker):
    """As Kong 2 exports them; 3 has null there."""
    site = site_with(open_site, origin, taker, retry_count=10, queue_size=2, flush_timeout=3600)
    for number in range(3):
        assert site.ask(get(f"/{number}")).status == 200
    [first] = taken(taker)
    assert [one["request"]["uri"] for one in json.loads(first.body)] == ["/0", "/1"]
    assert site.process.stop() == 0
    [rest] = taken(taker)
    assert [one["request"]["uri"] for one in json.loads(rest.body)] == ["/2"]


def test_a_server_that_fails_is_asked_again(open_site, origin, taker):
    answers = iter(["503 Service Unavailable", "500 Internal Server Error"])

    def script(connection):
        connection.read()
        connection.reply(b"", status=next(answers, "200 OK"))

    taker.script = script
    site = site_with(open_site, origin, taker)
    assert site.ask(get("/x")).status == 200
    bodies = {request.body for request in taken(taker, 3)}
    assert len(bodies) == 1                         # the same record, three times
    wait_counted(site, "sent", 1)
    assert counted(site, "retried") == 2


def test_a_server_that_is_away_costs_records_and_nothing_else(open_site, origin, taker):
    gate = threading.Event()

    def script(connection):
        connection.read()
        gate.wait(60)
        connection.close()

    taker.script = script
    site = site_with(open_site, origin, taker, queue={"max_entries": 2, "max_retry_time": 0}, timeout=60_000)
    client = site.connect()
    for _ in range(6):
        assert client.ask(get("/")).status == 200
    wait_counted(site, "full", 4)
    assert site.metrics()["fastgate_plugin_http_log_waiting"] == 2
    gate.set()
    wait_counted(site, "given_up", 2)
    assert site.metrics()["fastgate_plugin_http_log_waiting"] == 0
    site.process.wait_for_log("of the queue dropped (full)")


def test_custom_fields_are_python_and_may_fail_alone(open_site, origin, taker):
    site = site_with(open_site, origin, taker, custom_fields={
        "tenant": "context.request.header('X-Tenant')", "size": "len(record['request']['uri'])", "wrong": "1 / 0",
        "odd": "{1, 2}", "keys": "{(1, 2): 3}", "half": "'\\ud800'", "nan": "float('nan')", "itself": "(lambda a: a.append(a) or a)([])",
        "deep": "__import__('functools').reduce(lambda a, _: [a], range(100000), 0)"})
    assert site.ask(get("/abc", "X-Tenant: blue")).status == 200
    [request] = taken(taker)
    record = json.loads(request.body)
    assert (record["tenant"], record["size"], record["wrong"], record["odd"]) == ("blue", 4, None, "{1, 2}")
    assert [record[name] for name in ("keys", "half", "nan", "itself", "deep")] == [None] * 5
    assert site.metrics()["fastgate_plugin_http_log_custom_field_errors_total"] == 6


def test_a_reload_keeps_what_waits_and_sends_what_is_new_elsewhere(open_site, open_origin, origin, taker):
    other = open_origin(lambda connection: (connection.read(), connection.reply(b"ok")))
    site = site_with(open_site, origin, taker, queue={"max_batch_size": 9, "max_coalescing_delay": 0.2})
    assert site.ask(get("/old")).status == 200
    log = plugin("http-log", http_endpoint=other.url + "/new")
    assert site.process.reload(config_of(service(origin), plugins=[log], gateway={"python": PATIENT}))["ok"]
    assert site.ask(get("/new")).status == 200
    [old], [new] = taken(taker), taken(other)
    assert json.loads(old.body)[0]["request"]["uri"] == "/old" and json.loads(new.body)["request"]["uri"] == "/new"
