"""Filters in Python that misbehave, and clients and upstreams that leave while one works: nobody else notices."""

from __future__ import annotations

import json
import select
import threading

import pytest

from gateway.plugins.python_site import config_with, plugin, wait_calls, write_plugin
from support.client import get
from support.messages import chunk
from support.origin import answer, echo, pattern, wait_until

pytestmark = pytest.mark.core

HELD = """
    async def {hook}(self, context, config):
        while not __import__("os").path.exists(config.gate):
            await asyncio.sleep(0.002)
        context.response.set_header("X-Held", "yes")
"""
HOOKS = ("header_filter", "body_filter")
RAISES = {
    "raises": "raise ValueError('the reason')",
    "exits": "raise SystemExit(3)",
    "cancels": "raise asyncio.CancelledError",
    "answers": "return Response(200)",
    "returns": "return 5",
    "cheats": "context.response._status = 77",
    "cheats more": "context.response._new_body = 'text'",
}


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


def held(open_site, origin, folder, hook, **options):
    """A gateway whose filter waits, the file that lets it go on, and the configuration."""
    gate = folder / "gate"
    write_plugin(folder, "held", HELD.format(hook=hook), config="gate: str")
    config = config_with(origin, folder, plugin("held", gate=str(gate)), **options)
    return open_site(config, origin), gate, config


@pytest.mark.parametrize("hook, form", [("header_filter", "async def"), ("body_filter", "def")])
@pytest.mark.parametrize("what", RAISES)
def test_a_filter_that_fails(open_site, origin, tmp_path, hook, form, what):
    write_plugin(tmp_path, "bad", f"{form} {hook}(self, context, config):\n"
                                  f"    context.response.set_header('X-Bad', '1')\n    {RAISES[what]}")
    cors = plugin("cors")
    site = open_site(config_with(origin, tmp_path, plugin("bad"), cors), origin)
    client = site.connect()
    response = client.ask(get("/", "Origin: http://a"))
    assert response.status == 500 and json.loads(response.body)["message"] == "An unexpected error occurred"
    assert response.get("X-Bad") is None and response.all("Access-Control-Allow-Origin") == ["*"]
    assert response.all("Content-Type") == ["application/json; charset=utf-8"]
    assert client.ask(get("/plain")).status == 200
    assert site.metrics()['fastgate_plugin_failures_total{plugin="bad"}'] == 1
    assert site.process.reload(config_with(origin, tmp_path, plugin("bad", on_error="continue")))["ok"]
    response = client.ask(get("/after"))
    assert response.status == 200 and json.loads(response.body)["target"] == "/after" and response.get("X-Bad") is None


def test_what_is_said_of_a_response_that_comes_too_late(open_site, origin, tmp_path):
    write_plugin(tmp_path, "bad", "async def header_filter(self, context, config):\n    return Response(403)")
    site = open_site(config_with(origin, tmp_path, plugin("bad")), origin)
    assert site.ask(get("/")).status == 500
    site.process.wait_for_log("PhaseError: Response; there is an answer already: change context.response, return None")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_failure_on_the_gateways_own_answer(open_site, origin, tmp_path, hook):
    write_plugin(tmp_path, "bad", f"""
        async def access(self, context, config):
            return Response(403, "no", headers={{"X-Own": "1"}}, content_type="text/x")

        async def {hook}(self, context, config):
            raise ValueError
        """)
    site = open_site(config_with(origin, tmp_path, plugin("bad")), origin)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/"))
        assert response.status == 500 and response.all("Content-Type") == ["application/json; charset=utf-8"]


@pytest.mark.parametrize("form, hangs", [("async def", "await asyncio.sleep(60)"), ("def", "time.sleep(2)")])
def test_a_filter_that_hangs(open_site, origin, tmp_path, form, hangs):
    write_plugin(tmp_path, "hangs", f"{form} header_filter(self, context, config):\n    {hangs}")
    site = open_site(config_with(origin, tmp_path, plugin("hangs", phase_timeout=1000)), origin)
    client = site.connect()
    assert client.ask(get("/")).status == 500 and client.ask(get("/plain")).status == 200
    assert site.metrics()['fastgate_plugin_timeouts_total{plugin="hangs"}'] == 1


def test_a_filter_that_keeps_failing_is_tripped_off(open_site, origin, tmp_path):
    write_plugin(tmp_path, "bad", """
        async def access(self, context, config):
            context.request.set_header("X-Access", "1")

        async def header_filter(self, context, config):
            raise ValueError
        """)
    site = open_site(config_with(origin, tmp_path, plugin("bad", on_error="continue"), python={"failures": 2, "pause": 60_000}),
                     origin)
    for _ in range(5):
        assert site.echo(get("/"))["headers"].count(["X-Access", "1"]) == 1
    metrics = site.metrics()
    assert metrics['fastgate_plugin_failures_total{plugin="bad"}'] == 2
    assert metrics['fastgate_plugin_skipped_total{plugin="bad"}'] == 3 and metrics['fastgate_plugin_trips_total{plugin="bad"}'] == 1


