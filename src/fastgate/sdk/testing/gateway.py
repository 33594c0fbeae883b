"""A gateway in a process of its own, for the length of a `with`."""

from __future__ import annotations

import http.client
import inspect
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastgate.sdk.errors import PluginError
from fastgate.sdk.plugin import Contract, Plugin

from .answer import Answer
from .upstream import Answers, Upstream, echo

START_S = 60.0              # a busy machine's
ANSWER_S = 30.0
END_S = 15.0

# A script's file is run in the gateway under this name: under `__main__` it would start the next gateway.
_MAIN = "fastgate_tested_main"
_IN_GATEWAY = "TESTED_BY_FASTGATE"      # in the environment of the gateway

_SHIM = """
import sys
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location({module!r}, {file!r})
module = sys.modules[spec.name] = module_from_spec(spec)
spec.loader.exec_module(module)
found = module
for name in {qualname!r}.split("."):
    found = getattr(found, name)
"""


class GatewayFailed(AssertionError):
    """It ended, or was not ready in time; its log is in the message."""


@contextmanager
def gateway_with(*plugins: type[Plugin] | str, config: Mapping[str, Any] | None = None, answers: Answers = echo,
                 gateway: Mapping[str, Any] | None = None, **sections: Any) -> Iterator[RunningGateway]:
    """A running gateway with these plugins on its only route, which takes all paths.

    Args:
        plugins: classes, defined at the top level of a file, or names of plugins that are native, shipped or installed.
        config: of the first of them; the others have their defaults.
        answers: what the upstream says; by default it tells, as JSON, what it was sent.
        gateway: the `gateway:` section.
        sections: other sections of the file, like `consumers=[…]`, `plugins=[…]`.

    Raises GatewayFailed, PluginError.
    """
    if _IN_GATEWAY in os.environ:
        raise PluginError("the gateway read the file of its plugin, and that starts a gateway; let the file do so only under "
                          'if __name__ == "__main__":, or in a test')
    home = Path(tempfile.mkdtemp(prefix="fastgate-testing-"))
    upstream = Upstream(answers)
    running = None
    try:
        names = [one if isinstance(one, str) else Contract(one).name for one in plugins]
        _install([one for one in plugins if not isinstance(one, str)], home)
        used = [{"name": name, "config": dict(config or {}) if at == 0 else {}} for at, name in enumerate(names)]
        route = {"name": "all", "paths": ["/"], "strip_path": False, "plugins": used}
        settings = {"log_level": "info", "access_log": "off", "workers": 1, **(gateway or {})}
        (home / "gateway.json").write_text(json.dumps({
            "_format_version": "3.0", "gateway": settings,
            "services": [{"name": "upstream", "url": upstream.url, "routes": [route]}], **sections}))
        running = RunningGateway(home, upstream)
        running.wait_until_ready()
        yield running
    finally:
        if running is not None:
            running.close()
        upstream.close()
        shutil.rmtree(home, ignore_errors=True)


def _install(plugins: list[type[Plugin]], home: Path) -> None:
    """As an installed distribution with entry points would be found, in a folder for PYTHONPATH."""
    site = home / "site"
    (site / "tested-0.dist-info").mkdir(parents=True)
    (site / "tested-0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: tested\nVersion: 0\n")
    points = ["[fastgate.plugins]"]
    for at, plugin in enumerate(plugins):
        if "<locals>" in plugin.__qualname__:
            raise PluginError(f"{plugin.__qualname__}: the gateway, a process of its own, can't find a class that is made "
                              "in a function; define it at the top level of a file")
        module = _MAIN if plugin.__module__ == "__main__" else plugin.__module__
        shim = _SHIM.format(module=module, file=inspect.getfile(plugin), qualname=plugin.__qualname__)
        (site / f"fastgate_tested_{at}.py").write_text(shim)
        points.append(f"tested{at} = fastgate_tested_{at}:found")
    (site / "tested-0.dist-info/entry_points.txt").write_text("\n".join(points) + "\n")


