"""The reactors' half of plugins in Python."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fastgate._core.base.atomics cimport (
    atomic_add_u32,
    atomic_add_u64,
    atomic_load_u32,
)
from fastgate._core.base.buffer cimport buffer_clear, buffer_put, buffer_t
from fastgate._core.base.memory cimport memory_give, memory_take
from fastgate._core.base.clock cimport NS_PER_MS
from fastgate._core.base.span cimport span_none, span_of, span_text
from fastgate._core.base.status cimport AGAIN, OK
from fastgate._core.http.llhttp cimport llhttp_method_name
from fastgate._core.http.message cimport HEADER_DROPPED, header_name, header_t, header_value
from fastgate._core.plugin.python_request cimport python_request_change
from fastgate._core.plugin.python_state cimport python_state_give, python_state_of
from fastgate._core.proxy.collect cimport collect_body, collect_text
from fastgate._core.plugin.python_told cimport python_told
from fastgate._core.proxy.additions cimport additions_each
from fastgate._core.proxy.exchange cimport (
    REQUEST_ID_BYTES,
    added_t,
    exchange_lend_body,
    exchange_path,
    exchange_keep,
    exchange_query,
    gate_wall_ns,
)
from fastgate._core.proxy.park cimport park, unpark
from fastgate._core.proxy.policy cimport (
    policy_answer,
    policy_answer_add,
    policy_refuse,
    policy_request_add,
    policy_request_drop,
)
from fastgate._core.proxy.reply cimport TEXT_OVERLOADED, TEXT_UNEXPECTED
from fastgate._core.reactor.mailbox cimport letter_t, mailbox_close, mailbox_open, mailbox_put, mailbox_take
from fastgate._core.reactor.reactor cimport mail_t, reactor_post
from fastgate._core.reactor.timer cimport timer_t
from fastgate._core.snapshot.keep cimport keep_room



cdef enum:
    GRACE_NS = 1000000000           # beyond twice what the plugin may take


# --- a call and its bytes

cdef uint32_t _count_fields(exchange_t *exchange, size_t *bytes_out) noexcept nogil:
    cdef const added_t *added = additions_each(exchange, &exchange.request_added)
    cdef const header_t *header
    cdef uint32_t i, n = 0
    for i in range(exchange.request.n_headers):
        header = &exchange.request.headers[i]
        if header.id != HEADER_DROPPED:
            n += 1
            bytes_out[0] += header.name_len + header.value_len
    while added != NULL:
        n += 1
        bytes_out[0] += added.name.len + added.value.len
        added = added.next
    return n


cdef span_t _copy(char **at, span_t source) noexcept nogil:
    cdef span_t copy = span_of(at[0], source.len)
    if source.at == NULL:
        return source
    if source.len:
        memcpy(at[0], source.at, source.len)
    at[0] += source.len
    return copy


cdef void _find_facts(exchange_t *exchange, span_t *facts) noexcept nogil:
    memset(facts, 0, FACT_COUNT * sizeof(span_t))
    facts[<int>FACT_METHOD] = span_text(llhttp_method_name(exchange.upstream_method))
    facts[<int>FACT_SCHEME] = span_of(b"https", 5) if exchange.is_https else span_of(b"http", 4)
    facts[<int>FACT_HOST] = span_of(exchange.host, exchange.host_len)
    facts[<int>FACT_PATH] = exchange_path(exchange)
    if exchange.has_query:
        facts[<int>FACT_QUERY] = exchange_query(exchange)
    facts[<int>FACT_CLIENT_IP] = span_of(exchange.client_ip, exchange.client_ip_len)
    facts[<int>FACT_REQUEST_ID] = span_of(exchange.request_id, REQUEST_ID_BYTES)
    if exchange.route != NULL:
        facts[<int>FACT_ROUTE] = exchange.route.name
    if exchange.service != NULL:
        facts[<int>FACT_SERVICE] = exchange.service.name
    if exchange.consumer != NULL:
        facts[<int>FACT_CONSUMER_ID] = exchange.consumer.id
        facts[<int>FACT_CONSUMER_USERNAME] = exchange.consumer.username
        facts[<int>FACT_CONSUMER_CUSTOM_ID] = exchange.consumer.custom_id
        facts[<int>FACT_CREDENTIAL] = exchange.credential
    if exchange.is_trusted:
        facts[<int>FACT_TRUSTED] = span_of(b"1", 1)


cdef python_call_t *_make(exchange_t *exchange, const python_config_t *config) noexcept nogil:
    """All that Python may ask, copied: the reactor's memory is read by nobody else. NULL: no memory."""
    cdef span_t facts[FACT_COUNT]
    cdef const added_t *added = additions_each(exchange, &exchange.request_added)
    cdef const header_t *header
    cdef python_call_t *call
    cdef size_t size = sizeof(python_call_t)
    cdef uint32_t i, n = _count_fields(exchange, &size)
    cdef span_t *field
    cdef char *at
    _find_facts(exchange, facts)
    for i in range(FACT_COUNT):
        size += facts[i].len
    call = <python_call_t *>memory_take(size + n * 2 * sizeof(span_t))
    if call == NULL:
        return NULL
    memset(call, 0, sizeof(python_call_t))
    call.fields = field = <span_t *>(call + 1)
    call.n_fields = n
    at = <char *>(field + 2 * n)
    for i in range(exchange.request.n_headers):
        header = &exchange.request.headers[i]
        if header.id != HEADER_DROPPED:
            field[0] = _copy(&at, header_name(&exchange.request, header))
            field[1] = _copy(&at, header_value(&exchange.request, header))
            field += 2
    while added != NULL:
        field[0] = _copy(&at, added.name)
        field[1] = _copy(&at, added.value)
        field += 2
        added = added.next
    call.fields_bytes = <uint32_t>(at - <char *>call.fields)
    for i in range(FACT_COUNT):
        call.facts[i] = _copy(&at, facts[i])
    call.lot = config.lot
    call.handle = config.handle
    call.reactor = &exchange.lane.reactor
    call.snapshot_number = exchange.snapshot_number
    call.state = python_state_of(exchange)
    return call


