"""Plugins in Python that misbehave: whoever does not use them does not notice."""

from __future__ import annotations

import json
import time

import pytest

from gateway.plugins.python_site import HELD, config_with, plugin, wait_calls, write_plugin
from support.answers import said
from support.client import get
from support.origin import echo
from support.process import GatewayFailed

pytestmark = pytest.mark.core


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


RAISES = {
    "raises": "raise ValueError('the reason')",
    "exits": "raise SystemExit(3)",
    "cancels": "raise asyncio.CancelledError",
    "returns": "return 'text'",
    "splits": "answer = Response(200); answer.content_type = 'a\\r\\nX-B: 2'; return answer",
    "answers with nothing": "answer = Response(403); answer.status = 0; return answer",
    "answers with no headers": "answer = Response(403); answer.headers = 5; return answer",
    "forgets": "return Response.__new__(Response)",
}


@pytest.mark.parametrize("form", ["async def", "def"])
@pytest.mark.parametrize("what", RAISES)
def test_a_plugin_that_fails(open_site, origin, tmp_path, form, what):
    write_plugin(tmp_path, "bad", f"{form} access(self, context, config):\n    {RAISES[what]}")
    site = open_site(config_with(origin, tmp_path, plugin("bad")), origin)
    client = site.connect()
    response = client.ask(get("/"))
    assert response.status == 500 and json.loads(response.body)["message"] == "An unexpected error occurred"
    assert client.ask(get("/plain")).status == 200
    assert site.metrics()['fastgate_plugin_failures_total{plugin="bad"}'] == 1
    if what == "raises":
        assert "access raised ValueError: the reason" in site.process.wait_for_log("ValueError")
    assert site.process.reload(config_with(origin, tmp_path, plugin("bad", on_error="continue")))["ok"]
    assert site.ask(get("/")).status == 200


@pytest.mark.parametrize("form", ["async def", "def"])
def test_a_plugin_that_hangs(open_site, origin, tmp_path, form):
    gate = tmp_path / "gate"
    wait = "await asyncio.sleep(600)" if form == "async def" else "time.sleep(0.01)"
    write_plugin(tmp_path, "hangs", f"""
        {form} access(self, context, config):
            import os
            while not os.path.exists({str(gate)!r}):
                {wait}
        """)
    site = open_site(config_with(origin, tmp_path, plugin("hangs", phase_timeout=1000)), origin)
    waiting = site.connect()
    waiting.send(get("/"))
    assert site.ask(get("/plain")).status == 200
    assert waiting.response().status == 500
    assert site.metrics()['fastgate_plugin_timeouts_total{plugin="hangs"}'] == 1
    site.process.wait_for_log("access took longer than 1 s")
    wait_calls(site, "hangs", 0)
    gate.touch()


def test_a_late_answer_of_a_thread_is_dropped(open_site, origin, tmp_path):
    gate, done = tmp_path / "gate", tmp_path / "done"
    write_plugin(tmp_path, "late", f"""
        def access(self, context, config):
            import os
            while not os.path.exists({str(gate)!r}):
                time.sleep(0.002)
            try:
                context.request.set_header("X-A", context.request.path)
            finally:
                open({str(done)!r}, "w").close()
        """)
    site = open_site(config_with(origin, tmp_path, plugin("late", phase_timeout=1000)), origin)
    assert site.ask(get("/")).status == 500
    assert site.process.reload(config_with(origin, tmp_path, plugin("late")))["ok"]
    gate.touch()
    end = time.monotonic() + 30
    while not done.exists():
        assert time.monotonic() < end
    assert site.ask(get("/")).status == 200
    assert site.metrics()['fastgate_plugin_failures_total{plugin="late"}'] == 1


def test_a_flood_is_refused_beyond_the_bound_and_others_never_notice(open_site, origin, tmp_path):
    gate = tmp_path / "gate"
    for name in ("held", "other"):
        write_plugin(tmp_path, name, HELD, config="gate: str")
    config = config_with(origin, tmp_path, plugin("held", gate=str(gate)), python={"calls": 8})
    config["services"][0]["routes"].append(
        {"name": "other", "paths": ["/other"], "plugins": [plugin("other", gate="/")]})
    site = open_site(config, origin)
    clients = [site.connect() for _ in range(8)]
    for client in clients:
        client.send(get("/"))
    wait_calls(site, "held", 8)
    for _ in range(20):
        response = site.ask(get("/"))
        assert said(response) == (500, "An unexpected error occurred")
        assert site.ask(get("/plain")).status == 200
        assert site.ask(get("/other")).status == 200
    assert site.scrape()['fastgate_plugin_refused_total{plugin="held"}'] == 20
    gate.touch()
    assert [client.response().status for client in clients] == [200] * 8
    assert site.ask(get("/")).status == 200


