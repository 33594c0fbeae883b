"""What the access log tells of who asked, and that it tells no credential."""

from __future__ import annotations

import json

import pytest
from gateway.plugins.test_combinations import basic
from gateway.test_websocket import HANDSHAKE, echo_all, switching

from support.client import get
from support.identity import alice, nobody
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

SECRET = "alice-key-that-nobody-may-see"
USERS = [alice(SECRET, basicauth_credentials=[{"username": "al", "password": "a password"}]), nobody()]


@pytest.fixture
def logged(open_site, open_origin):
    def start(*plugins, script=None, log="stdout") -> Site:
        origin = open_origin(script) if script else open_origin()
        return open_site(config_of(service(origin, plugins=list(plugins)), consumers=USERS), origin, access_log=log, workers=1)
    return start


def records(site: Site) -> list[dict]:
    """The lines of all requests so far; one more is asked here, for its line comes last (there is one worker)."""
    site.ask(get("/the-last"))
    text = site.process.wait_for_access_log("/the-last")
    return [json.loads(line) for line in text.splitlines() if "/the-last" not in line]


def test_the_consumer_is_logged(logged):
    site = logged(plugin("key-auth", anonymous="nobody"))
    for line in f"apikey: {SECRET}", "apikey: wrong", "X: 1":
        site.ask(get("/", line))
    assert [record["consumer"]["username"] for record in records(site)] == ["alice", "nobody", "nobody"]


def test_nobody_known_is_not_logged(logged):
    site = logged(plugin("key-auth"))
    site.ask(get("/", "apikey: wrong"))
    record, = records(site)
    assert "consumer" not in record and record["response"]["status"] == 401 and record["source"] == "gateway"


@pytest.mark.parametrize("query, shown", [
    (f"apikey={SECRET}", "apikey=" + "*" * len(SECRET)), ("apikey=wrong&a=1", "apikey=*****&a=1"),
    ("a=1&%61pikey=x%20y&apikey=z&apikey&apikey=", "a=1&%61pikey=*****&apikey=*&apikey&apikey="),
    ("Apikey=a&k=b&x-key=c&apikeys=d", "Apikey=a&k=*&x-key=c&apikeys=d"), ("k=b?apikey=c", "k=**********"), ("", ""),
])
def test_keys_are_stars_in_the_log(logged, query, shown):
    """Right or wrong, on whatever route, in Referer too; the upstream gets them as they are."""
    site = logged(plugin("key-auth", key_names=["apikey", "k"]))
    site.ask(get(f"/p?{query}", f"Referer: http://r/?{query}"))
    site.ask(get(f"/q?{query}", f"apikey: {SECRET}"))
    first, second = records(site)
    assert (first["request"]["uri"], first["request"]["referer"]) == (f"/p?{shown}", f"http://r/?{shown}")
    assert second["request"]["uri"] == f"/q?{shown}"
    assert all(request.target == f"/q?{query}" for request in site.origin.requests if request.target.startswith("/q"))
    assert SECRET not in site.process.access_log() and SECRET not in site.process.log()


def test_keys_that_may_not_be_in_a_query_are_none_there(logged):
    site = logged(plugin("key-auth", key_in_query=False))
    site.ask(get("/?apikey=public"))
    assert records(site)[0]["request"]["uri"] == "/?apikey=public"


def test_keys_of_tunnels_are_stars_too(logged):
    site = logged(plugin("key-auth"), script=switching(echo_all))
    client = site.connect()
    client.send(get(f"/ws?apikey={SECRET}", *HANDSHAKE))
    assert client.response().status == 101
    client.close()
    record = json.loads(site.process.wait_for_access_log("\n"))
    assert (record["request"]["uri"], record["consumer"]["username"]) == ("/ws?apikey=" + "*" * len(SECRET), "alice")


def test_passwords_are_not_logged(logged):
    site = logged(plugin("basic-auth"))
    lines = basic("al", "a password"), basic("al", "another password"), "Authorization: Basic"
    for line in lines:
        site.ask(get("/", line))
    assert [record["response"]["status"] for record in records(site)] == [200, 401, 401]
    told = site.process.access_log() + site.process.log()
    assert "password" not in told and not any(line.split()[-1] in told for line in lines[:2])