cdef void python_call_free(python_call_t *call) noexcept nogil:
    atomic_add_u32(&call.lot.n_calls, <uint32_t>-1)
    buffer_clear(&call.parking.body)
    memory_give(call.changes)
    memory_give(call.answer)
    memory_give(call)


# --- there

cdef bint _may_call(python_lot_t *lot) noexcept nogil:
    """Takes a place among the plugin's calls."""
    if atomic_add_u32(&lot.n_calls, 1) < atomic_load_u32(&lot.most):
        return True
    atomic_add_u32(&lot.n_calls, <uint32_t>-1)
    return False


cdef python_call_t *python_call_new(exchange_t *exchange, const python_config_t *config, bint *is_flooded_out) noexcept nogil:
    cdef python_call_t *call
    is_flooded_out[0] = not _may_call(config.lot)
    if is_flooded_out[0]:
        return NULL
    call = _make(exchange, config)
    if call == NULL:
        atomic_add_u32(&config.lot.n_calls, <uint32_t>-1)
    return call


cdef status_t python_call_park(python_call_t *call, exchange_t *exchange, const python_config_t *config,
                               on_mail_cb on_verdict, on_timer_cb on_late) noexcept nogil:
    call.goes_on = config.goes_on
    call.parking.mail.on_mail = on_verdict
    park(exchange, &call.parking, exchange.lane.reactor.now_ns + config.patience_ns, on_late)
    if config.reads_body and call.phase == PYTHON_ACCESS:
        call.request_body = collect_text(exchange)
        call.parking.reads_body = True
    mailbox_put(&config.queue.calls, &call.parking.mail.letter)
    return AGAIN


cdef status_t _ask(exchange_t *exchange, const python_config_t *config, python_phase_t phase) noexcept nogil:
    cdef bint is_flooded
    cdef python_call_t *call = python_call_new(exchange, config, &is_flooded)
    if call == NULL:
        atomic_add_u64(&config.lot.refused, 1)
        if config.goes_on:
            return OK
        if is_flooded:
            return policy_refuse(exchange, 500, span_text(TEXT_UNEXPECTED))
        return policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
    call.phase = <uint8_t>phase
    return python_call_park(call, exchange, config, _on_verdict, _on_late)


cdef status_t _rewrite(const plugin_t *plugin, void *subject) noexcept nogil:
    return _ask(<exchange_t *>subject, <const python_config_t *>plugin.config, PYTHON_REWRITE)


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const python_config_t *config = <const python_config_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef status_t status
    if config.reads_body:
        status = collect_body(plugin, exchange, config.body_bytes)
        if status != OK:
            return status
    return _ask(exchange, config, PYTHON_ACCESS)


