"""`_core/upstream/pool.pyx` and `connection.pyx` over real sockets: who is kept, who is taken, who is closed, who is freed."""

import errno
import socket
import struct

import pytest
from fastgate_doors import reactor_door
from fastgate_doors import upstream_door as door
from hypothesis import given, settings
from hypothesis import strategies as st

WAIT_MS = 20_000


def raw_tcp(address) -> bytes:
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", address[1]) + socket.inet_aton(address[0]) + bytes(8)


def raw_unix(path) -> bytes:
    return struct.pack("=H", socket.AF_UNIX) + path.encode() + b"\0"


class Target:
    """A peer, the reactor that talks to it, and the server's ends of its connections."""

    def __init__(self, server, raw):
        self.server = server
        server.settimeout(20)
        self.reactor = reactor_door.Reactor()
        self.peer = door.Peer(self.reactor, raw)
        self.ends = {}

    def open(self):
        connection = self.peer.open()
        wait(self.reactor, lambda: connection.events)
        assert connection.error() == 0
        end, _ = self.server.accept()
        end.settimeout(20)
        self.ends[connection.id] = end
        return connection

    def counts(self):
        return tuple(self.reactor.counter("upstream_" + name) for name in ("opened", "closed", "reused", "idle"))

    def close(self):
        self.peer.drain()
        self.reactor.step()
        for end in self.ends.values():
            end.close()
        self.server.close()


def wait(reactor, is_done):
    while not is_done():
        assert reactor.step(WAIT_MS), "no event came"


def tcp_target():
    server = socket.create_server(("127.0.0.1", 0), backlog=100)
    return Target(server, raw_tcp(server.getsockname()))