def test_threads_that_hang_count_as_a_flood_does(open_site, origin, tmp_path):
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "hangs", """
        def access(self, context, config):
            while not __import__("os").path.exists(config.gate):
                time.sleep(0.01)
        """, config="gate: str")
    site = open_site(config_with(origin, tmp_path, plugin("hangs", gate=str(gate), phase_timeout=300),
                                 python={"calls": 2, "threads": 1, "failures": 100}), origin)
    for _ in range(2):                                  # the second one has no thread
        assert said(site.ask(get("/"))) == (500, "An unexpected error occurred")
    for _ in range(3):
        assert said(site.ask(get("/"))) == (500, "An unexpected error occurred")
    metrics = site.metrics()
    counts = [metrics[f'fastgate_plugin_{what}_total{{plugin="hangs"}}'] for what in ("timeouts", "failures", "refused")]
    assert counts == [2, 2, 3]
    gate.touch()


def test_a_plugin_that_keeps_failing_is_tripped_off_for_a_while(open_site, origin, tmp_path):
    calls = tmp_path / "calls"
    write_plugin(tmp_path, "flaky", f"""
        async def access(self, context, config):
            with open({str(calls)!r}, "a") as file:
                file.write("x")
            if context.request.path != "/good":
                raise ValueError
        """)
    site = open_site(config_with(origin, tmp_path, plugin("flaky"), python={"failures": 3, "pause": 3000}), origin)
    assert [site.ask(get(path)).status for path in ("/", "/", "/good", "/", "/", "/")] == [500, 500, 200, 500, 500, 500]
    ran = calls.read_text()
    assert ran == "x" * 6 and site.ask(get("/good")).status == 500 and calls.read_text() == ran
    assert site.metrics()['fastgate_plugin_trips_total{plugin="flaky"}'] == 1
    end = time.monotonic() + 30
    while site.ask(get("/good")).status != 200:         # on trial once the pause is over
        assert time.monotonic() < end
    assert site.ask(get("/")).status == 500 and site.ask(get("/good")).status == 200


def test_what_is_refused_before_it_runs(open_site, origin, tmp_path):
    write_plugin(tmp_path, "good", "async def access(self, context, config):\n    pass", config="n: int = 1")
    good = config_with(origin, tmp_path, plugin("good"))
    site = open_site(good, origin)
    cases = {
        'expected an integer, not the text "x"': config_with(origin, tmp_path, plugin("good", n="x")),
        'did you mean "n"': config_with(origin, tmp_path, plugin("good", nn=1)),
        'the plugin "nowhere"': config_with(origin, tmp_path, plugin("nowhere")),
    }
    for expected, config in cases.items():
        answer = site.process.reload(config)
        assert not answer["ok"] and expected in "\n".join(answer["errors"]), answer
    hooks = {"selects": "def balancer(self, context, config):\n    pass",
             "starts": "async def init(self):\n    raise ValueError('no licence')",
             "breaks": "def configure(self, configs):\n    raise ValueError('not these')"}
    for name, body in hooks.items():
        write_plugin(tmp_path, name, body)
    expected = {"selects": "balancer: that phase is not in this version", "starts": "init raised ValueError: no licence",
                "breaks": "configure raised ValueError: not these"}
    for name, message in expected.items():
        answer = site.process.reload(config_with(origin, tmp_path, plugin("good"), plugin(name)))
        assert not answer["ok"] and message in "\n".join(answer["errors"]), answer
    assert site.ask(get("/")).status == 200
    assert site.process.reload(good)["ok"]


def test_life_of_a_plugin(open_site, origin, tmp_path):
    file = tmp_path / "events"
    write_plugin(tmp_path, "alive", f"""
        def _note(self, text):
            with open({str(file)!r}, "a") as file:
                file.write(text + "\\n")

        async def init(self):
            self._note("init")

        def configure(self, configs):
            self._note("configure " + " ".join(str(one.n) for one in configs))

        async def access(self, context, config):
            context.store.increase("alive:n")
            context.request.set_header("X-N", str(context.store.get("alive:n")))

        def close(self):
            self._note("close")
        """, config="n: int = 0")

    def events() -> list[str]:
        return file.read_text().splitlines()

    config = config_with(origin, tmp_path, plugin("alive", n=1))
    config["plugins"] = [plugin("alive", n=2)]
    site = open_site(config, origin, workers=2)
    for _ in range(3):
        assert site.ask(get("/")).status == 200
    assert origin.requests[-1].get("X-N") == "3"
    assert events() == ["init", "configure 2 1"] or events() == ["init", "configure 1 2"]
    assert site.process.reload(config)["ok"]                    # nothing new: nothing told
    assert len(events()) == 2
    assert site.process.reload(config_with(origin, tmp_path, plugin("alive", n=5)))["ok"]
    assert events()[2:] == ["configure 5"]
    assert site.process.reload(config_with(origin, tmp_path))["ok"]
    end = time.monotonic() + 30
    while events()[3:] != ["configure ", "close"]:
        assert time.monotonic() < end, events()
    assert site.process.reload(config)["ok"]
    assert events()[5] == "init"


