"""`_core/net/gather.pxd`: text and references leave in the order they were given, however many there are."""

import random
import socket

import pytest
from fastgate_doors import net_door as door
from fastgate_doors import reactor_door
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT_BYTES = 100        # what a step may write beside its references


class Ends:
    """A stream and what its peer reads, without waiting."""

    def __init__(self):
        self.reactor = reactor_door.Reactor()
        near, self.peer = socket.socketpair()
        for end in (near, self.peer):
            end.setblocking(False)
        self.stream = door.Stream(self.reactor, near.detach())

    def received(self) -> bytes:
        got = bytearray()
        while True:
            try:
                got += self.peer.recv(1 << 20)
            except BlockingIOError:
                if not self.stream.pending:
                    return bytes(got)
                self.reactor.step()
                self.stream.flush()

    def close(self):
        self.stream.close()
        self.peer.close()


@pytest.fixture
def ends():
    ends = Ends()
    yield ends
    ends.close()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("text"), st.integers(0, TEXT_BYTES)),
        st.tuples(st.just("refer"), st.integers(0, 3 * door.COPY_BYTES)),
        st.tuples(st.just("refer"), st.integers(door.COPY_BYTES - 1, door.COPY_BYTES + 1)),
        st.tuples(st.just("number"), st.integers(0, 2**64 - 1)),
        st.tuples(st.just("flush"), st.just(0)),
    ),
    max_size=200,
)


@settings(max_examples=60)
@given(steps, st.integers(TEXT_BYTES + door.COPY_BYTES, 20_000))
def test_everything_leaves_in_order(operations, size):
    ends, expected = Ends(), bytearray()
    gather = door.Gather(ends.stream, size)
    source = random.Random(4)
    for kind, value in operations:
        gather.make_room(TEXT_BYTES)
        assert gather.parts <= door.PARTS - 3
        if kind == "text":
            data = source.randbytes(value)
            gather.text(data)
        elif kind == "refer":
            data = source.randbytes(value)
            gather.refer(data)
        elif kind == "number":
            data = b"%d" % value
            gather.number(value)
        else:
            assert gather.flush() == "ok"
            data = b""
        expected += data
    assert not gather.is_full
    assert gather.flush() == "ok"
    assert ends.received() == bytes(expected)
    ends.close()


def test_nothing_leaves_before_the_flush_and_all_in_one_piece(ends):
    gather = door.Gather(ends.stream, 8192)
    gather.text(b"head ")
    gather.refer(b"x" * 5000)
    gather.text(b" tail")
    assert ends.received() == b""
    gather.flush()
    assert ends.received() == b"head " + b"x" * 5000 + b" tail"
    assert gather.flush() == "ok" and ends.received() == b""


def test_small_references_are_copied_large_ones_not(ends):
    gather = door.Gather(ends.stream, 3 * door.COPY_BYTES)
    for _ in range(3):
        gather.refer(b"s" * door.COPY_BYTES)
    assert gather.parts == 0
    gather.refer(b"s")                              # no room to copy it to
    assert gather.parts == 2
    gather.refer(b"l" * (door.COPY_BYTES + 1))
    assert gather.parts == 3
    gather.flush()
    assert ends.received() == b"s" * (3 * door.COPY_BYTES + 1) + b"l" * (door.COPY_BYTES + 1)


def test_many_references_are_sent_before_the_parts_run_out(ends):
    gather = door.Gather(ends.stream, 8192)
    piece = b"p" * (door.COPY_BYTES + 1)
    for i in range(500):
        gather.make_room(TEXT_BYTES)
        gather.number(i)
        gather.refer(piece)
    gather.flush()
    assert ends.received() == b"".join(b"%d" % i + piece for i in range(500))


def test_failure_of_the_stream_stays_and_nothing_more_is_sent(ends):
    gather = door.Gather(ends.stream, 8192)
    ends.peer.close()
    gather.text(b"lost")
    assert gather.flush() == "closed"
    gather.text(b"more")
    assert gather.flush() == "closed"
    assert ends.stream.sent == 0 and ends.stream.pending == 0
