"""A body as its Content-Type says: a form, or a JSON object whose members are looked at as they stand."""

from libc.stdint cimport uint32_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.proxy.exchange cimport exchange_t


cdef enum:
    MEMBERS_MAX = 4096


cdef enum body_kind_t:
    BODY_OTHER
    BODY_FORM
    BODY_JSON


cdef struct member_t:
    # Part of its members_t: spans of the text, or of what exchange_take gave.
    span_t name                 # with its escapes, without quotes; .at NULL: taken out
    span_t value                # as it stands, a string's quotes and all


cdef struct members_t:
    # Owner: the caller, on the stack; the members live as long as the exchange.
    member_t *members
    uint32_t n_members          # those taken out among them


cdef body_kind_t body_kind(exchange_t *exchange) noexcept nogil            # the request's
cdef body_kind_t body_kind_of(span_t content_type) noexcept nogil

# The members of an object's text, with room for `more`. An empty text has none. OK; MALFORMED; TOO_LARGE: too many; NO_MEMORY.
cdef status_t members_read(members_t *members, exchange_t *exchange, span_t text, uint32_t more) noexcept nogil
cdef member_t *members_find(members_t *members, span_t name) noexcept nogil        # the first; NULL: none
cdef void members_remove(members_t *members, span_t name) noexcept nogil           # all of that name
# As the text of an object. OK, NO_MEMORY.
cdef status_t members_write(const members_t *members, exchange_t *exchange, span_t *text_out) noexcept nogil
