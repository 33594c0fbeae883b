"""A gateway whose requests are copied, the upstream they are for, and whom the copies go to."""

from __future__ import annotations

import queue
import threading
from typing import Any

from support.messages import Request
from support.origin import DEADLINE, Connection, Origin
from support.site import Config, Site, config_of, plugin, service

DROPPED = 'fastgate_mirror_dropped_total{{reason="{}"}}'


class Shadow(Origin):
    """Takes copies: each, once whole, is in `copies`. `answer`: what it does then."""

    def __init__(self, answer=Connection.reply, **options: Any) -> None:
        self.copies: queue.Queue[Request] = queue.Queue()
        self.answer = answer
        super().__init__(self.take, name="shadow", **options)

    def take(self, connection: Connection) -> None:
        request = connection.read()
        self.copies.put(request)
        self.answer(connection)

    def next(self) -> Request:
        return self.copies.get(timeout=DEADLINE)


class Hangs:
    """Answers nothing until released."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def __call__(self, connection: Connection) -> None:
        self.gate.wait(DEADLINE)
        connection.reply()


def mirrored(origin: Origin, shadow: Origin | str, *plugins: Config, upstreams: list[Config] | None = None,
             gateway: Config | None = None, consumers: list[Config] | None = None, **config: Any) -> Config:
    """All requests go to `origin`, a copy to `shadow` (an Origin, or a URL) unless `config` says otherwise."""
    if not config.keys() & {"service", "upstream"}:
        config["url"] = shadow if isinstance(shadow, str) else shadow.url
    return config_of(service(origin, plugins=[plugin("request-mirror", **config), *plugins]), upstreams=upstreams,
                     gateway=gateway, consumers=consumers)


def mirrors(site: Site) -> dict[str, int]:
    """What is counted of copies, once none is under way; without what is zero."""
    site.wait_metric("fastgate_mirrors_active", 0)
    metrics = site.metrics()
    counts = {"sent": metrics["fastgate_mirror_requests_total"], "failed": metrics["fastgate_mirror_failures_total"]}
    counts |= {reason: metrics[DROPPED.format(reason)] for reason in ("pending", "body", "cut", "memory")}
    return {name: int(count) for name, count in counts.items() if count}
