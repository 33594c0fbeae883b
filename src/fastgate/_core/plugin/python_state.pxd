"""What a plugin in Python keeps for a request from phase to phase: an object that goes with the exchange."""

from fastgate._core.proxy.exchange cimport exchange_t, keepsake_t
from fastgate._core.reactor.mailbox cimport letter_t, mailbox_t


cdef struct python_state_t:
    # Owner: its exchange, then, once that has ended, the mailbox `ended`. Made and freed by the control thread's
    # side, with the GIL; a call that brings it back from there has it until its verdict.
    keepsake_t keepsake             # first
    letter_t letter
    # read-only after build
    mailbox_t *ended
    void *object                    # one reference to a Python object


cdef void python_state_give(exchange_t *exchange, python_state_t *state) noexcept nogil     # exchange NULL: it ended meanwhile
cdef python_state_t *python_state_of(const exchange_t *exchange) noexcept nogil             # NULL: none
cdef python_state_t *python_state_at(letter_t *letter) noexcept nogil                       # whose letter it is
