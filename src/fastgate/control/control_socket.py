"""The control socket: a Unix socket, mode 0600, that takes commands as lines of JSON.

    {"command": "bans lift", "arguments": {"address": "192.0.2.7"}}
    {"command": "reload"}   →   {"ok": false, "errors": ["fastgate.yaml:7: routes[0].paths: …"], "warnings": []}

The lock beside it (instance_lock.py) is held meanwhile, so a socket left by a killed gateway is simply replaced.
"""

import asyncio
import inspect
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable

from fastgate.control.instance_lock import MODE, ControlSocketError, InstanceLock, unlink_quietly

LINE_LIMIT = 65536          # bytes of one command

Command = Callable[..., Awaitable[dict]]
log = logging.getLogger("fastgate.control")


class ControlSocket:
    """Owner: the lifecycle. `commands` maps a command's name to the coroutine that carries it out."""

    def __init__(self, path: str, commands: dict[str, Command], lock: InstanceLock | None = None) -> None:
        self.path = path
        self._commands = commands
        self._lock = lock or InstanceLock(path)
        self._server: asyncio.AbstractServer | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    def take(self) -> None:
        """Takes the lock, unless it was given one that is taken. Raises ControlSocketError: another gateway has it."""
        self._lock.take()

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
            unlink_quietly(self.path)
        for writer in self._connections:
            writer.close()
        self._lock.release()

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
            asked = json.loads(line)
            name, arguments = asked["command"], asked.get("arguments", {})
            command = self._commands[name]
            inspect.signature(command).bind(**arguments)
        except (ValueError, TypeError, KeyError):
            known = ", ".join(sorted(self._commands))
            return {"ok": False, "errors": [f'not understood; send {{"command": name}}, with the "arguments" it takes, and name one of: {known}'],
                    "warnings": []}
        try:
            return await command(**arguments)
        except Exception as error:
            log.exception("the command %s failed", name)
            return {"ok": False, "errors": [f"internal error: {error!r}"], "warnings": []}
