"""The loop: epoll_wait, then events, deferred work, mail, timers, graves."""

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport realloc, free
from libc.string cimport memset

from fastgate._core.base.atomics cimport (
    atomic_load_u32,
    atomic_store_u32,
    atomic_store_u64_ordered,
    own_add_u64,
)
from fastgate._core.base.clock cimport NS_PER_MS, clock_ns
from fastgate._core.base.hash cimport hash_mix
from fastgate._core.includes.epoll cimport (
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLLIN,
    epoll_create1,
    epoll_ctl,
    epoll_event,
    epoll_wait,
)
from fastgate._core.includes.socket cimport close
from .mailbox cimport mailbox_close, mailbox_heard, mailbox_open, mailbox_put, mailbox_take, mailbox_wake
from .timer cimport TIMER_NEVER, wheel_next_ns, wheel_open, wheel_run


cdef enum:
    EVENTS_PER_WAIT = 256
    LONGEST_WAIT_MS = 60000


cdef void _on_wake(source_t *source, uint32_t events) noexcept nogil:
    cdef reactor_t *reactor = <reactor_t *>(<char *>source - <size_t>&(<reactor_t *>NULL).wake_source)
    mailbox_heard(&reactor.mailbox)


cdef bint reactor_open(reactor_t *reactor, uint32_t index, uint64_t seed) noexcept nogil:
    """False, with errno set: no descriptors left."""
    memset(reactor, 0, sizeof(reactor_t))
    reactor.index = index
    reactor.random[0] = hash_mix(seed + index)
    reactor.random[1] = hash_mix(reactor.random[0]) | 1
    reactor.now_ns = clock_ns()
    wheel_open(&reactor.wheel, reactor.now_ns)
    reactor.epoll_fd = epoll_create1(EPOLL_CLOEXEC)
    if not mailbox_open(&reactor.mailbox) or reactor.epoll_fd < 0:
        return False
    reactor.wake_source.on_event = _on_wake
    reactor.wake_source.fd = reactor.mailbox.wake_fd
    return reactor_watch(reactor, &reactor.wake_source, EPOLLIN)


cdef bint reactor_watch(reactor_t *reactor, source_t *source, uint32_t events) noexcept nogil:
    cdef epoll_event event
    memset(&event, 0, sizeof(event))
    event.events = events
    event.data.ptr = source
    return epoll_ctl(reactor.epoll_fd, EPOLL_CTL_ADD, source.fd, &event) == 0


cdef void reactor_unwatch(reactor_t *reactor, source_t *source) noexcept nogil:
    cdef epoll_event event
    memset(&event, 0, sizeof(event))
    epoll_ctl(reactor.epoll_fd, EPOLL_CTL_DEL, source.fd, &event)


cdef void reactor_defer(reactor_t *reactor, source_t *source) noexcept nogil:
    cdef uint32_t capacity
    cdef void *room
    if reactor.n_deferred == reactor.deferred_capacity:
        capacity = reactor.deferred_capacity * 2 + 16
        room = realloc(reactor.deferred, capacity * sizeof(source_t *))
        if room == NULL:
            # No memory to remember it by: serve it now, at the price of fairness.
            source.on_event(source, 0)
            return
        reactor.deferred = <source_t **>room
        reactor.deferred_capacity = capacity
    reactor.deferred[reactor.n_deferred] = source
    reactor.n_deferred += 1


cdef void _run_deferred(reactor_t *reactor) noexcept nogil:
    # What is deferred meanwhile waits for the next loop.
    cdef uint32_t n = reactor.n_deferred
    cdef uint32_t i
    cdef source_t *source
    for i in range(n):
        source = reactor.deferred[i]
        if source.on_event != NULL:
            source.on_event(source, 0)
    reactor.n_deferred -= n
    for i in range(reactor.n_deferred):
        reactor.deferred[i] = reactor.deferred[n + i]


