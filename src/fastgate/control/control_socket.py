"""The control socket: a Unix socket, mode 0600, that takes commands as lines of JSON.

    {"command": "reload"}   →   {"ok": false, "errors": ["fastgate.yaml:7: routes[0].paths: …"], "warnings": []}

A lock file beside it is held for as long as the process lives, so that two gateways of one
configuration can't run unnoticed, and a socket left by a killed one is simply replaced.
"""

import asyncio
import fcntl
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable

LINE_LIMIT = 65536          # bytes of one command
MODE = 0o600

Command = Callable[[], Awaitable[dict]]
log = logging.getLogger("fastgate.control")


class ControlSocketError(Exception):
    """The control socket can't be opened: another gateway holds it, or its directory isn't usable."""


class ControlSocket:
    """Owner: the lifecycle. `commands` maps a command's name to the coroutine that carries it out."""

    def __init__(self, path: str, commands: dict[str, Command]) -> None:
        self.path = path
        self._commands = commands
        self._lock_fd = -1
        self._server: asyncio.AbstractServer | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    def take(self) -> None:
        """Makes the directory and takes the lock. Raises ControlSocketError when another gateway has it."""
        _make_directory(os.path.dirname(self.path))
        lock_path = self.path + ".lock"
        while True:
            try:
                fd = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
            except OSError as error:
                raise ControlSocketError(
                    f"cannot open the control socket's lock {lock_path}: {error.strerror}") from None
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                raise ControlSocketError(
                    f"another gateway is running with this configuration (it holds {self.path}): "
                    "`fastgate reload` changes it, `fastgate stop` ends it") from None
            if _is_same_file(fd, lock_path):
                self._lock_fd = fd
                return
            os.close(fd)        # its former holder has just removed it

    async def open(self) -> None:
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        umask = os.umask(0o777 & ~MODE)
        try:
            listening.bind(self.path)
        except OSError as error:
            listening.close()
            raise ControlSocketError(f"cannot open the control socket {self.path}: {error.strerror or error}") from None
        finally:
            os.umask(umask)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LINE_LIMIT)

    def close(self) -> None:
        """Ends the connections (who waits for the gateway's end sees it so), removes socket and lock."""
        if self._server is not None:
            self._server.close()
            self._server = None
            _unlink_quietly(self.path)
        for writer in self._connections:
            writer.close()
        if self._lock_fd >= 0:
            _unlink_quietly(self.path + ".lock")
            os.close(self._lock_fd)
            self._lock_fd = -1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while line := await reader.readline():
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):       # ValueError: the line was over LINE_LIMIT
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, line: bytes) -> dict:
        try:
            name = json.loads(line)["command"]
            command = self._commands[name]
        except (ValueError, TypeError, KeyError):
            known = ", ".join(sorted(self._commands))
            return {"ok": False, "errors": [f'not understood; send {{"command": name}} with name one of: {known}'],
                    "warnings": []}
        try:
            return await command()
        except Exception as error:
            log.exception("the command %s failed", name)
            return {"ok": False, "errors": [f"internal error: {error!r}"], "warnings": []}


def _make_directory(directory: str) -> None:
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        found = os.stat(directory)
    except OSError as error:
        raise ControlSocketError(f"cannot make the control socket's directory {directory}: {error.strerror}") from None
    # In /tmp anybody may have made the directory first, to put a socket of their own there.
    if found.st_uid not in (0, os.geteuid()):
        raise ControlSocketError(f"the control socket's directory {directory} belongs to another user: "
                                 "set gateway.control_socket or $XDG_RUNTIME_DIR")


def _is_same_file(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _unlink_quietly(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
