"""What a key is held to: an algorithm and its windows."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.limit.sharing cimport LIMIT_WINDOWS, limit_sharing_t
from fastgate._core.limit.table cimport limit_entry_t


cdef enum limit_algorithm_t:
    LIMIT_SLIDING_WINDOW
    LIMIT_FIXED_WINDOW
    LIMIT_GCRA                      # token bucket
    LIMIT_LEAKY_BUCKET
    LIMIT_CONCURRENCY


cdef extern from *:
    # Counts, arrival times and holders are three families. Numbers far apart, so that one key's
    # entries of two families do not share a chain.
    """
    #define FG_LIMIT_FAMILY_COUNTS UINT64_C(0)
    #define FG_LIMIT_FAMILY_HOLDERS UINT64_C(0x9e3779b97f4a7c15)
    #define FG_LIMIT_FAMILY_ARRIVALS UINT64_C(0x3c6ef372fe94f82a)
    """
    const uint64_t LIMIT_FAMILY_COUNTS "FG_LIMIT_FAMILY_COUNTS"
    const uint64_t LIMIT_FAMILY_HOLDERS "FG_LIMIT_FAMILY_HOLDERS"
    const uint64_t LIMIT_FAMILY_ARRIVALS "FG_LIMIT_FAMILY_ARRIVALS"


cdef enum:
    # Reactors read the clock at different moments: that far back is the same moment; further back,
    # the clock was set.
    LIMIT_SKEW_NS = 1000000000


cdef struct limit_window_t:
    # Part of its rule. read-only after build
    uint64_t period_ns              # concurrency: not used
    uint32_t limit                  # a period; concurrency: holders at a time
    uint32_t burst                  # gcra: tokens the bucket holds; 0: as many as limit
    # what limit_rule_prepare makes of these
    uint64_t interval_ns            # from one to the next at full rate, rounded up
    uint64_t ceiling_ns             # gcra, leaky bucket: how far a sane arrival time may lie ahead
    uint32_t shift                  # sliding window: period_ns >> shift has at most 31 bits


cdef struct limit_rule_t:
    # Owner: whoever built it, usually a snapshot. read-only after build, any reactor.
    limit_algorithm_t algorithm
    uint32_t n_windows
    uint64_t max_delay_ns           # leaky bucket: longest wait; beyond it, refused
    limit_sharing_t *sharing        # sliding and fixed windows: counted together with other gateways; NULL: not
    limit_window_t windows[LIMIT_WINDOWS]
    # what limit_rule_prepare makes of these
    uint64_t family                 # mixed into keys: algorithms whose states do not mean the same
    uint64_t shape                  # a byte for each window, by its period


# After the fields above are set, and before the first decision. MALFORMED: no window or too many,
# a limit of 0, a period of 0 or above a year and a bit, several windows of concurrency, a burst or
# delay out of range.
cdef status_t limit_rule_prepare(limit_rule_t *rule) noexcept nogil
# Carries cells written under another shape over to this rule: a window whose period stays (in the same
# quarter of an octave) keeps its state, a new one starts empty.
cdef void limit_rule_adopt(const limit_rule_t *rule, limit_entry_t *entry) noexcept nogil
