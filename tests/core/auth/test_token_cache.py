"""The cache of verdicts against a plain model, and from several threads."""

import itertools
import threading
from collections import OrderedDict

import pytest
from fastgate_doors import auth_door as door
from hypothesis import given, settings
from hypothesis import strategies as st

SCOPE, OTHER = bytes(32), bytes(31) + b"\1"


class Model:
    """One shard: accepted and refused entries in order of use, least recent first."""

    def __init__(self, capacity):
        self.lists = OrderedDict(), OrderedDict()
        self.most = max(capacity, 1), max(capacity // 4, 1)
        self.hits = self.misses = self.evictions = 0

    def get(self, token, scope, now):
        for entries in self.lists:
            if (token, scope) in entries:
                verdict = entries[token, scope]
                if now >= verdict[2]:
                    del entries[token, scope]
                    break
                if now < verdict[3]:
                    break
                entries.move_to_end((token, scope))
                self.hits += 1
                return verdict[:3]
        self.misses += 1
        return None

    def put(self, token, scope, *verdict):
        if len(token) > 4096:
            return
        for entries in self.lists:
            entries.pop((token, scope), None)
        entries = self.lists[bool(verdict[1])]
        if len(entries) == self.most[bool(verdict[1])]:
            entries.popitem(last=False)
            self.evictions += 1
        entries[token, scope] = verdict

    def counts(self):
        return {"hits": self.hits, "misses": self.misses, "evictions": self.evictions, "entries": sum(map(len, self.lists))}


tokens = st.one_of(st.sampled_from([b"", b"a", b"b", b"token-1", b"token-2"]), st.integers(0, 30).map(lambda n: b"t%d" % n),
                   st.sampled_from([b"x" * 4096, b"x" * 4097]))
steps = st.one_of(
    st.tuples(st.just("get"), tokens, st.sampled_from([SCOPE, OTHER]), st.integers(0, 20)),
    st.tuples(st.just("put"), tokens, st.sampled_from([SCOPE, OTHER]), st.integers(0, 2**64 - 1), st.sampled_from([0, 0, 8]), st.integers(0, 20),
              st.sampled_from([0, 0, 5, 10])),
)


@settings(max_examples=300)
@given(st.integers(0, 12), st.lists(steps, max_size=60), st.integers(0, 2**64 - 1))
def test_as_the_model(capacity, steps, seed):
    cache, model = door.Cache(capacity, seed), Model(capacity)
    for name, *arguments in steps:
        assert getattr(cache, name)(*arguments) == getattr(model, name)(*arguments)
    assert cache.counts() == model.counts()


def test_many_shards_hold_what_they_should():
    cache = door.Cache(1000, 7)
    for n in range(5000):
        cache.put(b"token-%d" % n, SCOPE, n, 0, 10)
    counts = cache.counts()
    assert counts["entries"] == 1000 and counts["evictions"] == 4000
    assert all(cache.get(b"token-%d" % n, SCOPE, 0) in (None, (n, 0, 10)) for n in range(5000))
    assert sum(cache.get(b"token-%d" % n, SCOPE, 0) is not None for n in range(4500, 5000)) > 480


def test_a_flood_of_refused_tokens_pushes_out_no_accepted_one():
    cache = door.Cache(1000, 7)
    for n in range(500):
        cache.put(b"good-%d" % n, SCOPE, n, 0, 10)
    kept = [n for n in range(500) if cache.get(b"good-%d" % n, SCOPE, 0)]
    for n in range(5000):
        cache.put(b"forged-%d" % n, SCOPE, 0, 8, 10)
    assert [n for n in range(500) if cache.get(b"good-%d" % n, SCOPE, 0)] == kept and len(kept) > 480
    assert cache.counts()["entries"] <= 500 + 256


@pytest.mark.parametrize("at", [0, 7, 8, 100, 299])
def test_a_token_of_one_other_byte_is_another(at):
    cache, token = door.Cache(10), bytes(range(44)) * 7
    cache.put(token, SCOPE, 1, 0, 10)
    other = bytearray(token)
    other[at] ^= 0x80
    assert cache.get(bytes(other), SCOPE, 0) is None
    assert cache.get(token, SCOPE, 0) == (1, 0, 10)
    assert cache.get(token[:-1], SCOPE, 0) is None


def test_tokens_of_one_hash_are_told_apart():
    cache = door.Cache(10, 5)
    cache.put(b"one", SCOPE, 1, 0, 10)
    cache.rename(b"one", b"two")
    assert cache.get(b"one", SCOPE, 0) is None


def test_chosen_tokens_do_not_fill_one_bucket():
    # To base/hash these are all the same, whatever its seed: in each 16 bytes, a flip of bit 63 in one word and
    # of 63 and 31 in the next cancels.
    halves = bytes(16), bytes(7) + b"\x80" + bytes(3) + b"\x80" + bytes(3) + b"\x80"
    cache = door.Cache(512, 5)
    for parts in itertools.product(halves, repeat=8):
        cache.put(b"".join(parts), SCOPE, 1, 0, 10)
    chains = cache.chains()
    assert sum(map(len, chains)) > 200 and max(map(len, chains)) < 8


@pytest.mark.parametrize("capacity", [8, 512])
def test_threads_get_no_other_tokens_verdict(capacity):
    cache, wrong = door.Cache(capacity, 3), []
    threads = [threading.Thread(target=lambda n=n: wrong.append(cache.churn(b"thread-token-", SCOPE, n * 13, 40_000))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [0] * 4
    counts = cache.counts()
    assert counts["hits"] + counts["misses"] == 160_000 and counts["hits"] > 0
    assert counts["entries"] <= 64
