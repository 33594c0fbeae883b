"""The phases in which plugins take part: rewrite, before the route is known; access, before the upstream is asked;
header_filter, on every answer; log."""

from fastgate._core.base.status cimport status_t
from fastgate._core.proxy.exchange cimport exchange_t


# Before an answer of the gateway's own: the plugins whose turn has not come are noted, without access: they filter it,
# and log (as Kong's). Where none of the route's had its turn, those are met that are configured for everybody.
cdef void phases_meet_rest(exchange_t *exchange) noexcept nogil

# Runs the global plugins that rewrite, from where they stand. OK: find the route. DONE, AGAIN: as phases_access.
cdef status_t phases_rewrite(exchange_t *exchange) noexcept nogil

# Runs the route's plugins from where they stand. OK: ask the upstream. DONE: exchange.refusal holds
# the answer. AGAIN: parked, lane.on_resumed follows.
cdef status_t phases_access(exchange_t *exchange) noexcept nogil

# The body that the plugin before wanted is there: it gets its turn again, and then the others.
cdef status_t phases_collected(exchange_t *exchange) noexcept nogil

# Once an answer: what the plugins that ran have to say to its head, from where they stand. Of a withheld
# answer also AGAIN, parked: lane.on_filtered follows; DONE: exchange.refusal takes its place.
cdef status_t phases_header_filter(exchange_t *exchange) noexcept nogil
# What is added to the answer from here on, phases_unfilter takes back.
cdef void phases_filter_begin(exchange_t *exchange) noexcept nogil
# To the whole body of a withheld answer: the same.
cdef status_t phases_body_filter(exchange_t *exchange) noexcept nogil

# Once an exchange, when nothing more happens to it.
cdef void phases_log(exchange_t *exchange) noexcept nogil

# The head of an answer that was filtered is taken back, before anybody saw it.
cdef void phases_unfilter(exchange_t *exchange) noexcept nogil
