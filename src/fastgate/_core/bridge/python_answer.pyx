"""The answer that a call of a plugin in Python is about, as Python sees it."""

from cpython.bytes cimport PyBytes_AsString
from libc.stdint cimport uint16_t, uint32_t

from fastgate._core.base.span cimport span_t
from fastgate._core.bridge.python_phase cimport PythonCall
from fastgate._core.plugin.python cimport python_answer_t


cdef python_answer_t *_answer(PythonCall call) except NULL:
    cdef python_answer_t *answer = call.call().answer
    if answer == NULL:
        raise RuntimeError("this call is not about an answer")
    return answer


def answer_head(PythonCall call) -> tuple:
    """(status, whether it is the gateway's own). Status 0: there was none."""
    cdef python_answer_t *answer = _answer(call)
    return answer.status, bool(answer.is_own)


def answer_fields(PythonCall call) -> list:
    """The answer's fields as (name, value), in order, as they would go to the client now."""
    cdef python_answer_t *answer = _answer(call)
    cdef uint32_t i, n = answer.n_fields
    cdef const char *was_at = <const char *>answer.fields
    # In one piece first: making lists may let another thread run, which gives the verdict, and the block is gone.
    cdef bytes copy = was_at[:answer.fields_bytes]
    cdef const char *base = PyBytes_AsString(copy)
    cdef const span_t *spans = <const span_t *>base
    cdef list found = []
    for i in range(0, <uint32_t>(2 * n), 2):
        found.append((_latin1(base + (spans[i].at - was_at), spans[i].len),
                      _latin1(base + (spans[i + 1].at - was_at), spans[i + 1].len)))
    return found


def answer_body(PythonCall call) -> bytes:
    """All of it, in body_filter."""
    cdef python_answer_t *answer = _answer(call)
    return answer.body.at[:answer.body.len]


def let_answer_go(PythonCall call, uint16_t status, bytes body, list changes) -> None:
    """The filter's verdict: another status (0: the same), another body (None: the same), and changes:
    (ANSWER_DROP or ANSWER_ADD, name, value), names and values in bytes."""
    cdef python_answer_t *answer = _answer(call)
    answer.new_status = status
    answer.has_body = body is not None
    call._give(0, False, b"", body or b"", changes)


cdef str _latin1(const char *at, size_t len):
    return at[:len].decode("latin-1")
