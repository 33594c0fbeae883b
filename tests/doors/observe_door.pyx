"""Test door to `_core/observe`: what only C can call, for Python's tests and benchmarks."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fastgate._core.base.clock cimport clock_ns
from fastgate._core.base.decimal cimport put_decimal
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.bridge.access_log cimport AccessLog
from fastgate._core.bridge.series_registry cimport SeriesRegistry
from fastgate._core.observe.access_format cimport access_bound, access_format, access_format_t, access_is_plain
from fastgate._core.observe.access_log cimport access_log_emit, access_log_t
from fastgate._core.observe.access_record cimport access_record_t, log_name_t
from fastgate._core.observe.access_stamp cimport access_stamp_t
from fastgate._core.observe.counters cimport counters_t
from fastgate._core.observe.escape cimport ESCAPE_MAX, escape_combined, escape_json
from fastgate._core.observe.histogram cimport histogram_bucket
from fastgate._core.observe.log_ring cimport (
    log_ring_close, log_ring_open, log_ring_peek, log_ring_publish, log_ring_reserve,
    log_ring_skip, log_ring_t,
)
from fastgate._core.observe.series cimport series_count, series_t, series_unref
from fastgate._core.observe.text cimport put_milliseconds


cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)


def bucket(uint64_t ns) -> int:
    return histogram_bucket(ns)


def decimal(uint64_t v) -> bytes:
    cdef char out[32]
    return out[:put_decimal(out, v) - out]


def milliseconds(uint64_t ns) -> bytes:
    cdef char out[32]
    return out[:put_milliseconds(out, ns) - out]


def escape(bytes text, bint is_json) -> bytes:
    """The escaped text; fails if a byte beyond the promised room was touched."""
    cdef size_t room = ESCAPE_MAX * len(text)
    cdef char *out = <char *>malloc(room + 1)
    cdef span_t s = span_of(text, len(text))
    cdef size_t n
    if out == NULL:
        raise MemoryError
    out[room] = 0x55
    try:
        n = (escape_json(out, s) if is_json else escape_combined(out, s)) - out
        assert n <= room and out[room] == 0x55
        return out[:n]
    finally:
        free(out)


cdef class Held:
    """A series with the reference a snapshot would hold."""

    cdef series_t *c_series

    def __cinit__(self, SeriesRegistry registry, str service, str route):
        self.c_series = registry.get(service, route)

    def count(self, uint32_t reactor, uint16_t status, uint64_t bytes_in, uint64_t bytes_out,
              uint64_t total_ns, uint64_t upstream_ns, uint64_t gateway_ns, bint had_upstream,
              uint64_t times=1) -> int:
        """Counts so many equal requests without the GIL; the nanoseconds it took."""
        cdef uint64_t i, started, took
        with nogil:
            started = clock_ns()
            for i in range(times):
                series_count(self.c_series, reactor, status, bytes_in, bytes_out, total_ns,
                             upstream_ns, gateway_ns, had_upstream)
            took = clock_ns() - started
        return took

    def drop(self) -> None:
        series_unref(self.c_series)
        self.c_series = NULL


def count_chosen(SeriesRegistry registry, str service, str route) -> None:
    """One answer of 200 for a pair as a plugin's `set_service` makes it."""
    series_count(registry.get_chosen(service, route), 0, 200, 0, 0, 0, 0, 0, False)


SPANS = ("request_id", "client_ip", "method", "uri", "scheme", "host", "user_agent", "referer",
         "service", "route", "consumer", "target")


cdef class Record:
    """An access record from keyword arguments: bytes for spans, numbers for the rest. knows_plain: names out of
    the configuration are marked where they are plain, as in a snapshot."""

    cdef access_record_t c_record
    cdef dict spans

    def __cinit__(self, bint knows_plain=True, **fields):
        memset(&self.c_record, 0, sizeof(access_record_t))
        self.spans = {name: fields.pop(name, b"") for name in SPANS}
        self.c_record.request_id = span_from(self.spans["request_id"])
        self.c_record.client_ip = span_from(self.spans["client_ip"])
        self.c_record.method = span_from(self.spans["method"])
        self.c_record.uri = span_from(self.spans["uri"])
        self.c_record.scheme = span_from(self.spans["scheme"])
        self.c_record.host = name_from(self.spans["host"], knows_plain)
        self.c_record.user_agent = span_from(self.spans["user_agent"])
        self.c_record.referer = span_from(self.spans["referer"])
        self.c_record.service = name_from(self.spans["service"], knows_plain)
        self.c_record.route = name_from(self.spans["route"], knows_plain)
        self.c_record.consumer = name_from(self.spans["consumer"], knows_plain)
        self.c_record.target = name_from(self.spans["target"], knows_plain)
        self.c_record.started_at_ms = fields.pop("started_at_ms", 0)
        self.c_record.bytes_in = fields.pop("bytes_in", 0)
        self.c_record.bytes_out = fields.pop("bytes_out", 0)
        self.c_record.body_bytes_out = fields.pop("body_bytes_out", 0)
        self.c_record.total_ns = fields.pop("total_ns", 0)
        self.c_record.upstream_ns = fields.pop("upstream_ns", 0)
        self.c_record.gateway_ns = fields.pop("gateway_ns", 0)
        self.c_record.snapshot = fields.pop("snapshot", 0)
        self.c_record.tries = fields.pop("tries", 0)
        self.c_record.status = fields.pop("status", 0)
        self.c_record.upstream_status = fields.pop("upstream_status", 0)
        self.c_record.http_minor = fields.pop("http_minor", 1)
        self.c_record.source = fields.pop("source", 0)
        if fields:
            raise TypeError(f"no such fields of a record: {sorted(fields)}")

    def line(self, access_format_t format) -> bytes:
        cdef size_t room = access_bound(&self.c_record)
        cdef char *out = <char *>malloc(room + 1)
        cdef access_stamp_t stamp
        cdef size_t n
        stamp.len = 0
        if out == NULL:
            raise MemoryError
        out[room] = 0x55
        try:
            n = access_format(out, &self.c_record, format, &stamp)
            assert n <= room and out[room] == 0x55
            return out[:n]
        finally:
            free(out)

    def format_ns(self, access_format_t format, uint64_t times) -> int:
        """Formats it so many times; the nanoseconds it took."""
        cdef size_t room = access_bound(&self.c_record)
        cdef char *out = <char *>malloc(room)
        cdef uint64_t i, started, took
        cdef access_stamp_t stamp
        stamp.len = 0
        if out == NULL:
            raise MemoryError
        with nogil:
            started = clock_ns()
            for i in range(times):
                access_format(out, &self.c_record, format, &stamp)
            took = clock_ns() - started
        free(out)
        return took


