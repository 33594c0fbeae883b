"""The shared store: what plugins remember from one request to the next."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

MOST_ENTRIES = 10_000


class Store:
    """Keys and values in memory, shared by all plugins and all reactors; safe in any thread.

    Bounded: when full, what was not used for longest goes. Gone with the process. Begin keys with
    the plugin's name.
    """

    def __init__(self, most: int = MOST_ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, tuple[Any, float | None]] = OrderedDict()   # value, when it dies

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, default: Any = None) -> Any:
        with self._lock:
            entry = self._live(key)
            return default if entry is None else entry[0]

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """ttl: seconds it is kept; None: until room is needed."""
        with self._lock:
            self._put(key, value, ttl)

    def add(self, key: str, value: Any, ttl: float | None = None) -> bool:
        """As `set`, if there is no such key. True: there was none."""
        with self._lock:
            if self._live(key) is not None:
                return False
            self._put(key, value, ttl)
            return True

    def increase(self, key: str, by: float = 1, ttl: float | None = None) -> Any:
        """Adds to a number, 0 when there is none, and returns the sum. ttl: of a new key; an old one keeps its own."""
        with self._lock:
            entry = self._live(key)
            if entry is None:
                self._put(key, by, ttl)
                return by
            value = entry[0] + by
            self._entries[key] = value, entry[1]
            return value

    def delete(self, key: str) -> bool:
        """True: there was one."""
        with self._lock:
            is_live = self._live(key) is not None
            self._entries.pop(key, None)
            return is_live

    def _live(self, key: str) -> tuple[Any, float | None] | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[1] is not None and entry[1] <= self._clock():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry

    def _put(self, key: str, value: Any, ttl: float | None) -> None:
        if not isinstance(key, str):
            raise TypeError(f"a store's key is text, not {type(key).__name__}")
        self._entries[key] = value, None if ttl is None else self._clock() + ttl
        self._entries.move_to_end(key)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)
