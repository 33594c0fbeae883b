"""Native plugins as people's own clients meet them: curl, requests and httpx, with what these do by themselves."""

from __future__ import annotations

import json
import subprocess

import httpx
import pytest
import requests
from gateway.plugins.test_hmac_auth import Signed

from support.identity import alice, identity, told
from support.site import Site, config_of, plugin, service

USER = alice("alice-key", basicauth_credentials=[{"username": "al", "password": "p:\u00e4"}], acls=[{"group": "staff"}],
             hmacauth_credentials=[{"username": "alice", "secret": "s3cret"}])
HTTPX_AUTH = httpx.BasicAuth("al", "p:\u00e4".encode())
REQUESTS_AUTH = ("al", "p:\u00e4".encode())


@pytest.fixture
def guarded(open_site, open_origin):
    def start(*plugins) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin, plugins=list(plugins)), consumers=[USER]), origin)
    return start


def curl(site: Site, *args: str, path: str = "/") -> tuple[int, str]:
    run = subprocess.run(["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *args, site.process.url + path],
                         capture_output=True, check=True, text=True)
    body, _, status = run.stdout.rpartition("\n")
    return int(status), body


def test_passwords(guarded):
    site = guarded(plugin("basic-auth"), plugin("acl", allow=["staff"]))
    expected = told("alice", X_Credential_Identifier="al", X_Consumer_Groups="staff")
    assert identity(requests.get(site.process.url, auth=REQUESTS_AUTH, timeout=20).json()) == expected
    assert identity(httpx.get(site.process.url, auth=HTTPX_AUTH).json()) == expected
    refused = requests.get(site.process.url, auth=("al", "p"), timeout=20)
    assert (refused.status_code, refused.json()["message"]) == (401, "Unauthorized")
    status, body = curl(site, "-u", "al:p:\u00e4")
    assert (status, identity(json.loads(body))) == (200, expected)
    assert curl(site, "-u", "al:p")[0] == 401


def test_keys_in_headers_queries_forms_and_objects(guarded):
    site = guarded(plugin("key-auth", key_in_body=True, hide_credentials=True))
    with requests.Session() as session:
        url = site.process.url
        for answer in (session.get(url, headers={"apikey": "alice-key"}), session.get(url, params={"apikey": "alice-key", "a": 1}),
                       session.post(url, data={"apikey": "alice-key", "a": 1}), session.post(url, json={"a": 1, "apikey": "alice-key"})):
            assert identity(answer.json())["X-Consumer-Username"] == "alice" and "alice-key" not in answer.text
        assert session.post(url, files={"apikey": b"alice-key"}).status_code == 401
        assert session.get(url, headers={"apikey": "alice-key"}).status_code == 200


def test_signatures(guarded):
    site = guarded(plugin("hmac-auth"))
    signed = Signed()
    fields = dict(line.split(": ", 1) for line in [f"Authorization: {signed.value}", *signed.fields])
    request = httpx.Request("GET", site.process.url + signed.target, headers=fields)
    with httpx.Client() as client:
        assert identity(client.send(request).json())["X-Consumer-Username"] == "alice"


def test_sizes(guarded):
    site = guarded(plugin("request-size-limiting", allowed_payload_size=1))
    small, large = b"x" * 2**20, b"x" * (2**20 + 1)
    with requests.Session() as session:
        for body, status in ((large, 413), (small, 200), (large, 413), (small, 200)):
            assert session.post(site.process.url, data=body).status_code == status
    assert curl(site, "-H", "Expect: 100-continue", "-d", large.decode()[:1024])[0] == 200
    assert curl(site, "-H", "Expect:", "-T", __file__, path="/file")[0] == 200


def test_a_page_of_another_origin(guarded):
    site = guarded(plugin("cors", origins=["http://page.example"], credentials=True), plugin("key-auth"))
    asks = {"Origin": "http://page.example", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "apikey"}
    with httpx.Client() as client:
        preflight = client.options(site.process.url, headers=asks)
        assert (preflight.status_code, preflight.headers["access-control-allow-headers"]) == (200, "apikey")
        for fields, status in (({"apikey": "alice-key"}, 200), ({}, 401)):
            answer = client.put(site.process.url, headers={"Origin": "http://page.example", **fields}, content=b"x")
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "http://page.example")


def test_who_is_sent_elsewhere_arrives(guarded):
    there = guarded(plugin("correlation-id", echo_downstream=True))
    here = guarded(plugin("redirect", location=there.process.url, status_code=308, keep_incoming_path=True))
    answer = requests.post(here.process.url + "/a%20b?x=1&y", data=b"body", timeout=20)
    assert (answer.history[0].text, answer.json()["target"], answer.json()["body"]) == ("redirecting", "/a%20b?x=1&y", "body")
    assert answer.headers["Kong-Request-ID"].endswith("#1")


def test_robots_addresses_and_the_end(guarded):
    site = guarded(plugin("bot-detection", deny=["python-requests"]), plugin("ip-restriction", deny=["192.0.2.0/24"]),
                   plugin("request-termination", status_code=410, message="gone", trigger="x-end"))
    assert requests.get(site.process.url, timeout=20).status_code == 403
    with httpx.Client() as client:
        assert client.get(site.process.url).status_code == 200
        ended = client.get(site.process.url, params={"x-end": ""})
        assert (ended.status_code, ended.json()["message"]) == (410, "gone")


def test_changes_both_ways(guarded):
    site = guarded(plugin("request-transformer", add={"headers": ["X-Added: $(query_params.q)"], "body": ["b:2"]}),
                   plugin("response-transformer", remove={"json": ["headers"]}, add={"json": ["done:true"], "json_types": ["boolean"]}))
    with httpx.Client() as client:
        for _ in range(3):
            answer = client.post(site.process.url, params={"q": "\u00fc"}, json={"a": 1}).json()
            assert "headers" not in answer and answer["done"] is True and json.loads(answer["body"]) == {"a": 1, "b": "2"}
    assert [request.get("x-added") for request in site.origin.requests] == ["\u00c3\u00bc"] * 3
