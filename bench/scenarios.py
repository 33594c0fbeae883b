"""The kinds of load, each with what is particular to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from peers import TAKES_POLICY, Peer, Setup, policy_headers, route_path
from process import free_port


@dataclass(frozen=True)
class Scenario:
    """A closed loop of `connections` clients with one request in flight each."""

    name: str
    title: str
    response_bytes: int = 13
    request_bytes: int = 0      # above 0: POST
    connections: int = 128
    is_close: bool = False      # a connection per request
    routes: int = 0
    policy: str = ""            # "key" or "jwt": who asks is found out, counted, limited and logged
    asks_as: str = ""           # a policy whose requests are sent, though the gateway has none

    def fits(self, peer: Peer) -> bool:
        return not self.policy or not peer.is_proxy or peer.name.startswith(TAKES_POLICY)

    def setup(self, folder: Path, origin_port: int) -> Setup:
        return Setup(folder, free_port(), origin_port, connections=self.connections, routes=self.routes,
                     body_bytes=max(self.request_bytes, self.response_bytes), policy=self.policy)

    def load_arguments(self) -> list[str]:
        arguments = ["-c", str(self.connections)]
        if self.request_bytes:
            arguments += ["-b", str(self.request_bytes)]
        if self.is_close:
            arguments += ["-C"]
        if self.routes:
            arguments += ["-u", route_path(0).replace("00000", "%05u") + "item", "-n", str(self.routes)]
        for header in policy_headers(self.policy or self.asks_as):
            arguments += ["-H", header]
        return arguments

    def first_path(self) -> str:
        return route_path(0) if self.routes else "/"


SCENARIOS = [
    Scenario("small", "GET, 13-byte response"),
    Scenario("get-1k", "GET, 1 KB response", response_bytes=1024),
    Scenario("get-100k", "GET, 100 KB response", response_bytes=100 * 1024),
    Scenario("get-10m", "GET, 10 MiB response, 8 connections", response_bytes=10 * 2**20, connections=8),
    Scenario("post-1k", "POST, 1 KB body", request_bytes=1024),
    Scenario("post-100k", "POST, 100 KB body", request_bytes=100 * 1024),
    Scenario("close", "GET, a connection per request", is_close=True),
    Scenario("key", "GET, key, rate limit, metrics, JSON access log", policy="key"),
    Scenario("jwt", "GET, JWT (HS256), rate limit, metrics, JSON access log", policy="jwt"),
    Scenario("routes", "GET over 10,000 routes", routes=10_000),
]
