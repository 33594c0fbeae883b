"""The exchange as plugins may change it."""

from libc.stdint cimport uint16_t, uint64_t

from fastgate._core.base.span cimport span_ieq, span_of, span_t, span_text
from fastgate._core.base.status cimport AGAIN, DONE, status_t
from fastgate._core.http.fields cimport field_id
from fastgate._core.http.message cimport (
    HEADER_CONNECTION,
    HEADER_CONTENT_LENGTH,
    HEADER_DROPPED,
    HEADER_EXPECT,
    HEADER_HOST,
    HEADER_KEEP_ALIVE,
    HEADER_OTHER,
    HEADER_PROXY_CONNECTION,
    HEADER_SEC_WEBSOCKET_ACCEPT,
    HEADER_SEC_WEBSOCKET_KEY,
    HEADER_SEC_WEBSOCKET_VERSION,
    HEADER_TE,
    HEADER_TRAILER,
    HEADER_TRANSFER_ENCODING,
    HEADER_UPGRADE,
    HEADER_X_ANONYMOUS_CONSUMER,
    HEADER_X_CONSUMER_CUSTOM_ID,
    HEADER_X_CONSUMER_ID,
    HEADER_X_CONSUMER_USERNAME,
    HEADER_X_CREDENTIAL_IDENTIFIER,
    header_name,
    header_t,
    header_value,
    message_drop_name,
    message_find_name,
    message_t,
)
from fastgate._core.proxy.additions cimport additions_append, additions_each
from fastgate._core.proxy.exchange cimport added_t, additions_t, exchange_room
from fastgate._core.proxy.own_fields cimport is_own_field
from fastgate._core.proxy.pass_fields cimport field_bit, forwarding_bits
from fastgate._core.reactor.timer cimport timer_arm, timer_init, timer_t


cdef uint64_t NOT_THEIRS = (
    field_bit(HEADER_CONNECTION) | field_bit(HEADER_CONTENT_LENGTH) | field_bit(HEADER_EXPECT) | field_bit(HEADER_HOST)
    | field_bit(HEADER_KEEP_ALIVE) | field_bit(HEADER_PROXY_CONNECTION) | field_bit(HEADER_TE)
    | field_bit(HEADER_TRAILER) | field_bit(HEADER_TRANSFER_ENCODING) | field_bit(HEADER_UPGRADE)
    | field_bit(HEADER_SEC_WEBSOCKET_KEY) | field_bit(HEADER_SEC_WEBSOCKET_VERSION)
    | field_bit(HEADER_SEC_WEBSOCKET_ACCEPT)                    # the handshake is checked here
)
# In a request these are written by forward_head; a trusted peer's may be read, renamed and dropped.
cdef uint64_t REQUEST_IS_OURS = NOT_THEIRS | forwarding_bits()
# What policy_authenticated tells the upstream.
cdef uint64_t IDENTITY = (
    field_bit(HEADER_X_CONSUMER_ID) | field_bit(HEADER_X_CONSUMER_CUSTOM_ID) | field_bit(HEADER_X_CONSUMER_USERNAME)
    | field_bit(HEADER_X_CREDENTIAL_IDENTIFIER) | field_bit(HEADER_X_ANONYMOUS_CONSUMER)
)


cdef inline void _put_run(added_t *run, unsigned n, span_t lines) noexcept nogil:
    run.next = NULL
    run.name = lines
    run.run_fields = <uint16_t>n
    run.is_hidden = False


# --- the end of the access phase

cdef status_t policy_refuse(exchange_t *exchange, unsigned status, span_t text) noexcept nogil:
    exchange.refusal = <uint16_t>status
    exchange.refusal_text = text
    return DONE


cdef status_t policy_answer(exchange_t *exchange, unsigned status, span_t type, span_t body) noexcept nogil:
    exchange.refusal = <uint16_t>status
    if type.len == 0 and body.len:
        type = span_text(b"text/plain; charset=utf-8")
    exchange.refusal_type = type if type.len else span_text(b"")    # not NULL: a body, though an empty one
    exchange.refusal_text = body
    return DONE


cdef void _on_waited(timer_t *timer) noexcept nogil:
    cdef exchange_t *exchange = <exchange_t *>(<char *>timer - <size_t>&(<exchange_t *>NULL).wait)
    exchange.lane.on_resumed(exchange)


