"""Retries only where nothing can happen twice.

Nothing reached the target (it refused, no byte was sent, or it ended the connection
without acknowledging one): any request. A reset does not tell: it acknowledges nothing, also
where the request was read, and acknowledgements are delayed (RFC 9293 section 3.8.6.3).
An idempotent request without a byte of an answer: again elsewhere.
A pooled connection that died of idleness is no failure of the target. Its sign, on Linux
and others, is a reset: a peer that closes with our request unread answers RST, one that
read the request and then closes answers FIN. So a reset on a reused connection repeats any
request, an orderly end only an idempotent one.
"""

from fastgate._core.base.fault cimport (
    FAULT_CLOSED,
    FAULT_CONNECT,
    FAULT_CONNECT_TIMEOUT,
    FAULT_RESET,
    FAULT_TIMEOUT,
)


cdef retry_t retry_decide(const failed_try_t *failed) noexcept nogil:
    cdef bint was_cut = failed.fault == FAULT_RESET or failed.fault == FAULT_CLOSED
    cdef bint never_arrived = (
        failed.fault == FAULT_CONNECT or failed.fault == FAULT_CONNECT_TIMEOUT
        or (was_cut and not failed.is_sent) or (failed.fault == FAULT_CLOSED and not failed.is_acked)
    )
    if failed.is_answer_begun or not failed.keeps_body:
        return RETRY_NO
    if failed.is_reused and was_cut:
        if failed.is_idempotent or failed.fault == FAULT_RESET or never_arrived:
            return RETRY_FRESH
        return RETRY_NO
    if not failed.has_retries_left:
        return RETRY_NO
    if never_arrived:
        return RETRY_OTHER
    if failed.is_idempotent and (was_cut or failed.fault == FAULT_TIMEOUT):
        return RETRY_OTHER
    return RETRY_NO
