"""Consumers of the Model into a snapshot, with their groups."""

from fastgate._core.base.arena cimport arena_t
from fastgate._core.snapshot.keep cimport keep_room, keep_text, keep_texts
from fastgate._core.snapshot.plugin cimport consumer_t


cdef int _put_groups(arena_t *arena, consumer_t *consumer, list groups) except -1:
    consumer.groups = keep_texts(arena, groups, &consumer.n_groups)
    keep_text(arena, ", ".join(groups), &consumer.groups_text)
    return 0


cdef int put_consumers(snapshot_t *snapshot, list consumers) except -1:
    cdef arena_t *arena = &snapshot.arena
    cdef consumer_t *consumer
    snapshot.consumers = <consumer_t *>keep_room(arena, len(consumers) * sizeof(consumer_t))
    for entity in consumers:
        consumer = &snapshot.consumers[snapshot.n_consumers]
        keep_text(arena, entity["id"], &consumer.id)
        keep_text(arena, entity["username"], &consumer.username)
        keep_text(arena, entity["custom_id"], &consumer.custom_id)
        _put_groups(arena, consumer, sorted((acl["group"] for acl in entity["acls"]), key=str.encode))
        snapshot.n_consumers += 1
    return 0
