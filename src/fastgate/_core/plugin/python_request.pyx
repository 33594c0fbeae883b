"""Carried out by the reactor. Places of consumers and services are of the exchange's snapshot: it was asked for them."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from fastgate._core.base.span cimport span_of, span_t, span_text
from fastgate._core.base.status cimport OK
from fastgate._core.http.uri cimport uri_normalise
from fastgate._core.plugin.python cimport PYTHON_BODY, PYTHON_CONSUMER, PYTHON_METHOD, PYTHON_PATH, PYTHON_SERVICE
from fastgate._core.proxy.collect cimport collect_replace
from fastgate._core.proxy.exchange cimport LANE_OUTPUT_BYTES, exchange_take
from fastgate._core.proxy.policy cimport policy_authenticated, policy_refuse
from fastgate._core.proxy.reply cimport TEXT_URI_TOO_LONG
from fastgate._core.proxy.request cimport request_move, request_take_service


cdef void _set_path(exchange_t *exchange, span_t path, bint *failed_out) noexcept nogil:
    """Before routing the request's own; then the upstream's, whatever the service's path is."""
    cdef span_t normal
    cdef char *kept
    if exchange.route == NULL:
        request_move(exchange, path)
        return
    if uri_normalise(path, exchange.lane.output, LANE_OUTPUT_BYTES, &normal) != OK:
        policy_refuse(exchange, 414, span_text(TEXT_URI_TOO_LONG))
        return
    kept = <char *>exchange_take(exchange, normal.len)
    if kept == NULL:
        failed_out[0] = True
        return
    memcpy(kept, normal.at, normal.len)
    exchange.path_edited = span_of(kept, normal.len)


cdef void _set_consumer(exchange_t *exchange, uint32_t place, span_t credential, bint *failed_out) noexcept nogil:
    cdef char *kept
    if credential.len:
        kept = <char *>exchange_take(exchange, credential.len)
        if kept == NULL:
            failed_out[0] = True
            return
        memcpy(kept, credential.at, credential.len)
        credential.at = kept
    policy_authenticated(exchange, &exchange.snapshot.consumers[place], credential, credential, False)


cdef void python_request_change(exchange_t *exchange, const python_change_t *change, bint *failed_out) noexcept nogil:
    cdef uint32_t place = 0
    if change.action == PYTHON_PATH:
        _set_path(exchange, change.value, failed_out)
    elif change.action == PYTHON_METHOD:
        if not exchange.is_upgrade:         # a handshake is a GET, whatever it asks for
            exchange.upstream_method = <uint8_t>change.value.at[0]
    elif change.action == PYTHON_BODY:
        if not exchange.is_upgrade and not collect_replace(exchange, change.value):
            failed_out[0] = True
    else:
        memcpy(&place, change.name.at, sizeof(place))
        if change.action == PYTHON_SERVICE and place < exchange.snapshot.n_services:
            request_take_service(exchange, &exchange.snapshot.services[place])
            if change.series != NULL:
                exchange.series = change.series
        elif change.action == PYTHON_CONSUMER and place < exchange.snapshot.n_consumers:
            _set_consumer(exchange, place, change.value, failed_out)
