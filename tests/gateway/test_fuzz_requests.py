"""Whatever bytes a client sends, in whatever pieces: no crash, no hang, no leak, nothing bad goes on.

FASTGATE_TEST_FUZZ: how many cases; FASTGATE_TEST_SEED: where to begin.
"""

from __future__ import annotations

import random

import pytest

from gateway.generate import CASES, SEED, pieces_of, request, request_stream
from support.client import get
from support.messages import Judge, judge_requests

pytestmark = pytest.mark.core
GATEWAY = {"timeouts": {"client_header": 2000, "client_body": 2000, "keep_alive": 2000, "linger": 500}}
SERVICE = {"read_timeout": 5000}
ROUND = 100
MARK = b"x-fastgate-request-id"


def check_answers(data: bytes, answers: bytes) -> None:
    """All that came back is HTTP (llhttp, strict), except that the last answer may be cut."""
    if b"HEAD" in data.upper() or b"CONNECT" in data.upper():
        return                              # lengths without bodies: the judge cannot know
    judge = Judge(is_response=True)
    judge.feed(answers)
    assert judge.verdict is None, f"{judge.verdict} in {answers[:1000]!r}"
    assert judge.messages <= judge_requests(data).heads * 2 + 2


@pytest.mark.parametrize("first", range(0, CASES, ROUND))
def test_hostile_clients(site, first):
    for case in range(first, first + ROUND):
        rng = random.Random(SEED + case)
        data = request_stream(rng)
        oracle = judge_requests(data)
        source = f"127.{case // 65025 % 255}.{case // 255 % 255}.{case % 255 + 1}"     # tells whose request it was
        client = site.connect(source=source)
        try:
            for piece in pieces_of(rng, data):
                client.send_quietly(piece)
            if rng.random() < 0.1:
                client.reset()
                continue
            if not client.was_reset:
                try:
                    client.half_close()
                except OSError:
                    pass                    # the gateway was first
            check_answers(data, client.to_end())
            arrived = [seen for seen in site.origin.requests if seen.get("x-forwarded-for") == source]
            assert len(arrived) <= oracle.heads
        except BaseException as error:
            raise AssertionError(f"seed {SEED + case}: {data!r}") from error
        finally:
            client.close()
    site.settle()
    for seen in site.origin.requests:
        assert len(seen.all("host")) == 1
        assert not (seen.all("content-length") and seen.all("transfer-encoding"))
        assert seen.raw.lower().count(MARK) == 1
    assert site.ask(get("/alive")).status == 200


@pytest.mark.parametrize("first", range(0, CASES // 2, ROUND))
def test_honest_clients_in_odd_pieces(site, first):
    """Well-formed requests are all answered, whatever the cuts."""
    for case in range(first, first + ROUND):
        rng = random.Random(SEED + case)
        sent = [request(rng) for _ in range(rng.choice([1, 2, 5]))]
        end = next((n for n, one in enumerate(sent) if b" HTTP/1.0\r\n" in one), len(sent) - 1)
        client = site.connect()
        for piece in pieces_of(rng, b"".join(sent[:end + 1])):
            client.send_quietly(piece)
        for one in sent[:end + 1]:
            response = client.response()
            assert response.status == 200, f"seed {SEED + case}: {response.status} for {one!r}"
        client.close()
    site.settle()
