"""request-size-limiting against a plain Python model: sizes near the edge, in one piece or in chunks of any length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.answers import said
from support.client import get
from support.messages import chunk_all
from support.origin import Origin
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

CONFIGS = [{"allowed_payload_size": size, "size_unit": unit, "require_content_length": wants}
           for size, unit in ((0, "bytes"), (1, "bytes"), (1000, "bytes"), (1, "kilobytes"), (33, "kilobytes"))
           for wants in (False, True)]
UNITS = {"bytes": 1, "kilobytes": 1024}


def decided(config: dict, size: int | None, chunks: list[int]) -> tuple[int, str]:
    """size: what Content-Length says; None: chunked."""
    if size is None and config["require_content_length"]:
        return 411, "A valid Content-Length header is required"
    if (sum(chunks) if size is None else size) > config["allowed_payload_size"] * UNITS[config["size_unit"]]:
        return 413, "Request size limit exceeded"
    return 200, ""


@pytest.fixture(scope="module")
def limited() -> Iterator[Site]:
    routes = [{"name": f"r{at}", "hosts": [f"r{at}.test"], "plugins": [plugin("request-size-limiting", **config)]}
              for at, config in enumerate(CONFIGS)]
    with Origin() as origin:
        site = Site(config_of(service(origin, *routes)), origin)
        yield site
        site.settle()
        assert site.process.stop() == 0, site.process.log()
        site.close()


def near(config: dict) -> st.SearchStrategy[int]:
    most = config["allowed_payload_size"] * UNITS[config["size_unit"]]
    return st.one_of(st.integers(max(0, most - 2), most + 2), st.integers(0, 2 * most + 2))


@st.composite
def requests(draw) -> tuple[int, int, list[int], bool]:
    """Which configuration, how large, in which chunks, and whether it says its length."""
    number = draw(st.integers(0, len(CONFIGS) - 1))
    size = draw(near(CONFIGS[number]))
    cuts = sorted(draw(st.lists(st.integers(0, size), max_size=4)))
    chunks = [end - start for start, end in zip([0, *cuts], [*cuts, size], strict=True) if end > start]
    return number, size, chunks, draw(st.booleans())


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests())
@example((0, 0, [], False))
@example((4, 1001, [1000, 1], False))
def test_who_comes_through_is_the_models(limited, case):
    number, size, chunks, says_length = case
    if says_length:
        data = get("/", method="POST", body=b"x" * size)
    else:
        data = get("/", "Transfer-Encoding: chunked", method="POST") + chunk_all([b"x" * chunk for chunk in chunks])
    data = data.replace(b"Host: test", b"Host: r%d.test" % number)
    status, text = decided(CONFIGS[number], size if says_length else None, chunks)
    if status == 200:
        assert limited.echo(data)["body"] == "x" * size
    else:
        assert said(limited.ask(data)) == (status, text)
