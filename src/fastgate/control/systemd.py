"""Talks to the service manager: sd_notify(3) messages and the sockets it hands over (sd_listen_fds(3)).

Both are plain protocols over the environment, so no library is needed; outside systemd every
function here does nothing.
"""

import os
import socket
import time
from collections.abc import MutableMapping

FIRST_DESCRIPTOR = 3        # SD_LISTEN_FDS_START


class Notifier:
    """Sends state to `$NOTIFY_SOCKET`. Messages are small datagrams; a lost one is not worth failing for."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        self.watchdog_s = watchdog_interval_s(environ)

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        # Type=notify-reload matches READY=1 to the reload by this time (systemd 253).
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, status: str) -> None:
        self._send(f"STOPPING=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        self._send(f"STATUS={status}")

    def extend_timeout(self, seconds: float) -> None:
        """Asks for that long before the manager loses patience with a start or a stop."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def watchdog(self) -> None:
        self._send("WATCHDOG=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:
            pass


def watchdog_interval_s(environ: MutableMapping[str, str]) -> float:
    """How often WATCHDOG=1 is due: half the manager's patience. 0: no watchdog for this process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return int(environ.get("WATCHDOG_USEC", "0")) / 2_000_000
    except ValueError:
        return 0.0


def take_sockets(environ: MutableMapping[str, str]) -> list[tuple[str, socket.socket]]:
    """The sockets of `LISTEN_FDS`, each with its name of `LISTEN_FDNAMES` ("" when it has none).

    The variables are removed, so that a second call, or a child, doesn't take them once more.
    """
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    count = environ.pop("LISTEN_FDS", "0")
    owner = environ.pop("LISTEN_PID", "")
    if owner != str(os.getpid()) or not count.isdecimal():
        return []
    taken = []
    for index in range(int(count)):
        fd = FIRST_DESCRIPTOR + index
        os.set_inheritable(fd, False)
        taken.append((names[index] if index < len(names) else "", socket.socket(fileno=fd)))
    return taken
