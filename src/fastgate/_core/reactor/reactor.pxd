"""A reactor: one thread, one epoll, its timers and its mailbox. Knows no HTTP."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.observe.counters cimport counters_t
from .mailbox cimport letter_t, mailbox_t
from .timer cimport wheel_t


ctypedef void (*on_event_cb)(source_t *source, uint32_t events) noexcept nogil
ctypedef void (*on_mail_cb)(reactor_t *reactor, mail_t *mail) noexcept nogil
ctypedef void (*on_tick_cb)(reactor_t *reactor) noexcept nogil
ctypedef void (*grave_free_cb)(grave_t *grave) noexcept nogil


cdef struct source_t:
    # What epoll watches: first field of a listener or stream, which owns it. Its reactor only.
    on_event_cb on_event        # NULL: closed; an event of the same batch may still point here
    int fd
    bint goes_first             # before the others of its batch: an idle upstream connection, which
                                # one of them might take although it has just died


cdef struct grave_t:
    # Something closed while events of the same batch may still point at it: freed when the
    # batch is done. A field of what dies; its reactor only.
    grave_t *next
    grave_free_cb free


cdef struct mail_t:
    # A message from another thread. Made by the sender, freed by `on_mail`, which runs on the reactor.
    letter_t letter             # first
    on_mail_cb on_mail
    void *subject
    uint64_t value


cdef struct reactor_t:
    # Owner: the gateway, for the life of the process. Its thread only, but for the last group.
    # read-only after build
    int epoll_fd
    uint32_t index
    void *owner                 # the proxy's per-reactor state
    on_tick_cb on_tick          # once a loop, before the events
    counters_t counters         # one writer; see observe/counters.pxd
    # owner thread
    uint64_t now_ns             # refreshed for every event
    uint64_t random[2]
    wheel_t wheel
    source_t wake_source
    grave_t *graves
    source_t **deferred         # to be called again after this batch, fairness
    uint32_t n_deferred
    uint32_t deferred_capacity
    # shared: atomic
    mailbox_t mailbox           # of mail_t
    uint32_t is_stopping
    uint64_t loops_done         # grows by one a loop: no pointer taken in one loop lives in the next


cdef bint reactor_open(reactor_t *reactor, uint32_t index, uint64_t seed) noexcept nogil
cdef void reactor_run(reactor_t *reactor) noexcept nogil        # returns after reactor_stop
cdef void reactor_close(reactor_t *reactor) noexcept nogil      # after it returned; reads the mail left over
cdef bint reactor_watch(reactor_t *reactor, source_t *source, uint32_t events) noexcept nogil
cdef void reactor_unwatch(reactor_t *reactor, source_t *source) noexcept nogil
cdef void reactor_defer(reactor_t *reactor, source_t *source) noexcept nogil    # on_event(source, 0) after this batch
cdef void reactor_bury(reactor_t *reactor, grave_t *grave, grave_free_cb free) noexcept nogil
# from any thread
cdef void reactor_post(reactor_t *reactor, mail_t *mail) noexcept nogil
cdef void reactor_wake(reactor_t *reactor) noexcept nogil
cdef void reactor_stop(reactor_t *reactor) noexcept nogil


cdef inline uint64_t reactor_random(reactor_t *reactor) noexcept nogil:
    """xoroshiro128+ (Blackman and Vigna 2018): for request ids and choices, not for secrets."""
    cdef uint64_t a = reactor.random[0]
    cdef uint64_t b = reactor.random[1]
    cdef uint64_t sum = a + b
    b ^= a
    reactor.random[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16)
    reactor.random[1] = (b << 37) | (b >> 27)
    return sum
