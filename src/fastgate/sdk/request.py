"""A request, as plugins see and change it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from fastgate._core.bridge import python_phase as core

from .errors import PhaseError
from .fields import MOST_BYTES, field_name, field_value, request_name

if TYPE_CHECKING:
    from fastgate._core.bridge.python_phase import PythonCall

_QUERY = re.compile(r"[!-~]*\Z")
_MOST_QUERY = 16384


class Request:
    """A request. Fields and query are what the upstream would get now, with what plugins before this one changed;
    method, host and path are what the client sent, whatever a native plugin makes of them for the upstream.

    Reading costs nothing until it is done; what is read is a copy. Header names are of any case.
    """

    __slots__ = ("_call", "_phase", "_fields", "_changes", "_size", "_query")

    def __init__(self, call: PythonCall, phase: str) -> None:
        self._call = call
        self._phase = phase
        self._fields: list[tuple[str, str]] | None = None
        self._changes: list[tuple[int, bytes, bytes | None]] | None = None
        self._size = 0
        self._query: str | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>" if self._call.is_open() else "<Request, over>"

    def _fact(self, which: int) -> str | None:
        if not self._call.is_open():
            raise PhaseError(f"the {self._phase} phase of this request is over; keep what you need of it before")
        return self._call.fact(which)

    # Reading: every phase.

    @property
    def method(self) -> str:
        return self._fact(core.METHOD) or ""

    @property
    def scheme(self) -> str:
        """"http" or "https", as the client used it (or a trusted proxy says)."""
        return self._fact(core.SCHEME) or ""

    @property
    def host(self) -> str:
        """Lower case, without the port."""
        return self._fact(core.HOST) or ""

    @property
    def path(self) -> str:
        """Normalised, as routes are matched: no dot segments, no needless escapes."""
        return self._fact(core.PATH) or ""

    @property
    def query(self) -> str:
        """Without the "?"; empty when there is none."""
        if self._query is None:
            self._query = self._fact(core.QUERY) or ""
        return self._query

    @property
    def id(self) -> str:
        """The request's id, 32 hexadecimal digits: also in the access log."""
        return self._fact(core.REQUEST_ID) or ""

    @property
    def client_ip(self) -> str:
        """The client's address: behind trusted proxies, the one they name."""
        return self._fact(core.CLIENT_IP) or ""

    @property
    def is_from_trusted(self) -> bool:
        """Whether who sent it is a proxy of `gateway.trusted_ips`, so that what it says of the client is to be believed."""
        return self._fact(core.TRUSTED) is not None

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All fields as (name, value), in order. Change them with the methods below."""
        if self._fields is None:
            self._fact(core.METHOD)
            self._fields = self._call.fields()
        return self._fields

    def header(self, name: str, default: str | None = None) -> str | None:
        """The first field of that name."""
        wanted = name.lower()
        for name, value in self.headers:
            if name.lower() == wanted:
                return value
        return default

    def args(self) -> dict[str, str]:
        """The query's arguments, decoded; of those that occur twice, the first."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(name, value)
        return found

    # Changing: access.

    def set_header(self, name: str, value: str) -> None:
        """The upstream gets this field, and no other of that name. Raises ValueError for what can't be one."""
        self._must_be_access("request.set_header")
        key, data = request_name(name), field_value(name, value)
        self._change(core.DROP, key, b"")
        self._change(core.ADD, key, data)
        if self._fields is not None:
            self._forget(name)
            self._fields.append((name, data.decode("latin-1")))

    def add_header(self, name: str, value: str) -> None:
        """One more field, beside those of that name."""
        self._must_be_access("request.add_header")
        key, data = request_name(name), field_value(name, value)
        self._change(core.ADD, key, data)
        if self._fields is not None:
            self._fields.append((name, data.decode("latin-1")))

    def clear_header(self, name: str) -> None:
        """The upstream gets no field of that name."""
        self._must_be_access("request.clear_header")
        self._change(core.DROP, field_name(name), b"")
        if self._fields is not None:
            self._forget(name)

    def set_query(self, query: str | dict[str, str]) -> None:
        """Another query for the upstream: text as it goes over the wire, or arguments. Empty: none."""
        self._must_be_access("request.set_query")
        text = query if isinstance(query, str) else urlencode(query)
        text = text.removeprefix("?")
        if not _QUERY.match(text) or "#" in text:
            raise ValueError(f"{text!r} can't be a query: escape it, or give a mapping")
        if len(text) > _MOST_QUERY:
            raise ValueError(f"a query of {len(text)} characters; the most is {_MOST_QUERY}")
        self._change(core.SET_QUERY, b"", text.encode("ascii") if text else None)
        self._query = text

    def _forget(self, name: str) -> None:
        wanted = name.lower()
        self._fields = [pair for pair in self._fields or () if pair[0].lower() != wanted]

    def _must_be_access(self, what: str) -> None:
        if self._phase != "access":
            raise PhaseError(f"{what} is for the access phase; this is {self._phase}")
        if not self._call.is_open():
            raise PhaseError(f"{what}: the access phase of this request is over")

    def _change(self, action: int, name: bytes, value: bytes | None) -> None:
        self._size += len(name) + len(value or b"")
        if self._size > MOST_BYTES:
            raise ValueError(f"a plugin may change {MOST_BYTES} bytes of a request, no more")
        if self._changes is None:
            self._changes = []
        self._changes.append((action, name, value))