cdef status_t policy_wait(exchange_t *exchange, uint64_t delay_ns) noexcept nogil:
    timer_init(&exchange.wait, _on_waited)
    timer_arm(&exchange.lane.reactor.wheel, &exchange.wait, exchange.lane.reactor.now_ns + delay_ns)
    return AGAIN


# --- fields

cdef bint _is_theirs(span_t name, uint64_t ours) noexcept nogil:
    return not ours >> field_id(name.at, name.len) & 1


cdef bint _may_add(exchange_t *exchange, span_t name, uint64_t ours) noexcept nogil:
    """Not what the gateway writes itself: the other side would get it twice."""
    return _is_theirs(name, ours) and not is_own_field(&exchange.snapshot.settings, name)


cdef void _drop(exchange_t *exchange, message_t *message, additions_t *added, span_t name, bint may_return) noexcept nogil:
    """One pass over either. `may_return`: what was added is only hidden, so that phases_unfilter can bring it back."""
    cdef added_t **link = &added.first
    additions_each(exchange, added)
    message_drop_name(message, name)
    added.last = NULL
    while link[0] != NULL:
        if span_ieq(link[0].name, name):
            if not may_return:
                link[0] = link[0].next
                continue
            link[0].is_hidden = True
        added.last = link[0]
        link = &link[0].next


cdef void _add(exchange_t *exchange, additions_t *added, span_t name, span_t value) noexcept nogil:
    added.known |= field_bit(field_id(name.at, name.len))
    _add_known(exchange, added, name, value)


cdef inline void _add_known(exchange_t *exchange, additions_t *added, span_t name, span_t value) noexcept nogil:
    cdef added_t *field = <added_t *>exchange_room(exchange, sizeof(added_t))
    if field == NULL:
        added.is_short = True
        return
    field.next = NULL
    field.name = name
    field.value = value
    field.run_fields = 0
    field.is_hidden = False
    additions_append(added, field, field)


cdef bint _value(exchange_t *exchange, message_t *message, additions_t *added, span_t name, span_t *value_out) noexcept nogil:
    cdef const header_t *header = message_find_name(message, name, 0)
    cdef added_t *field
    if header != NULL:
        value_out[0] = header_value(message, header)
        return True
    field = additions_each(exchange, added)
    while field != NULL:
        if not field.is_hidden and span_ieq(field.name, name):
            value_out[0] = field.value
            return True
        field = field.next
    return False


cdef void _rename(exchange_t *exchange, message_t *message, additions_t *added, span_t name, span_t new,
                  bint may_return) noexcept nogil:
    """All fields of the one name get the other, and those that had it are gone."""
    cdef span_t value
    cdef added_t *field
    cdef added_t *last
    cdef unsigned i
    if span_ieq(name, new) or not _value(exchange, message, added, name, &value):
        return
    _drop(exchange, message, added, new, may_return)
    field = added.first
    last = added.last
    for i in range(message.n_headers):
        if message.headers[i].id != HEADER_DROPPED and span_ieq(header_name(message, &message.headers[i]), name):
            _add(exchange, added, new, header_value(message, &message.headers[i]))
    while field != NULL:
        if not field.is_hidden and span_ieq(field.name, name):
            _add(exchange, added, new, field.value)
        if field == last:
            break
        field = field.next
    _drop(exchange, message, added, name, may_return)


cdef bint policy_request_has(exchange_t *exchange, span_t name) noexcept nogil:
    cdef span_t value
    return _value(exchange, &exchange.request, &exchange.request_added, name, &value)


cdef bint policy_request_value(exchange_t *exchange, span_t name, span_t *value_out) noexcept nogil:
    return _value(exchange, &exchange.request, &exchange.request_added, name, value_out)


cdef void policy_request_drop(exchange_t *exchange, span_t name) noexcept nogil:
    if _is_theirs(name, NOT_THEIRS):
        _drop(exchange, &exchange.request, &exchange.request_added, name, False)


cdef void policy_request_add(exchange_t *exchange, span_t name, span_t value) noexcept nogil:
    if _may_add(exchange, name, REQUEST_IS_OURS):
        _add(exchange, &exchange.request_added, name, value)


cdef void policy_request_rename(exchange_t *exchange, span_t name, span_t new) noexcept nogil:
    if _is_theirs(name, NOT_THEIRS) and _may_add(exchange, new, REQUEST_IS_OURS):
        _rename(exchange, &exchange.request, &exchange.request_added, name, new, False)


