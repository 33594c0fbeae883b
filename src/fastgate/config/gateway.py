"""The `gateway:` section: the node's own settings, which Kong keeps in kong.conf."""

from __future__ import annotations

import re
from typing import Any

from . import fields
from .addresses import UNIX, cidr_problem, is_ipv4, is_ipv6, joined, split_port, unix_problem
from .errors import shown
from .memory_budget import size
from .redis_record import REDIS, is_somewhere
from .scalars import type_problem
from .schema import Check, Field, Problems, Record, Rule, array, boolean, field, integer, number, one_of, text

_ED25519_KEY = re.compile(r"[A-Za-z0-9+/]{43}=\Z")     # 32 bytes
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}\Z")
_MOST_LISTENERS = 32     # LANE_MAX_LISTENERS of _core/proxy/exchange.pxd


def listen_problem(value: str) -> str | None:
    """What is wrong with an address to listen on."""
    if value.startswith(UNIX):
        return unix_problem(value)
    if " " in value:
        return f"{shown(value)} has more than an address in it; Kong's listener flags are not used here"
    split = split_port(value)
    if split is None or split[1] is None:
        return f'{shown(value)} is not "host:port", "[IPv6]:port" or "unix:/path"; for example "0.0.0.0:8000"'
    return None


def _one_or_list(of: Check) -> Check:
    several = array(of, is_set=True, needs_one=True, most=_MOST_LISTENERS)

    def read(value: Any, problems: Problems) -> Any:
        return several([value] if isinstance(value, str) else value, problems)

    return read


def _listen(value: Any, problems: Problems) -> Any:
    value = _listen_text(value, problems)
    if value is None or value.startswith(UNIX):
        return value
    host, port = split_port(value)  # type: ignore[misc]
    return joined(host, port)  # type: ignore[arg-type]


def _status_listen(value: Any, problems: Problems) -> Any:
    # A plain off is YAML's false.
    return "off" if value is False or value == "off" else _listen(value, problems)


def _trusted_problem(value: str) -> str | None:
    return None if value == UNIX else cidr_problem(value)


def _nameserver_problem(value: str) -> str | None:
    split = split_port(value)
    if split is None or not (is_ipv4(split[0]) or is_ipv6(split[0])):
        return f'{shown(value)} is not an IP address with an optional port, like "1.1.1.1" or "[::1]:53"'
    return None


def _prefix_problem(value: str) -> str | None:
    if _PREFIX.match(value) and not value.endswith("-"):
        return None
    return f"{shown(value)} can't begin header names: use letters, digits and '-', like X-Fastgate or X-Kong"


def _socket_problem(value: str) -> str | None:
    return unix_problem(UNIX + value)


def _trust_problem(value: str) -> str | None:
    if _ED25519_KEY.match(value) or value.endswith((".pem", ".pub")):
        return None
    return f"{shown(value)} is neither an Ed25519 public key (44 characters of base64) nor a file's name ending in .pem or .pub"


def _control_socket(value: Any, problems: Problems) -> Any:
    return "" if value == "" else _control_text(value, problems)


def _upgrade_problem(value: str) -> str | None:
    """RFC 9110, 7.8: a protocol's name, perhaps with a version."""
    name, slash, version = value.partition("/")
    return fields.token_problem(name) or (fields.token_problem(version) if slash else None)


def _upgrades(value: Any, problems: Problems) -> Any:
    tokens = _upgrade_list(value, problems)
    return tokens and list(dict.fromkeys(one.lower() for one in tokens if one))


def _access_log(value: Any, problems: Problems) -> Any:
    """`off`, `stdout`, a path, or `{path, format}`; always the mapping afterwards."""
    if value is False:
        value = "off"
    if isinstance(value, str):
        value = {"path": str(value)}
    elif type(value) is not dict:
        problems.append(((), type_problem('"off", "stdout", a path, or a mapping with path and format', value)))
        return None
    return _ACCESS_LOG.read(value, problems)


def _log_path(value: Any, problems: Problems) -> Any:
    return "off" if value is False else _log_text(value, problems)


def _log_problem(value: str) -> str | None:
    if value in ("off", "stdout") or "/" in value:
        return None
    return f'{shown(value)} is neither "off" nor "stdout", and a file needs its path: "./{value}" or an absolute one'


_listen_text = text(listen_problem)
_control_text = text(_socket_problem)
_log_text = text(_log_problem)
_upgrade_list = array(text(_upgrade_problem, longest=64), keeps_empty=True)

_ACCESS_LOG = Record("access_log", {
    "path": field(_log_path, "stdout"),
    "format": field(one_of("json", "combined"), "json"),
})


