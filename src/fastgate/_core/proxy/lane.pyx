"""One reactor's share of the proxy, from opening to closing."""

from libc.stdint cimport uint16_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from fastgate._core.auth.verify_key cimport verifier_free, verifier_new
from fastgate._core.base.atomics cimport atomic_add_u32, atomic_load_ptr, atomic_store_u64_release
from fastgate._core.net.listener cimport listener_close, listener_open, listener_t
from fastgate._core.proxy.downstream cimport (
    downstream_accept,
    downstream_close,
    downstream_drain,
    downstream_filtered,
    downstream_may_accept,
    downstream_over,
    downstream_resumed,
)
from fastgate._core.proxy.exchange cimport (
    LANE_INPUT_BYTES,
    LANE_MAX_LISTENERS,
    LANE_OUTPUT_BYTES,
    LANE_SPARE_WHEN_SHORT,
    exchange_free_spare,
)
from fastgate._core.proxy.mirror cimport mirror_drop, mirrors_close
from fastgate._core.proxy.receive cimport receive_on_event
from fastgate._core.reactor.reactor cimport mail_t, reactor_close, reactor_open, reactor_post, reactor_t
from fastgate._core.route.pattern cimport pattern_scratch_free, pattern_scratch_new
from fastgate._core.snapshot.snapshot cimport snapshot_t
from fastgate._core.upstream.peer cimport peer_ref, peer_t, peer_unref
from fastgate._core.upstream.pool cimport pool_drain


cdef void _on_tick(reactor_t *reactor) noexcept nogil:
    """Adopt the current snapshot. Those before it get no new requests from here on."""
    cdef lane_t *lane = <lane_t *>reactor.owner
    cdef snapshot_t *current = <snapshot_t *>atomic_load_ptr(&lane.gate.snapshot)
    if current == lane.snapshot:
        return
    lane.snapshot = current
    lane.scratch.match_limit = current.settings.regex_match_limit
    atomic_store_u64_release(&lane.adopted, current.number)


cdef bint lane_open(lane_t *lane, gate_t *gate, unsigned index, uint64_t seed) noexcept nogil:
    if not reactor_open(&lane.reactor, index, seed):
        return False
    lane.reactor.owner = lane
    lane.reactor.on_tick = _on_tick
    lane.gate = gate
    lane.on_connection = receive_on_event
    lane.on_closing = mirror_drop
    lane.on_over = downstream_over
    lane.on_filtered = downstream_filtered
    lane.on_resumed = downstream_resumed
    lane.input = <char *>malloc(LANE_INPUT_BYTES)
    lane.output = <char *>malloc(LANE_OUTPUT_BYTES)
    lane.scratch = pattern_scratch_new(0)
    lane.verifier = verifier_new()
    return lane.input != NULL and lane.output != NULL and lane.scratch != NULL and lane.verifier != NULL


cdef void lane_close(lane_t *lane) noexcept nogil:
    cdef unsigned i
    for i in range(lane.n_listeners):
        lane.listeners[i].is_open = False       # no request more is taken, not even by a drain still in the mail
    while lane.downstreams != NULL:
        downstream_close(lane.downstreams)
    mirrors_close(lane)
    exchange_free_spare(lane, 0)
    reactor_close(&lane.reactor)
    pattern_scratch_free(lane.scratch)
    verifier_free(lane.verifier)
    free(lane.input)
    free(lane.output)


cdef bint lane_listen(lane_t *lane, int fd, bint is_shared, uint16_t port, bint is_unix) noexcept nogil:
    cdef listener_t *listener
    if lane.n_listeners == LANE_MAX_LISTENERS:
        return False
    listener = &lane.listeners[lane.n_listeners]
    listener.on_accept = downstream_accept
    listener.may_accept = downstream_may_accept
    listener.port = port
    listener.is_unix = is_unix
    if not listener_open(listener, &lane.reactor, fd, is_shared):
        return False
    lane.n_listeners += 1
    return True


cdef void _on_drain(reactor_t *reactor, mail_t *mail) noexcept nogil:
    cdef lane_t *lane = <lane_t *>reactor.owner
    cdef unsigned i
    for i in range(lane.n_listeners):
        listener_close(&lane.listeners[i])
    atomic_add_u32(&lane.gate.lanes_closed, 1)
    downstream_drain(lane)
    free(mail)


cdef bint lane_post_drain(lane_t *lane) noexcept nogil:
    cdef mail_t *mail = <mail_t *>calloc(1, sizeof(mail_t))
    if mail == NULL:
        return False
    mail.on_mail = _on_drain
    reactor_post(&lane.reactor, mail)
    return True


cdef void _on_short(reactor_t *reactor, mail_t *mail) noexcept nogil:
    exchange_free_spare(<lane_t *>reactor.owner, LANE_SPARE_WHEN_SHORT)
    free(mail)


cdef void lane_post_short(lane_t *lane) noexcept nogil:
    cdef mail_t *mail = <mail_t *>calloc(1, sizeof(mail_t))
    if mail == NULL:
        return                      # it frees them with the next request that ends
    mail.on_mail = _on_short
    reactor_post(&lane.reactor, mail)


cdef void _on_retire(reactor_t *reactor, mail_t *mail) noexcept nogil:
    pool_drain(reactor, <peer_t *>mail.subject)
    peer_unref(<peer_t *>mail.subject)
    free(mail)


cdef bint lane_post_retire(lane_t *lane, peer_t *peer) noexcept nogil:
    cdef mail_t *mail = <mail_t *>calloc(1, sizeof(mail_t))
    if mail == NULL:
        return False
    mail.on_mail = _on_retire
    mail.subject = peer
    peer_ref(peer)
    reactor_post(&lane.reactor, mail)
    return True
