"""anti-bot: bans addresses that behave like robots."""

from libc.stdint cimport uint16_t, uint64_t

from fastgate._core.auth.ip_set cimport ip_set_t
from fastgate._core.base.span cimport span_t
from fastgate._core.guard.score cimport guard_rules_t
from fastgate._core.route.pattern cimport pattern_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct anti_bot_t:
    # Owner: the snapshot's arena; the patterns end in plugin.close. Read-only after build.
    guard_rules_t rules
    ip_set_t exempt
    pattern_t *probes               # of the configuration
    uint64_t seed                   # for what is told apart by its hash
    span_t message
    uint16_t status


cdef int anti_bot_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1
