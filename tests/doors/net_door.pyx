"""Test door of `_core/net`: streams, what gathers for them, listeners and addresses. Reactors come from reactor_door."""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from fastgate._core.base.status cimport AGAIN, CLOSED, NO_MEMORY, OK
from fastgate._core.base.writer cimport writer_number, writer_put
from fastgate._core.includes.epoll cimport EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP
from fastgate._core.includes.socket cimport iovec, sockaddr
from fastgate._core.net.address cimport (
    ADDRESS_TEXT_BYTES, address_format, address_of, address_parse, address_t, cidr_contains, cidr_t,
)
from fastgate._core.net.gather cimport (
    GATHER_COPY_BYTES, GATHER_PARTS, gather_flush, gather_make_room, gather_open, gather_refer, gather_t,
)
from fastgate._core.net.listener cimport listener_close, listener_open, listener_t
from fastgate._core.net.stream cimport (
    READ_AGAIN, READ_END, READ_FAILED, stream_close, stream_error, stream_flush, stream_is_open, stream_note_events,
    stream_open, stream_pending, stream_read, stream_send, stream_shut_write, stream_t, stream_write,
)
from fastgate._core.reactor.reactor cimport reactor_t, source_t

COPY_BYTES = GATHER_COPY_BYTES
PARTS = GATHER_PARTS
STATUS = {<int>OK: "ok", <int>AGAIN: "again", <int>CLOSED: "closed", <int>NO_MEMORY: "no memory"}
READ = {<int>READ_END: "end", <int>READ_AGAIN: "again", <int>READ_FAILED: "failed"}


# --- streams

cdef struct user_t:
    # Owner: its Stream.
    stream_t stream         # first
    uint32_t events


cdef void _on_event(source_t *source, uint32_t events) noexcept nogil:
    cdef user_t *user = <user_t *>source
    user.events += 1
    stream_note_events(
        &user.stream, events & EPOLLIN, events & EPOLLOUT, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)
    )


cdef class Stream:
    """Takes the descriptor over."""
    cdef user_t *user
    cdef object reactor

    def __cinit__(self, reactor, int fd, bint is_connecting=False):
        self.reactor = reactor
        self.user = <user_t *>calloc(1, sizeof(user_t))
        if self.user == NULL:
            raise MemoryError
        if not stream_open(&self.user.stream, <reactor_t *><size_t>reactor.address, fd, _on_event, is_connecting):
            raise OSError("not watched")

    def __dealloc__(self):
        if self.user != NULL:
            stream_close(&self.user.stream)
            free(self.user)

    def send(self, bytes data):
        return STATUS[<int>stream_send(&self.user.stream, data, len(data))]

    def write(self, list pieces):
        cdef iovec *parts = <iovec *>malloc((len(pieces) + 1) * sizeof(iovec))
        cdef bytes piece
        cdef Py_ssize_t i
        if parts == NULL:
            raise MemoryError
        for i in range(len(pieces)):
            piece = pieces[i]
            parts[i].iov_base = <char *>piece
            parts[i].iov_len = len(piece)
        status = STATUS[<int>stream_write(&self.user.stream, parts, <unsigned>len(pieces))]
        free(parts)
        return status

    def read(self, size_t size):
        """Bytes, or "end", "again", "failed"."""
        cdef char *room = <char *>malloc(size)
        cdef ssize_t n
        if room == NULL:
            raise MemoryError
        n = stream_read(&self.user.stream, room, size)
        try:
            return room[:n] if n > 0 else READ[<int>n]
        finally:
            free(room)

    def flush(self):
        return STATUS[<int>stream_flush(&self.user.stream)]

    def connected(self):
        self.user.stream.is_connecting = False

    def shut_write(self):
        stream_shut_write(&self.user.stream)

    def close(self):
        stream_close(&self.user.stream)

    def error(self):
        return stream_error(&self.user.stream)

    @property
    def is_open(self):
        return bool(stream_is_open(&self.user.stream))

    @property
    def pending(self):
        return stream_pending(&self.user.stream)

    @property
    def sent(self):
        return self.user.stream.sent

    @property
    def events(self):
        return self.user.events

    @property
    def is_readable(self):
        return bool(self.user.stream.is_readable)

    @property
    def is_blocked(self):
        return bool(self.user.stream.is_blocked)

    @property
    def has_ended(self):
        return bool(self.user.stream.has_ended)


# --- gathering

