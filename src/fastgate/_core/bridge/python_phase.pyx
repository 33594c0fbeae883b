"""The control thread's half of plugins in Python: calls taken in batches, verdicts given back."""

cimport cython
from cpython.bytes cimport PyBytes_AsString
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint16_t, uint32_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fastgate._core.auth.key_index cimport KEY_NONE
from fastgate._core.base.atomics cimport atomic_load_u32, atomic_load_u64, atomic_store_u32
from fastgate._core.base.memory cimport memory_give, memory_take_unbounded
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.observe.series cimport series_t
from fastgate._core.plugin.authentication cimport secret_arg_keep
from fastgate._core.plugin.python cimport (
    FACT_COUNT,
    FACT_CLIENT_IP,
    FACT_CONSUMER_CUSTOM_ID,
    FACT_CONSUMER_ID,
    FACT_CONSUMER_USERNAME,
    FACT_CREDENTIAL,
    FACT_HOST,
    FACT_METHOD,
    FACT_PATH,
    FACT_QUERY,
    FACT_REQUEST_ID,
    FACT_ROUTE,
    FACT_SCHEME,
    FACT_SERVICE,
    FACT_TRUSTED,
    PYTHON_ADD,
    PYTHON_ANSWER_ADD,
    PYTHON_BODY,
    PYTHON_CONSUMER,
    PYTHON_DROP,
    PYTHON_ANSWER_DROP,
    PYTHON_LOG,
    PYTHON_METHOD,
    PYTHON_PATH,
    PYTHON_QUERY,
    PYTHON_SERVICE,
    python_build,
    python_call_free,
    python_call_post,
    python_change_t,
    python_lot_new,
    python_lot_t,
    python_queue_close,
    python_queue_open,
)
from fastgate._core.plugin.python_names cimport (
    NAME_CONSUMER,
    NAME_COUNT,
    NAME_SERVICE,
    python_name_t,
    python_names_build,
    python_names_find,
)
from fastgate._core.plugin.python_state cimport python_state_at, python_state_t
from fastgate._core.reactor.mailbox cimport letter_t, mailbox_heard, mailbox_take
from fastgate._core.snapshot.plugin cimport consumer_t
from fastgate._core.snapshot.routes_builder import METHODS as _METHODS

from fastgate._core.plugin.python_answer cimport python_answer_build


# For `PythonCall.fact`.
METHOD: int = FACT_METHOD
SCHEME: int = FACT_SCHEME
HOST: int = FACT_HOST
PATH: int = FACT_PATH
QUERY: int = FACT_QUERY
CLIENT_IP: int = FACT_CLIENT_IP
REQUEST_ID: int = FACT_REQUEST_ID
ROUTE: int = FACT_ROUTE
SERVICE: int = FACT_SERVICE
CONSUMER_ID: int = FACT_CONSUMER_ID
CONSUMER_USERNAME: int = FACT_CONSUMER_USERNAME
CONSUMER_CUSTOM_ID: int = FACT_CONSUMER_CUSTOM_ID
CREDENTIAL: int = FACT_CREDENTIAL
TRUSTED: int = FACT_TRUSTED

# For the changes of a verdict: (action, name, value).
DROP: int = PYTHON_DROP
ADD: int = PYTHON_ADD
SET_QUERY: int = PYTHON_QUERY
ANSWER_ADD: int = PYTHON_ANSWER_ADD
ANSWER_DROP: int = PYTHON_ANSWER_DROP
SET_METHOD: int = PYTHON_METHOD
SET_PATH: int = PYTHON_PATH
SET_BODY: int = PYTHON_BODY
SET_SERVICE: int = PYTHON_SERVICE
SET_CONSUMER: int = PYTHON_CONSUMER

# For the value of SET_METHOD.
METHODS: dict = {name: bytes([number]) for number, name in enumerate(_METHODS)}

# For `PythonCall.find`.
CONSUMERS: int = NAME_CONSUMER
SERVICES: int = NAME_SERVICE

# PythonCall.phase, by python_phase_t.
PHASES: tuple = ("access", "log", "header_filter", "body_filter", "rewrite")


