"""Where plugins in Python collect a request's body and filter the answer, and the answer comes before the body is whole."""

from __future__ import annotations

import pytest

from gateway.plugins.python_site import config_with, plugin, wait_calls, write_plugin
from support.client import get
from support.messages import chunk
from support.origin import echo

pytestmark = pytest.mark.core

BOTH = """
    reads_body = True

    async def access(self, context, config):
        context.request.set_header("X-Seen", str(len(context.request.body)))

    async def header_filter(self, context, config):
        with open(config.gate + ".log", "a") as log:
            print(context.request.method, file=log)
        while not __import__("os").path.exists(config.gate):
            await asyncio.sleep(0.002)
        context.response.set_header("X-Filtered", "yes")
"""


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


def open_both(open_site, origin, folder, *, timeouts=None, body=100):
    write_plugin(folder, "both", BOTH, config="gate: str")
    config = config_with(origin, folder, plugin("both", gate=str(folder / "gate")), python={"body": body})
    if timeouts:
        config["gateway"]["timeouts"] = timeouts
    return open_site(config, origin)


def test_the_rest_of_a_late_body(open_site, origin, tmp_path):
    """The refusal is with the filter when it comes."""
    site = open_both(open_site, origin, tmp_path, timeouts={"client_body": 200})
    client = site.connect()
    client.send(get("/x", "Content-Length: 10", method="POST") + b"01234")
    wait_calls(site, "both", 1)
    client.send(b"56789" + get("/y"))
    assert site.connect().ask(get("/plain")).status == 200      # whatever there was to read is read
    (tmp_path / "gate").touch()
    response = client.response()
    assert response.status == 408 and response.get("X-Filtered") == "yes"
    wait_calls(site, "both", 0)
    assert [one.target for one in origin.requests] == ["/plain"]
    assert (tmp_path / "gate.log").read_text() == "POST\n"


def test_the_rest_of_a_body_that_is_too_large(open_site, origin, tmp_path):
    site = open_both(open_site, origin, tmp_path)
    client = site.connect()
    client.send(get("/x", "Transfer-Encoding: chunked", method="POST") + chunk(b"a" * 200))
    wait_calls(site, "both", 1)
    for _ in range(3):
        client.send(chunk(b"b" * 50))
        assert site.connect().ask(get("/plain")).status == 200
    (tmp_path / "gate").touch()
    response = client.response()
    assert response.status == 413 and response.get("X-Filtered") == "yes"
    wait_calls(site, "both", 0)
    assert (tmp_path / "gate.log").read_text() == "POST\n"
