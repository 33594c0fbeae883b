"""Calls of plugins in Python, as Python sees them."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.python cimport python_call_t, python_queue_t
from fastgate._core.reactor.mailbox cimport letter_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef class PythonQueue:
    """What the reactors queue for the control thread. Owner: its Gateway, which closes its lanes before it lets go."""
    cdef python_queue_t c_queue
    cdef dict lots              # plugin name -> address of its python_lot_t
    cdef dict configured        # plugin id -> (handle, hooks, body_bytes, secret args), of the snapshot being made
    cdef uint32_t most          # calls a plugin may have under way
    cdef uint64_t timeout_ms    # of a phase, unless a configuration says otherwise

    cdef int build(self, plugin_t *plugin, snapshot_t *snapshot, dict entity, object model) except -1
    cdef list take(self, object gateway)
    cdef void _forget_ended(self, letter_t *letter) noexcept


cdef class PythonCall:
    """A phase of one request. Owner: Python; its block goes back to the reactor with the verdict."""
    cdef python_call_t *c_call  # NULL: the verdict is given
    cdef PythonQueue queue
    cdef object gateway         # kept alive: the reactor it goes back to
    cdef object state           # what plugins keep for this request; None: nothing yet
    cdef readonly uint64_t handle
    cdef readonly bint is_log
    cdef readonly str phase     # the hook's name

    cdef python_call_t *call(self) except NULL
    cdef int _give(self, uint16_t status, bint has_message, bytes type, bytes body, list changes) except -1


# Names and values by turns, from one block of which `fields` is the beginning: [(name, value), …].
cdef list python_fields(const span_t *fields, uint32_t n, uint32_t n_bytes)

# (place, id, username or name, custom_id); of a service (place, name, None, None). None: there is none of that id or name.
cdef tuple python_named(const snapshot_t *snapshot, int kind, span_t name)
