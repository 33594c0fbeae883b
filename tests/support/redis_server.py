"""A real Redis for a test: one server, one behind Sentinels, or a Cluster; on free loopback ports, nothing on disk.

    with RedisServer() as redis:
        config = {"redis": redis.record()}
        redis.pause()           # SIGSTOP: connections stay open, nothing is answered
        redis.resume()
        redis.stop(); redis.start()     # the same port, and empty

Each waits for what a server says, and never sleeps. Needs `redis-server` (Debian's package of that name).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import redis
from redis.sentinel import Sentinel
from support.process import Stream, reserve_port

PROGRAM = shutil.which("redis-server") or "/usr/bin/redis-server"
READY_S = 60.0
Record = dict[str, Any]


def reserve_ports(also: int = 0) -> list[socket.socket]:
    """A port that nobody else gets, not even while the server is down; with `also`, the one that many further too (a
    Cluster's bus)."""
    while True:
        held = [reserve_port()]
        port = held[0].getsockname()[1]
        try:
            if also:
                held.append(reserve_port(port=port + also))
            return held
        except (OSError, OverflowError):        # it is taken, or there is none
            held[0].close()


class RedisServer:
    """One redis-server process. `options`: further settings, name to value."""

    READY = "eady to accept connections"

    def __init__(self, *, also: int = 0, password: str | None = None, **options: str) -> None:
        """also: see `reserve_ports`."""
        self._held = reserve_ports(also)
        self.port = self._held[0].getsockname()[1]
        self.password = password
        self.home = Path(tempfile.mkdtemp(prefix="fastgate-redis-"))
        self._options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.home), "save": '""', "appendonly": "no",
                         **({"requirepass": password} if password else {}),
                         **{name.replace("_", "-"): value for name, value in options.items()}}
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def arguments(self) -> list[str]:
        path = self.home / "redis.conf"
        path.write_text("".join(f"{name} {value}\n" for name, value in self._options.items()))
        return [PROGRAM, str(path)]

    def start(self) -> None:
        self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._output = Stream(self.process.stdout)
        self._output.wait_for(self.READY, READY_S)

    def client(self) -> redis.Redis:
        """A plain, synchronous client; the caller's."""
        return redis.Redis(port=self.port, password=self.password, socket_timeout=READY_S, decode_responses=True)

    def record(self, **more: Any) -> Record:
        """What a plugin's `redis` record says of it."""
        return {"host": "127.0.0.1", "port": self.port, **({"password": self.password} if self.password else {}), **more}

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ends it at once, whatever it does; twice is fine."""
        if self.process is not None:
            self.process.kill()         # also one that is paused
            self.process.wait()
            self._output.join(READY_S)
            self.process = None

    def close(self) -> None:
        self.stop()
        for held in self._held:
            held.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class SentinelServer(RedisServer):
    """One Sentinel that watches `master` under the name "shop"."""

    READY = "+monitor"
    NAME = "shop"

    def __init__(self, master: RedisServer) -> None:
        self._master = master
        super().__init__()

    def arguments(self) -> list[str]:
        path = self.home / "sentinel.conf"
        path.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {self.home}\n"
                        f"sentinel monitor {self.NAME} 127.0.0.1 {self._master.port} 1\n"
                        f"sentinel down-after-milliseconds {self.NAME} 60000\nsentinel failover-timeout {self.NAME} 2000\n")
        return [PROGRAM, str(path), "--sentinel"]


class RedisBehindSentinel:
    """A master, a replica that has its data, and a Sentinel which moves from one to the other."""

    def __init__(self) -> None:
        self.master = RedisServer()
        self.replica = RedisServer(replicaof=f"127.0.0.1 {self.master.port}")
        wait_until(lambda: self.replica.client().info("replication")["master_link_status"] == "up")
        self.sentinel = SentinelServer(self.master)
        wait_until(lambda: len(self._ask("SENTINEL REPLICAS", SentinelServer.NAME)) == 1)

    def _ask(self, *command: str) -> Any:
        with self.sentinel.client() as client:
            return client.execute_command(*command)

    def record(self, **more: Any) -> Record:
        return {"sentinel_master": SentinelServer.NAME, "sentinel_role": "master",
                "sentinel_nodes": [{"host": "127.0.0.1", "port": self.sentinel.port}], **more}

    def fail_over(self) -> None:
        """The master dies; returns when the replica is the master, and the Sentinel says so. Until then it is patient: a
        master that is slow, on a busy machine, is none that is dead."""
        self._ask("SENTINEL SET", SentinelServer.NAME, "down-after-milliseconds", "300")
        self.master.stop()
        wait_until(self._is_moved)

    def _is_moved(self) -> bool:
        sentinel = Sentinel([("127.0.0.1", self.sentinel.port)], socket_timeout=READY_S)
        try:
            return sentinel.discover_master(SentinelServer.NAME)[1] == self.replica.port
        except redis.exceptions.ConnectionError:
            return False                # none for the moment

    def close(self) -> None:
        for server in (self.sentinel, self.replica, self.master):
            server.close()

    def __enter__(self) -> RedisBehindSentinel:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class RedisClusterServers:
    """A Cluster of three masters, all slots served."""

    BUS = 10000

    def __init__(self) -> None:
        self.nodes = [RedisServer(also=self.BUS, cluster_enabled="yes", cluster_node_timeout="2000") for _ in range(3)]
        first = self.nodes[0].client()
        share = 16384 // 3
        for at, node in enumerate(self.nodes):
            last = 16383 if at == 2 else share * (at + 1) - 1
            with node.client() as client:
                client.execute_command("CLUSTER ADDSLOTSRANGE", share * at, last)
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", at + 1)
            if at:
                first.execute_command("CLUSTER MEET", "127.0.0.1", node.port)
        first.close()
        for node in self.nodes:
            wait_until(lambda node=node: node.client().execute_command("CLUSTER INFO")["cluster_state"] == "ok")

    def record(self, **more: Any) -> Record:
        return {"cluster_nodes": [{"ip": "127.0.0.1", "port": node.port} for node in self.nodes], **more}

    def keys(self, pattern: str) -> list[list[str]]:
        """Each node's."""
        return [node.client().keys(pattern) for node in self.nodes]

    def close(self) -> None:
        for node in self.nodes:
            node.close()

    def __enter__(self) -> RedisClusterServers:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def wait_until(holds, timeout_s: float = READY_S) -> None:
    """Asks again and again; each question is a round trip, so this burns little."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "did not come to hold"
