"""`_core/net/stream.pyx` over real sockets: order, partial writes, half-close, ends and resets."""

import errno
import random
import select
import socket
import struct

import pytest
from fastgate_doors import net_door as door
from fastgate_doors import reactor_door
from hypothesis import given, settings
from hypothesis import strategies as st

WAIT_MS = 20_000


def unix_pair():
    return socket.socketpair()


def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        return server.accept()[0], client


@pytest.fixture(params=[unix_pair, tcp_pair], ids=["unix", "tcp"])
def pair(request):
    """(stream, reactor, the peer's socket)"""
    yield from opened(request.param)


@pytest.fixture
def tcp():
    yield from opened(tcp_pair)


def opened(make):
    reactor = reactor_door.Reactor()
    stream, peer = open_stream(reactor, make)
    peer.settimeout(20)
    yield stream, reactor, peer
    stream.close()
    peer.close()


def open_stream(reactor, make):
    near, far = make()
    near.setblocking(False)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    return door.Stream(reactor, near.detach()), far


def wait(reactor, is_done):
    while not is_done():
        assert reactor.step(WAIT_MS), "no event came"


def read_all(peer) -> bytes:
    pieces = []
    while piece := peer.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def drain(reactor, stream, peer, size) -> bytes:
    """What the peer reads while the stream is flushed as epoll asks for it."""
    got = bytearray()
    while len(got) < size:
        if select.select([peer], [], [], 0 if stream.pending else 20)[0]:
            piece = peer.recv(30_000)
            assert piece, "the peer saw the end too early"
            got += piece
            reactor.step()
        else:
            assert stream.pending, "bytes are lost"
            reactor.step(50)        # until it can be written to, or bytes on their way have come
        stream.flush()
    return bytes(got)


# ---- writing

def test_small_writes_go_out_at_once(pair):
    stream, _, peer = pair
    assert stream.send(b"hello ") == "ok"
    assert stream.write([b"", b"wor", b"", b"ld", b""]) == "ok"
    assert (stream.pending, stream.sent) == (0, 11)
    assert peer.recv(100) == b"hello world"


def test_empty_writes_do_nothing(pair):
    stream, _, _ = pair
    assert stream.send(b"") == stream.write([]) == stream.write([b"", b""]) == "ok"
    assert (stream.pending, stream.sent) == (0, 0)


def test_what_the_socket_does_not_take_is_queued_and_follows_in_order(pair):
    stream, reactor, peer = pair
    data = random.Random(1).randbytes(1_000_000)
    assert stream.send(data[:600_000]) == "ok"
    assert stream.is_blocked and 0 < stream.pending < 600_000
    assert stream.sent + stream.pending == 600_000
    assert stream.write([data[600_000:700_000], data[700_000:]]) == "ok"
    assert stream.sent + stream.pending == 1_000_000
    assert drain(reactor, stream, peer, len(data)) == data
    assert (stream.pending, stream.sent) == (0, 1_000_000)
    assert stream.flush() == "ok"


@settings(max_examples=40)
@given(st.lists(st.one_of(
    st.tuples(st.just("write"), st.lists(st.integers(0, 9000), max_size=70)),
    st.tuples(st.just("read"), st.integers(1, 40_000)),
    st.tuples(st.just("flush"), st.just(0)),
), max_size=25), st.sampled_from([unix_pair, tcp_pair]))
def test_any_mix_of_writes_flushes_and_reads_keeps_the_order(operations, make):
    reactor = reactor_door.Reactor()
    stream, peer = open_stream(reactor, make)
    peer.settimeout(20)
    source = random.Random(2)
    written, got = bytearray(), bytearray()
    with peer:
        for kind, value in operations:
            if kind == "write":
                pieces = [source.randbytes(size) for size in value]
                assert stream.write(pieces) == "ok"
                written += b"".join(pieces)
            elif kind == "flush":
                reactor.step()
                assert stream.flush() in ("ok", "again")
            elif len(got) < stream.sent:
                got += peer.recv(value)
            assert stream.sent + stream.pending == len(written)
            assert stream.is_blocked or not stream.pending
        got += drain(reactor, stream, peer, len(written) - len(got))
        assert got == written
        stream.close()


def test_flush_does_not_try_a_socket_known_to_be_full(pair):
    stream, _, _ = pair
    stream.send(bytes(600_000))
    sent = stream.sent
    assert stream.flush() == "again"
    assert stream.sent == sent


