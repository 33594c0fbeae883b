"""bot-detection: refuses by User-Agent (Kong's plugin of that name)."""

from fastgate._core.route.pattern cimport pattern_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct bot_detection_t:
    # Owner: the snapshot's arena; the patterns end in plugin.close. Read-only after build.
    pattern_t *allow
    pattern_t *deny


cdef int bot_detection_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1
