"""`_core/net/listener.pyx`: who is accepted, and what happens at the limit and without descriptors."""

import os
import resource
import socket
from contextlib import contextmanager

import pytest
from fastgate_doors import net_door as door
from fastgate_doors import reactor_door

WAIT_MS = 20_000


@pytest.fixture
def reactor():
    return reactor_door.Reactor()


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def connect(server):
    """Opens client connections, which the kernel completes before anybody accepts them."""
    clients = []

    def connect(count=1):
        for _ in range(count):
            clients.append(socket.create_connection(server.getsockname(), timeout=20))
        return clients[-count:]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def listen(reactor, server):
    opened = []

    def listen(**options):
        opened.append(door.Listener(reactor, server.fileno(), **options))
        return opened[-1]

    yield listen
    for listener in opened:
        for fd, *_ in listener.taken:
            os.close(fd)


def wait(reactor, is_done):
    while not is_done():
        assert reactor.step(WAIT_MS), "no event came"


def test_accepts_with_the_peers_address(reactor, listen, connect):
    listener = listen()
    clients = connect(3)
    wait(reactor, lambda: len(listener.taken) == 3)
    assert [taken[1:] for taken in listener.taken] == [
        (b"127.0.0.1", client.getsockname()[1], False) for client in clients
    ]
    for (fd, *_), client in zip(listener.taken, clients, strict=True):
        assert not os.get_blocking(fd) and not os.get_inheritable(fd)
        os.write(fd, b"x")
        assert client.recv(1) == b"x"


def test_no_delay_is_set_on_tcp(reactor, listen, connect):
    listener = listen()
    connect()
    wait(reactor, lambda: listener.taken)
    accepted = socket.socket(fileno=os.dup(listener.taken[0][0]))
    with accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_v6_and_unix_peers(reactor, tmp_path):
    path = str(tmp_path / "s")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(path)
    unix.listen()
    servers = [(unix, True, path)]
    if socket.has_ipv6:
        try:
            v6 = socket.create_server(("::1", 0), family=socket.AF_INET6)
            servers.append((v6, False, v6.getsockname()))
        except OSError:
            pass        # a machine without IPv6 on its loopback
    for server, is_unix, address in servers:
        with server, socket.socket(server.family) as client:
            server.setblocking(False)
            listener = door.Listener(reactor, server.fileno(), is_unix=is_unix)
            client.connect(address)
            wait(reactor, lambda: listener.taken)       # noqa: B023 - called before the next turn
            (fd, text, port, was_unix), = listener.taken
            os.close(fd)
            assert was_unix == is_unix
            assert (text, port) == ((b"unix:", 0) if is_unix else (b"::1", client.getsockname()[1]))
            listener.close()


def test_a_full_backlog_is_taken_in_batches(reactor, listen, connect):
    listener = listen()
    connect(150)
    wait(reactor, lambda: len(listener.taken) == 150)
    assert len({fd for fd, *_ in listener.taken}) == 150


def test_connection_nobody_wants_is_closed_and_counted(reactor, listen, connect):
    listener = listen()
    listener.refuse(True)
    client, = connect()
    assert reactor.step(WAIT_MS)
    assert client.recv(1) == b""
    assert reactor.counter("connections_refused") == 1


def test_at_the_limit_rests_without_spinning_and_goes_on_when_there_is_room(reactor, listen, connect):
    listener = listen(limit=2)
    connect(5)
    wait(reactor, lambda: len(listener.taken) == 2)
    assert reactor.counter("connections_refused") >= 1
    assert is_quiet(reactor, 20)
    assert len(listener.taken) == 2
    listener.set_limit(4)
    wait(reactor, lambda: len(listener.taken) == 4)
    listener.set_limit(10)
    wait(reactor, lambda: len(listener.taken) == 5)


def is_quiet(reactor, ms) -> bool:
    """The loop comes round in that time no more often than timers may ask for: a listener that spins does all the time."""
    return reactor.run_for(ms) < 10


@contextmanager
def no_descriptors_left():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_rests_and_recovers_by_itself(reactor, listen, connect):
    listener = listen()
    clients = connect(3)
    with no_descriptors_left():
        assert reactor.step(WAIT_MS)
        assert (listener.taken, reactor.counter("connections_refused")) == ([], 1)
        assert is_quiet(reactor, 20)
    wait(reactor, lambda: len(listener.taken) == 3)
    os.write(listener.taken[2][0], b"ok")
    assert clients[2].recv(2) == b"ok"


def test_close_takes_what_is_queued_and_nothing_after(reactor, listen, connect):
    listener = listen()
    connect(3)
    listener.close()
    listener.close()
    assert len(listener.taken) == 3
    with pytest.raises(ConnectionRefusedError):     # at once: not taken by the kernel and reset later
        connect(1)
    reactor.step()
    assert len(listener.taken) == 3


def test_close_takes_what_is_queued_at_a_unix_socket_shut_before(reactor, tmp_path):
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        server.setblocking(False)
        listener = door.Listener(reactor, server.fileno(), is_shared=True, is_unix=True)
        client.connect(str(tmp_path / "socket"))
        server.shutdown(socket.SHUT_RDWR)
        with socket.socket(socket.AF_UNIX) as late, pytest.raises(ConnectionRefusedError):
            late.connect(str(tmp_path / "socket"))
        listener.close()
        (fd, *_), = listener.taken
        os.write(fd, b"ok")
        os.close(fd)
        assert client.recv(2) == b"ok"


def test_close_leaves_the_queue_of_a_shared_socket_to_the_others(reactor, listen, connect):
    first, second = listen(is_shared=True), None
    connect(2)
    first.close()
    assert first.taken == []
    second = listen(is_shared=True)
    wait(reactor, lambda: len(second.taken) == 2)


def test_close_while_resting_ends_the_rest(reactor, listen, connect):
    listener = listen(limit=0)
    connect(1)
    assert reactor.step(WAIT_MS)
    listener.close()
    listener.set_limit(10)
    assert is_quiet(reactor, 150)           # longer than the rest
    assert listener.taken == []


def test_descriptor_that_cannot_be_watched_is_told(reactor, tmp_path):
    with open(tmp_path / "file", "wb") as file, pytest.raises(OSError):
        door.Listener(reactor, file.fileno())
