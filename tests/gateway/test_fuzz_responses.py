"""Whatever bytes an upstream answers, in whatever pieces: the client gets HTTP, and only its own answer."""

from __future__ import annotations

import random
import threading

import pytest

from gateway.generate import CASES, SEED, pieces_of, response, response_stream
from support.client import get
from support.messages import Judge
from support.origin import DEADLINE, Origin, named
from support.site import Config, service

pytestmark = pytest.mark.core
SERVICE = {"read_timeout": 300, "retries": 0}       # for those that say no more
ROUND = 100


def MORE_SERVICES(origin: Origin) -> list[Config]:
    """The same upstream, with all the time there is while it is honest."""
    return [service(origin, {"name": "honest", "paths": ["/honest"], "strip_path": False}, name="honest", retries=0)]


@pytest.mark.parametrize("first", range(0, CASES, ROUND))
def test_hostile_upstreams(site, first):
    for case in range(first, first + ROUND):
        rng = random.Random(SEED + case)
        mark = b"<%d>" % case
        data = response_stream(rng, mark)
        pieces = pieces_of(rng, data)
        end = rng.choice(["close", "close", "close", "reset", "stay"])
        is_over = threading.Event()

        def script(connection, pieces=pieces, end=end, is_over=is_over):
            try:
                connection.read()
                for piece in pieces:
                    connection.send(piece)
                if end != "stay":
                    getattr(connection, end)()
            finally:
                is_over.set()

        site.origin.script = script
        client = site.connect()
        try:
            client.send(get("/", "Connection: close"))
            answers = client.to_end()
            judge = Judge(is_response=True)
            judge.feed(answers)
            assert judge.verdict is None, f"{judge.verdict}: {answers[:1000]!r}"
            assert answers.startswith(b"HTTP/1.1 ")
        except BaseException as error:
            raise AssertionError(f"seed {SEED + case}, then {end}: {data!r}") from error
        finally:
            client.close()
        if case % 10 == 0:
            assert is_over.wait(DEADLINE)      # else the rest of it may come as the next one's answer, which nobody can tell
            site.origin.script = named
            after = site.ask(get("/honest/after"))
            assert (after.status, after.body) == (200, b"origin"), f"after seed {SEED + case}: {after}"
    site.settle()


@pytest.mark.parametrize("first", range(0, CASES // 2, ROUND))
def test_honest_upstreams_in_odd_pieces(site, first):
    for case in range(first, first + ROUND):
        rng = random.Random(SEED + case)
        mark = b"<%d>" % case
        data = response(rng, mark)
        pieces = pieces_of(rng, data)
        will_close = b"Connection: close" in data or (b"Content-Length" not in data and b"chunked" not in data
                                                      and b" 204 " not in data and b" 304 " not in data)

        def script(connection, pieces=pieces, will_close=will_close):
            connection.read()
            for piece in pieces:
                connection.send(piece)
            if will_close:
                connection.close()

        site.origin.script = script
        answered = site.ask(get("/honest"))
        status = int(data.rpartition(b"HTTP/1.1 ")[2][:3])
        assert answered.status == status, f"seed {SEED + case}: {data!r}"
        assert answered.body in (b"", mark, mark * 3, mark * 100), f"seed {SEED + case}: {answered.body!r}"
        assert bool(answered.body) == (status not in (204, 304))
    site.settle()
