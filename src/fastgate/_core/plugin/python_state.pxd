"""What a plugin in Python keeps for a request from phase to phase: an object that goes with the exchange."""

from fastgate._core.proxy.exchange cimport exchange_t, keepsake_t


cdef struct python_ended_t:
    # Part of python_queue_t.
    # shared: atomic
    void *states                    # stack of python_state_t whose exchanges have ended


cdef struct python_state_t:
    # Owner: its exchange, then, once that has ended, `ended`'s stack. Made and freed by the control thread's
    # side, with the GIL; a call that brings it back from there has it until its verdict.
    keepsake_t keepsake             # first
    python_state_t *next
    # read-only after build
    python_ended_t *ended
    int wake_fd
    void *object                    # one reference to a Python object


cdef void python_state_give(exchange_t *exchange, python_state_t *state) noexcept nogil     # exchange NULL: it ended meanwhile
cdef python_state_t *python_state_of(const exchange_t *exchange) noexcept nogil             # NULL: none
cdef python_state_t *python_state_take(python_ended_t *ended) noexcept nogil                # all that ended; NULL: none
