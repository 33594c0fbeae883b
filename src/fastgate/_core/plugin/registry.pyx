"""From a plugin's name to its builder."""

from fastgate._core.plugin.correlation_id cimport correlation_id_build
from fastgate._core.plugin.request_termination cimport request_termination_build
from fastgate._core.plugin.request_transformer cimport request_transformer_build
from fastgate._core.plugin.response_transformer cimport response_transformer_build

from fastgate._core.bridge.errors import SnapshotError


cdef int plugin_build(plugin_t *plugin, snapshot_t *snapshot, dict entity, object model, dict consumers) except -1:
    cdef dict context = {"entity": entity, "model": model, "consumers": consumers}
    cdef dict config = entity["config"]
    name = entity["name"]
    if name == "correlation-id":
        return correlation_id_build(plugin, snapshot, config, context)
    if name == "request-termination":
        return request_termination_build(plugin, snapshot, config, context)
    if name == "request-transformer":
        return request_transformer_build(plugin, snapshot, config, context)
    if name == "response-transformer":
        return response_transformer_build(plugin, snapshot, config, context)
    raise SnapshotError(f'plugin "{name}"', "name", "this build has no such native plugin")