def _uri_fits(limits: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if limits["uri_bytes"] > limits["header_bytes"]:
        problems.append((("uri_bytes",), f"uri_bytes ({limits['uri_bytes']}) is more than header_bytes "
                                         f"({limits['header_bytes']}), which the request line is part of"))


def _ttls_fit(resolver: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if resolver["min_ttl"] > resolver["max_ttl"]:
        problems.append((("min_ttl",), f"min_ttl ({resolver['min_ttl']}) is more than max_ttl ({resolver['max_ttl']})"))


def _redis(value: Any, problems: Problems) -> Any:
    start = len(problems)
    record = REDIS.read(value, problems)
    if len(problems) == start and not is_somewhere(record):
        problems.append(((), "says nowhere where Redis is: give host, sentinel_nodes or cluster_nodes"))
    return record


def _part(name: str, members: dict[str, Field], *rules: Rule) -> Field:
    record = Record(name, members, rules=rules)
    PARTS[name] = record
    return field(record.read, record.defaults())


# The sections of `gateway:` by name, for the reference page's test.
PARTS: dict[str, Record] = {"access_log": _ACCESS_LOG}

_seconds = integer(0, 31_536_000)

GATEWAY = Record("gateway", {
    "proxy_listen": field(_one_or_list(_listen), ["0.0.0.0:8000"]),
    "status_listen": field(_status_listen, "127.0.0.1:8007"),
    "workers": field(integer(1, 64, "auto"), "auto"),
    "memory_budget": field(size),
    "trusted_ips": field(array(text(_trusted_problem), is_set=True, keeps_empty=True), []),
    "real_ip_header": field(text(fields.token_problem), "X-Real-IP"),
    "real_ip_recursive": field(boolean, False),
    "access_log": field(_access_log, _ACCESS_LOG.defaults()),
    "log_level": field(one_of("debug", "info", "notice", "warn", "error"), "info"),
    "header_prefix": field(text(_prefix_problem), "X-Fastgate"),
    "watch": field(boolean, False),
    "allowed_upgrades": field(_upgrades, []),
    "control_socket": field(_control_socket, ""),
    "plugin_path": field(text()),
    "plugin_trust": field(array(text(_trust_problem), is_set=True, needs_one=True)),
    "asgi": _part("asgi", {
        "path": field(text()),
        "concurrency": field(integer(1, 65536), 1024),
        "startup_timeout": fields.timeout(30000),
        "shutdown_timeout": fields.timeout(10000),
    }),
    "bans": _part("bans", {"sync_rate": field(number(0.1, 3600), 5)}),
    "python": _part("python", {
        "timeout": fields.timeout(1000),
        "threads": field(integer(1, 64), 4),
        "calls": field(integer(1, 65536), 1024),
        "body": field(integer(1, 64 * 1024 * 1024), 1024 * 1024),
        "failures": field(integer(1, 1_000_000), 20),
        "pause": fields.timeout(10000),
        "metric_series": field(integer(1, 100_000), 1000),
        "http": _part("python.http", {
            "connections": field(integer(1, 10_000), 100),
            "idle": field(integer(0, 10_000), 20),
            "keep_alive": fields.timeout(30000),
            "timeout": fields.timeout(10000),
            "connect_timeout": fields.timeout(5000),
            "answer_bytes": field(integer(1, 2**30), 1_048_576),
            "tls_verify": field(boolean, True),
            "ca_file": field(text()),
        }),
    }),
    "redis": field(_redis),
    "resolver": _part("resolver", {
        "nameservers": field(array(text(_nameserver_problem), is_set=True, keeps_empty=True), []),
        "timeout": fields.timeout(2000),
        "min_ttl": field(_seconds, 1),
        "max_ttl": field(_seconds, 3600),
        "not_found_ttl": field(_seconds, 30),
        "error_ttl": field(_seconds, 1),
    }, Rule(("min_ttl", "max_ttl"), _ttls_fit)),
    "keepalive": _part("keepalive", {
        "pool_size": field(integer(0, 65535), 512),
        "max_requests": field(integer(1, 2**31 - 1), 10000),
        "idle_timeout": fields.timeout(60000),
    }),
    "limits": _part("limits", {
        "connections": field(integer(1, 10_000_000, "auto"), "auto"),
        "header_bytes": field(integer(1024, 131_072), 65536),
        "headers": field(integer(1, 256), 200),
        "uri_bytes": field(integer(256, 1_048_576), 16384),
        "body_bytes": field(integer(0, 2**62), 0),
        "chunk_extension_bytes": field(integer(0, 65536), 1024),
        "retry_buffer_bytes": field(integer(0, 16_777_216), 65536),
        "regex_match_limit": field(integer(100, 10_000_000), 10000),
        "token_cache": field(integer(0, 1_000_000), 1000),
        "rate_limit_keys": field(integer(64, 2**26), 100_000),
        "visitors": field(integer(64, 2**22), 16_384),
    }, Rule(("uri_bytes", "header_bytes"), _uri_fits)),
    "timeouts": _part("timeouts", {
        "client_header": fields.timeout(15000),
        "client_body": fields.timeout(60000),
        "client_write": fields.timeout(60000),
        "min_rate": field(integer(0, 2**31 - 1), 512),
        "keep_alive": fields.timeout(75000),
        "tunnel": fields.timeout(3600000),
        "linger": field(integer(0, fields.LONGEST_TIME), 2000),
        "drain": field(integer(0, fields.LONGEST_TIME), 30000),
    }),
}, hints={theirs: f"{theirs} is Kong's name (kong.conf); here it is {ours}" for theirs, ours in (
    ("nginx_worker_processes", "workers"),
    ("proxy_access_log", "access_log"),
    ("upstream_keepalive_pool_size", "keepalive: {pool_size: …}"),
    ("upstream_keepalive_max_requests", "keepalive: {max_requests: …}"),
    ("upstream_keepalive_idle_timeout", "keepalive: {idle_timeout: …}, in milliseconds"),
)})


def defaults() -> dict[str, Any]:
    """Every key with its default, as a file without `gateway:` has it."""
    return GATEWAY.defaults()
