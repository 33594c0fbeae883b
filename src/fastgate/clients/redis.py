"""Redis, as the `redis` record of a plugin's configuration describes it: one server, Sentinel, or Cluster.

A client connects with its first command, and again by itself. But for a Cluster's redirections nothing is
sent twice: whether a command that failed may be repeated, its sender knows. Users with equal settings share
one client.
"""

from __future__ import annotations

import logging
from typing import Any, Union

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedSSLConnection
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

__all__ = ["Client", "RedisError", "RedisSettings", "SharedRedis", "open_redis", "settings_of", "shared_redis"]

Client = Union[Redis, RedisCluster]
# Equal for equal records, and hashable.
RedisSettings = tuple

log = logging.getLogger("fastgate.control")

MAX_CONNECTIONS = 64
UNIX = "unix:"


def settings_of(record: dict[str, Any]) -> RedisSettings:
    def frozen(value: Any) -> Any:
        if isinstance(value, dict):
            return tuple(sorted((key, frozen(one)) for key, one in value.items()))
        return tuple(frozen(one) for one in value) if isinstance(value, list) else value

    return frozen(record)


def open_redis(record: dict[str, Any]) -> Client:
    """A client for a validated `redis` record (fastgate.config.redis_record). Does not connect yet; `aclose` it."""
    common = _common(record)
    if record["cluster_nodes"]:
        return _open_cluster(record, common)
    common["db"] = record["database"]
    if record["sentinel_nodes"]:
        return _open_sentinel(record, common)
    if record["host"].startswith(UNIX):
        common.update(path=record["host"][len(UNIX):])
        return _of_pool(ConnectionPool(connection_class=UnixDomainSocketConnection, max_connections=MAX_CONNECTIONS, **common))
    common.update(host=record["host"], port=record["port"], **_tls(record))
    kind = _tls_connection(record, SSLConnection) if record["ssl"] else Connection
    return _of_pool(ConnectionPool(connection_class=kind, max_connections=MAX_CONNECTIONS, **common))


def _common(record: dict[str, Any]) -> dict[str, Any]:
    timeout_s = record["timeout"] / 1000 or None
    return {
        "username": record["username"], "password": record["password"],
        "socket_timeout": timeout_s, "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
    }


def _of_pool(pool: ConnectionPool) -> Redis:
    client = Redis(connection_pool=pool)
    client.auto_close_connection_pool = True
    return client


def _tls(record: dict[str, Any]) -> dict[str, Any]:
    if not record["ssl"]:
        return {}
    verifies = record["ssl_verify"]
    return {"ssl_cert_reqs": "required" if verifies else "none", "ssl_check_hostname": verifies}


def _tls_connection(record: dict[str, Any], base: type) -> type:
    """Asks for and checks `server_name`, which need not be the name it connects to."""
    name = record["server_name"]
    if name is None:
        return base

    class Named(base):
        def _connection_arguments(self) -> dict[str, Any]:
            return {**super()._connection_arguments(), "server_hostname": name}

    return Named


def _open_sentinel(record: dict[str, Any], common: dict[str, Any]) -> Redis:
    to_sentinels = {key: common[key] for key in ("socket_timeout", "socket_connect_timeout", "retry")}
    to_sentinels.update(username=record["sentinel_username"], password=record["sentinel_password"])
    sentinel = Sentinel([(node["host"], node["port"]) for node in record["sentinel_nodes"]], sentinel_kwargs=to_sentinels)
    kind = {"connection_class": _tls_connection(record, SentinelManagedSSLConnection)} if record["ssl"] else {}
    return _of_pool(SentinelConnectionPool(
        record["sentinel_master"], sentinel, is_master=record["sentinel_role"] != "slave",
        max_connections=MAX_CONNECTIONS, **kind, **common, **_tls(record)))


def _open_cluster(record: dict[str, Any], common: dict[str, Any]) -> RedisCluster:
    nodes = [ClusterNode(node["ip"], node["port"]) for node in record["cluster_nodes"]]
    if record["ssl"]:
        common.update(ssl=True, **_tls(record))
    # Once more with a fresh map of the slots, as often as configured: this is how a moved slot is found.
    common["retry"] = Retry(NoBackoff(), record["cluster_max_redirections"])
    return RedisCluster(startup_nodes=nodes, require_full_coverage=False, max_connections=MAX_CONNECTIONS, **common)


class SharedRedis:
    """One client for all who have these settings. Owner: the users that took it; the last `release` closes it."""

    def __init__(self, settings: RedisSettings, record: dict[str, Any]) -> None:
        self.settings = settings
        self.client = open_redis(record)
        self.users = 0

    async def release(self) -> None:
        """Never raises: a connection that can't even be closed is gone as well."""
        self.users -= 1
        if self.users == 0:
            _shared.pop(self.settings, None)
            try:
                await self.client.aclose()
            except Exception as error:
                log.warning("closing connections to Redis failed: %s: %s", type(error).__name__, error)


_shared: dict[RedisSettings, SharedRedis] = {}


def shared_redis(record: dict[str, Any]) -> SharedRedis:
    """On the control loop; `release` it once."""
    settings = settings_of(record)
    shared = _shared.get(settings)
    if shared is None:
        shared = _shared[settings] = SharedRedis(settings, record)
    shared.users += 1
    return shared
