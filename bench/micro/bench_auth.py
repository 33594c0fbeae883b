"""What a token costs: found in the cache, or parsed and verified, by algorithm; and libcrypto's own part of it.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    PYTHONPATH=src:tests python -m pytest bench/micro/bench_auth.py

`ns` in the extra info is the figure, of CPU time. To reach: 200 ns for a cached token of 300 bytes, 2 µs for HS256
uncached, and for RS256 and ES256 at most 10 % above libcrypto's own loop over a ready context (`openssl speed` measures
the same): `percent_over_libcrypto`, both measured in turns, so that a machine that slows down slows both.
"""

import hashlib
import json
import random
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import pytest
from fastgate_doors import auth_door as door

assert not door.open_library()
ALGORITHMS = json.loads((Path(__file__).parents[2] / "tests/data/jose/vectors.json").read_text())["algorithms"]
ROUNDS = {"HS": 20_000, "RS": 2_000, "PS": 2_000, "ES": 500, "Ed": 500}
SCOPE = bytes(range(32))
HEADER = b'{"alg":"HS256","typ":"JWT"}'
CLAIMS = (b'{"iss":"a36c3049b36249a3c9f8891cb127243c","sub":"user-1234567890","aud":["api","admin"],"exp":4102444800,'
          b'"nbf":1700000000,"iat":1700000000,"scope":"read write"}')


def b64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def figure(benchmark, call, count: int, rounds: int = 20) -> float:
    """Nanoseconds of CPU time per operation, the best round's."""
    figures = []

    def once():
        start = time.thread_time_ns()
        call()
        figures.append((time.thread_time_ns() - start) / count)

    benchmark.pedantic(once, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info["ns"] = round(min(figures), 1)
    return min(figures)


@pytest.mark.parametrize("entries", [1, 1000])
@pytest.mark.parametrize("size", [300, 1000])
def test_cached(benchmark, size, entries):
    random.seed(1)
    tokens = [b64(random.randbytes(size))[:size] for _ in range(entries)]
    cache = door.Cache(2000, 1)
    for token in tokens:
        cache.put(token, SCOPE, 1, 0, 1)
    random.shuffle(tokens)
    rounds = 20_000 // entries
    figure(benchmark, lambda: cache.get_many(tokens, SCOPE, rounds), rounds * entries)
    assert cache.get_many(tokens, SCOPE, 1) == entries


@pytest.mark.parametrize("size", [32, 300, 1000])
def test_sha256_of_a_token(benchmark, size):
    """What a key of the cache would cost if it were a digest of the token."""
    figure(benchmark, lambda: door.digest_many(1, b"x" * size, 20_000), 20_000)


def test_hs256_uncached(benchmark):
    """A token of 300 bytes, parsed and verified."""
    import hmac
    data = b64(HEADER) + b"." + b64(CLAIMS)
    token = data + b"." + b64(hmac.digest(b"secret", data, "sha256"))
    key, verifier = door.Key(b"HS256", b"secret"), door.Verifier()
    benchmark.extra_info["bytes"] = len(token)
    figure(benchmark, lambda: verifier.token_many(key, token, 20_000), 20_000)
    assert verifier.token_many(key, token, 1) == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_uncached(benchmark, algorithm):
    key, verifier = door.Key(algorithm.encode(), ALGORITHMS[algorithm]["key"].encode()), door.Verifier()
    token, rounds = ALGORITHMS[algorithm]["tokens"][0].encode(), ROUNDS[algorithm[:2]]
    figure(benchmark, lambda: verifier.token_many(key, token, rounds), rounds, rounds=5)
    assert verifier.token_many(key, token, 1) == 1


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_over_libcrypto(benchmark, algorithm):
    pem, token = ALGORITHMS[algorithm]["key"], ALGORITHMS[algorithm]["tokens"][0]
    data, _, signature = token.rpartition(".")
    signature = unb64(signature)
    if algorithm == "ES256":
        halves = [int.from_bytes(half, "big") for half in (signature[:32], signature[32:])]
        body = b"".join(b"\2%c%s" % (n.bit_length() // 8 + 1, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in halves)
        signature = b"\x30%c%s" % (len(body), body)
    der = unb64("".join(pem.split("\n")[1:-2]).replace("+", "-").replace("/", "_"))
    arguments = der, algorithm[:2], "sha256", hashlib.sha256(data.encode()).digest(), signature
    rounds = ROUNDS[algorithm[:2]] // 4
    key, verifier = door.Key(algorithm.encode(), pem.encode()), door.Verifier()
    theirs = []

    def both():
        start = time.thread_time_ns()
        door.library_verify_many(*arguments, rounds)
        theirs.append((time.thread_time_ns() - start) / rounds)
        start = time.thread_time_ns()
        verifier.token_many(key, token.encode(), rounds)
        ours.append((time.thread_time_ns() - start) / rounds)

    ours = []
    benchmark.pedantic(both, rounds=30, warmup_rounds=1)
    benchmark.extra_info.update(ns=round(min(ours), 1), libcrypto_ns=round(min(theirs), 1),
                                percent_over_libcrypto=round(100 * (min(ours) / min(theirs) - 1), 1))
    assert door.library_verify_many(*arguments, 1) == verifier.token_many(key, token.encode(), 1) == 1