cdef class PythonQueue:
    def __cinit__(self):
        self.lots = {}
        self.configured = {}
        self.c_queue.calls.wake_fd = -1
        if not python_queue_open(&self.c_queue):
            raise OSError("no descriptors left for plugins in Python")

    def __dealloc__(self):
        if self.c_queue.calls.wake_fd >= 0:
            self._forget_ended(mailbox_take(&self.c_queue.ended))
            python_queue_close(&self.c_queue)

    cdef int build(self, plugin_t *plugin, snapshot_t *snapshot, dict entity, object model) except -1:
        cdef python_lot_t *lot
        cdef uintptr_t address
        name = entity["name"]
        if name not in self.lots:
            lot = python_lot_new(&self.c_queue)
            if lot == NULL:
                raise MemoryError("no memory for the configuration")
            self.lots[name] = <uintptr_t>lot
        address = self.lots[name]
        lot = <python_lot_t *>address
        atomic_store_u32(&lot.most, self.most)
        if snapshot.names == NULL:
            python_names_build(snapshot, model)
        # Without an entry it is only checked: nothing will run.
        handle, hooks, body_bytes, secrets = self.configured.get(entity["id"], (0, PHASES, None, ()))
        for secret in secrets:
            secret_arg_keep(snapshot, secret)
        python_build(plugin, snapshot, &self.c_queue, lot, handle, hooks, body_bytes, entity["config"], self.timeout_ms)
        python_answer_build(plugin, "header_filter" in hooks, "body_filter" in hooks)
        return 0

    cdef void _forget_ended(self, letter_t *letter) noexcept:
        cdef python_state_t *state
        while letter != NULL:
            state = python_state_at(letter)
            letter = letter.next
            Py_DECREF(<object>state.object)
            free(state)

    cdef list take(self, object gateway):
        cdef letter_t *ended
        cdef letter_t *letter
        cdef python_call_t *c_call
        cdef PythonCall call
        cdef list calls = []
        mailbox_heard(&self.c_queue.calls)
        # Taken first: what had ended by then was ended behind its last call, which is among those taken now.
        ended = mailbox_take(&self.c_queue.ended)
        letter = mailbox_take(&self.c_queue.calls)
        while letter != NULL:
            c_call = <python_call_t *>letter
            letter = letter.next
            call = PythonCall.__new__(PythonCall)
            call.c_call = c_call
            call.gateway = gateway
            call.queue = self
            call.handle = c_call.handle
            call.is_log = c_call.phase == PYTHON_LOG
            call.phase = PHASES[<unsigned>c_call.phase]
            if c_call.state != NULL:
                call.state = <object>c_call.state.object
            calls.append(call)
        self._forget_ended(ended)
        return calls

    def fileno(self) -> int:
        return self.c_queue.calls.wake_fd

    def figures(self) -> dict:
        """By plugin: "active" calls; "refused" requests and "logs_dropped", because it had too many; bodies "too_large"
        for it; "stalled" requests."""
        cdef python_lot_t *lot
        cdef uintptr_t address
        cdef dict found = {}
        for name, address in self.lots.items():
            lot = <python_lot_t *>address
            found[name] = {"active": atomic_load_u32(&lot.n_calls), "refused": atomic_load_u64(&lot.refused),
                           "logs_dropped": atomic_load_u64(&lot.logs_dropped),
                           "too_large": atomic_load_u64(&lot.too_large), "stalled": atomic_load_u64(&lot.stalled)}
        return found


cdef str _latin1(const char *at, size_t len):
    return at[:len].decode("latin-1")


cdef list python_fields(const span_t *fields, uint32_t n, uint32_t n_bytes):
    cdef uint32_t i
    cdef const char *was_at = <const char *>fields
    # In one piece first: making lists may let another thread run, which gives the verdict, and the block is gone.
    cdef bytes copy = was_at[:n_bytes]
    cdef const char *base = PyBytes_AsString(copy)
    cdef const span_t *spans = <const span_t *>base
    cdef list found = []
    for i in range(0, <uint32_t>(2 * n), 2):
        found.append((_latin1(base + (spans[i].at - was_at), spans[i].len),
                      _latin1(base + (spans[i + 1].at - was_at), spans[i + 1].len)))
    return found


cdef str _text(span_t span):
    cdef bytes data
    if span.at == NULL:
        return None
    data = span.at[:span.len]
    return data.decode("utf-8", "surrogateescape")


cdef tuple python_named(const snapshot_t *snapshot, int kind, span_t name):
    cdef const consumer_t *consumer
    cdef uint32_t place
    if snapshot.names == NULL or not 0 <= kind < NAME_COUNT:
        return None
    place = python_names_find(snapshot, <python_name_t>kind, name)
    if place == KEY_NONE:
        return None
    if kind == NAME_SERVICE:
        return place, _text(snapshot.services[place].name), None, None
    consumer = &snapshot.consumers[place]
    return place, _text(consumer.id), _text(consumer.username), _text(consumer.custom_id)


cdef int _put(python_change_t *change, char **at, action, bytes name, bytes value) except -1:
    change.action = action
    change.series = NULL
    change.name = span_of(at[0], <size_t>len(name))
    memcpy(at[0], PyBytes_AsString(name), <size_t>len(name))
    at[0] += len(name)
    change.value = span_of(NULL, 0)
    if value is not None:
        change.value = span_of(at[0], <size_t>len(value))
        memcpy(at[0], PyBytes_AsString(value), <size_t>len(value))
        at[0] += len(value)
    return 0