@pytest.mark.parametrize("on_error, status", [("fail", 500), ("continue", 200)])
def test_a_flood(open_site, origin, tmp_path, on_error, status):
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "held", HELD.format(hook="header_filter"), config="gate: str")
    site = open_site(config_with(origin, tmp_path, plugin("held", gate=str(gate), on_error=on_error),
                                 python={"calls": 2, "timeout": 60_000}), origin)
    waiting = [site.connect() for _ in range(2)]
    for client in waiting:
        client.send(get("/held"))
    wait_calls(site, "held", 2)
    client = site.connect()
    for _ in range(3):
        response = client.ask(get("/more"))
        assert response.status == status and response.get("X-Held") is None
    assert client.ask(get("/plain")).status == 200
    gate.touch()
    assert [client.response().get("X-Held") for client in waiting] == ["yes", "yes"]
    assert site.metrics()['fastgate_plugin_refused_total{plugin="held"}'] == 3


@pytest.mark.parametrize("on_error, status", [("fail", 500), ("continue", 200)])
@pytest.mark.parametrize("hook", HOOKS)
def test_a_filter_that_blocks_the_control_loop_holds_nobody_for_long(open_site, origin, tmp_path, hook, on_error, status):
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "blocks", f"""
        async def {hook}(self, context, config):
            import os
            while not os.path.exists({str(gate)!r}):
                time.sleep(0.01)
        """)
    site = open_site(config_with(origin, tmp_path, plugin("blocks", phase_timeout=50, on_error=on_error)), origin)
    waiting = site.connect()
    waiting.send(get("/"))
    assert site.ask(get("/plain")).status == 200
    assert waiting.response().status == status      # though the loop is still blocked
    gate.touch()
    assert site.process.reload(config_with(origin, tmp_path, plugin("blocks", on_error=on_error)))["ok"]
    assert waiting.ask(get("/")).status == 200


@pytest.mark.parametrize("hook", HOOKS)
def test_clients_that_leave(open_site, origin, tmp_path, hook):
    site, gate, _ = held(open_site, origin, tmp_path, hook, python={"timeout": 60_000})
    gone = [site.connect() for _ in range(3)]
    for client in gone:
        client.send(get("/gone"))
    stays = site.connect()
    stays.send(get("/stays"))
    wait_calls(site, "held", 4)
    for client in gone:
        client.reset()
    site.wait_metric("fastgate_requests_active", 1)
    gate.touch()
    assert stays.response().get("X-Held") == "yes"
    wait_calls(site, "held", 0)


def test_an_upstream_that_leaves_while_a_filter_works(open_site, origin, tmp_path):
    """With a whole answer: it is the client's. In the middle: the client is cut as it would be without the filter."""
    ways = {"/whole": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
            "/middle": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody",
            "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"body")}
    sent = []

    def leaves(connection):
        target = connection.read().target
        connection.send(ways[target])
        sent.append(target)
        if target == "/chunks":
            connection.close()
        else:
            connection.reset()

    origin.script = leaves
    site, gate, _ = held(open_site, origin, tmp_path, "header_filter", python={"timeout": 60_000})
    clients = {target: site.connect() for target in ways}
    for target, client in clients.items():
        client.send(get(target))
    wait_calls(site, "held", 3)
    wait_until(lambda: len(sent) == 3, "the origin answered")
    for connection in list(origin.connections):
        connection.ended.wait(60)
    gate.touch()
    assert clients["/whole"].response().body == b"body"
    for target in ("/middle", "/chunks"):
        assert clients[target].to_end().partition(b"\r\n\r\n")[0].startswith(b"HTTP/1.1 200")


def test_an_upstream_that_leaves_before_all_of_a_body_was_collected(open_site, origin, tmp_path):
    write_plugin(tmp_path, "filters", "async def body_filter(self, context, config):\n    context.response.set_body('never')")
    ways = {"/middle": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody",
            "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"body"),
            "/malformed": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"body") + b"zz\r\n"}

    def leaves(connection):
        connection.send(ways[connection.read().target])
        connection.close()

    origin.script = leaves
    site = open_site(config_with(origin, tmp_path, plugin("filters"), retries=0), origin)
    client = site.connect()
    for target in ways:
        response = client.ask(get(target))      # nothing was sent yet: a whole answer, and the connection stays
        # The gateway's own answer is filtered too.
        assert response.status == 502 and response.body == b"never", target


