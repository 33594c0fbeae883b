"""key-auth with real clients: where keys are looked for, what refusals say, what the upstream sees."""

from __future__ import annotations

import json

import pytest

from support.client import get
from support.messages import Response
from support.site import Site, config_of, consumer, plugin, service

pytestmark = pytest.mark.core

ALICE = consumer("alice", "alice-key", "second/key +é", id="8f4e2a4e-0d5c-4f8e-9c1f-5d7c9e0b1a11", custom_id="A-1")
NOBODY = consumer("nobody", id="8f4e2a4e-0d5c-4f8e-9c1f-5d7c9e0b1a22")


@pytest.fixture
def guarded(open_site, open_origin):
    """A site whose one service wants a key; its plugin configured as given."""
    def start(**config) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin, plugins=[plugin("key-auth", **config)]), consumers=[ALICE, NOBODY]), origin)
    return start


def refused(response: Response, message: str, challenge: str = "Key") -> None:
    assert response.status == 401
    assert json.loads(response.body)["message"] == message
    assert response.get("www-authenticate") == challenge


def test_a_key_lets_in_and_the_upstream_is_told_who_it_is(guarded):
    site = guarded()
    seen = site.echo(get("/", "apikey: alice-key"))["headers"]
    print(seen)