cdef void reactor_bury(reactor_t *reactor, grave_t *grave, grave_free_cb free) noexcept nogil:
    grave.free = free
    grave.next = reactor.graves
    reactor.graves = grave


cdef void _empty_graves(reactor_t *reactor) noexcept nogil:
    cdef grave_t *grave = reactor.graves
    cdef grave_t *next
    cdef uint32_t i, kept = 0
    if grave == NULL:
        return
    # A closed source may have been deferred for the next loop.
    for i in range(reactor.n_deferred):
        if reactor.deferred[i].on_event != NULL:
            reactor.deferred[kept] = reactor.deferred[i]
            kept += 1
    reactor.n_deferred = kept
    reactor.graves = NULL
    while grave != NULL:
        next = grave.next
        grave.free(grave)
        grave = next


cdef void reactor_wake(reactor_t *reactor) noexcept nogil:
    mailbox_wake(&reactor.mailbox)


cdef void reactor_post(reactor_t *reactor, mail_t *mail) noexcept nogil:
    mailbox_put(&reactor.mailbox, &mail.letter)


cdef void reactor_stop(reactor_t *reactor) noexcept nogil:
    atomic_store_u32(&reactor.is_stopping, 1)
    reactor_wake(reactor)


cdef void _read_mail(reactor_t *reactor) noexcept nogil:
    cdef mail_t *mail = <mail_t *>mailbox_take(&reactor.mailbox)
    cdef mail_t *next
    while mail != NULL:
        next = <mail_t *>mail.letter.next
        mail.on_mail(reactor, mail)
        mail = next


cdef void reactor_close(reactor_t *reactor) noexcept nogil:
    # Mail may have come after the last loop, and what the owner closed since lies in a grave.
    _read_mail(reactor)
    _empty_graves(reactor)
    close(reactor.epoll_fd)
    mailbox_close(&reactor.mailbox)
    free(reactor.deferred)
    reactor.deferred = NULL


cdef int _wait_ms(reactor_t *reactor) noexcept nogil:
    cdef uint64_t next_ns, now_ns
    if reactor.n_deferred:
        return 0
    next_ns = wheel_next_ns(&reactor.wheel)
    if next_ns == TIMER_NEVER:
        return LONGEST_WAIT_MS
    now_ns = clock_ns()
    if next_ns <= now_ns:
        return 0
    next_ns = (next_ns - now_ns + NS_PER_MS - 1) // NS_PER_MS
    return <int>next_ns if next_ns < LONGEST_WAIT_MS else LONGEST_WAIT_MS


cdef void reactor_run(reactor_t *reactor) noexcept nogil:
    cdef epoll_event events[EVENTS_PER_WAIT]
    cdef source_t *source
    cdef int i, n
    while not atomic_load_u32(&reactor.is_stopping):
        n = epoll_wait(reactor.epoll_fd, events, EVENTS_PER_WAIT, _wait_ms(reactor))
        if n < 0 and errno != EINTR:
            return              # the epoll descriptor itself is broken: control sees the thread end
        own_add_u64(&reactor.counters.loops, 1)
        # Ordered: whoever replaced a pointer and then read the old count sees us take the new one.
        atomic_store_u64_ordered(&reactor.loops_done, reactor.loops_done + 1)
        reactor.now_ns = clock_ns()
        reactor.on_tick(reactor)
        for i in range(n):
            source = <source_t *>events[i].data.ptr
            if source.goes_first and source.on_event != NULL:
                source.on_event(source, events[i].events)
                events[i].data.ptr = NULL
        for i in range(n):
            source = <source_t *>events[i].data.ptr
            if source != NULL and source.on_event != NULL:
                reactor.now_ns = clock_ns()
                source.on_event(source, events[i].events)
        if reactor.n_deferred:
            _run_deferred(reactor)
        _read_mail(reactor)
        wheel_run(&reactor.wheel, reactor.now_ns)
        _empty_graves(reactor)