def unix_target(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(100)
    return Target(server, raw_unix(path))


@pytest.fixture(params=["tcp", "unix"])
def target(request, tmp_path):
    target = tcp_target() if request.param == "tcp" else unix_target(str(tmp_path / "s"))
    yield target
    target.close()


@pytest.fixture
def tcp():
    target = tcp_target()
    yield target
    target.close()


# ---- connections

def test_open_talk_close(target):
    connection = target.open()
    connection.send(b"ping")
    end = target.ends[connection.id]
    assert end.recv(10) == b"ping"
    end.sendall(b"pong")
    wait(target.reactor, lambda: connection.is_readable)
    assert connection.read(10) == b"pong"
    assert target.peer.refs == 2
    connection.close()
    assert end.recv(10) == b""
    assert target.counts() == (1, 1, 0, 0)
    assert target.peer.refs == 2        # until the batch is over
    target.reactor.step()
    assert target.peer.refs == 1


def test_refused_connection_tells_its_error():
    target = tcp_target()
    target.server.close()
    connection = target.peer.open()
    wait(target.reactor, lambda: connection.events)
    assert connection.has_ended and connection.error() == errno.ECONNREFUSED
    connection.close()
    target.reactor.step()
    assert target.peer.refs == 1


def test_missing_unix_socket_fails_at_once(tmp_path):
    reactor = reactor_door.Reactor()
    peer = door.Peer(reactor, raw_unix(str(tmp_path / "none")))
    with pytest.raises(OSError):
        peer.open()
    assert peer.refs == 1 and reactor.counter("upstream_opened") == 0


def test_deadline_is_the_users_while_it_uses_the_connection(target):
    connection = target.open()
    connection.arm(1)
    wait(target.reactor, lambda: connection.timeouts)
    connection.close()


def test_closed_connection_has_no_deadline_and_no_events(target):
    connection, other = target.open(), target.open()
    connection.arm(1)
    connection.close()
    target.ends[connection.id].close()
    other.arm(30)
    wait(target.reactor, lambda: other.timeouts)
    assert connection.timeouts == 0 and connection.events == 1
    other.close()


def test_acknowledged_only_when_the_peers_kernel_has_bytes(tcp):
    connection = tcp.open()
    assert not connection.is_acked(0)
    connection.send(b"request")
    assert tcp.ends[connection.id].recv(100) == b"request"
    tcp.ends[connection.id].sendall(b"x")       # carries the acknowledgement
    wait(tcp.reactor, lambda: connection.is_readable)
    assert connection.is_acked(0) and connection.is_acked(6)
    assert not connection.is_acked(connection.sent)
    connection.close()


def test_bytes_for_a_peer_that_has_gone_are_not_acknowledged(tcp):
    connection = tcp.open()
    end = tcp.ends[connection.id]
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
    wait(tcp.reactor, lambda: connection.has_ended)
    connection.send(b"too late")
    assert not connection.is_acked(0)
    connection.close()


# ---- pools

def test_newest_is_taken_first(target):
    first, second = target.open(), target.open()
    assert first.give() and second.give()
    assert target.peer.idle() == 2 and target.counts() == (2, 0, 0, 2)
    taken = [target.peer.take(), target.peer.take()]
    assert [connection.id for connection in taken] == [second.id, first.id]
    assert all(connection.is_reused for connection in taken)
    assert target.peer.take() is None
    assert target.counts() == (2, 0, 2, 0)
    for connection in taken:
        connection.close()


def test_pool_of_one_reactor_is_not_anothers(tcp):
    other = reactor_door.Reactor(1)
    peer = door.Peer(tcp.reactor, raw_tcp(tcp.server.getsockname()), 2)
    connection = peer.open()
    wait(tcp.reactor, lambda: connection.events)
    assert connection.give()
    assert (peer.idle(0), peer.idle(1)) == (1, 0)
    assert other.counter("upstream_idle") == 0
    peer.drain()
    tcp.reactor.step()


def test_full_pool_closes_its_oldest(target):
    connections = [target.open() for _ in range(3)]
    assert all(connection.give(size=2) for connection in connections)
    assert target.peer.idle() == 2
    assert target.ends[connections[0].id].recv(1) == b""
    assert [target.peer.take().id, target.peer.take().id] == [connections[2].id, connections[1].id]


def test_pool_made_smaller_by_a_reload_shrinks_to_its_size(target):
    connections = [target.open() for _ in range(6)]
    for connection in connections[:5]:
        assert connection.give(size=10)
    assert connections[5].give(size=2)
    assert target.peer.idle() == 2
    for connection in connections[:4]:
        assert target.ends[connection.id].recv(1) == b""


@pytest.mark.parametrize("options", [dict(size=0), dict(max_requests=3)])
def test_not_kept(target, options):
    connection = target.open()
    connection.set_requests(3)
    assert not connection.give(**options)
    assert target.peer.idle() == 0
    connection.close()


def test_kept_below_the_limit_of_requests(target):
    connection = target.open()
    connection.set_requests(2)
    assert connection.give(max_requests=3)


def test_not_kept_with_bytes_nobody_asked_for_or_bytes_not_sent(target):
    connection = target.open()
    target.ends[connection.id].sendall(b"unasked")
    wait(target.reactor, lambda: connection.is_readable)
    assert not connection.give()
    connection.close()
    connection = target.open()
    connection.send(bytes(8_000_000))
    assert not connection.give()
    connection.close()


def test_not_kept_for_a_retired_peer(target):
    connection = target.open()
    target.peer.retire()
    assert not connection.give()
    connection.close()


def test_idle_connection_is_closed_when_its_time_is_over(target):
    kept, expired = target.open(), target.open()
    assert kept.give(idle_ms=WAIT_MS * 10) and expired.give(idle_ms=5)
    wait(target.reactor, lambda: target.peer.idle() == 1)
    assert target.ends[expired.id].recv(1) == b""
    assert target.peer.take().id == kept.id


def test_taken_connection_forgets_its_idle_time(target):
    connection, other = target.open(), target.open()
    assert connection.give(idle_ms=5)
    taken = target.peer.take()
    other.arm(30)
    wait(target.reactor, lambda: other.timeouts)
    assert taken.timeouts == 0 and target.counts()[1] == 0
    taken.close()
    other.close()


@pytest.mark.parametrize("speak", [lambda end: end.close(), lambda end: end.shutdown(socket.SHUT_WR), lambda end: end.sendall(b"408")])
def test_idle_connection_is_closed_when_its_peer_closes_or_speaks(target, speak):
    first, second, third = target.open(), target.open(), target.open()
    for connection in (first, second, third):
        assert connection.give()
    speak(target.ends[second.id])
    wait(target.reactor, lambda: target.peer.idle() == 2)
    taken = [target.peer.take(), target.peer.take()]
    assert [connection.id for connection in taken] == [third.id, first.id]
    assert target.counts() == (3, 1, 2, 0)


def test_drain_closes_all_that_is_idle_and_nothing_in_use(target):
    used, *idle = [target.open() for _ in range(4)]
    for connection in idle:
        connection.give()
    target.peer.drain()
    assert target.peer.idle() == 0
    for connection in idle:
        assert target.ends[connection.id].recv(1) == b""
    used.send(b"still")
    assert target.ends[used.id].recv(10) == b"still"
    target.reactor.step()
    assert target.peer.refs == 2
    used.close()


steps = st.lists(st.one_of(
    st.tuples(st.just("open"), st.just(0)),
    st.tuples(st.just("give"), st.integers(0, 5)),
    st.tuples(st.just("take"), st.just(0)),
    st.tuples(st.just("close"), st.integers(0, 5)),
    st.tuples(st.just("peer closes"), st.integers(0, 5)),
), max_size=40)


@settings(max_examples=60)
@given(steps, st.integers(0, 4))
def test_any_life_of_a_pool_is_as_the_model_says(tmp_path_factory, operations, size):
    target = unix_target(str(tmp_path_factory.mktemp("pool") / "s"))
    used, idle, opened, closed = [], [], 0, 0
    for kind, value in operations:
        if kind == "open" and len(used) + len(idle) < 8:
            used.append(target.open())
            opened += 1
        elif kind == "give" and used:
            connection = used.pop(value % len(used))
            assert connection.give(size=size) == (size > 0)
            if size == 0:
                connection.close()
                closed += 1
                continue
            if len(idle) == size:
                idle.pop(0)
                closed += 1
            idle.append(connection.id)
        elif kind == "take":
            taken = target.peer.take()
            assert (taken.id if taken else None) == (idle[-1] if idle else None)
            if taken:
                used.append(taken)
                idle.pop()
        elif kind == "close" and used:
            used.pop(value % len(used)).close()
            closed += 1
        elif kind == "peer closes" and idle:
            target.ends[idle.pop(value % len(idle))].close()
            closed += 1
            wait(target.reactor, lambda: target.peer.idle() == len(idle))
        else:
            continue
        assert target.peer.idle() == len(idle)
        assert target.counts()[:2] == (opened, closed) and target.counts()[3] == len(idle)
    target.reactor.step()
    assert target.peer.refs == 1 + len(used) + len(idle)
    for connection in used:
        connection.close()
    target.close()
    assert target.peer.refs == 1