@pytest.mark.parametrize("on_error, status", [("fail", 500), ("continue", 200)])
def test_a_plugin_that_blocks_the_control_loop_holds_nobody_for_long(open_site, origin, tmp_path, on_error, status):
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "blocks", f"""
        async def access(self, context, config):
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
    assert site.metrics()['fastgate_plugin_stalled_total{plugin="blocks"}'] == 1


def test_a_flood_passes_by_a_plugin_that_may_be_skipped(open_site, origin, tmp_path):
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "held", HELD, config="gate: str")
    site = open_site(config_with(origin, tmp_path, plugin("held", gate=str(gate), on_error="continue"),
                                 python={"calls": 1, "timeout": 60_000}), origin)
    held = site.connect()
    held.send(get("/held"))
    wait_calls(site, "held", 1)
    assert site.ask(get("/passes")).status == 200
    gate.touch()
    assert held.response().status == 200
    assert [(one.target, one.get("X-Held")) for one in origin.requests] == [("/passes", None), ("/held", "yes")]


def test_changes_that_grow_while_they_are_taken(open_site, origin, tmp_path):
    write_plugin(tmp_path, "grows", """
        async def access(self, context, config):
            changes = context.request._changes = []

            class Item:
                def __iter__(self):
                    changes.append((1, b"X-Late", b"1"))
                    return iter((1, b"X-First", b"1"))

            changes.append(Item())
        """)
    site = open_site(config_with(origin, tmp_path, plugin("grows")), origin)
    assert site.ask(get("/")).status == 200
    assert origin.requests[-1].get("X-First") == "1" and origin.requests[-1].get("X-Late") is None


@pytest.mark.parametrize("form", ["async def", "def"])
@pytest.mark.parametrize("hook, arguments", [("init", ""), ("configure", ", configs"), ("close", ""), ("__init__", "")])
def test_a_plugin_whose_life_goes_wrong_takes_nobody_with_it(open_site, origin, tmp_path, hook, arguments, form):
    form = "def" if hook == "__init__" else form
    without = config_with(origin, tmp_path)
    site = open_site(without, origin)
    for error in ("SystemExit", "CancelledError", "StopIteration", "KeyboardInterrupt"):
        name = error.lower()
        write_plugin(tmp_path, name, f"""
            {form} {hook}(self{arguments}):
                from asyncio import CancelledError
                raise {error}

            def log(self, context, config): ...
            """)
        answer = site.process.reload(config_with(origin, tmp_path, plugin(name)))
        assert answer["ok"] == (hook == "close"), answer
        if hook != "close":
            # A coroutine's StopIteration is Python's RuntimeError.
            expected = "RuntimeError" if error == "StopIteration" and form == "async def" else error
            assert f" raised {expected}" in "\n".join(answer["errors"])
        assert site.process.reload(without)["ok"] and site.ask(get("/")).status == 200
        if hook == "close":
            site.process.wait_for_log(f"the plugin {name}: close raised")
    assert site.process.reload(without)["ok"] and site.process.stop() == 0


def test_a_file_that_exits_when_it_is_imported(open_site, origin, tmp_path):
    site = open_site(config_with(origin, tmp_path), origin)
    for error in ("SystemExit", "KeyboardInterrupt", "asyncio.CancelledError"):
        (tmp_path / "exits.py").write_text(f"import asyncio\nraise {error}\n")
        answer = site.process.reload(config_with(origin, tmp_path, plugin("exits")))
        assert not answer["ok"] and f"importing it raised {error.split('.')[-1]}" in "\n".join(answer["errors"])
    assert site.ask(get("/")).status == 200


def test_a_start_that_one_plugin_refuses_closes_the_others(open_site, open_origin, tmp_path):
    closed = tmp_path / "closed"
    write_plugin(tmp_path, "good", "def close(self):\n    open(" + repr(str(closed)) + ", 'w').close()\n", priority=800)
    write_plugin(tmp_path, "bad", "def init(self):\n    raise OSError('no')\n")
    origin = open_origin(echo)
    with pytest.raises(GatewayFailed, match="the plugin bad: init raised OSError: no"):
        open_site(config_with(origin, tmp_path, plugin("good"), plugin("bad")), origin)
    assert closed.exists()
