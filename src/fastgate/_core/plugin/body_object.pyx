"""What is not touched is copied as it stands: numbers keep their digits, texts their escapes."""

from fastgate._core.auth.json cimport json_member_t, json_raw_eq, json_walk_next, json_walk_open, json_walk_t
from fastgate._core.base.span cimport span_ieq, span_none, span_of, span_text, span_trim
from fastgate._core.base.status cimport MALFORMED, NO_MEMORY, OK, TOO_LARGE
from fastgate._core.base.writer cimport writer_open, writer_span, writer_t, writer_text
from fastgate._core.proxy.exchange cimport exchange_take
from fastgate._core.proxy.policy cimport policy_request_value


cdef enum:
    AROUND_BYTES = 4            # of a member: quotes, colon, comma


cdef body_kind_t body_kind(exchange_t *exchange) noexcept nogil:
    cdef span_t type
    return body_kind_of(type) if policy_request_value(exchange, span_text(b"Content-Type"), &type) else BODY_OTHER


cdef body_kind_t body_kind_of(span_t type) noexcept nogil:
    cdef size_t i
    for i in range(type.len):
        if type.at[i] == c';':
            type.len = i
            break
    type = span_trim(type)
    if span_ieq(type, span_text(b"application/json")):
        return BODY_JSON
    return BODY_FORM if span_ieq(type, span_text(b"application/x-www-form-urlencoded")) else BODY_OTHER


cdef status_t members_read(members_t *members, exchange_t *exchange, span_t text, uint32_t more) noexcept nogil:
    cdef json_walk_t walk
    cdef json_member_t member
    cdef uint32_t n = 0
    members.n_members = 0
    if text.len:
        json_walk_open(&walk, text)
        while json_walk_next(&walk, &member):
            n += 1
        if walk.status != OK:
            return MALFORMED
        if n > MEMBERS_MAX:
            return TOO_LARGE
    members.members = <member_t *>exchange_take(exchange, (<size_t>n + more) * sizeof(member_t))
    if members.members == NULL:
        return NO_MEMORY
    json_walk_open(&walk, text)
    while members.n_members < n and json_walk_next(&walk, &member):
        members.members[members.n_members].name = member.name
        members.members[members.n_members].value = member.value
        members.n_members += 1
    return OK


cdef bint _is(const member_t *member, span_t name) noexcept nogil:
    return member.name.at != NULL and json_raw_eq(member.name, name)


cdef member_t *members_find(members_t *members, span_t name) noexcept nogil:
    cdef uint32_t i
    for i in range(members.n_members):
        if _is(&members.members[i], name):
            return &members.members[i]
    return NULL


cdef void members_remove(members_t *members, span_t name) noexcept nogil:
    cdef uint32_t i
    for i in range(members.n_members):
        if _is(&members.members[i], name):
            members.members[i].name = span_none()


cdef status_t members_write(const members_t *members, exchange_t *exchange, span_t *text_out) noexcept nogil:
    cdef const member_t *member
    cdef bint is_first = True
    cdef size_t size = AROUND_BYTES
    cdef writer_t writer
    cdef char *room
    cdef uint32_t i
    for i in range(members.n_members):
        if members.members[i].name.at != NULL:
            size += members.members[i].name.len + members.members[i].value.len + AROUND_BYTES
    room = <char *>exchange_take(exchange, size)
    if room == NULL:
        return NO_MEMORY
    writer_open(&writer, room, size)
    writer_text(&writer, b"{")
    for i in range(members.n_members):
        member = &members.members[i]
        if member.name.at == NULL:
            continue
        writer_text(&writer, b'"' if is_first else b',"')
        writer_span(&writer, member.name)
        writer_text(&writer, b'":')
        writer_span(&writer, member.value)
        is_first = False
    writer_text(&writer, b"}")
    text_out[0] = span_of(writer.start, <size_t>(writer.at - writer.start))
    return OK
