"""A request's head, understood: target, host, client, upgrade, route, balancing key."""

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.http.parser cimport parser_t
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.snapshot.snapshot cimport service_t


# parser.on_head of a request. OK also for a request to be refused: exchange.refusal then
# holds the status, so that what is left of the request may be read before the answer.
cdef status_t request_on_head(parser_t *parser) noexcept nogil

# Behind the rewrite phase, if there is one. exchange.refusal: none fits, or the client must use https.
cdef void request_find_route(exchange_t *exchange) noexcept nogil
# In it: another path, which starts with "/"; exchange.refusal says what kept it from that.
cdef void request_move(exchange_t *exchange, span_t path) noexcept nogil

# Another service than the route's, in the access phase: balancing begins anew.
cdef void request_take_service(exchange_t *exchange, const service_t *service) noexcept nogil

# Balancing by consumer, once the access phase knows who it is.
cdef void request_hash_consumer(exchange_t *exchange) noexcept nogil

# More of a body that is kept anyway may be there already: read first, it goes out with the head in one system call.
cdef bint request_has_more(const exchange_t *exchange) noexcept nogil
