"""rate-limiting that asks for each request (`sync_rate: 0`): the exchange is parked while the control thread asks Redis."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.limit.sharing cimport LIMIT_WINDOWS, limit_sharing_t
from fastgate._core.limit.table cimport limit_key_t
from fastgate._core.proxy.exchange cimport exchange_t, parking_t
from fastgate._core.reactor.mailbox cimport mailbox_t
from fastgate._core.reactor.reactor cimport reactor_t
from fastgate._core.snapshot.plugin cimport plugin_t


cdef enum rate_verdict_t:
    RATE_UNKNOWN                    # nobody could be asked
    RATE_ADMITTED
    RATE_REFUSED


cdef struct rate_asks_t:
    # From the reactors to the control thread. Owner: bridge.SharedLimits, for the life of its gateway.
    mailbox_t box                   # of rate_ask_t
    # shared: atomic
    uint32_t n                      # under way
    uint64_t late                   # requests that went on without an answer: the control loop was stuck
    uint64_t refused                # requests that met too many under way


# The reactor's part, once there is an answer or there will be none. What it does to the exchange is done before it goes on.
ctypedef void (*on_rate_answer_cb)(exchange_t *exchange, const rate_ask_t *ask) noexcept nogil


cdef struct rate_ask_t:
    # Owner: the queue, then the control thread, then, posted, the reactor, which frees it.
    parking_t parking               # first; its letter goes both ways
    rate_asks_t *queue
    reactor_t *reactor
    const plugin_t *plugin          # valid while the exchange is
    on_rate_answer_cb on_answer
    limit_sharing_t *sharing
    limit_key_t key
    uint64_t now_wall_ns
    # the answer: control thread
    uint32_t counts[2 * LIMIT_WINDOWS]  # by turns: in a window of the rule, and in the one before
    uint8_t verdict                 # rate_verdict_t


# AGAIN: parked. NO_MEMORY: there is none, or too many are under way.
cdef status_t rate_ask(exchange_t *exchange, rate_asks_t *queue, const plugin_t *plugin, limit_sharing_t *sharing,
                       const limit_key_t *key, uint64_t now_wall_ns, uint64_t patience_ns, on_rate_answer_cb on_answer) noexcept nogil

# Control thread.
cdef void rate_asks_close(rate_asks_t *queue) noexcept nogil                # after the lanes; frees what nobody took
cdef void rate_ask_post(rate_ask_t *ask) noexcept nogil