cdef span_t span_from(bytes text):
    return span_of(text, len(text))


cdef log_name_t name_from(bytes text, bint knows_plain):
    cdef log_name_t name
    name.text = span_from(text)
    name.is_plain = knows_plain and access_is_plain(name.text)
    return name


def emit(AccessLog log, uint32_t reactor, Record record, uint64_t times=1) -> tuple[int, int]:
    """Emits the record so many times without the GIL; how many were dropped, the nanoseconds."""
    cdef counters_t counters
    cdef access_log_t *c_log = NULL if log is None else log.pointer()
    cdef uint64_t i, started, took
    memset(&counters, 0, sizeof(counters))
    with nogil:
        started = clock_ns()
        for i in range(times):
            access_log_emit(c_log, reactor, &record.c_record, &counters)
        took = clock_ns() - started
    return counters.log_dropped, took


def emit_sequence(AccessLog log, uint32_t reactor, Record record, uint64_t times) -> int:
    """Emits records numbered by `snapshot` from 0, each again until the ring takes it; the refusals."""
    cdef counters_t counters
    cdef access_log_t *c_log = log.pointer()
    cdef access_record_t numbered = record.c_record
    cdef uint64_t i, dropped
    memset(&counters, 0, sizeof(counters))
    with nogil:
        for i in range(times):
            numbered.snapshot = i
            while True:
                dropped = counters.log_dropped
                access_log_emit(c_log, reactor, &numbered, &counters)
                if counters.log_dropped == dropped:
                    break
    return counters.log_dropped


cdef class Ring:
    """A log ring alone."""

    cdef log_ring_t *c_ring
    cdef readonly uint32_t records      # that the ring said were readable, at the last look

    def __cinit__(self, uint32_t size):
        cdef void *memory = NULL
        if posix_memalign(&memory, 64, sizeof(log_ring_t)) != 0:
            raise MemoryError
        self.c_ring = <log_ring_t *>memory
        if not log_ring_open(self.c_ring, size):
            raise MemoryError

    def __dealloc__(self):
        if self.c_ring != NULL:
            log_ring_close(self.c_ring)
            free(self.c_ring)

    def put(self, bytes record, size_t room) -> bool:
        """Reserves room, publishes the record in it; False: full."""
        cdef char *out = log_ring_reserve(self.c_ring, room)
        if out == NULL:
            return False
        assert self.c_ring.at <= out and out + room <= self.c_ring.at + self.c_ring.size
        memcpy(out, <const char *>record, len(record))
        log_ring_publish(self.c_ring, <uint32_t>len(record))
        return True

    def take(self, size_t most, bytes end=b"") -> bytes:
        """Reads at most so many bytes of the next piece, in which each record has one `end`; empty: nothing is there."""
        cdef span_t s = log_ring_peek(self.c_ring, &self.records)
        cdef size_t n = s.len if s.len < most else most
        text = s.at[:n]
        if n:
            log_ring_skip(self.c_ring, <uint32_t>n, <uint32_t>(text.count(end) if end else 0))
        return text

    def put_words(self, uint64_t n, uint32_t most_words) -> int:
        """Puts the numbers 0 .. n-1 in records of 1 .. most_words of them, waiting for room; the refusals."""
        cdef uint64_t next_word = 0, refused = 0, words, i
        cdef char *out
        with nogil:
            while next_word < n:
                words = 1 + next_word * 7 % most_words
                if words > n - next_word:
                    words = n - next_word
                out = log_ring_reserve(self.c_ring, most_words * 8)
                if out == NULL:
                    refused += 1
                    continue
                for i in range(words):
                    memcpy(out + 8 * i, &next_word, 8)
                    next_word += 1
                log_ring_publish(self.c_ring, <uint32_t>(8 * words))
        return refused

    def take_words(self, uint64_t n) -> int:
        """Reads n numbers; how many were not the one that was due."""
        cdef uint64_t due = 0, wrong = 0, word, i
        cdef span_t s
        cdef uint32_t records
        with nogil:
            while due < n:
                s = log_ring_peek(self.c_ring, &records)
                for i in range(s.len // 8):
                    memcpy(&word, s.at + 8 * i, 8)
                    if word != due:
                        wrong += 1
                    due += 1
                if s.len:
                    log_ring_skip(self.c_ring, <uint32_t>s.len, records)
        return wrong
