"""The reactors' half: a pointer in the exchange, and a mailbox in which it comes back."""

from fastgate._core.reactor.mailbox cimport mailbox_put


cdef void _on_over(keepsake_t *keepsake) noexcept nogil:
    cdef python_state_t *state = <python_state_t *>keepsake
    mailbox_put(state.ended, &state.letter)


cdef void python_state_give(exchange_t *exchange, python_state_t *state) noexcept nogil:
    state.keepsake.on_over = _on_over
    if exchange != NULL:
        exchange.keepsake = &state.keepsake
    else:
        _on_over(&state.keepsake)


cdef python_state_t *python_state_of(const exchange_t *exchange) noexcept nogil:
    return <python_state_t *>exchange.keepsake


cdef python_state_t *python_state_at(letter_t *letter) noexcept nogil:
    return <python_state_t *>(<char *>letter - <size_t>&(<python_state_t *>NULL).letter)