cdef class Gather:
    """Writes into a room of exactly `size` bytes, so that a sanitiser sees a byte too many."""
    cdef gather_t gather
    cdef char *room
    cdef Stream stream
    cdef list kept          # what is referred to

    def __cinit__(self, Stream stream, size_t size):
        self.stream = stream
        self.kept = []
        self.room = <char *>malloc(size)
        if self.room == NULL:
            raise MemoryError
        gather_open(&self.gather, &stream.user.stream, self.room, size)

    def __dealloc__(self):
        free(self.room)

    def text(self, bytes data):
        writer_put(&self.gather.text, data, len(data))

    def number(self, value):
        writer_number(&self.gather.text, value)

    def refer(self, bytes data):
        self.kept.append(data)
        gather_refer(&self.gather, data, len(data))

    def make_room(self, size_t text_bytes):
        gather_make_room(&self.gather, text_bytes)

    def flush(self):
        return STATUS[<int>gather_flush(&self.gather)]

    @property
    def parts(self):
        return self.gather.n

    @property
    def is_full(self):
        return bool(self.gather.text.is_full)


# --- addresses

cdef address_t _address(bytes packed, bint is_unix):
    cdef address_t address
    memset(&address, 0, sizeof(address))
    memcpy(address.bytes, <char *>packed, 16)
    address.is_unix = is_unix
    return address


def format_address(bytes packed, bint is_unix=False):
    """packed: the 16 bytes."""
    cdef address_t address = _address(packed, is_unix)
    cdef char *room = <char *>malloc(ADDRESS_TEXT_BYTES)
    if room == NULL:
        raise MemoryError
    text = room[:address_format(&address, room)]
    free(room)
    return text


def parse_address(const unsigned char[::1] text):
    """The 16 bytes, or None."""
    cdef address_t address
    cdef const char *at = NULL
    if text.shape[0]:
        at = <const char *>&text[0]
    if not address_parse(at, <size_t>text.shape[0], &address):
        return None
    return (<char *>address.bytes)[:16]


def address_of_socket(bytes raw):
    """(the 16 bytes, port, is_unix) of a struct sockaddr_*."""
    cdef address_t address = address_of(<const sockaddr *><char *>raw)
    return (<char *>address.bytes)[:16], address.port, bool(address.is_unix)


def contains(bytes network, uint8_t bits, bytes packed, bint trusts_unix=False, bint is_unix=False):
    cdef address_t address = _address(packed, is_unix)
    cdef cidr_t cidr
    memcpy(cidr.bytes, <char *>network, 16)
    cidr.bits = bits
    cidr.is_unix = trusts_unix
    return bool(cidr_contains(&cidr, &address))


# --- listeners

cdef enum:
    MAX_TAKEN = 512


cdef struct host_t:
    # Owner: its Listener.
    listener_t listener     # first
    uint32_t n
    uint32_t limit
    bint refuses
    int fds[MAX_TAKEN]
    address_t peers[MAX_TAKEN]


cdef bint _on_accept(listener_t *listener, int fd, const address_t *peer) noexcept nogil:
    cdef host_t *host = <host_t *>listener
    if host.refuses or host.n == MAX_TAKEN:
        return False
    host.fds[host.n] = fd
    host.peers[host.n] = peer[0]
    host.n += 1
    return True


cdef bint _may_accept(listener_t *listener) noexcept nogil:
    return (<host_t *>listener).n < (<host_t *>listener).limit


cdef class Listener:
    """Accepts until `limit` are taken; the descriptors are the test's."""
    cdef host_t *host
    cdef object reactor

    def __cinit__(self, reactor, int fd, uint32_t limit=MAX_TAKEN, bint is_shared=False, bint is_unix=False):
        self.reactor = reactor
        self.host = <host_t *>calloc(1, sizeof(host_t))
        if self.host == NULL:
            raise MemoryError
        self.host.limit = limit
        self.host.listener.on_accept = _on_accept
        self.host.listener.may_accept = _may_accept
        self.host.listener.is_unix = is_unix
        if not listener_open(&self.host.listener, <reactor_t *><size_t>reactor.address, fd, is_shared):
            raise OSError("not watched")

    def __dealloc__(self):
        if self.host != NULL:
            self.host.limit = 0
            listener_close(&self.host.listener)
            free(self.host)

    def close(self):
        listener_close(&self.host.listener)

    def set_limit(self, uint32_t limit):
        self.host.limit = limit

    def refuse(self, bint refuses):
        self.host.refuses = refuses

    @property
    def taken(self):
        """[(fd, address as text, port, is_unix)]"""
        cdef uint32_t i
        return [
            (self.host.fds[i], format_address((<char *>self.host.peers[i].bytes)[:16], self.host.peers[i].is_unix),
             self.host.peers[i].port, bool(self.host.peers[i].is_unix))
            for i in range(self.host.n)
        ]
