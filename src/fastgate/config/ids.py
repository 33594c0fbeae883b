"""Deterministic ids: the chain of UUIDv5 (RFC 9562, 5.5) that Kong makes them by.

root namespace → UUIDv5 of the entity's collection name → UUIDv5 of the entity's
key. Entities without a key get random ids in Kong; here they are made from the
entity's content, so that they too stay the same between loads.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha1
from typing import Any

ROOT = bytes.fromhex("fd02801f09574a15a55ac8d9606f30b5")
_WORKSPACE = "*"  # how Kong writes "no workspace" in keys
_UNKEYED = frozenset(("id", "created_at", "updated_at"))

_namespaces: dict[str, bytes] = {}


def _uuid5(namespace: bytes, name: str) -> bytes:
    digest = bytearray(sha1(namespace + name.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def entity_id(collection: str, key: str) -> str:
    """The id of the entity in `collection` ("services") that has `key`."""
    namespace = _namespaces.get(collection)
    if namespace is None:
        namespace = _namespaces[collection] = _uuid5(ROOT, collection)
    text = _uuid5(namespace, key).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def cache_key(collection: str, values: Iterable[str | None]) -> str:
    """The key of an entity that several fields together tell apart: Kong's cache key."""
    return ":".join((collection, _WORKSPACE, *(value or "" for value in values)))


class ContentKeys:
    """Keys for entities without a name: their content, and which of several
    equal ones it is. One for each collection and load."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def key(self, entity: dict[str, Any]) -> str:
        import json

        content = json.dumps({name: value for name, value in entity.items() if name not in _UNKEYED},
                             sort_keys=True, separators=(",", ":"))
        count = self._seen[content] = self._seen.get(content, 0) + 1
        return f"{content}:{count}"
