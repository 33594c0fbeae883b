"""The `redis` record of `gateway:` and of several plugins: where Redis is, and how to talk to it (Kong's)."""

from __future__ import annotations

from typing import Any

from .addresses import UNIX
from .fields import host, secret
from .schema import Problems, Record, Rule, array, boolean, field, integer, one_of, text

_plain = text()
_port = integer(0, 65535)
_SENTINEL_NODE = Record("a Sentinel", {"host": field(host, "127.0.0.1"), "port": field(_port, 6379)})
_CLUSTER_NODE = Record("a node of the Cluster", {"ip": field(host, "127.0.0.1"), "port": field(_port, 6379)})
_SENTINEL = ("sentinel_master", "sentinel_role", "sentinel_nodes")


def _need_all_of_sentinel(record: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    missing = [key for key in _SENTINEL if not record[key]]
    if missing and len(missing) != len(_SENTINEL):
        problems.append(((), f"Redis with Sentinel needs {' and '.join(missing)} too"))


def _be_of_one_kind(record: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if record["sentinel_nodes"] and record["cluster_nodes"]:
        problems.append((("cluster_nodes",), "Redis is either a Cluster or behind Sentinels: leave out cluster_nodes or sentinel_nodes"))
    if record["cluster_nodes"] and record["database"]:
        problems.append((("database",), "a Redis Cluster has database 0 only"))


def _fit_tls(record: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if record["server_name"] is not None and record["cluster_nodes"]:
        problems.append((("server_name",), "nodes of a Cluster are known by their own addresses: leave server_name out"))
    if record["ssl"] and (record["host"] or "").startswith(UNIX):
        problems.append((("ssl",), "a Unix socket has no TLS: leave ssl out"))


FIELDS = {
    "host": field(host),
    "port": field(_port, 6379),
    "timeout": field(integer(0, 2**31 - 2), 2000),
    "username": field(_plain),
    "password": field(secret),
    "database": field(integer(0, 2**31 - 1), 0),
    "ssl": field(boolean, False),
    "ssl_verify": field(boolean, False),
    "server_name": field(_plain),
    "sentinel_master": field(_plain),
    "sentinel_nodes": field(array(_SENTINEL_NODE.read)),
    "sentinel_role": field(one_of("master", "slave", "any")),
    "sentinel_username": field(_plain),
    "sentinel_password": field(secret),
    "cluster_nodes": field(array(_CLUSTER_NODE.read)),
    "cluster_max_redirections": field(integer(0, 100), 5),
}
REDIS = Record("redis", FIELDS, rules=(
    Rule(_SENTINEL, _need_all_of_sentinel),
    Rule(("sentinel_nodes", "cluster_nodes", "database"), _be_of_one_kind),
    Rule(("server_name", "cluster_nodes", "ssl", "host"), _fit_tls),
))


def is_somewhere(record: dict[str, Any]) -> bool:
    """Says where Redis is, in one of the three ways."""
    return bool(record["host"] or record["sentinel_nodes"] or record["cluster_nodes"])
