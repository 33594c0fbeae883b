"""A real gateway process for a test: tests/support/process.py.

    from support.process import start_gateway

    with start_gateway({"services": [...]}, workers=2) as gateway:
        requests.get(gateway.url + "/x")
        answer = gateway.reload({"services": [...]})     # {"ok": True, "errors": [], …}
        gateway.signal(signal.SIGUSR1)
    assert gateway.returncode == 0

or the pytest fixture `gateway`, a factory with the same arguments that stops what it started.

`start_gateway` returns when the process has said READY=1 on its notify socket, and never sleeps.
Ports are reserved by sockets which are bound, with SO_REUSEPORT, but don't listen: nobody else
gets them, and the gateway can bind them once more. Two streams are kept: `log()` is the standard
error (the error log), `access_log()` the standard output.
"""

import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path

# Where this process found fastgate: installed, built in place, or a sanitizer's build. A gateway
# it starts must be the same.
SOURCE = Path(find_spec("fastgate").origin).parents[1]
# What runs it instead of this process's Python: that of another CPU's root file system, which has
# its own fastgate (wheels/test.py).
ELSEWHERE = shlex.split(os.environ.get("FASTGATE_TEST_PYTHON", ""))
PYTHON = ELSEWHERE or [sys.executable]
READY_S = 60.0
STOP_S = 45.0
SAID_S = 60.0           # for what it is asked for or writes: nothing takes as long, not even instrumented on a busy machine


class GatewayFailed(AssertionError):
    """The process ended, or said nothing, before it was ready. `returncode` (None: still ran), `log`."""

    def __init__(self, message: str, returncode: int | None, log: str) -> None:
        super().__init__(f"{message}\n--- its log ---\n{log}")
        self.returncode = returncode
        self.log = log


class Stream:
    """One output of the process, collected by a thread; `wait_for` is told of each piece."""

    def __init__(self, pipe) -> None:
        self._pipe = pipe
        self._data = bytearray()
        self._ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def text(self) -> str:
        with self._news:
            return self._data.decode("utf-8", "replace")

    def wait_for(self, text: str, timeout: float, since: int = 0) -> str:
        """What has been written once `text` is in it (from character `since` on)."""
        with self._news:
            if not self._news.wait_for(
                lambda: text in self._data.decode("utf-8", "replace")[since:] or self._ended, timeout
            ) or text not in self._data.decode("utf-8", "replace")[since:]:
                raise AssertionError(f"{text!r} is not in:\n{self._data.decode('utf-8', 'replace')}")
            return self._data.decode("utf-8", "replace")

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _collect(self) -> None:
        while piece := self._pipe.read1(65536):
            with self._news:
                self._data += piece
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()
        self._pipe.close()


class GatewayProcess:
    """A running `fastgate run`. Made by `start_gateway`."""

    def __init__(self, process: subprocess.Popen, config_path: Path, home: Path, addresses: list[str],
                 status_port: int | None, reserved: list[socket.socket], environ: dict[str, str],
                 notify: socket.socket) -> None:
        self.process = process
        self.pid = process.pid
        self.config_path = config_path      # the file it reads; `reload(config)` writes it anew
        self.home = home                    # its directory: configuration, control socket
        self.addresses = addresses          # what it listens on, "127.0.0.1:40001" or "unix:/path"
        self.ports = [int(a.rpartition(":")[2]) for a in addresses if not a.startswith("unix:")]
        self.status_port = status_port
        self.environ = environ
        self._reserved = reserved
        self._notify = notify
        self._stdout = Stream(process.stdout)
        self._stderr = Stream(process.stderr)

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def url(self) -> str:
        """The first listener's base URL, without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def status_url(self) -> str:
        return f"http://127.0.0.1:{self.status_port}"

    @property
    def returncode(self) -> int | None:
        return self.process.poll()

    @property
    def control_path(self) -> str:
        from fastgate.control.control_client import socket_path

        return socket_path(str(self.config_path), environ=self.environ)

    def command(self, command: str, timeout: float = SAID_S) -> dict:
        """Sends one command to the control socket; its answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(timeout)
            client.connect(self.control_path)
            client.sendall(json.dumps({"command": command}).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                piece = client.recv(65536)
                if not piece:
                    break
                answer += piece
        return json.loads(answer)

    def write_config(self, config: dict | str) -> None:
        """Replaces the configuration file by a rename, as editors and tools do. Reloads nothing."""
        write_config(self.config_path, config)

    def reload(self, config: dict | str | None = None) -> dict:
        """Writes the configuration, if one is given, and reloads; the answer: ok, errors, warnings …"""
        if config is not None:
            self.write_config(config)
        return self.command("reload")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = STOP_S) -> int:
        """Waits for the process to end by itself; its exit code."""
        code = self.process.wait(timeout)
        self._stdout.join(timeout)
        self._stderr.join(timeout)
        return code

    def stop(self, timeout: float = STOP_S) -> int:
        """SIGTERM, then waits; its exit code. Killed (and an AssertionError) when it does not end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait(timeout)
            raise AssertionError(f"the gateway did not stop within {timeout} s; its log:\n{self.log()}") from None

    def close(self) -> None:
        """Ends it somehow (a second SIGTERM quits at once), frees ports and files. Twice is fine."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(3)
                except subprocess.TimeoutExpired:
                    self.process.kill()
            self.wait()
        for held in (*self._reserved, self._notify):
            held.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def log(self) -> str:
        """The error log so far (standard error)."""
        return self._stderr.text()

    def access_log(self) -> str:
        """Standard output so far: the access log when `access_log="stdout"`."""
        return self._stdout.text()

    def wait_for_log(self, text: str, timeout: float = SAID_S, since: int = 0) -> str:
        return self._stderr.wait_for(text, timeout, since)

    def wait_for_access_log(self, text: str, timeout: float = SAID_S, since: int = 0) -> str:
        return self._stdout.wait_for(text, timeout, since)

    def notified(self, timeout: float = SAID_S) -> list[str]:
        """The lines of the next message to the service manager (READY=1 at the start is taken already)."""
        self._notify.settimeout(timeout)
        return self._notify.recv(4096).decode().split("\n")

    def rss(self) -> int:
        """Resident memory in bytes."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self) -> "GatewayProcess":
        return self

    def __exit__(self, *exc) -> None:
        self.close()


def reserve_port(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A bound TCP socket that keeps a free port (0), or this one, for somebody who binds it with SO_REUSEPORT or SO_REUSEADDR."""
    reserved = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        reserved.bind((host, port))
    except BaseException:
        reserved.close()
        raise
    return reserved


