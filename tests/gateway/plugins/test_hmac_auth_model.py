"""hmac-auth against a plain Python model: fields as docs/configuration.md writes them, and nearly so."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.identity import IDENTITY, alice, assert_refused, bob, nobody, told
from support.origin import Origin
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

SECRETS = {"alice": "s3cret", "al": "other", "bob": "long secret " * 20}
OWNERS = {"alice": "alice", "al": "alice", "bob": "bob"}
ALGORITHMS = ["hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"]
CONFIGS = [{"enforce_headers": enforced, "algorithms": algorithms, "hide_credentials": anonymous is not None, "anonymous": anonymous}
           for enforced in ([], ["request-line"], ["X-Thing", "date"]) for algorithms in (ALGORITHMS, ALGORITHMS[1:2])
           for anonymous in (None, "nobody")]
TARGET = "/x?q=1"
Lines = list[tuple[str, str]]


# -- the model

def read(lines: Lines, field: str) -> dict[str, str] | None:
    """The parameters. None: no such field, two, another scheme, or not written as they must be."""
    values = [value.strip(" \t") for name, value in lines if name.lower() == field]
    found = re.fullmatch("hmac +(.*)", values[0], re.IGNORECASE) if len(values) == 1 else None
    if found is None:
        return None
    one = r'[ \t]*(?:username|algorithm|headers|signature)="[^"]+"[ \t]*'
    if not re.fullmatch(f"{one}(?:,{one})*", found[1]):
        return None
    pairs = re.findall(r'(\w+)="([^"]+)"', found[1])
    return dict(pairs) if len(pairs) == len(dict(pairs)) == 4 else None


def signed_text(names: list[str], lines: Lines, host: str) -> str:
    def part(name: str) -> str:
        if name.lower() == "request-line":
            return f"GET {TARGET} HTTP/1.1"
        if name.lower() == "@request-target":
            return f"{name}: get {TARGET}"
        values = [value.strip(" \t") for key, value in [("Host", host), *lines] if key.lower() == name.lower()]
        return f"{name}: {', '.join(values)}" if values else f"{name}:"
    return "\n".join(map(part, names))


def is_right(asked: dict[str, str], lines: Lines, host: str) -> bool:
    try:
        given_bytes = base64.b64decode(asked["signature"], validate=True)
    except binascii.Error:
        return False
    made = hmac.digest(SECRETS[asked["username"]].encode(), signed_text(asked["headers"].split(" "), lines, host).encode(),
                       asked["algorithm"].removeprefix("hmac-"))
    return base64.b64encode(given_bytes).decode() == asked["signature"] and given_bytes == made


def decided(config: dict[str, Any], lines: Lines, host: str) -> tuple[str, str, str]:
    """Who it is, and under which name; or nobody, and what a refusal says."""
    fields = {name.lower() for name, _ in lines}
    if not fields & {"authorization", "proxy-authorization"}:
        return "", "", "Unauthorized"
    asked = read(lines, "proxy-authorization") or read(lines, "authorization")
    names = asked["headers"].split(" ") if asked else []
    lower = [name.lower() for name in names]
    if (asked is None or len(set(lower)) < len(lower) or not {name.lower() for name in config["enforce_headers"]} <= set(lower)
            or asked["algorithm"] not in config["algorithms"] or asked["username"] not in SECRETS or len(asked["signature"]) > 88):
        return "", "", "HMAC signature cannot be verified"
    if not is_right(asked, lines, host):
        return "", "", "HMAC signature does not match"
    return OWNERS[asked["username"]], asked["username"], ""


# -- the gateway

@pytest.fixture(scope="module")
def guarded() -> Iterator[Site]:
    # A clock skew that no test outlasts: the date is made once for each example.
    routes = [{"name": f"r{at}", "hosts": [f"r{at}.test"], "plugins": [plugin("hmac-auth", clock_skew=3600, **config)]}
              for at, config in enumerate(CONFIGS)]
    own = {who: [{"username": user, "secret": SECRETS[user]} for user in SECRETS if OWNERS[user] == who] for who in ("alice", "bob")}
    consumers = [alice(hmacauth_credentials=own["alice"]), bob(hmacauth_credentials=own["bob"]), nobody()]
    with Origin() as origin:
        site = Site(config_of(service(origin, *routes), consumers=consumers), origin)
        yield site
        site.settle()
        assert site.process.stop() == 0, site.process.log()
        site.close()


@pytest.fixture(scope="module")
def client(guarded):
    return guarded.connect()


# -- what to try

def written(lines: Lines, host: str, wish: tuple) -> tuple[str, str]:
    """A field: right, but for what is wished to be otherwise."""
    field, scheme, user, secret, algorithm, names, change, order, comma = wish
    text = signed_text(names, lines, host)
    digest = hmac.digest(SECRETS[secret].encode(), text.encode(), algorithm.removeprefix("hmac-").lower() if algorithm in ALGORITHMS else "sha256")
    encoded = base64.b64encode(digest).decode()
    encoded = {"right": encoded, "bare": encoded.rstrip("="), "cut": encoded[:-4], "long": encoded + "AAAA" * 20,
               "other": base64.b64encode(digest[::-1]).decode(), "hex": digest.hex()[:88]}[change]
    parts = {"username": user, "algorithm": algorithm, "headers": " ".join(names), "signature": encoded}
    return field, f"{scheme} " + comma.join(f'{name}="{parts.get(name, "x")}"' for name in order)


names = st.lists(st.sampled_from(["date"] * 3 + ["request-line"] * 3 + ["x-thing"] * 3 + ["@request-target", "host", "x-none", "Date", "X-Thing"]),
                 min_size=1, max_size=4)
usual = ["username", "algorithm", "headers", "signature"]
orders = st.sampled_from([usual] * 8 + [usual[::-1], usual[1:], usual[:-1], [*usual, "username"], [*usual, "keyId"]])
wishes = st.tuples(
    st.sampled_from(["Authorization"] * 5 + ["Proxy-Authorization", "authorization", "X-Authorization"]),
    st.sampled_from(["hmac"] * 6 + ["HMAC", "hmac ", "hmacs", "Basic", "hmac\t"]), st.sampled_from(["alice", "al", "bob"] * 3 + ["nobody", "Alice"]),
    st.sampled_from(["alice", "al", "bob"]), st.sampled_from(ALGORITHMS * 3 + ["hmac-md5", "HMAC-SHA256"]), names | st.just(["date", "x-thing", "request-line"]),
    st.sampled_from(["right"] * 8 + ["bare", "cut", "long", "other", "hex"]), orders, st.sampled_from([", "] * 4 + [",", " , ", " ", ",,", "\t,"]))
# Mostly with the secret that belongs to the user.
wishes = wishes.map(lambda wish: (*wish[:3], wish[2] if wish[2] in SECRETS and wish[3] != "bob" else wish[3], *wish[4:]))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(CONFIGS) - 1), st.lists(st.sampled_from(["a", " b ", "", "c d"]), max_size=2), st.lists(wishes, max_size=2))
@example(0, ["a"], [("Authorization", "hmac", "bob", "bob", "hmac-sha512", ["date", "x-thing"], "right", usual, ", ")])
@example(9, ["a"], [("Authorization", "hmac", "al", "al", "hmac-sha256", ["date", "X-Thing"], "right", usual, ", ")])
def test_who_comes_in_is_the_models(guarded, client, number, things, wished):
    config, host = CONFIGS[number], f"r{number}.test"
    lines = [("Date", formatdate(usegmt=True)), *(("X-Thing", thing) for thing in things)]
    lines += [written(lines, host, wish) for wish in wished]
    answer = client.ask(f"GET {TARGET} HTTP/1.1\r\nHost: {host}\r\n".encode()
                        + b"".join(f"{name}: {value}\r\n".encode() for name, value in lines) + b"\r\n")
    consumer, user, refusal = decided(config, lines, host)
    if refusal and config["anonymous"] is None:
        assert_refused(answer, refusal, "hmac")
        return
    assert answer.status == 200, answer.body
    got = json.loads(answer.body)["headers"]
    more = {"X_Credential_Identifier": user} if user else {}
    assert {name: value for name, value in got if name in IDENTITY} == told(consumer or "nobody", **more)
    sent = [value.strip(" \t") for name, value in lines if name.lower() == "authorization"]
    is_hidden = config["hide_credentials"] and any(re.match(r"(?i)hmac([ \t]|\Z)", value) for value in sent)
    assert [value for name, value in got if name.lower() == "authorization"] == ([] if is_hidden else sent)
