"""How full a window is, as each algorithm reads it off a cell: what the decision is made from."""

from libc.stdint cimport uint64_t


cdef struct level_t:
    # A value on the decision's stack.
    uint64_t used                   # requests; of gcra and leaky bucket: ns until the window is empty
    uint64_t left_ns                # until the window ends, or is empty
