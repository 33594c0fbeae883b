"""key-auth against a plain Python model: where a key may be, how often, and what of it the upstream sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.identity import IDENTITY, alice, assert_refused, bob, nobody, told
from support.origin import Origin
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

KEY_IDS = {"a-key": "11111111-2222-4333-8444-000000000001", "b key+": "11111111-2222-4333-8444-000000000002"}
OWNERS = {"a-key": "alice", "b key+": "bob"}
CONFIGS = [{"key_names": names, "key_in_header": in_header, "key_in_query": in_query, "hide_credentials": hides, "anonymous": anonymous}
           for names in (["apikey"], ["api_key", "k"], ["k", "apikey"]) for hides in (False, True) for anonymous in (None, "nobody")
           for in_header, in_query in ((True, True), (True, False), (False, True))]
Lines = list[tuple[str, str]]


# -- the model: Kong's order of places, one key or none

def name_of(argument: str) -> str:
    return unquote_plus(argument.partition("=")[0], errors="surrogateescape")


def asked(config: dict[str, Any], lines: Lines, arguments: list[str]) -> tuple[list[str], str]:
    """The keys at the first place that has any, and the name they were found by."""
    for name in config["key_names"]:
        if config["key_in_header"]:
            for spelt in (name, name.replace("_", "-")):
                if found := [value.strip(" \t") for key, value in lines if key.lower() == spelt]:
                    return found, name
        if config["key_in_query"]:
            found = [unquote_plus(argument.partition("=")[2]) for argument in arguments if name_of(argument) == name]
            if len(found) > 1 or any("=" in argument for argument in arguments if name_of(argument) == name):
                return found, name
    return [], ""


def decided(config: dict[str, Any], lines: Lines, arguments: list[str]) -> tuple[str | None, str, Lines, list[str]]:
    """Who it is (None: 401), the key, or what a refusal says; and what is left for the upstream."""
    keys, name = asked(config, lines, arguments)
    if keys and config["hide_credentials"]:
        lines = [line for line in lines if line[0].lower() not in (name, name.replace("_", "-"))]
        arguments = [argument for argument in arguments if name_of(argument) != name]
    if len(keys) == 1 and keys[0] in OWNERS:
        return OWNERS[keys[0]], keys[0], lines, arguments
    said = "Duplicate API key found" if len(keys) > 1 else "Unauthorized" if any(keys) else "No API key found in request"
    return config["anonymous"], said, lines, arguments


# -- the gateway

@pytest.fixture(scope="module")
def guarded() -> Iterator[Site]:
    routes = [{"name": f"r{at}", "hosts": [f"r{at}.test"], "plugins": [plugin("key-auth", **config)]} for at, config in enumerate(CONFIGS)]
    own = {who: [{"key": key, "id": KEY_IDS[key]} for key in KEY_IDS if OWNERS[key] == who] for who in ("alice", "bob")}
    consumers = [alice(keyauth_credentials=own["alice"]), bob(keyauth_credentials=own["bob"]), nobody()]
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

names = st.sampled_from(["apikey"] * 4 + ["api_key"] * 3 + ["api-key"] * 3 + ["k"] * 4 + ["ApiKey", "API_KEY", "kk", "api"])
values = st.sampled_from(["a-key"] * 4 + ["b key+"] * 3 + ["", "a-keys", "A-KEY", "a-key,b", " a-key"])
fields = st.lists(st.tuples(names, values), max_size=3)
encoded = st.sampled_from(["a-key"] * 4 + ["b+key%2B", "b%20key%2b", "%61-key", "", "b%2Bkey+", "a-key%", "a-key%zz", "+a-key"])
arguments = st.lists(st.builds(
    lambda name, equals, value: name + equals + (value if equals else ""),
    names | st.sampled_from(["%61pikey", "api%5Fkey", "api%2dkey", "%6B", "x", "x%3D"]), st.sampled_from(["="] * 8 + [""]), encoded), max_size=4)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(CONFIGS) - 1), fields, arguments)
@example(0, [], ["apikey", "apikey=a-key"])
@example(0, [("apikey", "")], ["apikey=a-key"])
@example(18, [("api-key", "a-key"), ("api_key", "")], [])
def test_who_comes_in_is_the_models(guarded, client, number, lines, arguments):
    config = CONFIGS[number]
    target = "/x" + ("?" + "&".join(arguments) if arguments else "")
    before = len(guarded.origin.requests)
    answer = client.ask(f"GET {target} HTTP/1.1\r\nHost: r{number}.test\r\n".encode()
                        + b"".join(f"{name}: {value}\r\n".encode() for name, value in lines) + b"\r\n")
    consumer, word, lines_left, arguments_left = decided(config, lines, arguments)
    if consumer is None:
        assert_refused(answer, word, "Key")
        assert len(guarded.origin.requests) == before
        return
    assert answer.status == 200, answer.body
    seen = json.loads(answer.body)
    identity = {name: value for name, value in seen["headers"] if name in IDENTITY}
    more = {"X_Credential_Identifier": KEY_IDS[word]} if consumer != "nobody" else {}
    assert identity == told(consumer, **more)
    asked_for = {name.lower() for name, _ in lines}
    assert [(name, value) for name, value in seen["headers"] if name.lower() in asked_for] == [(name, value.strip()) for name, value in lines_left]
    assert seen["target"] == "/x" + ("?" + "&".join(arguments_left) if arguments_left else "")
