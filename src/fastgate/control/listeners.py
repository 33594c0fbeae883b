"""The sockets clients connect to: opened here, accepted from by the reactors.

A TCP address gets one SO_REUSEPORT socket per reactor, so that the kernel spreads the connections
and no two threads share a queue. A Unix socket, or one handed over by systemd, is one socket for all.
"""

import errno
import os
import socket
import stat

BACKLOG = 4096              # the kernel cuts it to net.core.somaxconn
UNIX_MODE = 0o666           # who may connect is the directory's business, as with other proxies


class ListenError(Exception):
    """An address can't be listened on. The message names it and says what to do."""


class Listener:
    """One address. Owner: the data plane, which keeps the sockets open while reactors run.

    address: as configured; a port 0 is replaced by the real one. sockets: one per reactor, or one for all.
    port: 0 for a Unix socket. is_inherited: systemd's, which keeps it open when we go. inode: of a Unix
    socket we made. (No dataclass: importing those costs the start 5 ms.)
    """

    def __init__(self, address: str, sockets: list[socket.socket], *, is_shared: bool, port: int, is_unix: bool = False,
                 is_inherited: bool = False, inode: tuple[int, int] | None = None) -> None:
        self.address = address
        self.sockets = sockets
        self.is_shared = is_shared
        self.port = port
        self.is_unix = is_unix
        self.is_inherited = is_inherited
        self.inode = inode

    def filenos(self) -> list[int]:
        return [s.fileno() for s in self.sockets]

    def shut(self) -> None:
        """Refuses new connections while the descriptors stay open, for reactors may still look at them.
        What systemd handed over is its own: there connections wait for the next process."""
        if not self.is_inherited:
            for listening in self.sockets:
                try:
                    listening.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self) -> None:
        """Closes the sockets and removes our Unix path, unless somebody else has put theirs there."""
        for listening in self.sockets:
            listening.close()
        if self.inode is not None:
            path = self.address.removeprefix("unix:")
            try:
                found = os.lstat(path)
                if (found.st_dev, found.st_ino) == self.inode:
                    os.unlink(path)
            except OSError:
                pass


def open_listeners(addresses: list[str], workers: int) -> list[Listener]:
    """Listens on all addresses, or on none: raises ListenError and closes those already open."""
    opened: list[Listener] = []
    try:
        for address in addresses:
            opened.append(open_listener(address, workers))
    except BaseException:
        for listener in opened:
            listener.close()
        raise
    return opened


def open_listener(address: str, workers: int) -> Listener:
    """address: "host:port", "[v6]:port" or "unix:/path"."""
    if address.startswith("unix:"):
        return _open_unix(address)
    host, _, port_text = address.rpartition(":")
    family, where = _resolve(address, host.strip("[]"), int(port_text))
    _refuse_if_listening(address, family, where)
    sockets: list[socket.socket] = []
    try:
        for _ in range(workers):
            sockets.append(_bind(address, family, where))
            where = (where[0], sockets[0].getsockname()[1], *where[2:])
    except BaseException:
        for listening in sockets:
            listening.close()
        raise
    return Listener(f"{host}:{where[1]}", sockets, is_shared=False, port=where[1])


def adopt_listener(inherited: socket.socket) -> Listener:
    """A socket handed over by systemd. Raises ListenError when it isn't a listening stream."""
    name = f"descriptor {inherited.fileno()}"
    if inherited.type != socket.SOCK_STREAM or not inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ListenError(f"{name}, handed over by systemd, is not a listening stream socket: "
                          "use ListenStream= and Accept=no in the socket unit")
    inherited.setblocking(False)
    if inherited.family == socket.AF_UNIX:
        return Listener(f"unix:{inherited.getsockname()}", [inherited], is_shared=True, port=0, is_unix=True,
                        is_inherited=True)
    host, port = inherited.getsockname()[:2]
    inherited.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Listener(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", [inherited], is_shared=True, port=port,
                    is_inherited=True)


def _resolve(address: str, host: str, port: int) -> tuple[int, tuple]:
    try:
        # As bytes: no codec for international names is loaded.
        name = host.encode("ascii" if host.isascii() else "idna")
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise ListenError(f"cannot listen on {address}: {host!r} is no address of this machine ({error})") from None
    family, _, _, _, where = found[0]
    return family, where


def _refuse_if_listening(address: str, family: int, where: tuple) -> None:
    """SO_REUSEPORT would let a second gateway of the same user take half the connections, silently:
    a socket without it finds out whether somebody already listens."""
    if where[1] == 0:
        return
    with _tcp_socket(family) as probe:
        _bind_or_explain(probe, address, where)


def _bind(address: str, family: int, where: tuple) -> socket.socket:
    listening = _tcp_socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)     # inherited by what is accepted
        _bind_or_explain(listening, address, where)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise _explained(address, where[1], error) from None
    except BaseException:
        listening.close()
        raise
    return listening


def _tcp_socket(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


def _bind_or_explain(unbound: socket.socket, address: str, where: tuple) -> None:
    try:
        unbound.bind(where)
    except OSError as error:
        raise _explained(address, where[1], error) from None


def _explained(address: str, port: int, error: OSError) -> ListenError:
    if error.errno == errno.EADDRINUSE:
        return ListenError(f"address in use: {address} (another process listens there; `ss -ltnp` names it)")
    if error.errno == errno.EACCES and port < 1024:
        return ListenError(
            f"cannot listen on {address}: ports below 1024 need the capability CAP_NET_BIND_SERVICE "
            "(AmbientCapabilities= in the unit), socket activation, or a lower net.ipv4.ip_unprivileged_port_start")
    if error.errno == errno.EADDRNOTAVAIL:
        return ListenError(f"cannot listen on {address}: this machine has no such address")
    if error.errno == errno.EAFNOSUPPORT:
        return ListenError(f"cannot listen on {address}: this machine has no IPv6")
    return ListenError(f"cannot listen on {address}: {error.strerror}")


def _open_unix(address: str) -> Listener:
    path = address.removeprefix("unix:")
    _remove_stale(address, path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        os.chmod(path, UNIX_MODE)
        listening.listen(BACKLOG)
        listening.setblocking(False)
        made = os.lstat(path)
    except OSError as error:
        listening.close()
        raise ListenError(f"cannot listen on {address}: {error.strerror or error}") from None
    return Listener(address, [listening], is_shared=True, port=0, is_unix=True, inode=(made.st_dev, made.st_ino))


def _remove_stale(address: str, path: str) -> None:
    """A socket file nobody listens on is left by a process that was killed; anything else stays."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror}") from None
    if not stat.S_ISSOCK(found.st_mode):
        raise ListenError(f"cannot listen on {address}: a file which is no socket has that name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError as error:
            if error.errno != errno.EAGAIN:     # EAGAIN: somebody listens, with a full queue
                raise ListenError(f"cannot listen on {address}: {error.strerror}") from None
    raise ListenError(f"address in use: {address} (another process listens there)")