@cython.no_gc_clear
cdef class PythonCall:
    def __dealloc__(self):
        # Whoever forgot it has answered: nothing waits for ever.
        if self.c_call != NULL and self.is_log:
            python_call_free(self.c_call)
        elif self.c_call != NULL:
            self.c_call.refusal = 500
            python_call_post(self.c_call)

    cdef python_call_t *call(self) except NULL:
        if self.c_call == NULL:
            raise RuntimeError("the verdict on this request is given: what it was is gone")
        return self.c_call

    def is_open(self) -> bool:
        return self.c_call != NULL

    def fact(self, unsigned which):
        """One of METHOD … CREDENTIAL, as text; None: there is none."""
        if which >= FACT_COUNT:
            raise ValueError(f"no fact {which}")
        return _text(self.call().facts[which])

    def fields(self) -> list:
        """The request's fields as (name, value), in order, as they would go to the upstream now."""
        cdef python_call_t *call = self.call()
        return python_fields(call.fields, call.n_fields, call.fields_bytes)

    def outcome(self) -> tuple:
        """A log call's (status, upstream_status, started_at_ms, total_ns, upstream_ns)."""
        cdef python_call_t *call = self.call()
        return call.status, call.upstream_status, call.started_at_ms, call.total_ns, call.upstream_ns

    def body(self):
        """The request's body; None: it was not collected."""
        cdef python_call_t *call = self.call()
        if not call.parking.reads_body:
            return None
        return call.request_body.at[:call.request_body.len] if call.request_body.len else b""

    def find(self, int kind, str name):
        """Of CONSUMERS or SERVICES, by id or name: (its place, for SET_CONSUMER or SET_SERVICE; its id and names). None: there is none."""
        return self.gateway.find_named(self.call().snapshot_number, kind, name)

    def kept(self) -> dict:
        """What plugins keep for this request from phase to phase."""
        if self.state is None:
            self.call()
            self.state = {}
        return self.state

    def go_on(self, list changes) -> None:
        """The request goes on, changed by `changes`: (action, name, value), both bytes; None: no query. None too: no changes."""
        self._give(0, False, b"", b"", changes)

    def answer(self, uint16_t status, bytes type, bytes body, list changes) -> None:
        """A whole answer; an empty `type` is plain text."""
        self._give(status, False, type, body, changes)

    def refuse(self, uint16_t status, bytes text, list changes) -> None:
        """A message in the form the client accepts, as the gateway's own."""
        self._give(status, True, b"", text, changes)

    def end(self) -> None:
        """A log call is done with."""
        cdef python_call_t *call = self.call()
        if not self.is_log:
            raise RuntimeError("a parked request needs a verdict")
        self.c_call = NULL
        python_call_free(call)

    cdef int _give(self, uint16_t status, bint has_message, bytes type, bytes body, list changes) except -1:
        cdef python_call_t *call = self.call()
        cdef size_t size = len(type) + len(body)
        # Counted and read from one copy: other threads of the plugin may still have the list, and add to it.
        cdef tuple taken = tuple(changes or ())
        cdef list fixed = []
        cdef python_state_t *state
        cdef uint32_t n = <uint32_t>len(taken)
        cdef char *at
        cdef python_change_t *change
        cdef uintptr_t series
        if self.is_log:
            raise RuntimeError("a log call has no verdict")
        if n or size:
            for action, name, value in taken:
                fixed.append((action, name, value))
                size += len(name) + (len(value) if value is not None else 0)
            call.changes = <python_change_t *>memory_take_unbounded(n * sizeof(python_change_t) + size)
            if call.changes == NULL:
                raise MemoryError("no memory for a plugin's verdict")
            at = <char *>(call.changes + n)
            try:
                for action, name, value in fixed:
                    change = &call.changes[call.n_changes]
                    _put(change, &at, action, name, value)
                    if change.action == PYTHON_SERVICE:
                        series = self.gateway.series_of(call.snapshot_number, name, _text(call.facts[<int>FACT_ROUTE]))
                        change.series = <series_t *>series
                    call.n_changes += 1
            except BaseException:
                memory_give(call.changes)
                call.changes = NULL
                call.n_changes = 0
                raise
            call.type = span_of(at, <size_t>len(type))
            memcpy(at, PyBytes_AsString(type), <size_t>len(type))
            at += len(type)
            call.body = span_of(at, <size_t>len(body))
            memcpy(at, PyBytes_AsString(body), <size_t>len(body))
        if self.state is not None and call.state == NULL:
            state = <python_state_t *>malloc(sizeof(python_state_t))
            if state == NULL:
                raise MemoryError("no memory for what a plugin keeps")
            state.ended = &self.queue.c_queue.ended
            Py_INCREF(self.state)
            state.object = <void *>self.state
            call.new_state = state
        call.refusal = status
        call.has_message = has_message
        self.c_call = NULL
        python_call_post(call)
        return 0
