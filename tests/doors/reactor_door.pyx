"""Test door of `_core/reactor`: wheels whose callbacks act on other timers, and a reactor run by hand or by a thread."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc

from fastgate._core.base.atomics cimport atomic_load_u64, atomic_load_u64_acquire, atomic_store_u32
from fastgate._core.base.clock cimport NS_PER_MS, clock_ns
from fastgate._core.includes.epoll cimport EPOLLIN
from fastgate._core.reactor.mailbox cimport (
    letter_t, mailbox_close, mailbox_heard, mailbox_open, mailbox_put, mailbox_t, mailbox_take,
)
from fastgate._core.reactor.reactor cimport (
    grave_t, mail_t, reactor_bury, reactor_close, reactor_defer, reactor_open, reactor_post, reactor_random,
    reactor_run, reactor_stop, reactor_t, reactor_unwatch, reactor_wake, reactor_watch, source_t,
)
from fastgate._core.reactor.timer cimport (
    TIMER_NEVER, WHEEL_TICK_SHIFT, timer_arm, timer_disarm, timer_init, timer_remove, timer_t, wheel_next_ns,
    wheel_open, wheel_run, wheel_t,
)

TICK_SHIFT = WHEEL_TICK_SHIFT
NEVER = TIMER_NEVER

cdef enum action_t:
    ACT_NOTHING
    ACT_ARM
    ACT_REMOVE
    ACT_DISARM
    ACT_DEFER
    ACT_BURY

ACTIONS = {
    "nothing": ACT_NOTHING, "arm": ACT_ARM, "remove": ACT_REMOVE, "disarm": ACT_DISARM, "defer": ACT_DEFER,
    "bury": ACT_BURY,
}


# --- timers

cdef struct alarm_t:
    # Owner: its Wheel.
    timer_t timer           # first
    wheel_box_t *box
    uint32_t index
    action_t action         # done once, when it fires
    uint32_t subject        # on which timer
    uint64_t deadline_ns    # for ACT_ARM


cdef struct wheel_box_t:
    # Owner: its Wheel.
    wheel_t wheel
    alarm_t *alarms
    uint32_t *fired         # indexes
    uint64_t *fired_at      # and the wheel's tick then
    uint32_t n_fired
    uint32_t max_fired


cdef void _on_alarm(timer_t *timer) noexcept nogil:
    cdef alarm_t *alarm = <alarm_t *>timer
    cdef wheel_box_t *box = alarm.box
    cdef timer_t *subject = &box.alarms[alarm.subject].timer
    cdef action_t action = alarm.action
    if box.n_fired < box.max_fired:
        box.fired[box.n_fired] = alarm.index
        box.fired_at[box.n_fired] = box.wheel.now_tick
    box.n_fired += 1
    alarm.action = ACT_NOTHING
    if action == ACT_ARM:
        timer_arm(&box.wheel, subject, alarm.deadline_ns)
    elif action == ACT_REMOVE:
        timer_remove(subject)
    elif action == ACT_DISARM:
        timer_disarm(subject)


cdef class Wheel:
    cdef wheel_box_t box
    cdef uint32_t n

    def __cinit__(self, uint32_t n, uint64_t now_ns):
        cdef uint32_t i
        self.n = n
        self.box.max_fired = 4 * n + 64
        self.box.alarms = <alarm_t *>calloc(n, sizeof(alarm_t))
        self.box.fired = <uint32_t *>malloc(self.box.max_fired * sizeof(uint32_t))
        self.box.fired_at = <uint64_t *>malloc(self.box.max_fired * sizeof(uint64_t))
        if self.box.alarms == NULL or self.box.fired == NULL or self.box.fired_at == NULL:
            raise MemoryError
        wheel_open(&self.box.wheel, now_ns)
        for i in range(n):
            timer_init(&self.box.alarms[i].timer, _on_alarm)
            self.box.alarms[i].box = &self.box
            self.box.alarms[i].index = i

    def __dealloc__(self):
        free(self.box.alarms)
        free(self.box.fired)
        free(self.box.fired_at)

    def arm(self, uint32_t i, uint64_t deadline_ns):
        timer_arm(&self.box.wheel, &self.box.alarms[i].timer, deadline_ns)

    def disarm(self, uint32_t i):
        timer_disarm(&self.box.alarms[i].timer)

    def remove(self, uint32_t i):
        timer_remove(&self.box.alarms[i].timer)

    def when_fired(self, uint32_t i, str action, uint32_t subject, uint64_t deadline_ns=0):
        self.box.alarms[i].action = ACTIONS[action]
        self.box.alarms[i].subject = subject
        self.box.alarms[i].deadline_ns = deadline_ns

    def is_queued(self, uint32_t i):
        return self.box.alarms[i].timer.link != NULL

    def run(self, uint64_t now_ns):
        """[(timer, tick)] in the order they fired."""
        self.box.n_fired = 0
        wheel_run(&self.box.wheel, now_ns)
        if self.box.n_fired > self.box.max_fired:
            raise AssertionError("more timers fired than there can be")
        return [(self.box.fired[i], self.box.fired_at[i]) for i in range(self.box.n_fired)]

    @property
    def next_ns(self):
        return wheel_next_ns(&self.box.wheel)

    def rearm_many(self, uint64_t times, uint64_t step_ns):
        """Moves the deadline of each timer in turn, later every time, as traffic does; runs the wheel after each turn.
        Returns how many fired."""
        cdef uint64_t now = self.box.wheel.now_tick << <unsigned>WHEEL_TICK_SHIFT
        cdef uint64_t i
        cdef uint32_t k
        self.box.n_fired = 0
        with nogil:
            for i in range(times):
                now += step_ns
                for k in range(self.n):
                    timer_arm(&self.box.wheel, &self.box.alarms[k].timer, now + 60000 * <uint64_t>NS_PER_MS)
                wheel_run(&self.box.wheel, now)
        return self.box.n_fired


# --- mailboxes

cdef struct note_t:
    # Owner: who put it into a mailbox, then its Mailbox.
    letter_t letter         # first
    uint64_t value


cdef class Mailbox:
    cdef mailbox_t box

    def __cinit__(self):
        if not mailbox_open(&self.box):
            raise OSError("no mailbox")

    def __dealloc__(self):
        self.take()
        mailbox_close(&self.box)

    def fileno(self):
        return self.box.wake_fd

    def put(self, uint64_t first, uint64_t count=1):
        """first, first + 1, …, without the GIL."""
        cdef uint64_t i
        cdef note_t *note
        with nogil:
            for i in range(count):
                note = <note_t *>calloc(1, sizeof(note_t))
                if note != NULL:
                    note.value = first + i
                    mailbox_put(&self.box, &note.letter)

    def heard(self):
        mailbox_heard(&self.box)

    def take(self):
        cdef letter_t *letter = mailbox_take(&self.box)
        cdef note_t *note
        found = []
        while letter != NULL:
            note = <note_t *>letter
            letter = letter.next
            found.append(note.value)
            free(note)
        return found


# --- reactors

cdef struct log_t:
    # Owner: its Reactor, whose thread writes it.
    uint64_t *entries
    size_t n
    size_t capacity


cdef void _log(log_t *log, uint64_t entry) noexcept nogil:
    cdef void *room
    if log.n == log.capacity:
        room = realloc(log.entries, (log.capacity * 2 + 64) * sizeof(uint64_t))
        if room == NULL:
            return
        log.entries = <uint64_t *>room
        log.capacity = log.capacity * 2 + 64
    log.entries[log.n] = entry
    log.n += 1


cdef struct box_t:
    # Owner: its Reactor.
    reactor_t reactor           # first
    log_t log
    timer_t alarm
    bint is_single              # leave the loop at its end
    bint is_rung
    bint stops_when_rung


cdef void _on_tick(reactor_t *reactor) noexcept nogil:
    cdef box_t *box = <box_t *>reactor
    if box.is_single:
        atomic_store_u32(&reactor.is_stopping, 1)


cdef void _on_ring(timer_t *timer) noexcept nogil:
    cdef box_t *box = <box_t *>(<char *>timer - <size_t>&(<box_t *>NULL).alarm)
    box.is_rung = True
    if box.stops_when_rung:
        reactor_stop(&box.reactor)


cdef void _on_note(reactor_t *reactor, mail_t *mail) noexcept nogil:
    cdef box_t *box = <box_t *>reactor
    _log(&box.log, mail.value)
    free(mail)


cdef void _on_stop_note(reactor_t *reactor, mail_t *mail) noexcept nogil:
    _on_note(reactor, mail)
    reactor_stop(reactor)


cdef mail_t *_note(uint64_t value, bint is_last) noexcept nogil:
    cdef mail_t *mail = <mail_t *>calloc(1, sizeof(mail_t))
    if mail != NULL:
        mail.on_mail = _on_stop_note if is_last else _on_note
        mail.value = value
    return mail


cdef class Reactor:
    """`address` lends it to the doors of other rooms. Close those users first."""
    cdef box_t *box
    cdef bint is_closed

    def __cinit__(self, uint32_t index=0, uint64_t seed=1):
        self.box = <box_t *>calloc(1, sizeof(box_t))
        if self.box == NULL:
            raise MemoryError
        if not reactor_open(&self.box.reactor, index, seed):
            raise OSError("no reactor")
        self.box.reactor.on_tick = _on_tick
        timer_init(&self.box.alarm, _on_ring)

    def __dealloc__(self):
        if self.box != NULL:
            if not self.is_closed:
                reactor_close(&self.box.reactor)
            free(self.box.log.entries)
            free(self.box)

    @property
    def address(self):
        return <size_t>&self.box.reactor

    @property
    def log(self):
        return [self.box.log.entries[i] for i in range(self.box.log.n)]

    @property
    def loops(self):
        return atomic_load_u64_acquire(&self.box.reactor.loops_done)

    def counter(self, str name):
        cdef reactor_t *reactor = &self.box.reactor
        cdef uint64_t *field
        if name == "connections_refused":
            field = &reactor.counters.connections_refused
        elif name == "upstream_opened":
            field = &reactor.counters.upstream_opened
        elif name == "upstream_closed":
            field = &reactor.counters.upstream_closed
        elif name == "upstream_reused":
            field = &reactor.counters.upstream_reused
        elif name == "upstream_idle":
            field = &reactor.counters.upstream_idle
        else:
            raise KeyError(name)
        return atomic_load_u64(field)

    def step(self, uint64_t at_most_ms=0):
        """One loop: waits for an event, at most that long, or for a timer. False: nothing came in time."""
        cdef box_t *box = self.box
        atomic_store_u32(&box.reactor.is_stopping, 0)
        box.is_single = True
        box.is_rung = False
        if at_most_ms:
            timer_arm(&box.reactor.wheel, &box.alarm, clock_ns() + at_most_ms * NS_PER_MS)
        else:
            reactor_wake(&box.reactor)
        with nogil:
            reactor_run(&box.reactor)
        timer_remove(&box.alarm)
        box.is_single = False
        atomic_store_u32(&box.reactor.is_stopping, 0)
        return not box.is_rung

    def run_for(self, uint64_t ms):
        """Runs that long; returns how many loops it made."""
        cdef box_t *box = self.box
        cdef uint64_t loops = self.loops
        timer_arm(&box.reactor.wheel, &box.alarm, clock_ns() + ms * NS_PER_MS)
        box.stops_when_rung = True
        with nogil:
            reactor_run(&box.reactor)
        box.stops_when_rung = False
        atomic_store_u32(&box.reactor.is_stopping, 0)
        return self.loops - loops

    def run(self):
        """Until stop(), or the mail that says so."""
        with nogil:
            reactor_run(&self.box.reactor)

    def close(self):
        """No loop after this."""
        self.is_closed = True
        reactor_close(&self.box.reactor)

    def stop(self):
        reactor_stop(&self.box.reactor)

    def wake(self):
        reactor_wake(&self.box.reactor)

    def post(self, uint64_t first, uint64_t count, bint is_last=False):
        """Mails first, first + 1, …; the last of them stops the reactor if asked to."""
        cdef uint64_t i
        cdef mail_t *mail
        with nogil:
            for i in range(count):
                mail = _note(first + i, is_last and i == count - 1)
                if mail != NULL:
                    reactor_post(&self.box.reactor, mail)

    def random(self):
        return reactor_random(&self.box.reactor)


cdef struct actor_t:
    # A source that does one thing when it is called. Owner: the Actors that made it, or once
    # buried the reactor, which frees `block`.
    source_t source             # first
    grave_t grave
    box_t *box
    actor_t **others
    uint32_t index
    uint32_t subject
    action_t action             # done at each call, `times` times
    uint32_t times
    bint *is_freed


cdef void _free_actor(grave_t *grave) noexcept nogil:
    cdef actor_t *actor = <actor_t *>(<char *>grave - <size_t>&(<actor_t *>NULL).grave)
    _log(&actor.box.log, 1000 + actor.index)
    actor.is_freed[0] = True
    free(actor)


cdef void _on_actor(source_t *source, uint32_t events) noexcept nogil:
    cdef actor_t *actor = <actor_t *>source
    cdef actor_t *subject = actor.others[actor.subject]
    _log(&actor.box.log, actor.index)
    if actor.times == 0 or subject.source.on_event == NULL:
        return
    actor.times -= 1
    if actor.action == ACT_DEFER:
        reactor_defer(&actor.box.reactor, &subject.source)
    elif actor.action == ACT_BURY:
        subject.source.on_event = NULL
        if subject.source.fd >= 0:
            reactor_unwatch(&actor.box.reactor, &subject.source)
        reactor_bury(&actor.box.reactor, &subject.grave, _free_actor)


cdef class Actors:
    """Sources 0 … n-1. A call logs the index, the freeing of a buried one 1000 + index."""
    cdef actor_t **actors
    cdef bint *freed
    cdef uint32_t n
    cdef Reactor reactor

    def __cinit__(self, Reactor reactor, uint32_t n):
        cdef uint32_t i
        self.reactor = reactor
        self.n = n
        self.actors = <actor_t **>calloc(n, sizeof(actor_t *))
        self.freed = <bint *>calloc(n, sizeof(bint))
        if self.actors == NULL or self.freed == NULL:
            raise MemoryError
        for i in range(n):
            self.actors[i] = <actor_t *>calloc(1, sizeof(actor_t))
            if self.actors[i] == NULL:
                raise MemoryError
            self.actors[i].source.on_event = _on_actor
            self.actors[i].source.fd = -1
            self.actors[i].box = reactor.box
            self.actors[i].others = self.actors
            self.actors[i].index = i
            self.actors[i].is_freed = &self.freed[i]

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.n):
            if not self.freed[i]:
                free(self.actors[i])
        free(self.actors)
        free(self.freed)

    def when_called(self, uint32_t i, str action, uint32_t subject, uint32_t times=1):
        self.actors[i].action = ACTIONS[action]
        self.actors[i].subject = subject
        self.actors[i].times = times

    def watch(self, uint32_t i, int fd):
        self.actors[i].source.fd = fd
        return bool(reactor_watch(&self.reactor.box.reactor, &self.actors[i].source, EPOLLIN))

    def unwatch(self, uint32_t i):
        reactor_unwatch(&self.reactor.box.reactor, &self.actors[i].source)

    def bury(self, uint32_t i):
        self.actors[i].source.on_event = NULL
        reactor_bury(&self.reactor.box.reactor, &self.actors[i].grave, _free_actor)

    def defer(self, uint32_t i):
        reactor_defer(&self.reactor.box.reactor, &self.actors[i].source)
