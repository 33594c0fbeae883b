"""A gateway with its upstream, as most whole-gateway tests want it, and the ledger that must balance after."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from support.client import Client
from support.messages import Response
from support.origin import Origin
from support.process import GatewayProcess, start_gateway

SETTLE_S = 45.0
Config = dict[str, Any]

# The gauges that must be zero when no client is there, as /metrics names them.
GAUGES = ("fastgate_connections_active", "fastgate_requests_active", "fastgate_tunnels_active", "fastgate_mirrors_active")


def service(target: Origin | str, *routes: Config, name: str = "service", **fields: Any) -> Config:
    """A service before an origin or a host name (an upstream's); one catch-all route unless some are given."""
    where = {"url": target.url} if isinstance(target, Origin) else {"host": target}
    if not routes:
        routes = ({"name": f"{name}-all", "paths": ["/"], "strip_path": False},)
    return {"name": name, **where, **fields, "routes": list(routes)}


def config_of(*services: Config, gateway: Config | None = None, upstreams: list[Config] | None = None,
              plugins: list[Config] | None = None, consumers: list[Config] | None = None) -> Config:
    config: Config = {"_format_version": "3.0", "services": list(services)}
    rest = {"gateway": gateway, "upstreams": upstreams, "plugins": plugins, "consumers": consumers}
    return config | {name: given for name, given in rest.items() if given}


def plugin(name: str, /, **config: Any) -> Config:
    return {"name": name, "config": config}


def consumer(username: str, /, *keys: str, **fields: Any) -> Config:
    """A consumer with these API keys."""
    return {"username": username, "keyauth_credentials": [{"key": key} for key in keys], **fields}


def upstream(name: str, *targets: tuple[Origin | str, int], **fields: Any) -> Config:
    """An upstream with (target, weight) pairs."""
    rows = [{"target": t.target if isinstance(t, Origin) else t, "weight": weight} for t, weight in targets]
    return {"name": name, **fields, "targets": rows}


def parse_metrics(text: str) -> dict[str, float]:
    """Prometheus text as {name or name{labels}: value}; a name's sum over its labels under the bare name."""
    values: dict[str, float] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        found = re.fullmatch(r"([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)", line)
        assert found, f"no Prometheus sample: {line!r}"
        name, labels, value = found[1], found[2], float(found[3])
        values[name] = values.get(name, 0.0) + value
        if labels:
            values[name + labels] = value
    return values


class Site:
    """A running gateway and the origins behind it; the clients it hands out are closed by `settle`."""

    def __init__(self, config: Config, *origins: Origin, **options: Any) -> None:
        self.origins = origins
        self.process: GatewayProcess = start_gateway(config, **options)
        self._clients: list[Client] = []

    @property
    def origin(self) -> Origin:
        return self.origins[0]

    @property
    def address(self) -> tuple[str, int] | str:
        first = self.process.addresses[0]
        return first.removeprefix("unix:") if first.startswith("unix:") else ("127.0.0.1", self.process.port)

    def connect(self, address: tuple[str, int] | str | None = None, **options: Any) -> Client:
        client = Client(address or self.address, **options)
        self._clients.append(client)
        return client

    def ask(self, data: bytes, *, to_head: bool = False) -> Response:
        """One request on a connection of its own."""
        client = self.connect()
        response = client.ask(data, to_head=to_head)
        client.close()
        return response

    def echo(self, data: bytes) -> Config:
        """What the upstream received for this request."""
        response = self.ask(data)
        assert response.status == 200, (response.status, response.body[:300])
        return json.loads(response.body)

    def status(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.process.status_url + path, timeout=SETTLE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> dict[str, float]:
        """The samples, with all in them that was answered: a reactor counts a request after its last byte has left.

        Not for a test that holds a request, or a tunnel, open: what it wants is `scrape`.
        """
        end = time.monotonic() + SETTLE_S
        while (samples := self.scrape())["fastgate_requests_active"]:
            assert time.monotonic() < end, "a request stays open: to see how it is meanwhile, use `scrape`"
            time.sleep(0.002)
        return samples

    def scrape(self) -> dict[str, float]:
        """The samples of this moment."""
        return parse_metrics(self.status("/metrics")[1])

    def wait_metric(self, name: str, value: float) -> None:
        """Wait until this metric has exactly this value."""
        end = time.monotonic() + SETTLE_S
        while (now := self.scrape()[name]) != value:
            assert time.monotonic() < end, f"{name} stays {now}, not {value}"
            time.sleep(0.01)

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def cpu_time(self) -> float:
        """Seconds of processor time the gateway has used, in all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settle(self) -> None:
        """Close the clients, then: the gateway lives, holds nothing, and no origin has a complaint."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self.process.returncode is None and self.process.status_port is not None:
            end = time.monotonic() + SETTLE_S
            while held := {name: n for name in GAUGES if (n := self.scrape()[name])}:
                assert time.monotonic() < end, f"leaked: {held}\n{self.process.log()[-2000:]}"
                time.sleep(0.01)
            self.check_upstream_connections()
        for origin in self.origins:
            origin.check()

    def check_upstream_connections(self) -> None:
        """Every connection begun to an upstream is closed or waits in a pool; but for one that leaves it just now."""
        end = time.monotonic() + SETTLE_S
        while True:
            metrics = self.metrics()
            begun = metrics.get('fastgate_upstream_requests_total{connection="new"}', 0)
            kept = begun - metrics["fastgate_upstream_connections_closed_total"]
            if kept == metrics["fastgate_upstream_connections_idle"]:
                return
            assert time.monotonic() < end, f"{kept} connections to upstreams are not in a pool"
            time.sleep(0.01)

    def forget(self) -> None:
        for origin in self.origins:
            origin.forget()

    def close(self) -> None:
        self.process.close()
        for origin in self.origins:
            origin.close()
