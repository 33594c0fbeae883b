"""One block for each question, there and back; bounded in number."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.atomics cimport atomic_add_u32, atomic_add_u64
from fastgate._core.base.memory cimport memory_give, memory_take_zeroed
from fastgate._core.base.status cimport NO_MEMORY
from fastgate._core.proxy.park cimport park, unpark
from fastgate._core.reactor.mailbox cimport letter_t, mailbox_close, mailbox_put, mailbox_take
from fastgate._core.reactor.reactor cimport mail_t, reactor_post
from fastgate._core.reactor.timer cimport timer_t


cdef enum:
    ASKS_MOST = 10000


cdef void _free(rate_ask_t *ask) noexcept nogil:
    atomic_add_u32(&ask.queue.n, <uint32_t>-1)
    memory_give(ask)


cdef status_t rate_ask(exchange_t *exchange, rate_asks_t *queue, const plugin_t *plugin, limit_sharing_t *sharing,
                       const limit_key_t *key, uint64_t now_wall_ns, uint64_t patience_ns, on_rate_answer_cb on_answer) noexcept nogil:
    cdef rate_ask_t *ask = NULL
    cdef status_t status
    if atomic_add_u32(&queue.n, 1) < ASKS_MOST:
        ask = <rate_ask_t *>memory_take_zeroed(sizeof(rate_ask_t))
    if ask == NULL:
        atomic_add_u32(&queue.n, <uint32_t>-1)
        atomic_add_u64(&queue.refused, 1)
        return NO_MEMORY
    ask.queue = queue
    ask.reactor = &exchange.lane.reactor
    ask.plugin = plugin
    ask.on_answer = on_answer
    ask.sharing = sharing
    ask.key = key[0]
    ask.now_wall_ns = now_wall_ns
    ask.parking.mail.on_mail = _on_mail
    status = park(exchange, &ask.parking, exchange.lane.reactor.now_ns + patience_ns, _on_late)
    mailbox_put(&queue.box, &ask.parking.mail.letter)
    return status


cdef void _on_mail(reactor_t *reactor, mail_t *mail) noexcept nogil:
    cdef rate_ask_t *ask = <rate_ask_t *>mail
    cdef exchange_t *exchange = unpark(&ask.parking)
    if exchange != NULL:
        ask.on_answer(exchange, ask)
    _free(ask)
    if exchange != NULL:
        exchange.lane.on_resumed(exchange)


cdef void _on_late(timer_t *timer) noexcept nogil:
    """The control loop is stuck. The block comes back, and finds nobody."""
    cdef exchange_t *exchange = <exchange_t *>(<char *>timer - <size_t>&(<exchange_t *>NULL).wait)
    cdef rate_ask_t *ask = <rate_ask_t *>exchange.parking
    cdef rate_ask_t unknown
    atomic_add_u64(&ask.queue.late, 1)
    unknown.plugin = ask.plugin
    unknown.key = ask.key
    unknown.now_wall_ns = ask.now_wall_ns
    unknown.verdict = RATE_UNKNOWN      # the block's may be being written
    unpark(&ask.parking)
    ask.on_answer(exchange, &unknown)
    exchange.lane.on_resumed(exchange)


cdef void rate_ask_post(rate_ask_t *ask) noexcept nogil:
    reactor_post(ask.reactor, &ask.parking.mail)


cdef void rate_asks_close(rate_asks_t *queue) noexcept nogil:
    cdef letter_t *letter = mailbox_take(&queue.box)
    cdef letter_t *next
    while letter != NULL:
        next = letter.next
        _free(<rate_ask_t *>letter)
        letter = next
    mailbox_close(&queue.box)
