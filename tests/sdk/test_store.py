"""The shared store against a plain model, and its bounds."""

import threading

import pytest
from fastgate.sdk import Store
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

MOST = 4
KEYS = st.sampled_from("abcdef")
TTLS = st.sampled_from([None, 1, 3])


class StoreMachine(RuleBasedStateMachine):
    """A list of [key, value, end], the longest unused first."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.store = Store(MOST, clock=lambda: self.now)
        self.rows = []

    def find(self, key):
        for row in self.rows:
            if row[0] == key:
                self.rows.remove(row)
                if row[2] is not None and row[2] <= self.now:
                    return None
                self.rows.append(row)
                return row
        return None

    def put(self, key, value, ttl):
        self.rows = [row for row in self.rows if row[0] != key]
        self.rows.append([key, value, None if ttl is None else self.now + ttl])
        self.rows = self.rows[-MOST:]

    @rule(key=KEYS, value=st.integers(0, 9), ttl=TTLS)
    def set(self, key, value, ttl):
        self.store.set(key, value, ttl)
        self.put(key, value, ttl)

    @rule(key=KEYS)
    def get(self, key):
        row = self.find(key)
        assert self.store.get(key, "none") == (row[1] if row else "none")

    @rule(key=KEYS, ttl=TTLS)
    def add(self, key, ttl):
        is_new = self.find(key) is None
        assert self.store.add(key, 7, ttl) is is_new
        if is_new:
            self.put(key, 7, ttl)

    @rule(key=KEYS, ttl=TTLS)
    def increase(self, key, ttl):
        row = self.find(key)
        if row is None:
            self.put(key, 2, ttl)
        else:
            row[1] += 2
        assert self.store.increase(key, 2, ttl) == (row[1] if row else 2)

    @rule(key=KEYS)
    def delete(self, key):
        row = self.find(key)
        assert self.store.delete(key) is (row is not None)
        self.rows = [each for each in self.rows if each is not row]

    @rule()
    def pass_time(self):
        self.now += 1

    @invariant()
    def is_bounded(self):
        assert len(self.store) <= MOST


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=30)


def test_keys_are_text():
    with pytest.raises(TypeError, match="text, not int"):
        Store().set(1, 2)


def test_increase_in_many_threads_loses_nothing():
    store = Store()
    threads = [threading.Thread(target=lambda: [store.increase("n") for _ in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("n") == 8000
