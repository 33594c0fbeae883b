"""Building the transformers: what only the core knows to refuse, and that both sides mean the same by a template."""

import re
import socket

import pytest

from fastgate._core.bridge.errors import SnapshotError
from fastgate._core.bridge.gateway import Gateway
from fastgate._core.plugin import template
from fastgate.config import load_text
from fastgate.plugins.registry import PLUGINS
from fastgate.plugins.request_transformer import TEMPLATE

CONFIG = """
_format_version: "3.0"
gateway: {access_log: "off"}
services:
  - name: s
    url: http://127.0.0.1:9
    routes: [{paths: [/]}]
    plugins: [{name: request-transformer, config: %s}]
"""


def publish(config: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        model = load_text(CONFIG % config, "fastgate.yaml", plugins=PLUGINS)
        gateway = Gateway(1, model.gateway)
        gateway.listen([listening.fileno()], False, listening.getsockname()[1], False)
        gateway.publish(model)


@pytest.mark.parametrize(("config", "field", "words"), [
    ("{http_method: FETCH}", "http_method", '"FETCH" is no method'),
    ("{replace: {headers: ['Host:a b']}}", "replace.headers", "no host name"),
    ("{replace: {headers: ['x:1', 'hOST:a/b']}}", "replace.headers", "no host name"),
    ("{replace: {headers: ['host:x:0']}}", "replace.headers", "no host name"),
])
def test_what_cannot_be_compiled(config, field, words):
    with pytest.raises(SnapshotError, match=words) as caught:
        publish(config)
    assert (caught.value.entity, caught.value.field) == ('plugin "request-transformer"', field)


@pytest.mark.parametrize("config", [
    "{http_method: PATCH, replace: {uri: /, headers: ['Host:[::1]:80', 'x:']}}",
    "{replace: {headers: ['host:$(headers.a-b)']}}",
    "{replace: {uri: '$(uri_captures[99999999999])'}}",
    "{replace: {uri: '/../../%2e%2E/ ?#'}}",
])
def test_what_can(config):
    publish(config)


def test_the_schemas_grammar_is_the_cores():
    """Neither may import the other, so each has its own; what one checks the other compiles."""
    assert re.sub(r"\s+", "", TEMPLATE.pattern) == re.sub(r"\s+", "", template.PIECES.pattern)
