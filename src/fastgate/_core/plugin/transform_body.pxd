"""request-transformer's changes of a collected body: a form's fields, or the members of a JSON object."""

from fastgate._core.base.status cimport status_t
from fastgate._core.plugin.edit cimport edits_t
from fastgate._core.proxy.exchange cimport exchange_t


# `form`, `members`: the same edits, with values for the one and the other. What is neither, or no object though it is
# said to be, is left as it is (as Kong's). OK, NO_MEMORY, TOO_LARGE.
cdef status_t transform_body(const edits_t *form, const edits_t *members, exchange_t *exchange) noexcept nogil
