"""The reactors' half: a pointer in the exchange, and a stack on which it comes back."""

from libc.stdint cimport uint64_t

from fastgate._core.base.atomics cimport atomic_cas_ptr, atomic_exchange_ptr, atomic_load_ptr
from fastgate._core.includes.socket cimport write


cdef void _on_over(keepsake_t *keepsake) noexcept nogil:
    cdef python_state_t *state = <python_state_t *>keepsake
    cdef uint64_t one = 1
    cdef void *before
    while True:
        before = atomic_load_ptr(&state.ended.states)
        state.next = <python_state_t *>before
        if atomic_cas_ptr(&state.ended.states, before, state):
            break
    if before == NULL:          # else whoever pushed that woke the control thread, which takes all at once
        write(state.wake_fd, &one, sizeof(one))


cdef void python_state_give(exchange_t *exchange, python_state_t *state) noexcept nogil:
    state.keepsake.on_over = _on_over
    if exchange != NULL:
        exchange.keepsake = &state.keepsake
    else:
        _on_over(&state.keepsake)


cdef python_state_t *python_state_of(const exchange_t *exchange) noexcept nogil:
    return <python_state_t *>exchange.keepsake


cdef python_state_t *python_state_take(python_ended_t *ended) noexcept nogil:
    return <python_state_t *>atomic_exchange_ptr(&ended.states, NULL)
