"""How much like a robot one address behaves: what is remembered of it, and the score that makes.

Two windows of time side by side: what happened in the window before counts by the part of it that
still lies within one window's length, so that no moment is a good one to begin anew.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef enum:
    GUARD_MOST_PROBES = 3           # probes that count


cdef struct guard_rules_t:
    # Part of its plugin's configuration. Read-only after build.
    uint64_t owner                  # a hash of the plugin's id, never 0: each counts its own requests
    uint64_t window_ns
    uint64_t ban_ns
    uint32_t threshold              # at this score the address is banned
    # What makes a part's full weight, in a window; none is 0.
    uint32_t requests
    uint32_t paths
    uint32_t misses
    uint32_t sequence
    uint32_t agents
    # Weights; 0: the part does not count.
    uint32_t rate_weight            # twice at most
    uint32_t spread_weight
    uint32_t probe_weight           # for each, GUARD_MOST_PROBES at most
    uint32_t miss_weight
    uint32_t sequence_weight
    uint32_t agent_weight           # of an odd User-Agent; of changing ones once more
    uint8_t is_dry                  # scores, and bans nobody


cdef struct visit_t:
    # A value: what there is to say of one request.
    uint64_t path_hash
    uint64_t number                 # the last one in the path
    uint32_t agent_hash
    uint8_t has_number
    uint8_t is_probe                # it asks for what scanners ask for
    uint8_t is_odd_agent            # none, or a robot's name


cdef struct visitor_t:
    # One address's behaviour under one plugin's rules, or, with owner 0, its ban. Part of its table's slab; any
    # reactor and the control thread, under the shard's lock. Lives until another needs its place.
    uint8_t address[16]
    uint64_t owner
    uint64_t seen_ns                # 0: the place is free
    # a visitor; [0]: this window, [1]: the one before
    uint64_t window_ns              # when this one began
    uint64_t paths[2]               # a bit for the hash of each path
    uint64_t number
    uint32_t requests[2]
    uint32_t misses[2]
    uint16_t probes[2]
    uint16_t agents[2]              # how often the User-Agent was another
    uint32_t agent_hash
    uint32_t run                    # of numbers one higher than the one before
    uint8_t has_number
    # a ban
    uint64_t until_ns
    uint32_t score                  # that led to it; 0: somebody else's
    uint8_t is_new                  # the control thread has not heard of it
    uint8_t is_shared               # Redis has it


cdef uint32_t score_visit(visitor_t *visitor, const guard_rules_t *rules, const visit_t *visit, uint64_t now_ns) noexcept nogil
cdef void score_miss(visitor_t *visitor, const guard_rules_t *rules, uint64_t now_ns) noexcept nogil    # it was answered 404
