"""Gateways that count through one Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.redis_server import RedisServer, wait_until
from support.site import Config, Site, config_of, service


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def sites(open_site, open_origin) -> Callable[..., list[Site]]:
    """So many gateways with the same configuration, which know of each other."""
    def start(*plugins: Config, n: int = 3) -> list[Site]:
        origin = open_origin()
        found = [open_site(config_of(service(origin, plugins=list(plugins))), origin) for _ in range(n)]
        for site in found:
            wait_until(lambda site=site: site.scrape()["fastgate_limit_exchange_nodes"] == n)
        return found
    return start