cdef status_t _log(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const python_config_t *config = <const python_config_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef bint is_flooded
    cdef python_call_t *call = python_call_new(exchange, config, &is_flooded)
    if call != NULL and not python_told(call, exchange, span_none()):
        python_call_free(call)
        call = NULL
    if call == NULL:
        atomic_add_u64(&config.lot.logs_dropped, 1)
        return OK
    call.phase = PYTHON_LOG
    call.status = exchange.status
    call.upstream_status = exchange.upstream_status
    call.started_at_ms = gate_wall_ns(exchange.lane.gate, exchange.opened_ns) // NS_PER_MS
    call.total_ns = exchange.ended_ns - exchange.opened_ns
    if exchange.answered_ns:
        call.upstream_ns = exchange.answered_ns - exchange.forwarded_ns
    mailbox_put(&config.queue.calls, &call.parking.mail.letter)
    return OK


# --- and back

cdef void _change(exchange_t *exchange, const python_change_t *change, bint *failed_out) noexcept nogil:
    cdef span_t name, value
    if change.action == PYTHON_DROP:
        policy_request_drop(exchange, change.name)
        return
    if change.action == PYTHON_QUERY and change.value.at == NULL:
        exchange.has_query = False
        return
    if change.action > PYTHON_ANSWER_ADD:
        python_request_change(exchange, change, failed_out)
        return
    value = exchange_keep(exchange, change.value, failed_out)
    if change.action == PYTHON_QUERY:
        exchange.has_query = True
        exchange.query_edited = value
        return
    name = exchange_keep(exchange, change.name, failed_out)
    if failed_out[0]:
        return
    if change.action == PYTHON_ADD:
        policy_request_add(exchange, name, value)
    else:
        policy_answer_add(exchange, name, value)


cdef void _carry_out(exchange_t *exchange, const python_call_t *call) noexcept nogil:
    cdef bint failed = False
    cdef span_t body, type
    cdef uint32_t i
    for i in range(call.n_changes):
        _change(exchange, &call.changes[i], &failed)
    if call.refusal:
        body = exchange_keep(exchange, call.body, &failed)
        type = exchange_keep(exchange, call.type, &failed)
        if call.has_message:
            policy_refuse(exchange, call.refusal, body)
        else:
            policy_answer(exchange, call.refusal, type, body)
    if failed:
        exchange.refusal_type = span_none()
        policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))


cdef void _on_verdict(reactor_t *reactor, mail_t *mail) noexcept nogil:
    cdef python_call_t *call = <python_call_t *>mail
    cdef exchange_t *exchange = unpark(&call.parking)
    if call.new_state != NULL:
        python_state_give(exchange, call.new_state)
    if exchange != NULL:
        _carry_out(exchange, call)
    python_call_free(call)
    if exchange != NULL:
        exchange.lane.on_resumed(exchange)


cdef void _on_late(timer_t *timer) noexcept nogil:
    """The control thread is stuck, in a plugin that blocks it perhaps."""
    cdef exchange_t *exchange = <exchange_t *>(<char *>timer - <size_t>&(<exchange_t *>NULL).wait)
    cdef python_call_t *call = <python_call_t *>exchange.parking
    cdef buffer_t copy
    atomic_add_u64(&call.lot.stalled, 1)
    if not call.goes_on:
        policy_refuse(exchange, 500, span_text(TEXT_UNEXPECTED))
    if call.parking.reads_body:         # for who knows how long: the request goes on with a copy
        memset(&copy, 0, sizeof(copy))
        if call.goes_on and not buffer_put(&copy, call.request_body.at, call.request_body.len):
            policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
        exchange_lend_body(exchange)
        exchange.kept = copy
    unpark(&call.parking)
    exchange.lane.on_resumed(exchange)


cdef void python_call_post(python_call_t *call) noexcept nogil:
    reactor_post(call.reactor, &call.parking.mail)


# --- the queue

cdef bint python_queue_open(python_queue_t *queue) noexcept nogil:
    if not mailbox_open(&queue.calls):
        return False
    queue.ended.wake_fd = queue.calls.wake_fd
    return True


cdef python_lot_t *python_lot_new(python_queue_t *queue) noexcept nogil:
    cdef python_lot_t *lot = <python_lot_t *>calloc(1, sizeof(python_lot_t))
    if lot == NULL:
        return NULL
    lot.next = queue.lots
    queue.lots = lot
    return lot


cdef void python_queue_close(python_queue_t *queue) noexcept nogil:
    cdef letter_t *letter = mailbox_take(&queue.calls)
    cdef letter_t *next
    cdef python_lot_t *lot
    while letter != NULL:
        next = letter.next
        python_call_free(<python_call_t *>letter)
        letter = next
    while queue.lots != NULL:
        lot = queue.lots
        queue.lots = lot.next
        free(lot)
    mailbox_close(&queue.calls)


# --- the builder

cdef int python_build(plugin_t *plugin, snapshot_t *snapshot, python_queue_t *queue, python_lot_t *lot,
                      uint64_t handle, object hooks, object body_bytes, dict config, uint64_t timeout_ms) except -1:
    cdef python_config_t *kept = <python_config_t *>keep_room(&snapshot.arena, sizeof(python_config_t))
    kept.queue = queue
    kept.lot = lot
    kept.handle = handle
    kept.goes_on = config["on_error"] == "continue"
    if config["phase_timeout"] is not None:
        timeout_ms = config["phase_timeout"]
    kept.patience_ns = 2 * timeout_ms * NS_PER_MS + GRACE_NS
    plugin.config = kept
    if body_bytes is not None:
        kept.reads_body = True
        kept.body_bytes = body_bytes
    if "rewrite" in hooks:
        plugin.rewrite = _rewrite
    if "access" in hooks:
        plugin.access = _access
    if "log" in hooks:
        plugin.log = _log
        plugin.keeps_answer = True
    return 0
