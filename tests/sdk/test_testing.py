"""The test kit: the page's own lines under pytest, and what else it offers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from fastgate.sdk import Plugin, PluginError, Response
from fastgate.sdk.testing import Answer, GatewayFailed, gateway_with

PAGE = Path(__file__).parents[2] / "docs/plugins.md"
SOURCE = Path(find_spec("fastgate").origin).parents[1]


class Counting(Plugin):
    name = "counting"
    version = "1.0.0"
    priority = 700

    class Config:
        status: int = 418

    def init(self) -> None:
        self.seen = self.tools.metrics.counter("seen", "Requests.", "method")

    async def access(self, context, config):
        self.seen.increase(method=context.request.method)
        context.log.warning("saw %s", context.request.path)
        context.request.set_header("X-Seen", "yes")
        return Response(config.status, "stopped") if context.request.path == "/stop" else None


SCRIPT = """
import sys
from pathlib import Path

from fastgate import Plugin, Response
from fastgate.sdk.testing import gateway_with

class Hello(Plugin):
    name = "hello"
    version = "1.0.0"

    async def access(self, context, config):
        return Response(200, "hello")

"""
GATEWAY = """
    runs = Path(__file__).with_name("runs")
    runs.write_text("x" + (runs.read_text() if runs.exists() else ""))
    if len(runs.read_text()) > 3:
        sys.exit("each gateway starts another")
    with gateway_with(Hello) as gateway:
        answer = gateway.get("/")
        print(answer.status, answer.text)
"""


class Broken(Plugin):
    name = "broken"
    version = "1.0.0"

    def init(self) -> None:
        raise RuntimeError("no way")


def test_the_pages_lines_pass(tmp_path):
    blocks = dict(re.findall(r"```python\n# (?:\w+/)?(\w+\.py)\n(.*?)```", PAGE.read_text(), re.S))
    for name in ("greeting.py", "test_greeting.py"):
        (tmp_path / name).write_text(blocks[name])
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCE), str(tmp_path)])}
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_greeting.py"], cwd=tmp_path,
                         env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0 and " passed" in ran.stdout, ran.stdout + ran.stderr


def test_requests_metrics_and_log_of_a_class_in_the_tests_own_file():
    with gateway_with(Counting, config={"status": 451}) as gateway:
        told = gateway.post("/a?b=c", "body", headers={"X-One": "1"}).json()
        assert (told["method"], told["path"], told["body"]) == ("POST", "/a?b=c", "body")
        assert told["headers"]["x-one"] == "1" and told["headers"]["x-seen"] == "yes"
        stopped = gateway.get("/stop")
        assert (stopped.status, stopped.text) == (451, "stopped")
        assert stopped.header("content-type").startswith("text/plain") and stopped.header("X-None") is None
        assert [request.path for request in gateway.upstream.requests] == ["/a?b=c"]
        assert gateway.metrics()['fastgate_plugin_counting_seen_total{method="POST"}'] == 1
        gateway.wait_for_log("saw /stop")


def test_an_upstream_of_ones_own_and_other_plugins_beside():
    def answers(request):
        return Answer(404, [("X-Path", request.path)], b"not here")

    with gateway_with(Counting, "key-auth", answers=answers, consumers=[
            {"username": "ann", "keyauth_credentials": [{"key": "k1"}]}]) as gateway:
        assert gateway.get("/x").status == 401
        found = gateway.request("DELETE", "/x", headers=[("apikey", "k1")])
        assert (found.status, found.header("x-path"), found.text) == (404, "/x", "not here")
        assert gateway.upstream.requests[0].headers["x-consumer-username"] == "ann"


def test_a_chunked_body_arrives_whole():
    with gateway_with() as gateway:
        told = gateway.request("POST", "/", [("Transfer-Encoding", "chunked")], b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert told.json()["body"] == "abcde"


@pytest.mark.parametrize("plugin, config, said", [
    (Counting, {"status": "x"}, 'expected an integer, not the text "x"'), (Broken, {}, "init raised RuntimeError: no way")])
def test_a_gateway_that_cannot_start_says_why(plugin, config, said):
    with pytest.raises(GatewayFailed, match=re.escape(said)):
        with gateway_with(plugin, config=config):
            pass


@pytest.mark.parametrize("guard, status, runs, said", [
    ('if __name__ == "__main__":', 0, "x", "200 hello\n"),
    ("if True:", 1, "xx", "let the file do so only under"),         # read once more, by the gateway, and refused there
], ids=["guarded", "not guarded"])
def test_a_script_starts_one_gateway(tmp_path, guard, status, runs, said):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT + guard + GATEWAY)
    environ = os.environ | {"PYTHONPATH": str(SOURCE)}
    ran = subprocess.run([sys.executable, str(file)], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300,
                         check=False)
    assert (ran.returncode, (tmp_path / "runs").read_text()) == (status, runs), ran.stdout + ran.stderr
    assert said in ran.stdout + ran.stderr


def test_a_class_of_a_function_is_refused():
    class Local(Counting):
        name = "local"

    with pytest.raises(PluginError, match="top level"):
        with gateway_with(Local):
            pass


def test_what_is_not_in_the_log_is_an_assertion():
    with gateway_with() as gateway:
        with pytest.raises(AssertionError, match="not in the log"):
            gateway.wait_for_log("never said", timeout_s=0)
