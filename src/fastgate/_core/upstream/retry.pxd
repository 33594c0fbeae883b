"""The one place that decides whether a request may be sent once more."""

from fastgate._core.base.fault cimport fault_t


cdef enum retry_t:
    RETRY_NO = 0
    RETRY_OTHER                 # another target; counts against `retries`
    RETRY_FRESH                 # the pooled connection was stale: a new one, to any target, not counted


cdef struct failed_try_t:
    # Owner: the caller, on its stack.
    fault_t fault
    bint is_reused              # on a pooled connection
    bint is_idempotent          # RFC 9110 section 9.2.2
    bint is_sent                # our kernel took bytes of the request
    bint is_acked               # the peer's kernel acknowledged bytes of it
    bint is_answer_begun        # a byte of an answer came
    bint keeps_body             # the request can be sent again whole
    bint has_retries_left


cdef retry_t retry_decide(const failed_try_t *failed) noexcept nogil