def test_bytes_wait_while_connecting():
    reactor = reactor_door.Reactor()
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.socket()
        near.setblocking(False)
        assert near.connect_ex(server.getsockname()) == errno.EINPROGRESS
        stream = door.Stream(reactor, near.detach(), is_connecting=True)
        assert stream.send(b"early") == "ok"
        stream.shut_write()
        assert (stream.pending, stream.sent, stream.flush()) == (5, 0, "again")
        wait(reactor, lambda: stream.events)
        assert stream.error() == 0
        stream.connected()
        assert stream.flush() == "ok"
        with server.accept()[0] as peer:
            peer.settimeout(20)
            assert read_all(peer) == b"early"
        stream.close()


def test_refused_connection_tells_its_error_once():
    reactor = reactor_door.Reactor()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    near = socket.socket()
    near.setblocking(False)
    near.connect_ex(address)
    stream = door.Stream(reactor, near.detach(), is_connecting=True)
    wait(reactor, lambda: stream.events)
    assert stream.has_ended
    assert (stream.error(), stream.error()) == (errno.ECONNREFUSED, 0)


# ---- half-close

def test_shut_write_when_nothing_is_pending_is_seen_at_once(pair):
    stream, _, peer = pair
    stream.send(b"last")
    stream.shut_write()
    assert read_all(peer) == b"last"


def test_shut_write_comes_after_what_is_pending(pair):
    stream, reactor, peer = pair
    data = random.Random(3).randbytes(500_000)
    stream.send(data)
    assert stream.pending
    stream.shut_write()
    stream.shut_write()
    assert stream.send(b"more") == "closed"
    assert drain(reactor, stream, peer, len(data)) == data
    assert peer.recv(1) == b""


def test_half_closed_stream_still_reads(pair):
    stream, reactor, peer = pair
    stream.shut_write()
    assert peer.recv(1) == b""
    peer.sendall(b"answer")
    wait(reactor, lambda: stream.is_readable)
    assert stream.read(100) == b"answer"


# ---- reading

def test_short_read_says_that_nothing_is_left(pair):
    stream, reactor, peer = pair
    peer.sendall(b"abcdef")
    wait(reactor, lambda: stream.is_readable)
    assert (stream.read(4), stream.is_readable) == (b"abcd", True)
    assert (stream.read(4), stream.is_readable) == (b"ef", False)
    assert (stream.read(4), stream.is_readable) == ("again", False)
    peer.sendall(b"g")
    wait(reactor, lambda: stream.is_readable)
    assert stream.read(4) == b"g"


def test_end_behind_bytes_is_read_after_them(pair):
    """One edge tells of both: the reader must not stop at the short read."""
    stream, reactor, peer = pair
    peer.sendall(b"bye")
    peer.shutdown(socket.SHUT_WR)
    wait(reactor, lambda: stream.has_ended)
    assert (stream.read(100), stream.is_readable) == (b"bye", True)
    assert (stream.read(100), stream.is_readable) == ("end", False)
    assert stream.send(b"still") == "ok"
    assert peer.recv(100) == b"still"


def test_end_that_epoll_has_not_told_yet_is_seen_by_reading(pair):
    stream, _, peer = pair
    peer.shutdown(socket.SHUT_WR)
    assert stream.read(10) == "end"
    assert stream.has_ended


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def test_reset_fails_reads_and_writes(tcp):
    stream, reactor, peer = tcp
    reset(peer)
    wait(reactor, lambda: stream.has_ended)
    assert stream.read(10) == "failed"      # takes the error away with it
    assert stream.send(b"x") == "closed"


def test_reset_tells_its_error(tcp):
    stream, reactor, peer = tcp
    reset(peer)
    wait(reactor, lambda: stream.has_ended)
    assert (stream.error(), stream.error()) == (errno.ECONNRESET, 0)


def test_reset_while_bytes_are_pending_closes_the_flush(tcp):
    stream, reactor, peer = tcp
    stream.send(bytes(600_000))
    assert stream.pending
    reset(peer)
    wait(reactor, lambda: stream.has_ended)
    assert stream.flush() == "closed"


def test_write_to_a_closed_unix_peer_is_closed_and_no_signal():
    reactor = reactor_door.Reactor()
    stream, peer = open_stream(reactor, unix_pair)
    peer.close()
    assert stream.send(b"x") == "closed"
    assert stream.write([b"x", b"y"]) == "closed"


# ---- closing

def test_close_ends_the_connection_and_drops_what_is_pending(pair):
    stream, reactor, peer = pair
    stream.send(bytes(600_000))
    taken = stream.sent
    stream.close()
    stream.close()
    assert not stream.is_open and stream.pending == 0
    assert len(read_all(peer)) == taken
    events = stream.events
    reactor.step()
    assert stream.events == events
