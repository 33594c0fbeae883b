"""device-auth's parts: who a request says it is from, what is good enough, and what is remembered."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from fastgate._core.bridge import python_phase as core
from fastgate.plugins import device_auth
from fastgate.plugins.device_auth import Away, Cache, DeviceAuth, common_name, device_of, hide, is_good
from fastgate.sdk import Request
from fastgate.sdk.schema import schema_of
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import ResponseError
from sdk.calls import Call

SCHEMA = schema_of(DeviceAuth.Config, "config")


def config_of(**fields):
    problems = []
    plain = SCHEMA.read(fields, problems)
    assert not problems
    return SCHEMA.make(plain)


def request(query="", *fields, is_trusted=False):
    facts = {core.QUERY: query} | ({core.TRUSTED: "1"} if is_trusted else {})
    return Request(Call(facts, list(fields)), "access")


@pytest.mark.parametrize("asks, sources, found", [
    (request("device_id=d1"), ["query", "header"], ("d1", False)),
    (request("x=1", ("x-device-id", "d2")), ["query", "header"], ("d2", False)),
    (request("device_id=d1", ("X-Device-Id", "d2")), ["header", "query"], ("d2", False)),
    (request("device_id=", ("X-Device-Id", "d2")), ["query", "header"], ("d2", False)),
    (request("", ("X-Client-Cert-Subject", "CN=d3,O=x"), is_trusted=True), ["certificate"], ("d3", True)),
    (request("", ("X-Client-Cert-Subject", "CN=d3,O=x")), ["certificate"], (None, False)),
    (request("device_id=d1", ("X-Client-Cert-Subject", "CN=d3")), ["certificate", "query"], ("d1", False)),
    (request("device_id=a%20b"), ["query"], (None, False)),
    (request("device_id=a%0d"), ["query"], (None, False)),
    (request("device_id={a}"), ["query"], (None, False)),
    (request("device_id=" + "x" * 129), ["query"], (None, False)),
    (request(), ["query", "header", "certificate"], (None, False)),
])
def test_who_says_to_ask(asks, sources, found):
    device, is_proven = device_of(asks, config_of(sources=sources))
    assert (device, is_proven if device else False) == found


@pytest.mark.parametrize("subject, name", [
    ("CN=dev-7,OU=a,O=b", "dev-7"), ("O=b, CN=dev-7", "dev-7"), ("/C=DE/O=b/CN=dev-7", "dev-7"), ("dev-7", "dev-7"),
    ("O=b", None), ("CN=a,CN=b", None), ("O=x\\,CN=evil,CN=good", "good"), ("", ""), (None, None)])
def test_a_certificates_common_name(subject, name):
    assert common_name(subject) == name


HASH = "sha256:" + hashlib.sha256(b"t0ken").hexdigest()


@pytest.mark.parametrize("value, token, is_proven, needs_token, good", [
    (None, None, False, False, False), ("", "", False, False, False), ("0", "0", False, False, False), ("0", None, True, False, False),
    ("1", None, False, False, True), ("1", "1", False, True, False), ("1", None, True, False, True), ("1", None, True, True, False),
    ("t0ken", "t0ken", False, False, True), ("t0ken", "t0kem", False, False, False), ("t0ken", None, False, False, False),
    ("t0ken", None, True, False, True), ("t0ken", None, True, True, False), ("t0ken", "t0ken", True, True, True),
    (HASH, "t0ken", False, True, True), (HASH.upper().replace("SHA256", "sha256"), "t0ken", False, False, True),
    (HASH, HASH, False, False, False), ("sha256:", "", False, False, False), ("sha256:é", "t0ken", False, False, False),
    ("é", "é", False, False, True), (None, None, True, False, False)])
def test_what_is_good_enough(value, token, is_proven, needs_token, good):
    assert is_good(value, token, is_proven, needs_token) is good


def test_hidden_credentials_leave_the_rest_as_it_was():
    one = request("a=%20b&device_id=7&device%5Fid=8&t=9&c", ("X-Device-Token", "t"), ("X-Device-Id", "7"), ("X-Other", "o"))
    assert one.headers
    hide(one, config_of(token_arg="t"))
    assert one.query == "a=%20b&c" and one.headers == [("X-Other", "o")]


class Redis:
    """Stands for the client: what it holds, or that it is away."""

    def __init__(self, **values):
        self.values = values
        self.asked = []
        self.is_away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, key):
        self.asked.append(key)
        await self.gate.wait()
        if self.is_away:
            raise RedisAway("refused")
        found = self.values.get(key)
        if isinstance(found, Exception):
            raise found
        return found


def run(talk):
    asyncio.run(asyncio.wait_for(talk(), 60))


def test_one_question_for_all_who_wait_even_if_the_first_gives_up():
    async def talk():
        redis, cache = Redis(a=b"1"), Cache(config_of())
        redis.gate.clear()
        asks = [asyncio.ensure_future(cache.asked("a", redis)) for _ in range(5)]
        await asyncio.sleep(0)
        asks[0].cancel()
        redis.gate.set()
        assert await asyncio.gather(*asks[1:]) == ["1"] * 4 and redis.asked == ["a"]
        await cache.close()
    run(talk)


def test_made_up_ids_push_out_each_other_alone():
    async def talk():
        redis, cache = Redis(a=b"1", b=b"1", c=b"1"), Cache(config_of(cache_entries=2))
        for key in ("a", "b", *map(str, range(50))):
            await cache.asked(key, redis)
        assert cache.known("a").value == "1" and len(cache) == 4
        await cache.asked("c", redis)           # "b" was not used for longest
        assert cache.known("b") is None and cache.known("a") and cache.known("c")
    run(talk)


def test_a_device_that_comes_or_goes_is_not_known_twice():
    async def talk():
        redis, cache = Redis(), Cache(config_of())
        assert await cache.asked("a", redis) is None
        redis.values["a"] = b"1"
        assert await cache.asked("a", redis) == "1" and len(cache) == 1
    run(talk)


def test_what_is_too_old_is_forgotten(monkeypatch):
    async def talk():
        now = 1000.0
        monkeypatch.setattr(device_auth.time, "monotonic", lambda: now)
        redis, cache = Redis(a=b"1"), Cache(config_of(ttl=10, stale_ttl=60))
        await cache.asked("a", redis)
        now = 1009.0
        assert cache.is_fresh(cache.known("a"))
        now = 1010.0
        assert not cache.is_fresh(cache.known("a"))
        now = 1059.0
        assert cache.known("a").value == "1"
        now = 1060.0
        assert cache.known("a") is None and len(cache) == 0
    run(talk)


def test_redis_that_is_away_is_left_alone_for_a_while(monkeypatch):
    async def talk():
        now = 1000.0
        monkeypatch.setattr(device_auth.time, "monotonic", lambda: now)
        redis, cache = Redis(a=b"1"), Cache(config_of())
        redis.is_away = True
        for _ in range(10):
            with pytest.raises(Away):
                await cache.asked("a", redis)
        assert len(redis.asked) == device_auth.REDIS_FAILURES
        redis.is_away = False
        now += device_auth.REDIS_PAUSE_S
        assert await cache.asked("a", redis) == "1"
    run(talk)


def test_a_key_that_is_no_text_is_no_sign_that_redis_is_away():
    async def talk():
        redis, cache = Redis(a=b"1", h=ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")), Cache(config_of())
        for _ in range(device_auth.REDIS_FAILURES + 1):
            assert not is_good(await cache.asked("h", redis), None, False, False)
        assert await cache.asked("a", redis) == "1"
        redis.values["a"] = ResponseError("NOPERM no permissions")
        with pytest.raises(Away):
            await cache.asked("a", redis)
    run(talk)


def test_a_cache_learns_what_is_newer(monkeypatch):
    async def talk():
        now = 1000.0
        monkeypatch.setattr(device_auth.time, "monotonic", lambda: now)
        redis = Redis(a=b"1", b=b"1")
        old, new = Cache(config_of(ttl=1, stale_ttl=10)), Cache(config_of(ttl=1, stale_ttl=20, cache_entries=2))
        await new.asked("b", redis)
        redis.values["b"] = b"0"
        for key in ("a", "b", "x"):
            now += 1
            await old.asked(key, redis)
        now += 1
        redis.values["a"] = b"token"
        await new.asked("a", redis)
        new.learn(old)
        assert [new.known(key).value for key in ("a", "b", "x")] == ["token", "0", None]
        now += 8            # eleven seconds since "a" was asked for by one, eight by the other
        assert old.known("a") is None and new.known("a").value == "token"
        redis.values |= {"c": b"1", "d": b"1"}
        await old.asked("c", redis)
        await old.asked("d", redis)
        new.learn(old)
        assert len(new) == 3 and new.known("a") is None and new.known("d")      # no more than may be kept
    run(talk)


def test_a_redis_that_hangs_is_given_up_and_questions_are_bounded(monkeypatch):
    async def talk():
        monkeypatch.setattr(device_auth, "MOST_PENDING", 2)
        redis, cache = Redis(), Cache(config_of(timeout=20))
        redis.gate.clear()
        asks = [asyncio.ensure_future(cache.asked(key, redis)) for key in "abc"]
        found = await asyncio.gather(*asks, return_exceptions=True)
        assert [str(one) for one in found] == ["no answer within 20 ms", "no answer within 20 ms", "2 questions have no answer yet"]
        assert len(redis.asked) == 2
    run(talk)
