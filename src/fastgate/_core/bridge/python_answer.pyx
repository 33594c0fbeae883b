"""The answer that a call of a plugin in Python is about, as Python sees it."""

from libc.stdint cimport uint16_t

from fastgate._core.bridge.python_phase cimport PythonCall, python_fields
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
    return python_fields(answer.fields, answer.n_fields, answer.fields_bytes)


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
