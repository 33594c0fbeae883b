"""From a plugin's name to its builder."""

from fastgate._core.plugin.acl cimport acl_build
from fastgate._core.plugin.anti_bot cimport anti_bot_build
from fastgate._core.plugin.basic_auth cimport basic_auth_build
from fastgate._core.plugin.bot_detection cimport bot_detection_build
from fastgate._core.plugin.correlation_id cimport correlation_id_build
from fastgate._core.plugin.cors cimport cors_build
from fastgate._core.plugin.hmac_auth cimport hmac_auth_build
from fastgate._core.plugin.ip_restriction cimport ip_restriction_build
from fastgate._core.plugin.jwt cimport jwt_build
from fastgate._core.plugin.key_auth cimport key_auth_build
from fastgate._core.plugin.rate_limiting cimport rate_limiting_build
from fastgate._core.plugin.redirect cimport redirect_build
from fastgate._core.plugin.request_mirror cimport request_mirror_build
from fastgate._core.plugin.request_size_limiting cimport request_size_limiting_build
from fastgate._core.plugin.request_termination cimport request_termination_build
from fastgate._core.plugin.request_transformer cimport request_transformer_build
from fastgate._core.plugin.response_transformer cimport response_transformer_build
from fastgate._core.plugin.traffic_split cimport traffic_split_build

from fastgate._core.bridge.errors import SnapshotError


cdef int plugin_build(plugin_t *plugin, snapshot_t *snapshot, dict entity, object model, dict places) except -1:
    cdef dict context = {"entity": entity, "model": model, **places}
    cdef dict config = entity["config"]
    name = entity["name"]
    if name == "acl":
        return acl_build(plugin, snapshot, config, context)
    if name == "anti-bot":
        return anti_bot_build(plugin, snapshot, config, context)
    if name == "basic-auth":
        return basic_auth_build(plugin, snapshot, config, context)
    if name == "bot-detection":
        return bot_detection_build(plugin, snapshot, config, context)
    if name == "correlation-id":
        return correlation_id_build(plugin, snapshot, config, context)
    if name == "cors":
        return cors_build(plugin, snapshot, config, context)
    if name == "hmac-auth":
        return hmac_auth_build(plugin, snapshot, config, context)
    if name == "ip-restriction":
        return ip_restriction_build(plugin, snapshot, config, context)
    if name == "jwt":
        return jwt_build(plugin, snapshot, config, context)
    if name == "key-auth":
        return key_auth_build(plugin, snapshot, config, context)
    if name == "rate-limiting":
        return rate_limiting_build(plugin, snapshot, config, context)
    if name == "redirect":
        return redirect_build(plugin, snapshot, config, context)
    if name == "request-mirror":
        return request_mirror_build(plugin, snapshot, config, context)
    if name == "request-size-limiting":
        return request_size_limiting_build(plugin, snapshot, config, context)
    if name == "request-termination":
        return request_termination_build(plugin, snapshot, config, context)
    if name == "request-transformer":
        return request_transformer_build(plugin, snapshot, config, context)
    if name == "response-transformer":
        return response_transformer_build(plugin, snapshot, config, context)
    if name == "traffic-split":
        return traffic_split_build(plugin, snapshot, config, context)
    raise SnapshotError(f'plugin "{name}"', "name", "this build has no such native plugin")