class RunningGateway:
    """Made by `gateway_with`."""

    def __init__(self, home: Path, upstream: Upstream) -> None:
        #: The upstream; `upstream.requests` is what reached it.
        self.upstream = upstream
        # Bound, but not listening: nobody else gets the ports, and the gateway can bind them too.
        self._held = [_held_port(), _held_port()]
        self.port, self.status_port = (one.getsockname()[1] for one in self._held)
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(home / "notify"))
        self._log = bytearray()
        self._news = threading.Condition()
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("FASTGATE_", "LISTEN_"))}
        environ |= {"RUNTIME_DIRECTORY": str(home), "NOTIFY_SOCKET": str(home / "notify"), "PYTHONUNBUFFERED": "1",
                    _IN_GATEWAY: "1", "PYTHONPATH": os.pathsep.join([str(home / "site"), *filter(None, sys.path)])}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fastgate", "run", "-c", str(home / "gateway.json"),
             "--listen", f"127.0.0.1:{self.port}", "--status-listen", f"127.0.0.1:{self.status_port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        """For other clients; without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str = "/", headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> Answer:
        return self.request("GET", path, headers)

    def post(self, path: str = "/", body: bytes | str = b"",
             headers: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> Answer:
        return self.request("POST", path, headers, body)

    def request(self, method: str, path: str = "/", headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
                body: bytes | str = b"") -> Answer:
        """On a connection of its own."""
        return _ask(self.port, method, path, headers, body)

    def metrics(self) -> dict[str, float]:
        """What `/metrics` says: `fastgate_plugin_greeting_seen_total` or `…{kind="x"}` to its value."""
        text = _ask(self.status_port, "GET", "/metrics").text
        samples = (re.fullmatch(r"([a-zA-Z_:][\w:]*(?:\{.*\})?) (\S+)", line) for line in text.splitlines())
        return {found[1]: float(found[2]) for found in samples if found}

    def log(self) -> str:
        """The error log so far, what plugins say with it."""
        with self._news:
            return self._log.decode("utf-8", "replace")

    def wait_for_log(self, text: str, timeout_s: float = ANSWER_S) -> str:
        """The error log, once this is in it. Raises AssertionError."""
        with self._news:
            if not self._news.wait_for(lambda: text.encode() in self._log, timeout_s):
                raise AssertionError(f"{text!r} is not in the log:\n{self._log.decode('utf-8', 'replace')}")
            return self._log.decode("utf-8", "replace")

    def wait_until_ready(self) -> None:
        end = time.monotonic() + START_S
        pidfd = os.pidfd_open(self._process.pid)
        try:
            poller = select.poll()
            poller.register(self._notify, select.POLLIN)
            poller.register(pidfd, select.POLLIN)
            while ready := poller.poll(max(0.0, end - time.monotonic()) * 1000):
                if (self._notify.fileno(), select.POLLIN) not in ready:
                    self._process.wait()
                    self._reader.join()
                    raise GatewayFailed(f"the gateway ended before it was ready; its log:\n{self.log()}")
                if b"READY=1" in self._notify.recv(4096).split(b"\n"):
                    return
            raise GatewayFailed(f"the gateway was not ready after {START_S:g} s; its log:\n{self.log()}")
        finally:
            os.close(pidfd)

    def close(self) -> None:
        """Drains, and ends; killed when it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        for held in (*self._held, self._notify):
            held.close()

    def _read(self) -> None:
        pipe: Any = self._process.stderr
        with pipe:
            while piece := pipe.read1(65536):
                with self._news:
                    self._log += piece
                    self._news.notify_all()


def _held_port() -> socket.socket:
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    return held


def _ask(port: int, method: str, path: str, headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
         body: bytes | str = b"") -> Answer:
    data = body.encode() if isinstance(body, str) else body
    fields = list(headers.items() if isinstance(headers, Mapping) else headers)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True,
                              skip_host=any(name.lower() == "host" for name, _ in fields))
        for name, value in fields:
            connection.putheader(name, value)
        is_chunked = any(name.lower() == "transfer-encoding" for name, _ in fields)     # then `body` is as it is sent
        if (data or method in ("POST", "PUT", "PATCH")) and not is_chunked:
            connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data or None)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()
