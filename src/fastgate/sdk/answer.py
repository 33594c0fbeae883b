"""The answer to a request, as plugins see and change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgate._core.bridge import python_answer as answers
from fastgate._core.bridge import python_phase as core

from .errors import PhaseError
from .fields import MOST_BYTES, field_name, field_value, first_value
from .response import MOST_BODY

if TYPE_CHECKING:
    from fastgate._core.bridge.python_phase import PythonCall

FILTERS = ("header_filter", "body_filter")
PHASES = (*FILTERS, "log")
# They speak of the very bytes of a body: of another they are wrong.
_OF_THE_BYTES = ("ETag", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges")


class Answer:
    """The answer to a request, whoever gives it: the upstream, a plugin, or the gateway itself.

    Status and headers are what the client would get now, with what plugins before this one changed. In
    `header_filter` and `body_filter` nothing of it has been sent yet. What is read is a copy.
    """

    __slots__ = ("_call", "_phase", "_head", "_fields", "_changes", "_size", "_status", "_body", "_new_body")

    def __init__(self, call: PythonCall, phase: str) -> None:
        self._call = call
        self._phase = phase
        self._head: tuple[int, bool] | None = None
        self._fields: list[tuple[str, str]] | None = None
        self._changes: list[tuple[int, bytes, bytes]] | None = None
        self._size = 0
        self._status = 0                        # set here; 0: not
        self._body: bytes | None = None
        self._new_body: bytes | None = None     # set here; None: not

    def __repr__(self) -> str:
        return f"<Answer {self.status}>" if self._call.is_open() else "<Answer, over>"

    # Reading: every phase that has an answer.

    @property
    def status(self) -> int:
        """In `log`, 0: there was none, the client left before."""
        return self._status or self._told()[0]

    @property
    def source(self) -> str:
        """"upstream" or "gateway": a plugin's answer is the gateway's too."""
        return "gateway" if self._told()[1] else "upstream"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All fields as (name, value), in order, but for those the gateway itself adds. Change them with the methods below."""
        if self._fields is None:
            self._told()
            self._fields = answers.answer_fields(self._call)
            for change in self._changes or ():
                self._note(*change)
        return self._fields

    def header(self, name: str, default: str | None = None) -> str | None:
        """The first field of that name, in any case."""
        return first_value(self.headers, name, default)

    @property
    def body(self) -> bytes:
        """In `body_filter`: all of it, as it is sent, compressed perhaps (see Content-Encoding)."""
        self._must_be(("body_filter",), "response.body")
        if self._body is None:
            self._body = answers.answer_body(self._call)
        return self._body

    # Changing: header_filter and body_filter.

    def set_status(self, status: int) -> None:
        """200 to 599. With 204 or 304 the body goes."""
        self._must_be(FILTERS, "response.set_status")
        self._status = _checked_status(status)

    def set_header(self, name: str, value: str) -> None:
        """The client gets this field, and no other of that name. Raises ValueError for what can't be one."""
        self._must_be(FILTERS, "response.set_header")
        key, data = field_name(name), field_value(name, value)
        self._change(core.ANSWER_DROP, key, b"")
        self._change(core.ANSWER_ADD, key, data)

    def add_header(self, name: str, value: str) -> None:
        """One more field, beside those of that name."""
        self._must_be(FILTERS, "response.add_header")
        key, data = field_name(name), field_value(name, value)
        self._change(core.ANSWER_ADD, key, data)

    def clear_header(self, name: str) -> None:
        """The client gets no field of that name."""
        self._must_be(FILTERS, "response.clear_header")
        self._change(core.ANSWER_DROP, field_name(name), b"")

    def set_body(self, body: str | bytes) -> None:
        """In `body_filter`: another body; text is sent as UTF-8. Its length is told; ETag and digests, which
        spoke of the other one, and Accept-Ranges go, unless they are set behind this call."""
        self._must_be(("body_filter",), "response.set_body")
        if not isinstance(body, (str, bytes, bytearray, memoryview)):
            raise ValueError(f"a body must be text or bytes, not {type(body).__name__}")
        data = body.encode() if isinstance(body, str) else bytes(body)
        if len(data) > MOST_BODY:
            raise ValueError(f"a body of {len(data)} bytes; the most a plugin may answer with is {MOST_BODY}")
        for name in _OF_THE_BYTES:
            self.clear_header(name)
        self._body = self._new_body = data

    def _told(self) -> tuple[int, bool]:
        if not self._call.is_open():
            raise PhaseError(f"the {self._phase} phase of this request is over; keep what you need of it before")
        if self._head is None:
            self._head = answers.answer_head(self._call)
        return self._head

    def _must_be(self, phases: tuple[str, ...], what: str) -> None:
        if self._phase not in phases:
            raise PhaseError(f"{what} is for {' and '.join(phases)}; this is {self._phase}")
        if not self._call.is_open():
            raise PhaseError(f"{what}: the {self._phase} phase of this request is over")

    def _note(self, action: int, name: bytes, value: bytes) -> None:
        """In what was read of the fields."""
        assert self._fields is not None
        text = name.decode("ascii")
        if action == core.ANSWER_ADD:
            self._fields.append((text, value.decode("latin-1")))
        else:
            self._fields[:] = [pair for pair in self._fields if pair[0].lower() != text.lower()]

    def _change(self, action: int, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        if self._size > MOST_BYTES:
            raise ValueError(f"a plugin may change {MOST_BYTES} bytes of an answer's headers, no more")
        if self._changes is None:
            self._changes = []
        self._changes.append((action, name, value))
        if self._fields is not None:
            self._note(action, name, value)


def let_go(answer: Answer) -> None:
    """What the hook made of it is carried out. Raises ValueError: attributes can be assigned to."""
    status = _checked_status(answer._status) if answer._status else 0
    answers.let_answer_go(answer._call, status, answer._new_body, answer._changes)


def _checked_status(status: int) -> int:
    if type(status) is not int or not 200 <= status <= 599:
        raise ValueError(f"an answer's status is 200 to 599, not {status!r}")
    return status
