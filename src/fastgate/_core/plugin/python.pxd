"""Plugins written in Python: a request's facts go to the control thread, its verdict comes back as mail.

rewrite, access: the exchange is parked and a call is queued; the control thread takes all that are queued at
once, runs the plugin and posts the call back to its reactor, which carries the verdict out and goes
on. log: a call of no return. No reactor waits, and none takes the GIL.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.observe.series cimport series_t
from fastgate._core.plugin.python_state cimport python_state_t
from fastgate._core.proxy.exchange cimport exchange_t, parking_t
from fastgate._core.reactor.mailbox cimport mailbox_t
from fastgate._core.reactor.reactor cimport on_mail_cb, reactor_t
from fastgate._core.reactor.timer cimport on_timer_cb
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef enum python_phase_t:
    PYTHON_ACCESS
    PYTHON_LOG
    PYTHON_HEADER_FILTER
    PYTHON_BODY_FILTER
    PYTHON_REWRITE


cdef enum python_fact_t:
    # python_call_t.facts
    FACT_METHOD
    FACT_SCHEME
    FACT_HOST
    FACT_PATH
    FACT_QUERY
    FACT_CLIENT_IP
    FACT_REQUEST_ID
    FACT_ROUTE
    FACT_SERVICE
    FACT_CONSUMER_ID
    FACT_CONSUMER_USERNAME
    FACT_CONSUMER_CUSTOM_ID
    FACT_CREDENTIAL
    FACT_TRUSTED                    # is there: the peer is a trusted proxy
    FACT_COUNT


cdef enum python_action_t:
    # python_change_t.action
    PYTHON_DROP                     # request fields of that name
    PYTHON_ADD                      # a request field
    PYTHON_QUERY                    # the value is the query to forward; .at NULL: none
    PYTHON_ANSWER_DROP              # the answer's fields of that name
    PYTHON_ANSWER_ADD               # a field of the answer
    PYTHON_METHOD                   # the value is one byte, llhttp's number
    PYTHON_PATH
    PYTHON_BODY                     # the value is the whole body
    PYTHON_SERVICE                  # the name is its place in snapshot.services, a uint32_t
    PYTHON_CONSUMER                 # likewise in snapshot.consumers; the value is the credential's id


cdef struct python_lot_t:
    # What one plugin may have under way, whatever its configurations. Owner: python_queue_t, for its life.
    # read-only after build
    python_lot_t *next
    # shared: atomic
    uint32_t n_calls                # queued, or being worked on
    uint32_t most
    uint64_t refused                # requests that met too many: answered 500 (503: no memory for one more), or gone on (on_error)
    uint64_t too_large              # bodies that it was not shown
    uint64_t logs_dropped           # log calls, because there were too many
    uint64_t stalled                # requests that went on or were answered 500 (on_error): the control loop was stuck


cdef struct python_queue_t:
    # From the reactors to the control thread. Owner: bridge.Gateway, for the life of the process.
    mailbox_t calls                 # of python_call_t
    mailbox_t ended                 # of python_state_t; wakes by the descriptor of `calls`
    # control thread
    python_lot_t *lots


cdef struct python_change_t:
    # Part of a verdict's block.
    span_t name
    span_t value
    series_t *series                # PYTHON_SERVICE: what its requests of this route count in, kept by the registry; NULL: as before
    uint32_t action                 # python_action_t


cdef struct python_answer_t:
    # What a call tells of the answer, one block with its bytes. Owner: its call.
    span_t *fields                  # names and values by turns
    uint32_t n_fields               # pairs
    uint32_t fields_bytes           # from `fields` on: the array and what it points at
    span_t body                     # body_filter
    uint16_t status                 # 0: there was none
    uint8_t is_own                  # the gateway's, not the upstream's
    # the verdict: control thread
    uint16_t new_status             # 0: as it is
    uint8_t has_body                # the call's `body` is the answer's


cdef struct python_call_t:
    # One block, with all its bytes. Owner: the queue, then the control thread, then, posted, the
    # reactor, which frees it; a log call is freed by the control thread.
    parking_t parking               # first; its letter goes both ways
    python_lot_t *lot
    reactor_t *reactor
    uint64_t handle
    span_t facts[FACT_COUNT]        # .at NULL: none
    span_t *fields                  # names and values by turns
    uint32_t n_fields               # pairs
    uint32_t fields_bytes           # from `fields` on: the array and what it points at
    span_t request_body             # parking.reads_body: exchange.kept, which the reactor leaves alone
    python_state_t *state           # what plugins keep for this request; NULL: nothing yet
    uint64_t snapshot_number
    uint8_t phase                   # python_phase_t
    uint8_t goes_on                 # without a verdict; else 500
    # log
    uint16_t status
    uint16_t upstream_status
    uint64_t started_at_ms          # Unix time
    uint64_t total_ns
    uint64_t upstream_ns
    # the verdict: control thread
    uint16_t refusal                # 0: go on
    uint8_t has_message             # `body` is the text of a message in Kong's form
    python_state_t *new_state       # the first that is kept for this request; NULL: none
    python_change_t *changes        # a block of its own; freed with the call
    uint32_t n_changes
    span_t type                     # of the body; empty: plain text
    python_answer_t *answer         # a block of its own; freed with the call; NULL: it is not told of
    span_t body


cdef struct python_config_t:
    # Owner: the snapshot's arena. Read-only after build.
    python_queue_t *queue
    python_lot_t *lot
    uint64_t handle                 # what the control thread knows this configuration by
    uint64_t patience_ns            # for a verdict: the control thread's own deadline is well before
    uint64_t body_bytes             # collect a body of so many bytes at most before access; not for that: reads_body
    uint8_t goes_on                 # on_error: continue
    uint8_t reads_body


# Builder. `hooks`: which the plugin has for this configuration ("access", …). `body_bytes`: None: it reads no bodies.
# `config`: on_error and phase_timeout of it.
cdef int python_build(plugin_t *plugin, snapshot_t *snapshot, python_queue_t *queue, python_lot_t *lot,
                      uint64_t handle, object hooks, object body_bytes, dict config, uint64_t timeout_ms) except -1

# A call with a place among the plugin's, and all that Python may ask of the request. NULL: too many (is_flooded), or no memory.
cdef python_call_t *python_call_new(exchange_t *exchange, const python_config_t *config, bint *is_flooded_out) noexcept nogil
# Parks the exchange until its verdict comes, or `on_late` is due: AGAIN, to return.
cdef status_t python_call_park(python_call_t *call, exchange_t *exchange, const python_config_t *config,
                               on_mail_cb on_verdict, on_timer_cb on_late) noexcept nogil

# From the control thread.
cdef bint python_queue_open(python_queue_t *queue) noexcept nogil       # False: no descriptors left
cdef void python_queue_close(python_queue_t *queue) noexcept nogil      # after the lanes; frees what nobody took
cdef python_lot_t *python_lot_new(python_queue_t *queue) noexcept nogil # NULL: no memory
cdef void python_call_post(python_call_t *call) noexcept nogil          # the verdict stands: back to its reactor
cdef void python_call_free(python_call_t *call) noexcept nogil          # a log call's end
