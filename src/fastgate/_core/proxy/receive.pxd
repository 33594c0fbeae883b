"""The upstream's answer: read, checked, passed on as it comes."""

from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.upstream.connection cimport connection_t


cdef void receive_on_event(connection_t *connection) noexcept nogil     # connection.on_event
cdef void receive_go_on(exchange_t *exchange) noexcept nogil            # the filters of a withheld answer went on
cdef void receive_resume(exchange_t *exchange) noexcept nogil           # the client took what was pending