def write_config(path: Path, config: dict | str) -> None:
    text = config if isinstance(config, str) else json.dumps({"_format_version": "3.0"} | config, indent=1)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.replace(path)


def start_gateway(config: dict | str, *, workers: int = 1, listen: int | list[str] | None = 1,
                  status: bool = True, access_log: str | None = "off", log_level: str = "info",
                  args: tuple[str, ...] = (), env: dict[str, str] | None = None, fds: tuple[int, ...] = (),
                  ready_s: float = READY_S, program: tuple[str, ...] = (*PYTHON, "-m", "fastgate")) -> GatewayProcess:
    """Starts `python -m fastgate run` and waits until it is ready.

    config: a dict in Kong's format (`_format_version` is added; a `gateway:` section may be in it) or YAML text.
    listen: how many TCP listeners on free loopback ports, or their addresses, or None: the configuration says it.
    status: whether there is a status listener (on a free port, `status_url`).
    access_log: as the configuration's; None: the configuration says it. Off by default.
    args, env: further arguments, and environment variables on top of this process's.
    fds: descriptors the process inherits.
    program: what becomes the gateway's process; by default this Python with the fastgate found here.
    Raises GatewayFailed when it ends or is not ready after `ready_s`.
    """
    home = Path(tempfile.mkdtemp(prefix="fastgate-test-"))
    reserved: list[socket.socket] = []
    path = home / ("fastgate.yaml" if isinstance(config, str) else "fastgate.json")
    write_config(path, config)

    command = [*program, "run", "-c", str(path), "--log-level", log_level, "--workers", str(workers)]
    if isinstance(listen, int):
        reserved += [reserve_port() for _ in range(listen)]
        addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in reserved]
    else:
        addresses = list(listen or ())
    for address in addresses:
        command += ["--listen", address]
    status_port = None
    if status:
        reserved.append(reserve_port())
        status_port = reserved[-1].getsockname()[1]
    command += ["--status-listen", f"127.0.0.1:{status_port}" if status else "off"]
    if access_log is not None:
        command += ["--access-log", access_log]
    command += args

    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(home / "notify"))
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("FASTGATE_", "LISTEN_"))}
    environ |= {"RUNTIME_DIRECTORY": str(home), "NOTIFY_SOCKET": str(home / "notify"), "PYTHONUNBUFFERED": "1",
                "PYTHONPATH": os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH", "")]))}
    if ELSEWHERE:
        del environ["PYTHONPATH"]
    environ |= env or {}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environ, cwd=home, pass_fds=fds)
    gateway = GatewayProcess(process, path, home, addresses, status_port, reserved, environ, notify)
    try:
        _wait_until_ready(gateway, notify, ready_s)
    except BaseException:
        gateway.process.kill()
        gateway.close()
        raise
    return gateway


def _wait_until_ready(gateway: GatewayProcess, notify: socket.socket, ready_s: float) -> None:
    deadline = time.monotonic() + ready_s
    ended = os.pidfd_open(gateway.pid)
    try:
        poller = select.poll()
        poller.register(notify, select.POLLIN)
        poller.register(ended, select.POLLIN)
        while True:
            events = poller.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not events:
                raise GatewayFailed(f"the gateway was not ready after {ready_s} s", None, gateway.log())
            if any(fd == notify.fileno() for fd, _ in events):
                if b"READY=1" in notify.recv(4096).split(b"\n"):
                    return
            elif events:
                code = gateway.wait()
                raise GatewayFailed(f"the gateway ended with {code} before it was ready", code, gateway.log())
    finally:
        os.close(ended)
