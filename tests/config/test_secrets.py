"""What a configuration is refused with shows no password, however the address is misspelt that holds it."""

import pytest
from fastgate.config import ConfigErrors
from fastgate.config.errors import shown, without_userinfo
from fastgate.plugins import discovery
from fastgate.plugins.registry import PLUGINS

from .support import gateway_with, loaded, plugin_with, service_with, upstream_with

ADDRESSES = [
    "http://me:hidden@", "http://me:hidden@a:b/", "http:/me:hidden@a", "http//me:hidden@a", "me:hidden@a", "htp://me:hidden@a/x",
    "http://me:hid den@a b/", "http://hidden@a:99999", "http://me:x/hidden@a:99999/", "http://me:x@hidden@a:99999/",
    "http://" + "x" * 100 + ":hidden@a:0", "http://me:hid'den\"@a:0", "HTTP://me:#hidden@a", "http://me:?hidden@a:0/",
]
FIELDS = {
    "a service's url": lambda url: service_with(url=url),
    "its host": lambda url: service_with(host=url),
    "a target": lambda url: upstream_with(targets=[{"target": url}]),
    "jwks_uri": lambda url: plugin_with("jwt", {"jwks_uri": url}),
    "http_endpoint": lambda url: plugin_with("http-log", {"http_endpoint": url}),
    "external's url": lambda url: plugin_with("external", {"url": url}),
    "Redis": lambda url: gateway_with(redis={"host": url}),
    "an unknown key": lambda url: service_with(**{url: 1}),
    "a list's place": lambda url: service_with(retries=url),
}


def messages_of(config):
    """Some of these addresses some plugins take."""
    try:
        loaded(config, plugins=PLUGINS, find_plugins=discovery.find)
    except ConfigErrors as refused:
        return str(refused).splitlines()
    return []


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_message_has_it(address):
    messages = [message for made in FIELDS.values() for message in messages_of(made(address))]
    assert len(messages) >= len(FIELDS) - 3
    for message in messages:
        assert not any(part in message for part in ("hid", "den@", 'den"')), message


@pytest.mark.parametrize("text, left", [
    ("nothing here", "nothing here"), ("http://a/b", "http://a/b"), ("/@scope/name", "/@scope/name"), ("ask a@b.example", "ask a@b.example"),
    ("redis://:secret@a:1", "redis://***@a:1"), ("me:secret@a", "***@a"), ("//a//b@c@d", "//***@d"), ("@" + "/" * 9, "@" + "/" * 9),
])
def test_what_is_left_of_a_text(text, left):
    assert without_userinfo(text) == left
    assert shown(text) == f'"{left}"'
