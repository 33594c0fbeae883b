"""What a plugin's hook may do to an exchange: refuse, answer, change fields, name the consumer, wait.

Everything given here must live as long as the exchange: in its snapshot, in exchange_take's room,
in its request's head, or for ever.
"""

from libc.stdint cimport uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.snapshot.plugin cimport consumer_t


# The end of the access phase: return what these return.
cdef status_t policy_refuse(exchange_t *exchange, unsigned status, span_t text) noexcept nogil   # a message in Kong's form
cdef status_t policy_answer(exchange_t *exchange, unsigned status, span_t type, span_t body) noexcept nogil  # a whole body; an empty one has no type unless given
# Wait, then go on with the plugin behind this one.
cdef status_t policy_wait(exchange_t *exchange, uint64_t delay_ns) noexcept nogil

# Fields. Hop-by-hop fields, framing, Host and what the gateway writes itself (X-Forwarded-*, its own
# names) are not a plugin's: those calls do nothing.
cdef bint policy_request_has(exchange_t *exchange, span_t name) noexcept nogil      # as the upstream will see it
cdef bint policy_request_value(exchange_t *exchange, span_t name, span_t *value_out) noexcept nogil  # the first
cdef void policy_request_drop(exchange_t *exchange, span_t name) noexcept nogil     # all of that name
cdef void policy_request_add(exchange_t *exchange, span_t name, span_t value) noexcept nogil
cdef void policy_request_rename(exchange_t *exchange, span_t name, span_t new) noexcept nogil   # those called `new` go
cdef void policy_request_replace(exchange_t *exchange, span_t name, span_t value) noexcept nogil  # where there is one; one is left
cdef void policy_answer_drop(exchange_t *exchange, span_t name) noexcept nogil      # in header_filter
cdef void policy_answer_add(exchange_t *exchange, span_t name, span_t value) noexcept nogil
cdef void policy_answer_rename(exchange_t *exchange, span_t name, span_t new) noexcept nogil
cdef void policy_answer_replace(exchange_t *exchange, span_t name, span_t value) noexcept nogil
# So many at once, of names that are none of the above, as text: room for `most` bytes, into which the caller writes
# whole lines, and then says where they end. NULL: no memory, and the answer will be 503.
cdef char *policy_answer_lines(exchange_t *exchange, unsigned n, size_t most) noexcept nogil
cdef void policy_answer_lines_end(exchange_t *exchange, const char *end) noexcept nogil
cdef bint policy_answer_value(exchange_t *exchange, span_t name, span_t *value_out) noexcept nogil  # in header_filter; the first

# Who asks. `credential`, its id, and `identifier`, what the upstream is told of it, are empty for
# the anonymous consumer.
cdef void policy_authenticated(exchange_t *exchange, const consumer_t *consumer, span_t credential, span_t identifier,
                               bint is_anonymous) noexcept nogil
