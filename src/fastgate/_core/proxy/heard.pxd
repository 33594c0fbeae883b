"""What plugins hear of a request, and with them the upstream."""

from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.snapshot.plugin cimport chain_t


# Drops what does not go on to the upstream: plugins must not see it either, or it would go on by another name.
# That is who the consumer is, which only trusted peers may say where the gateway does not find out itself; with
# plugins, what Connection names, and what others than trusted peers say of where they come from.
# `chain`: the route's, or NULL before there is one.
cdef void heard_trim(exchange_t *exchange, const chain_t *chain, bint has_plugins) noexcept nogil
