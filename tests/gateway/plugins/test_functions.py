"""pre-function and post-function in whole gateways: snippets of the configuration at work."""

from __future__ import annotations

import json
import time

import pytest

from gateway.plugins.python_site import PATIENT, config_with, plugin, write_plugin
from support.client import get
from support.origin import echo
from support.site import config_of, service

pytestmark = pytest.mark.core


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


def test_snippets_of_every_phase(open_site, origin, tmp_path):
    lines = tmp_path / "lines"
    everywhere = plugin(
        "pre-function",
        rewrite=["if context.request.path == '/old':\n    context.request.set_path('/new')"],
        access=["context.request.set_header('X-First', context.request.path)",
                "import asyncio\nawait asyncio.sleep(0)\nif context.request.header('X-Stop'):\n"
                "    return Response(403, json={'reason': 'no'})",
                "context.request.set_header('X-Third', str(len(context.request.body)))"],
        header_filter=["context.response.set_header('X-Filtered', str(context.response.status))"],
        body_filter=["context.response.set_body(context.response.body + b' and more')"],
        log=[f"open({str(lines)!r}, 'a').write(f'{{context.request.path}} {{context.outcome.status}}\\n')"])
    site = open_site(config_of(service(origin), plugins=[everywhere], gateway={"python": PATIENT}), origin)
    response = site.ask(get("/old", method="POST", body=b"12345"))
    assert response.status == 200 and response.body.endswith(b" and more") and response.get("X-Filtered") == "200"
    seen = origin.requests[-1]
    assert (seen.target, seen.get("X-First"), seen.get("X-Third"), seen.body) == ("/new", "/new", "5", b"12345")
    response = site.ask(get("/a", "X-Stop: 1"))
    assert response.status == 403 and response.body.startswith(b'{"reason":"no"}') and response.get("X-Filtered") == "403"
    end = time.monotonic() + 30
    while not lines.exists() or lines.read_text() != "/new 200\n/a 403\n":
        assert time.monotonic() < end
        time.sleep(0.005)


def test_first_and_last(open_site, origin, tmp_path):
    trail = "context.request.set_header('X-Trail', (context.request.header('X-Trail') or '') + '{},')"
    write_plugin(tmp_path, "high", f"async def access(self, context, config):\n    {trail.format('high')}", priority=999_999)
    write_plugin(tmp_path, "low", f"async def access(self, context, config):\n    {trail.format('low')}", priority=-999)
    site = open_site(config_with(origin, tmp_path, plugin("post-function", access=[trail.format("post")]), plugin("low"),
                                 plugin("high"), plugin("pre-function", access=[trail.format("pre")])), origin)
    assert site.ask(get("/")).status == 200
    assert origin.requests[-1].get("X-Trail") == "pre,high,low,post,"


def test_a_snippet_that_fails_and_one_that_is_refused(open_site, origin, tmp_path):
    good = config_with(origin, tmp_path, plugin("pre-function", access=["x = 1\nreturn y"]))
    site = open_site(good, origin)
    response = site.ask(get("/"))
    assert response.status == 500 and json.loads(response.body)["message"] == "An unexpected error occurred"
    said = site.process.wait_for_log("NameError: name 'y'")
    assert 'File "<access[0]>", line 2' in said
    answer = site.process.reload(config_with(origin, tmp_path, plugin("pre-function", access=["local x = 1"])))
    assert not answer["ok"] and "access[0], line 1" in "\n".join(answer["errors"])
    assert "snippets are Python here" in "\n".join(answer["errors"])
    assert site.process.reload(config_with(origin, tmp_path, plugin("pre-function", log=["pass"])))["ok"]
    assert site.ask(get("/", method="POST", body=b"x" * 2_000_000)).status == 200   # no snippet reads it: it is streamed
    assert site.metrics()["fastgate_request_bodies_collected_total"] == 0
