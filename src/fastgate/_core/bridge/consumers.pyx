"""Consumers of the Model into a snapshot, with their groups."""

import os

from libc.stdint cimport uint64_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.siphash cimport siphash_two
from fastgate._core.base.span cimport span_of
from fastgate._core.observe.access_format cimport access_is_plain
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room, keep_text, keep_texts
from fastgate._core.snapshot.plugin cimport consumer_t


# This process's own, so that a consumer has the same mark after a reload.
cdef uint64_t secret_0 = int.from_bytes(os.urandom(8), "little")
cdef uint64_t secret_1 = int.from_bytes(os.urandom(8), "little")


cdef int _put_groups(arena_t *arena, consumer_t *consumer, list groups) except -1:
    consumer.groups = keep_texts(arena, groups, &consumer.n_groups)
    keep_text(arena, ", ".join(groups), &consumer.groups_text)
    return 0


cdef int _put_fields(arena_t *arena, consumer_t *consumer, dict entity) except -1:
    cdef bytes text = b""
    cdef list places = []
    cdef size_t at, n
    for name, value in (
        (b"X-Consumer-ID: ", entity["id"]), (b"X-Consumer-Custom-ID: ", entity["custom_id"]),
        (b"X-Consumer-Username: ", entity["username"]),
    ):
        value = (value or "").encode()
        places.append((len(text) + len(name) if value else 0, len(value)))
        if value:
            text += name + value + b"\r\n"
            consumer.n_fields += 1
    keep_bytes(arena, text, &consumer.fields)
    at, n = places[0]
    consumer.id = span_of(consumer.fields.at + at, n)
    at, n = places[1]
    consumer.custom_id = span_of(consumer.fields.at + at, n)
    at, n = places[2]
    consumer.username = span_of(consumer.fields.at + at, n)
    consumer.mark[0] = siphash_two(consumer.id.at, consumer.id.len, secret_0, secret_1, &consumer.mark[1])
    return 0


cdef int put_consumers(snapshot_t *snapshot, list consumers) except -1:
    cdef arena_t *arena = &snapshot.arena
    cdef consumer_t *consumer
    snapshot.consumers = <consumer_t *>keep_room(arena, len(consumers) * sizeof(consumer_t))
    for entity in consumers:
        consumer = &snapshot.consumers[snapshot.n_consumers]
        _put_fields(arena, consumer, entity)
        consumer.is_plain = access_is_plain(consumer.username if consumer.username.len else consumer.id)
        _put_groups(arena, consumer, sorted((acl["group"] for acl in entity["acls"]), key=str.encode))
        snapshot.n_consumers += 1
    return 0
