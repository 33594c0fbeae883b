"""What a gateway keeps to share its counts with others: types only; share.pyx works on them.

Two levels. A reactor decides at once, from what it counted itself and what was last told of the others. What
it admits is noted beside the key, as a part of each window; the control thread fetches the parts, adds them up
where all gateways do, and brings back the totals.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef enum:
    LIMIT_WINDOWS = 6               # windows one key may be held to at once: second to year
    LIMIT_SHARDS_MOST = 64
    LIMIT_SPREAD_ONE = 16           # limit_part_t.spread is in so many parts of one


cdef struct limit_sharing_t:
    # What keys of one plugin share through one place. Owner: bridge.Gateway, for its life.
    # shared: atomic
    uint32_t nodes                  # gateways known, this one included; at least 1
    uint32_t is_away                # the others cannot be asked now
    uint64_t interval_ns            # between exchanges
    uint32_t n_listed               # keys with something to tell
    uint64_t lost                   # counts that went with their key, before they were told
    # under lock, each that of its shard
    uint32_t heads[LIMIT_SHARDS_MOST]   # lists of those keys: entry plus one; 0: empty


cdef struct limit_part_t:
    # Part of a limit_share_t: of one window, what this gateway counted itself. Its total is the entry's cell.
    uint64_t at_ns                  # start of the window
    uint64_t period_ns
    uint32_t n                      # since the last totals
    uint32_t sent                   # of them, on their way
    uint32_t told                   # in this window, acknowledged
    uint32_t before                 # as n and sent, in the window before
    uint32_t before_sent
    uint32_t told_before            # acknowledged or not: all of ours in the window before
    uint64_t heard_ns               # when the last totals came
    uint32_t heard                  # how many of ours were in them: the others have as many to tell now
    # What the others count while this one counts one, in LIMIT_SPREAD_ONEs:
    uint16_t spread                 # in a whole window
    uint16_t recent                 # of late
    uint8_t asks                    # how often to ask yet for the total of the window before


cdef struct limit_share_t:
    # Of one entry; part of its shard's shares; any thread, under the shard's lock. Lives as long as its key.
    limit_sharing_t *sharing        # NULL: never shared
    uint64_t shape                  # as the entry's
    uint32_t next                   # in the list, plus one; 0: last
    uint8_t is_listed
    limit_part_t parts[LIMIT_WINDOWS]


cdef struct limit_delta_t:
    # A value: what one window of a key has to tell.
    uint64_t low                    # the key
    uint64_t high
    uint64_t at_ns                  # start of the window
    uint64_t period_ns
    uint32_t n                      # 0: only asks for the total