cdef void policy_request_replace(exchange_t *exchange, span_t name, span_t value) noexcept nogil:
    if _may_add(exchange, name, REQUEST_IS_OURS) and policy_request_has(exchange, name):
        _drop(exchange, &exchange.request, &exchange.request_added, name, False)
        _add(exchange, &exchange.request_added, name, value)


cdef void policy_answer_drop(exchange_t *exchange, span_t name) noexcept nogil:
    if _is_theirs(name, NOT_THEIRS):
        _drop(exchange, &exchange.answer, &exchange.answer_added, name, exchange.is_filtered)


cdef void policy_answer_add(exchange_t *exchange, span_t name, span_t value) noexcept nogil:
    if _may_add(exchange, name, NOT_THEIRS):
        _add(exchange, &exchange.answer_added, name, value)


cdef void policy_answer_rename(exchange_t *exchange, span_t name, span_t new) noexcept nogil:
    if _is_theirs(name, NOT_THEIRS) and _may_add(exchange, new, NOT_THEIRS):
        _rename(exchange, &exchange.answer, &exchange.answer_added, name, new, exchange.is_filtered)


cdef void policy_answer_replace(exchange_t *exchange, span_t name, span_t value) noexcept nogil:
    cdef span_t old
    if _may_add(exchange, name, NOT_THEIRS) and policy_answer_value(exchange, name, &old):
        _drop(exchange, &exchange.answer, &exchange.answer_added, name, exchange.is_filtered)
        _add(exchange, &exchange.answer_added, name, value)


cdef char *policy_answer_lines(exchange_t *exchange, unsigned n, size_t most) noexcept nogil:
    cdef additions_t *added = &exchange.answer_added
    cdef added_t *run = <added_t *>exchange_room(exchange, sizeof(added_t) + most)
    if run == NULL:
        added.is_short = True
        return NULL
    _put_run(run, n, span_of(<char *>(run + 1), 0))
    additions_append(added, run, run)
    added.has_runs = True
    added.known |= field_bit(HEADER_OTHER)
    return <char *>(run + 1)


cdef void policy_answer_lines_end(exchange_t *exchange, const char *end) noexcept nogil:
    cdef added_t *run = exchange.answer_added.last
    run.name.len = <size_t>(end - run.name.at)


cdef bint policy_answer_value(exchange_t *exchange, span_t name, span_t *value_out) noexcept nogil:
    return _value(exchange, &exchange.answer, &exchange.answer_added, name, value_out)


# --- who asks

cdef void policy_authenticated(exchange_t *exchange, const consumer_t *consumer, span_t credential, span_t identifier,
                               bint is_anonymous) noexcept nogil:
    """The identity fields for the upstream (as Kong's); those a client sent are never passed on."""
    cdef additions_t *added = &exchange.request_added
    cdef added_t *run
    exchange.consumer = consumer
    exchange.credential = credential
    exchange.is_anonymous = is_anonymous
    if (exchange.request.known | added.known) & IDENTITY:
        _drop_identity(exchange)
    run = <added_t *>exchange_room(exchange, sizeof(added_t))
    if run == NULL:
        added.is_short = True
        return
    _put_run(run, consumer.n_fields, consumer.fields)
    additions_append(added, run, run)
    added.has_runs = True
    added.known |= IDENTITY
    if identifier.len:
        _add_known(exchange, added, span_text(b"X-Credential-Identifier"), identifier)
    if is_anonymous:
        _add_known(exchange, added, span_text(b"X-Anonymous-Consumer"), span_text(b"true"))


cdef void _drop_identity(exchange_t *exchange) noexcept nogil:
    _drop(exchange, &exchange.request, &exchange.request_added, span_text(b"X-Consumer-ID"), False)
    _drop(exchange, &exchange.request, &exchange.request_added, span_text(b"X-Consumer-Custom-ID"), False)
    _drop(exchange, &exchange.request, &exchange.request_added, span_text(b"X-Consumer-Username"), False)
    _drop(exchange, &exchange.request, &exchange.request_added, span_text(b"X-Credential-Identifier"), False)
    _drop(exchange, &exchange.request, &exchange.request_added, span_text(b"X-Anonymous-Consumer"), False)
