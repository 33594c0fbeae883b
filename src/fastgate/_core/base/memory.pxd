"""Memory of the data path: as malloc, counted for the whole process, and none beyond the limit.

Connections, requests, bodies, buffers, arenas and what tables add while they run are taken here; blocks taken once at
the start are not. Refusal comes in two steps, so that what runs can end: past seven eighths of the limit no new work
begins (`memory_admits`); past the limit nobody gets anything. A limit may be set below what is taken: nothing is lost
then, and nothing more is given until enough has come back.

What the control thread takes (a configuration, a set of peers, what a plugin in Python said) is counted with the rest and
never refused: who sits at the limit needs a reload, or a target's new address, more than anybody. The data path is left
with as much less. Its bound is the file's length and the number of calls under way.

A control group (systemd's MemoryMax=) also counts what the kernel keeps for each socket, which no process has resident. A
second limit is for the sum of both.
"""

from libc.stdint cimport int64_t, uint64_t


cdef struct memory_figures_t:
    # A value: what the counters said.
    uint64_t used               # bytes, with what malloc adds to each block
    uint64_t kernel             # bytes that the kernel keeps for sockets, as a rule
    uint64_t limit              # MEMORY_UNLIMITED: none
    uint64_t refused            # times somebody got nothing, or new work was not begun


cdef extern from *:
    """
    #define MEMORY_UNLIMITED UINT64_MAX
    """
    const uint64_t MEMORY_UNLIMITED


cdef void *memory_take(size_t size) noexcept nogil                  # NULL: none, or past the limit
cdef void *memory_take_zeroed(size_t size) noexcept nogil
cdef void *memory_take_unbounded(size_t size) noexcept nogil        # zeroed; the control thread's: NULL only if malloc has none
cdef void *memory_resize(void *block, size_t size) noexcept nogil   # as realloc: on NULL the block stays
cdef void memory_give(void *block) noexcept nogil                   # NULL is allowed
cdef bint memory_admits() noexcept nogil                            # whether new work may begin
cdef bint memory_is_short() noexcept nogil                          # as that, of whoever keeps what is not in use; refuses nobody
cdef void memory_count_socket(int64_t n) noexcept nogil             # 1: opened; -1: closed
cdef void memory_limit(uint64_t bytes, uint64_t with_kernel) noexcept nogil     # any thread
cdef memory_figures_t memory_figures() noexcept nogil
