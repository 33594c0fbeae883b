"""The control thread's half of shared limits: deltas out of the table, totals into it."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free

from fastgate._core.base.atomics cimport atomic_load_u32, atomic_load_u64, atomic_store_u32, atomic_store_u64
from fastgate._core.base.status cimport OK
from fastgate._core.limit.share cimport limit_share_drop, limit_share_fetch, limit_share_learn
from fastgate._core.limit.sharing cimport LIMIT_SHARDS_MOST, LIMIT_WINDOWS, limit_delta_t
from fastgate._core.limit.table cimport limit_table_share
from fastgate._core.plugin.rate_ask cimport (
    RATE_ADMITTED, RATE_REFUSED, RATE_UNKNOWN, rate_ask_post, rate_asks_close,
)
from fastgate._core.reactor.mailbox cimport letter_t, mailbox_heard, mailbox_open, mailbox_take


cdef enum:
    AT_A_TIME = 64              # deltas, on the stack


cdef int _read(tuple delta, limit_delta_t *delta_out) except -1:
    delta_out.low, delta_out.high, delta_out.at_ns, delta_out.period_ns, delta_out.n = delta
    return 0


@cython.no_gc           # the collector would empty the dict whose addresses are freed at the end
cdef class SharedLimits:
    def __cinit__(self):
        self.sharings = {}
        self.ids = {}
        self.asks.box.wake_fd = -1

    def __dealloc__(self):
        cdef uintptr_t address
        if self.asks.box.wake_fd >= 0:
            rate_asks_close(&self.asks)
        for address in self.sharings.values():
            free(<void *>address)

    def address_of(self, str id) -> int:
        """For the builder of that plugin: what its rules point at. MemoryError."""
        cdef limit_sharing_t *sharing
        if id not in self.sharings:
            sharing = <limit_sharing_t *>calloc(1, sizeof(limit_sharing_t))
            if sharing == NULL or limit_table_share(self.table) != OK:
                free(sharing)
                raise MemoryError("no memory for counts shared with other gateways")
            sharing.nodes = 1
            self.sharings[id] = <uintptr_t>sharing
            self.ids[<uintptr_t>sharing] = id
        return self.sharings[id]

    def asks_address(self) -> int:
        """For the builder of a plugin that asks for each request. OSError."""
        if self.asks.box.wake_fd < 0 and not mailbox_open(&self.asks.box):
            raise OSError("no descriptors left for rate limits that ask Redis for each request")
        return <uintptr_t>&self.asks

    def fileno(self) -> int:
        """Readable when there are asks; -1: no plugin asks."""
        return self.asks.box.wake_fd

    def take_asks(self, gateway) -> list:
        """All that wait, in order."""
        cdef letter_t *letter
        cdef rate_ask_t *c_ask
        cdef RateAsk ask
        cdef list asks = []
        mailbox_heard(&self.asks.box)
        letter = mailbox_take(&self.asks.box)
        while letter != NULL:
            c_ask = <rate_ask_t *>letter
            letter = letter.next
            ask = RateAsk.__new__(RateAsk)
            ask.c_ask = c_ask
            ask.owner = gateway
            ask.plugin = self.ids[<uintptr_t>c_ask.sharing]
            ask.low = c_ask.key.low
            ask.high = c_ask.key.high
            ask.now_wall_ns = c_ask.now_wall_ns
            asks.append(ask)
        return asks

    cdef limit_sharing_t *sharing(self, str id) except NULL:
        cdef uintptr_t address = self.sharings[id]
        return <limit_sharing_t *>address

    def fetch(self, str id, uint32_t most, uint64_t now_wall_ns) -> list:
        """What keys of the plugin have to tell, as (low, high, at_ns, period_ns, n): about `most`, 64 at least."""
        cdef limit_sharing_t *sharing = self.sharing(id)
        cdef limit_delta_t deltas[AT_A_TIME]
        cdef uint32_t shard = 0
        cdef uint32_t i, n
        cdef uint32_t room = most if most > <uint32_t>AT_A_TIME else <uint32_t>AT_A_TIME
        cdef list found = []
        if atomic_load_u32(&sharing.n_listed) == 0:
            return found
        while shard < LIMIT_SHARDS_MOST and room >= AT_A_TIME:
            with nogil:
                n = limit_share_fetch(self.table, sharing, &shard, now_wall_ns, deltas, AT_A_TIME)
            room -= n
            for i in range(n):
                found.append((deltas[i].low, deltas[i].high, deltas[i].at_ns, deltas[i].period_ns, deltas[i].n))
        return found

    def learn(self, tuple delta, uint64_t total, uint64_t now_wall_ns) -> None:
        """All gateways together have counted so many, this delta among them."""
        cdef limit_delta_t c_delta
        _read(delta, &c_delta)
        with nogil:
            limit_share_learn(self.table, &c_delta, total, now_wall_ns)

    def drop(self, tuple delta) -> None:
        """It will never be told."""
        cdef limit_delta_t c_delta
        _read(delta, &c_delta)
        with nogil:
            limit_share_drop(self.table, &c_delta)

    def set_reach(self, str id, uint32_t nodes, bint is_away, uint64_t interval_ns) -> None:
        """How many gateways share, whether they can be asked now, and how far apart exchanges are."""
        cdef limit_sharing_t *sharing = self.sharing(id)
        atomic_store_u32(&sharing.nodes, nodes if nodes else 1)
        atomic_store_u32(&sharing.is_away, is_away)
        atomic_store_u64(&sharing.interval_ns, interval_ns)

    def figures(self) -> dict:
        """`keys` that have something to tell; counts `lost`: their key went first, or they grew too old."""
        cdef uint64_t keys = 0, lost = 0
        cdef uintptr_t address
        for address in self.sharings.values():
            keys += atomic_load_u32(&(<limit_sharing_t *>address).n_listed)
            lost += atomic_load_u64(&(<limit_sharing_t *>address).lost)
        return {"keys": keys, "lost": lost, "asks": atomic_load_u32(&self.asks.n), "asks_late": atomic_load_u64(&self.asks.late),
                "asks_refused": atomic_load_u64(&self.asks.refused)}


@cython.no_gc_clear
cdef class RateAsk:
    def __dealloc__(self):
        if self.c_ask != NULL:      # whoever forgot it: nothing waits for ever
            rate_ask_post(self.c_ask)

    def answer(self, bint admitted, list counts) -> None:
        """`counts`: of each window and the one before it, by turns."""
        self._post(RATE_ADMITTED if admitted else RATE_REFUSED, counts)

    def give_up(self) -> None:
        """Redis did not say."""
        self._post(RATE_UNKNOWN, [])

    cdef int _post(self, int verdict, list counts) except -1:
        cdef rate_ask_t *ask = self.c_ask
        cdef uint32_t i, n = <uint32_t>len(counts)
        if ask == NULL:
            raise RuntimeError("this request is answered")
        if n > <uint32_t>(2 * LIMIT_WINDOWS):
            raise ValueError(f"{n} counts")
        for i in range(n):
            ask.counts[i] = min(counts[i], 0xFFFFFFFF)
        ask.verdict = <uint8_t>verdict
        self.c_ask = NULL
        rate_ask_post(ask)
        return 0
