"""Counters of one reactor. Written by it alone with `own_add_u64`; read by anybody, relaxed."""

from libc.stdint cimport uint64_t


cdef struct counters_t:
    # Owner: the gateway, one per reactor, for the life of the process.
    # One writer (the reactor); readers on the control thread load each field relaxed.
    uint64_t connections_accepted
    uint64_t connections_closed
    uint64_t connections_refused    # accepted and shut at once, or not accepted: limits, descriptors
    uint64_t requests               # heads received whole, refusals included
    uint64_t requests_active        # exchanges now open (a gauge: goes down with -1)
    uint64_t bytes_in               # from clients
    uint64_t bytes_out              # to clients
    uint64_t upstream_opened        # connects begun
    uint64_t upstream_reused        # requests sent on a pooled connection
    uint64_t upstream_failed        # connects refused, timed out or unreachable
    uint64_t upstream_closed
    uint64_t upstream_idle          # pooled connections now (a gauge)
    uint64_t retries                # requests sent once more
    uint64_t refused_malformed      # 400, 431, 414 …: the parser's refusals
    uint64_t rate_limited           # refused by rate-limiting
    uint64_t keys_unknown           # tokens whose key no source has published
    uint64_t bots_refused           # of banned addresses
    uint64_t bots_suspected         # over the threshold of an anti-bot that only looks on
    uint64_t timeouts_client        # 408 and slow readers cut
    uint64_t timeouts_upstream      # 504, and answers cut midway
    uint64_t tunnels                # WebSocket tunnels now open (a gauge)
    uint64_t mirrors_sent           # copies of requests given to a connection
    uint64_t mirrors_active         # copies gathered or under way now (a gauge)
    uint64_t mirrors_failed         # nobody there, cut, too slow, or no HTTP
    uint64_t mirrors_over_pending   # not made: too many under way
    uint64_t mirrors_over_body      # given up: the request's body was too large
    uint64_t mirrors_cut            # given up: the request never was whole
    uint64_t mirrors_no_memory
    uint64_t loops                  # epoll_wait returns
    uint64_t log_dropped            # access-log records that found the ring full
