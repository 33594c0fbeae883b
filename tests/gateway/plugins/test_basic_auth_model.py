"""basic-auth against a plain Python model: credentials as RFC 7617 writes them, and nearly so."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.identity import IDENTITY, alice, assert_refused, bob, nobody, told
from support.origin import Origin
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

LONG = "l" * 3000               # beyond what an exchange holds without asking for memory
USERS = {"Aladdin": ("alice", "open sesame"), "tést": ("alice", "123£:x"), "a b": ("alice", ":"), "bob": ("bob", "p"),
         "bo": ("bob", "b:p"), "long": ("bob", LONG), LONG: ("bob", "q")}
CONFIGS = [{"hide_credentials": hides, "anonymous": anonymous} for hides in (False, True) for anonymous in (None, "nobody")]
Lines = list[tuple[str, bytes]]


# -- the model: RFC 7617 for a field, Kong for two of them

def read(lines: Lines, name: str) -> tuple[bytes, bytes] | None:
    """User and password. None: there are no such credentials in the fields of that name."""
    values = [value for key, value in lines if key.lower() == name]
    found = re.fullmatch(rb"basic +(.*)", values[0].strip(b" \t"), re.IGNORECASE | re.DOTALL) if len(values) == 1 else None
    if found is None:
        return None
    encoded = found[1].strip(b" \t")
    try:
        text = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    user, colon, password = text.partition(b":")
    # One text for each value: what would be written otherwise is refused.
    return (user, password) if base64.b64encode(text) == encoded and colon and user else None


def decided(config: dict[str, Any], lines: Lines) -> tuple[str | None, bytes, bool]:
    """Who it is (None: 401), under which name, and whether Authorization goes to the upstream."""
    def known(asked: tuple[bytes, bytes] | None) -> bool:
        return asked is not None and asked[0] in {user.encode() for user in USERS}

    asked, is_passed = read(lines, "proxy-authorization"), True
    if not known(asked):
        asked = read(lines, "authorization") or asked
        are_basic = [re.match(rb"(?i)basic([ \t]|\Z)", value.strip(b" \t")) for name, value in lines if name.lower() == "authorization"]
        is_passed = not (config["hide_credentials"] and any(are_basic))
    for user, (consumer, password) in USERS.items():
        if asked == (user.encode(), password.encode()):
            return consumer, asked[0], is_passed
    return config["anonymous"], b"", is_passed


# -- the gateway

@pytest.fixture(scope="module")
def guarded() -> Iterator[Site]:
    routes = [{"name": f"r{at}", "hosts": [f"r{at}.test"], "plugins": [plugin("basic-auth", **config)]}
              for at, config in enumerate(CONFIGS)]
    own = {who: [{"username": user, "password": password} for user, (consumer, password) in USERS.items() if consumer == who]
           for who in ("alice", "bob")}
    consumers = [alice(basicauth_credentials=own["alice"]), bob(basicauth_credentials=own["bob"]), nobody()]
    gateway = {"limits": {"header_bytes": 65536}}       # the largest there is to try: 57 KB
    with Origin() as origin:
        site = Site(config_of(service(origin, *routes), consumers=consumers, gateway=gateway), origin)
        yield site
        site.settle()
        assert site.process.stop() == 0, site.process.log()
        site.close()


@pytest.fixture(scope="module")
def client(guarded):
    return guarded.connect()


# -- what to try

def encoded(user: bytes, colon: bytes, password: bytes, change: str) -> bytes:
    """In base64, perhaps not quite."""
    text = base64.b64encode(user + colon + password)
    bare = text.rstrip(b"=")
    return {
        "right": text, "unpadded": bare, "padded": text + b"=", "url": text.replace(b"+", b"-").replace(b"/", b"_"),
        "spaced": text[:4] + b" " + text[4:], "cut": text[:-1], "twice": text + b" " + text, "comma": text + b",",
        "bits": bare[:-1] + bytes(byte + 1 for byte in bare[-1:]) + text[len(bare):], "byte": text[:2] + b"\xe9" + text[3:],
    }[change]


CHANGES = ["right"] * 10 + ["unpadded", "padded", "url", "spaced", "cut", "twice", "comma", "bits", "byte"]
right = st.sampled_from(sorted(USERS)).map(lambda user: (user.encode(), USERS[user][1].encode()))
near = st.tuples(
    st.sampled_from(["Aladdin", "bob", "bo", "", "Bob", "bob\0", "t\udce9st", "nobody", "\udcff"]),
    st.sampled_from(["p", "b:p", "open sesame", "", "P", "p\0", "p:", "\udcff"]),
).map(lambda pair: tuple(text.encode(errors="surrogateescape") for text in pair))
large = st.tuples(st.sampled_from([b"bob", b"long", LONG.encode(), b"\xff" * 2999]),
                  st.integers(2990, 4000).map(lambda size: b"l" * size))
schemes = st.sampled_from([b"Basic"] * 8 + [b"basic", b"BASIC", b"bAsIc", b"Basi", b"Basics", b"Bearer", b"", b"Basic,", b"Basic Basic"])
gaps = st.sampled_from([b" "] * 8 + [b"  ", b"", b"\t", b" \t", b"   ", b"="])
values = st.builds(
    lambda scheme, gap, pair, colon, change, end: scheme + gap + encoded(pair[0], colon, pair[1], change) + end,
    schemes, gaps, right | right | near | large | st.tuples(st.binary(max_size=6), st.binary(max_size=60)),
    st.sampled_from([b":"] * 9 + [b""]), st.sampled_from(CHANGES), st.sampled_from([b"", b"", b" \t"]))
fields = st.lists(st.tuples(st.sampled_from(["Authorization", "authorization", "Proxy-Authorization", "X-Authorization"]), values),
                  max_size=3)


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(CONFIGS) - 1), fields)
@example(2, [("Authorization", b"Basic Ym9iOnA=")])
@example(2, [("Authorization", b"Basic Ym9iOnB=")])      # the same, but for bits that nobody reads
@example(3, [("Proxy-Authorization", b"Basic " + base64.b64encode(b"bob:q")), ("Authorization", b"Basic " + base64.b64encode(b"bob:p"))])
@example(3, [("Proxy-Authorization", b"Basic " + base64.b64encode(b"x:q")), ("Authorization", b"Basic " + base64.b64encode(b"bob:p"))])
def test_who_comes_in_is_the_models(guarded, client, number, lines):
    config = CONFIGS[number]
    head = b"GET / HTTP/1.1\r\nHost: r%d.test\r\n" % number
    before = len(guarded.origin.requests)
    answer = client.ask(head + b"".join(name.encode() + b": " + value + b"\r\n" for name, value in lines) + b"\r\n")
    consumer, user, is_passed = decided(config, lines)
    if consumer is None:
        assert_refused(answer, "Unauthorized", 'Basic realm="service"')
        assert len(guarded.origin.requests) == before
        return
    assert answer.status == 200, answer.body
    got = json.loads(answer.body)["headers"]
    identity = {name: value for name, value in got if name in IDENTITY}
    more = {"X_Credential_Identifier": user.decode("latin-1")} if user else {}
    assert (identity, len([name for name, _ in got if name in IDENTITY])) == (told(consumer, **more), len(identity))
    sent = [value.strip(b" \t").decode("latin-1") for name, value in lines if name.lower() == "authorization"]
    assert [value for name, value in got if name.lower() == "authorization"] == (sent if is_passed else [])
