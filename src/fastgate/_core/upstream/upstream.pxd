"""An upstream as the data plane sees it: where its current peers are."""


cdef struct upstream_t:
    # Owner: the bridge's Upstream object, shared by every snapshot that names it, so that
    # connections and balancing outlive reloads. Freed when no snapshot holds it.
    # shared: atomic
    void *peers                 # peer_set_t; replaced as a whole, never NULL once published
