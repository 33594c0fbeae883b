"""How long a client is waited for: its head, its body's pace, its pace in taking the answer, its next request."""

from fastgate._core.proxy.exchange cimport downstream_t, exchange_t


cdef void deadline_arm(downstream_t *client) noexcept nogil     # whenever what is waited for may have changed
cdef bint deadline_waits_for_body(const exchange_t *exchange) noexcept nogil    # its turn to send: the upstream takes more, or a plugin wants all
# Draining, and nobody has told the client to close: its next request, or its first, may be on the way. False: its time is over.
cdef bint deadline_arm_last(downstream_t *client) noexcept nogil
