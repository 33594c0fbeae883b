"""A request, as plugins see and change it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from fastgate._core.bridge import python_phase as core

from .errors import PhaseError, PluginError
from .fields import MOST_BYTES, field_name, field_value, first_value, request_name
from .response import NOT_GIVEN

if TYPE_CHECKING:
    from fastgate._core.bridge.python_phase import PythonCall

_QUERY = re.compile(r"[!-~]*\Z")
_PATH = re.compile(r"/[!-~]*\Z")
_MOST_QUERY = 16384
_MOST_BODY = 16 * 1024 * 1024
_NO_METHODS = ("CONNECT", "TRACE")
_CHANGEABLE = ("rewrite", "access")


class Request:
    """A request. Fields, query, method and body are what the upstream would get now, with what plugins before this one
    changed; host and path are what the route was chosen by.

    Reading costs nothing until it is done; what is read is a copy. Header names are of any case.
    """

    __slots__ = ("_call", "_phase", "_fields", "_changes", "_size", "_query", "_method", "_path", "_body")

    def __init__(self, call: PythonCall, phase: str) -> None:
        self._call = call
        self._phase = phase
        self._fields: list[tuple[str, str]] | None = None
        self._changes: list[tuple[int, bytes, bytes | None]] | None = None
        self._size = 0
        self._query: str | None = None
        self._method: str | None = None
        self._path: str | None = None
        self._body: bytes | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>" if self._call.is_open() else "<Request, over>"

    def _fact(self, which: int) -> str | None:
        if not self._call.is_open():
            raise PhaseError(f"the {self._phase} phase of this request is over; keep what you need of it before")
        return self._call.fact(which)

    # Reading: every phase.

    @property
    def method(self) -> str:
        return self._method or self._fact(core.METHOD) or ""

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
        return self._path or self._fact(core.PATH) or ""

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
            for change in self._changes or ():
                self._note(*change)
        return self._fields

    def header(self, name: str, default: str | None = None) -> str | None:
        """The first field of that name."""
        return first_value(self.headers, name, default)

    def args(self) -> dict[str, str]:
        """The query's arguments, decoded; of those that occur twice, the first."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(name, value)
        return found

    # The body: in access, of plugins whose class says `reads_body = True`.

    @property
    def body(self) -> bytes:
        """The whole body, empty when there is none."""
        if self._body is None:
            self._must_be_in("access", "request.body")
            self._body = self._call.body()
            if self._body is None:
                raise PluginError("request.body: bodies are collected for plugins whose class says so: reads_body = True")
        return self._body

    def json(self) -> Any:
        """The body as JSON. Raises ValueError for what is none."""
        from json import loads

        try:
            return loads(self.body)
        except RecursionError:          # a client's doing, which must not look like a fault of the plugin's
            raise ValueError("the body's JSON is nested too deeply") from None

    def form(self) -> dict[str, str]:
        """The fields of a body of the type application/x-www-form-urlencoded; of those that occur twice, the first."""
        found: dict[str, str] = {}
        for name, value in parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True):
            found.setdefault(name, value)
        return found

    def set_body(self, body: str | bytes | None = None, *, json: Any = NOT_GIVEN) -> None:
        """Another body for the upstream: text (sent as UTF-8), bytes, or a value as JSON. Its length is told anew; its type is
        Content-Type's, which `json` sets. Does nothing to a WebSocket handshake."""
        self.body   # noqa: B018 - says what is missing
        if (body is None) == (json is NOT_GIVEN):
            raise ValueError("request.set_body takes one of body and json")
        if json is not NOT_GIVEN:
            from json import dumps

            body = dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            self.set_header("Content-Type", "application/json")
        if not isinstance(body, (str, bytes, bytearray, memoryview)):
            raise ValueError(f"a request's body must be text or bytes, not {type(body).__name__}")
        data = body.encode() if isinstance(body, str) else bytes(body)
        if len(data) > _MOST_BODY:
            raise ValueError(f"a body of {len(data)} bytes; the most is {_MOST_BODY}")
        self._changes = [one for one in self._changes or () if one[0] != core.SET_BODY]
        self._changes.append((core.SET_BODY, b"", data))
        self._body = data

    # Changing: rewrite and access.

    def set_method(self, method: str) -> None:
        """Another method for the upstream, and in `rewrite` for finding the route. Does nothing to a WebSocket handshake."""
        self._must_be_changeable("request.set_method")
        if method not in core.METHODS or method in _NO_METHODS:
            raise ValueError(f"{method!r} is no method that an upstream can be asked: write it in upper case, like GET")
        self._change(core.SET_METHOD, b"", core.METHODS[method])
        self._method = method

    def set_path(self, path: str) -> None:
        """In `rewrite`: the path to find the route by, as if the client had asked for it. In `access`: the whole path for
        the upstream, whatever the service's path and strip_path are. Begins with "/", is escaped, and has no query."""
        self._must_be_changeable("request.set_path")
        if not isinstance(path, str) or not _PATH.match(path) or "?" in path or "#" in path:
            raise ValueError(f'{path!r} can\'t be a path: it begins with "/", and what is no plain character is escaped')
        if len(path) > _MOST_QUERY:
            raise ValueError(f"a path of {len(path)} characters; the most is {_MOST_QUERY}")
        self._change(core.SET_PATH, b"", path.encode("ascii"))
        if self._phase == "rewrite":
            self._path = path

    def set_header(self, name: str, value: str) -> None:
        """The upstream gets this field, and no other of that name. Raises ValueError for what can't be one."""
        self._must_be_changeable("request.set_header")
        key, data = request_name(name), field_value(name, value)
        self._change(core.DROP, key, b"")
        self._change(core.ADD, key, data)

    def add_header(self, name: str, value: str) -> None:
        """One more field, beside those of that name."""
        self._must_be_changeable("request.add_header")
        key, data = request_name(name), field_value(name, value)
        self._change(core.ADD, key, data)

    def clear_header(self, name: str) -> None:
        """The upstream gets no field of that name."""
        self._must_be_changeable("request.clear_header")
        self._change(core.DROP, field_name(name), b"")

    def set_query(self, query: str | Mapping[str, str | list[str] | tuple[str, ...]]) -> None:
        """Another query for the upstream: text as it goes over the wire, or arguments, a list for one that is sent several
        times. Empty: none."""
        self._must_be_changeable("request.set_query")
        text = query if isinstance(query, str) else _encoded(query)
        text = text.removeprefix("?")
        if not _QUERY.match(text) or "#" in text:
            raise ValueError(f"{text!r} can't be a query: escape it, or give a mapping")
        if len(text) > _MOST_QUERY:
            raise ValueError(f"a query of {len(text)} characters; the most is {_MOST_QUERY}")
        self._change(core.SET_QUERY, b"", text.encode("ascii") if text else None)
        self._query = text

    def _note(self, action: int, name: bytes, value: bytes | None) -> None:
        """In what was read of the fields."""
        if self._fields is None or action not in (core.DROP, core.ADD):
            return
        text = name.decode("ascii")
        if action == core.ADD:
            self._fields.append((text, (value or b"").decode("latin-1")))
        else:
            self._fields = [pair for pair in self._fields if pair[0].lower() != text.lower()]

    def _must_be_changeable(self, what: str) -> None:
        if self._phase not in _CHANGEABLE:
            raise PhaseError(f"{what} is for the phases {' and '.join(_CHANGEABLE)}; this is {self._phase}")
        self._must_be_open(what)

    def _must_be_in(self, phase: str, what: str) -> None:
        if self._phase != phase:
            raise PhaseError(f"{what} is for the {phase} phase; this is {self._phase}")
        self._must_be_open(what)

    def _must_be_open(self, what: str) -> None:
        if not self._call.is_open():
            raise PhaseError(f"{what}: the {self._phase} phase of this request is over")

    def _change(self, action: int, name: bytes, value: bytes | None) -> None:
        self._size += len(name) + len(value or b"")
        if self._size > MOST_BYTES:
            raise ValueError(f"a plugin may change {MOST_BYTES} bytes of a request, no more")
        if self._changes is None:
            self._changes = []
        self._changes.append((action, name, value))
        self._note(action, name, value)


def _encoded(arguments: Mapping[str, str | list[str] | tuple[str, ...]]) -> str:
    """Raises ValueError."""
    if not isinstance(arguments, Mapping):
        raise ValueError(f"a query is text or a mapping, not {type(arguments).__name__}")
    pairs = []
    for name, value in arguments.items():
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if not isinstance(name, str) or not isinstance(one, str):
                raise ValueError(f"an argument of a query is a text or a list of texts, and its name a text; {name!r} is "
                                 f"{'a list with ' if one is not value else ''}{type(one).__name__}")
            pairs.append((name, one))
    return urlencode(pairs)
