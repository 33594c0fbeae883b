"""Fixtures of the whole-gateway tests.

`site`: the module's shared gateway before one scriptable origin; the module may define
`GATEWAY` (its gateway section), `SERVICE` (fields of its service), `MORE_SERVICES` (makes others before
the same origin) and `OPTIONS` (of start_gateway).
`open_site`: a factory for a test's own gateway. `open_origin`: likewise for upstreams.
After each test the ledger of every gateway used must balance: see `Site.settle`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.origin import Origin
from support.site import Site, config_of, service


@pytest.fixture(scope="module")
def shared_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    module = request.module
    with Origin() as origin:
        more = getattr(module, "MORE_SERVICES", lambda origin: ())(origin)
        config = config_of(service(origin, **getattr(module, "SERVICE", {})), *more, gateway=getattr(module, "GATEWAY", None))
        site = Site(config, origin, **getattr(module, "OPTIONS", {}))
        yield site
        code = site.process.stop()
        log = site.process.log()
        site.close()
        assert code == 0, log


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    shared_site.forget()
    yield shared_site
    assert shared_site.process.returncode is None, shared_site.process.log()
    shared_site.settle()


@pytest.fixture
def open_origin() -> Iterator[Callable[..., Origin]]:
    opened: list[Origin] = []

    def start(*args, **options) -> Origin:
        opened.append(Origin(*args, **options))
        return opened[-1]

    yield start
    for origin in opened:
        origin.close()


@pytest.fixture
def open_site(open_origin: Callable[..., Origin]) -> Iterator[Callable[..., Site]]:
    opened: list[Site] = []

    def start(config, *origins: Origin, **options) -> Site:
        opened.append(Site(config, *origins, **options))
        return opened[-1]

    yield start
    try:
        for site in opened:
            site.settle()
            code = site.process.returncode      # 1: it had to quit with work undone
            assert code in (None, 0, 1), f"the gateway ended with {code}:\n{site.process.log()}"
    finally:
        for site in opened:
            site.close()
