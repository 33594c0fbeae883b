"""An HTTP client for the control loop: pooled, bounded in connections, time and memory.

Light until `open` or the first request, which imports httpx and reads the certificates one can trust, both in a thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from fastgate._version import __version__
from fastgate.aside import aside

if TYPE_CHECKING:
    import httpx

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class HttpError(Exception):
    """No answer, or none that can be used. The message names the server, never the path, query or fields."""


class HttpBounds(NamedTuple):
    """What one client may use; all times in seconds."""

    connections: int = 100              # open at once; more requests wait their turn
    idle: int = 20                      # of them kept open without a request
    keep_alive_s: float = 30.0          # how long
    answer_bytes: int = 1024 * 1024     # of a body; a longer one is an HttpError
    timeout_s: float = 10.0             # of a whole request, unless it says otherwise
    connect_s: float = 5.0              # of them, for a connection to be there


class HttpAnswer(NamedTuple):
    """What a server said."""

    status: int
    headers: dict[str, str]     # names in lower case; values of a name that occurs twice joined by ", "
    body: bytes                 # as it came: a server that compresses unasked is not helped

    @property
    def text(self) -> str:
        """Of UTF-8; what is none is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Raises ValueError."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("the answer's JSON is nested too deeply") from None


class HttpClient:
    """One pool of connections. All of it on the control loop, whoever owns it closes it.

    HTTP/1.1; certificates are checked; no proxies from the environment.
    """

    def __init__(self, bounds: HttpBounds = HttpBounds(), *, verify: bool = True, ca_file: str | None = None,
                 loop: asyncio.AbstractEventLoop | None = None) -> None:
        """verify: whether a server's certificate must be good. ca_file: PEM of who may vouch for it, instead of the usual.
        loop: the only one it may be used on; None: whichever is first."""
        self.bounds = bounds
        self._loop = loop
        self._under_way = 0
        self._idle = asyncio.Event()
        self._verify = verify
        self._ca_file = ca_file
        self._client: httpx.AsyncClient | None = None
        self._making: asyncio.Task[httpx.AsyncClient] | None = None
        self._is_closed = False

    def with_bounds(self, **changes: Any) -> HttpClient:
        """A client of its own, the caller's to close, with these bounds changed."""
        return HttpClient(self.bounds._replace(**changes), verify=self._verify, ca_file=self._ca_file, loop=self._loop)

    async def open(self) -> None:
        """What the first request would wait for otherwise: some 0.2 s on a server, a second on a small board.

        Raises HttpError: certificates that can't be read.
        """
        self._client = self._client or await self._opened()

    async def request(self, method: str, url: str, *, headers: Headers = (), content: str | bytes = b"",
                      timeout_s: float | None = None, follow_redirects: bool = False) -> HttpAnswer:
        """The answer, whatever its status. Raises HttpError: within the time, none came that fits the bounds."""
        if self._loop is not None and asyncio.get_running_loop() is not self._loop:
            raise HttpError("this client is for the gateway's control loop only")
        within_s = self.bounds.timeout_s if timeout_s is None else timeout_s
        fields = list(headers.items() if isinstance(headers, Mapping) else headers)
        self._under_way += 1
        try:
            client = self._client or await self._opened()
            return await asyncio.wait_for(self._ask(client, method, url, fields, content, follow_redirects), within_s)
        except asyncio.TimeoutError:        # another class than TimeoutError before CPython 3.11
            raise HttpError(f"{_server(url)}: no answer within {within_s:g} s") from None
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def get(self, url: str, **options: Any) -> HttpAnswer:
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> HttpAnswer:
        return await self.request("POST", url, **options)

    async def close(self) -> None:
        """Requests under way end with an HttpError."""
        self._is_closed = True
        if self._making is not None:
            await asyncio.wait([self._making])
        if self._client is not None:
            await self._client.aclose()

    async def close_when_idle(self) -> None:
        """For an owner that has another one by now."""
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()
        await self.close()

    async def _opened(self) -> httpx.AsyncClient:
        if self._is_closed:
            raise HttpError("the HTTP client is closed")
        if self._making is None:
            self._making = asyncio.ensure_future(aside("certificates", self._make))
        try:
            # Shielded: whoever asked first may give up, the others go on waiting.
            self._client = await asyncio.shield(self._making)
        except OSError as error:        # and SSLError, which is one
            self._making = None
            raise HttpError(f"{self._ca_file or 'the certificates to trust'}: {error}") from None
        return self._client

    def _make(self) -> httpx.AsyncClient:
        import ssl

        import httpx

        for name in ("httpx", "httpcore"):      # at debug they show URLs and fields, which may hold secrets
            logging.getLogger(name).setLevel(logging.WARNING)
        bounds = self.bounds
        trusted: ssl.SSLContext | bool = self._verify
        if self._verify and self._ca_file is not None:
            trusted = ssl.create_default_context(cafile=self._ca_file)
        return httpx.AsyncClient(
            http1=True, http2=False, trust_env=False, verify=trusted,
            headers={"User-Agent": f"fastgate/{__version__}", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(None, connect=bounds.connect_s),
            limits=httpx.Limits(max_connections=bounds.connections, max_keepalive_connections=bounds.idle,
                                keepalive_expiry=bounds.keep_alive_s))

    async def _ask(self, client: httpx.AsyncClient, method: str, url: str, headers: list[tuple[str, str]],
                   content: str | bytes, follow_redirects: bool) -> HttpAnswer:
        import httpx

        try:
            urlsplit(url).port              # httpx leaves a wrong one to the socket
            request = client.build_request(method, url, headers=headers, content=content or None)
        except (httpx.InvalidURL, ValueError) as error:
            raise HttpError(f"{_server(url)}: {_reason(error)}") from None
        try:
            answer = await client.send(request, stream=True, follow_redirects=follow_redirects)
            try:
                body = await self._body(answer)
            finally:
                await answer.aclose()
        except Exception as error:          # of httpx, httpcore, anyio, ssl, the system: groups of them too
            raise HttpError(f"{_server(url)}: {_reason(error)}") from None
        return HttpAnswer(answer.status_code, dict(answer.headers), body)

    async def _body(self, answer: httpx.Response) -> bytes:
        parts = []
        size = 0
        async for part in answer.aiter_raw():
            size += len(part)
            if size > self.bounds.answer_bytes:
                raise ValueError(f"the answer has more than {self.bounds.answer_bytes} bytes")
            parts.append(part)
        return b"".join(parts)


def _server(url: str) -> str:
    """For messages: a path or a query may hold what is secret, and so may what stands before an "@"."""
    try:
        split = urlsplit(url)
        return f"{split.scheme}://{split.netloc.rpartition('@')[2]}"
    except ValueError:
        return "a URL that can't be read"


def _reason(error: Exception) -> str:
    text = str(error)
    return text if text else type(error).__name__
