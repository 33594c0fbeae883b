"""Keeps the series over reloads and reads them for Python.

A pair is known by its service's and route's names (ids where they have none), so that
its counters go on over a reload that changes everything else about it.
"""

cimport cython
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from fastgate._core.base.atomics cimport (
    atomic_load_ptr, atomic_load_u32_acquire, atomic_load_u64,
)
from fastgate._core.observe.histogram cimport (
    HISTOGRAM_BOUNDS, HISTOGRAM_BUCKETS, HISTOGRAM_FIRST_NS, histogram_t,
)
from fastgate._core.observe.series cimport (
    code_block_t, series_new, series_part_t, series_ref, series_t, series_unref,
)


LATENCY_BOUNDS_S: tuple = tuple(HISTOGRAM_FIRST_NS * 2 ** k / 1e9 for k in range(HISTOGRAM_BOUNDS))


cdef class Counted:
    def __dealloc__(self):
        if self.c_series != NULL:
            series_unref(self.c_series)


@cython.no_gc           # the collector would empty the dict while lanes still count in what it holds
cdef class SeriesRegistry:
    """All series of a gateway.

    Args:
        n_reactors: how many reactors will count.
    """

    def __cinit__(self, uint32_t n_reactors):
        if n_reactors == 0:
            raise ValueError("a registry of series needs at least one reactor")
        self.n_reactors = n_reactors
        self.pairs = {}

    def __len__(self) -> int:
        return len(self.pairs)

    cdef series_t *get(self, str service, str route) except NULL:
        cdef series_t *series = self._of(service, route).c_series
        series_ref(series)
        return series

    cdef series_t *get_chosen(self, str service, str route) except NULL:
        cdef Counted counted = self._of(service, route)
        counted.is_chosen = True
        return counted.c_series

    cdef Counted _of(self, str service, str route):
        cdef Counted counted = self.pairs.get((service, route))
        if counted is None:
            counted = Counted()
            counted.c_series = series_new(self.n_reactors)
            if counted.c_series == NULL:
                raise MemoryError("no memory for the counters of a route")
            self.pairs[service, route] = counted
        return counted

    def sweep(self, set services, set routes) -> int:
        """Forget the pairs that no snapshot holds any more; how many they were.

        A pair that a plugin chose is held by none: it stays while both its names are in use.
        To be called while the current snapshot, which has `services` and `routes`, is the only one.
        """
        cdef Counted counted
        gone = []
        for (service, route), counted in self.pairs.items():
            if atomic_load_u32_acquire(&counted.c_series.refs) > 1:     # ours is one; only `get` could add another
                continue
            if not counted.is_chosen or service not in services or route not in routes:
                gone.append((service, route))
        for pair in gone:
            del self.pairs[pair]
        return len(gone)

    def read(self) -> list:
        """The counters of every pair that has had a request, summed over the reactors.

        Returns:
            A list of dicts: ``service`` and ``route`` (names), ``codes`` (status to
            requests), ``bytes_in`` and ``bytes_out``, and the latencies ``total``,
            ``upstream`` and ``gateway``, each a dict of ``buckets`` (a tuple of counts, not
            cumulative, one for each of LATENCY_BOUNDS_S and one for what took longer),
            ``sum_s`` (seconds) and ``count``.
        """
        cdef Counted counted
        out = []
        for (service, route), counted in self.pairs.items():
            entry = read_series(counted.c_series)
            if entry is not None:
                entry["service"] = service
                entry["route"] = route
                out.append(entry)
        return out


cdef dict read_series(series_t *series):
    """The sums of all parts, or None while there are none."""
    cdef histogram_t sums[3]
    cdef uint64_t bytes_in = 0, bytes_out = 0
    cdef int i, k
    cdef uint32_t reactor
    cdef series_part_t *part
    cdef bint is_hit = False
    cdef dict codes = {}
    for k in range(3):
        sums[k].sum_ns = 0
        for i in range(HISTOGRAM_BUCKETS):
            sums[k].counts[i] = 0
    for reactor in range(series.n_reactors):
        part = <series_part_t *>atomic_load_ptr(&series.parts[reactor])
        if part == NULL:
            continue
        is_hit = True
        bytes_in += atomic_load_u64(&part.bytes_in)
        bytes_out += atomic_load_u64(&part.bytes_out)
        histogram_sum(&sums[0], &part.total)
        histogram_sum(&sums[1], &part.upstream)
        histogram_sum(&sums[2], &part.gateway)
        read_codes(&part.codes, codes)
    if not is_hit:
        return None
    return {
        "codes": codes, "bytes_in": bytes_in, "bytes_out": bytes_out,
        "total": read_histogram(&sums[0]),
        "upstream": read_histogram(&sums[1]),
        "gateway": read_histogram(&sums[2]),
    }


cdef void histogram_sum(histogram_t *into, histogram_t *part) noexcept nogil:
    cdef int i
    into.sum_ns += atomic_load_u64(&part.sum_ns)
    for i in range(HISTOGRAM_BUCKETS):
        into.counts[i] += atomic_load_u64(&part.counts[i])


cdef int read_codes(code_block_t *block, dict codes) except -1:
    cdef uint32_t i, n
    cdef uint16_t code
    while block != NULL:
        n = atomic_load_u32_acquire(&block.n)
        for i in range(n):
            code = block.codes[i]
            codes[code] = codes.get(code, 0) + atomic_load_u64(&block.counts[i])
        block = <code_block_t *>atomic_load_ptr(&block.next)
    return 0


cdef dict read_histogram(histogram_t *histogram):
    cdef int i
    cdef uint64_t count = 0
    for i in range(HISTOGRAM_BUCKETS):
        count += histogram.counts[i]
    return {
        "buckets": tuple([histogram.counts[i] for i in range(HISTOGRAM_BUCKETS)]),
        "sum_s": histogram.sum_ns / 1e9,
        "count": count,
    }