def test_an_upstream_that_stops_before_all_of_a_body_was_collected(open_site, origin, tmp_path):
    write_plugin(tmp_path, "filters", "async def body_filter(self, context, config):\n    pass")

    def stops(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody")
        connection.wait_end()

    origin.script = stops
    site = open_site(config_with(origin, tmp_path, plugin("filters"), read_timeout=50), origin)
    client = site.connect()
    assert [client.ask(get("/")).status for _ in range(2)] == [504, 504]


def test_the_upstreams_deadline_does_not_run_while_a_filter_works(open_site, origin, tmp_path):
    write_plugin(tmp_path, "slow", "async def header_filter(self, context, config):\n    await asyncio.sleep(0.5)")

    def halves(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nbody")
        connection.send(b"body")

    origin.script = halves
    site = open_site(config_with(origin, tmp_path, plugin("slow"), read_timeout=100, python={"timeout": 60_000}), origin)
    # An origin that is slow itself, on a busy machine, has run into it before.
    answers = (site.ask(get("/")) for _ in range(20))
    assert b"bodybody" in (answer.body for answer in answers if answer.status != 504)


def test_reading_from_the_upstream_stops_meanwhile(open_site, origin, tmp_path):
    size = 64 * 1024 * 1024
    blocked = threading.Event()
    taken = []

    def floods(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece, left = pattern(65536), size
        while left:
            if not select.select([], [connection.socket], [], 0.5)[1] and not blocked.is_set():
                taken.append(size - left)
                blocked.set()
            left -= connection.socket.send(piece[:left])

    origin.script = floods
    site, gate, _ = held(open_site, origin, tmp_path, "header_filter", python={"timeout": 60_000})
    client = site.connect()
    client.send(get("/"))
    wait_calls(site, "held", 1)
    assert blocked.wait(60) and taken[0] < size // 2
    gate.touch()
    response = client.response()
    assert len(response.body) == size and response.get("X-Held") == "yes"


@pytest.mark.parametrize("hook", HOOKS)
def test_reload_and_drain_meanwhile(open_site, origin, tmp_path, hook):
    site, gate, config = held(open_site, origin, tmp_path, hook, python={"timeout": 60_000})
    old = site.connect()
    old.send(get("/old"))
    wait_calls(site, "held", 1)
    for _ in range(3):
        assert site.process.reload(config_with(origin, tmp_path))["ok"]
        assert site.process.reload(config)["ok"]
    assert site.process.reload(config_with(origin, tmp_path))["ok"]
    assert site.ask(get("/new")).get("X-Held") is None
    site.process.process.terminate()
    site.process.wait_for_log("draining")
    gate.touch()
    response = old.response()
    assert response.get("X-Held") == "yes" and response.get("Connection") == "close"
    assert site.process.wait() == 0


def test_quit_meanwhile(open_site, origin, tmp_path):
    site, _, _ = held(open_site, origin, tmp_path, "header_filter", python={"timeout": 600_000})
    client = site.connect()
    client.send(get("/"))
    wait_calls(site, "held", 1)
    site.process.process.terminate()
    site.process.wait_for_log("draining")
    site.process.process.terminate()
    assert site.process.wait() == 1


def test_another_answer_takes_the_place_of_one_that_waits(open_site, origin, tmp_path):
    """The upstream has answered early, its filter works, and the client's body turns out to be no good."""
    def early(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nearly")
        connection.wait_end()

    origin.script = early
    site, gate, _ = held(open_site, origin, tmp_path, "header_filter", python={"timeout": 60_000})
    client = site.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    wait_calls(site, "held", 1)
    client.send_quietly(b"1\r\nx\r\nnonsense\r\n")
    wait_calls(site, "held", 2)         # the 400 is filtered too; the first call finds nobody
    gate.touch()
    response = client.response()
    assert response.status == 400 and response.get("X-Held") == "yes"
    wait_calls(site, "held", 0)


def test_a_head_that_filters_make_too_large(open_site, origin, tmp_path):
    for name in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"):
        write_plugin(tmp_path, name, """
            async def header_filter(self, context, config):
                context.response.set_header(f"X-Large-{self.name}-0", "x" * 16000)
                context.response.set_header(f"X-Large-{self.name}-1", "x" * 16000)
            """)
    names = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    origin.script = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
    site = open_site(config_with(origin, tmp_path, *map(plugin, names)), origin)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/"))
        assert response.status == 502 and response.get("X-Large-one-0") is None
    assert client.ask(get("/plain")).status == 200
