"""The upstream: a named, balanced set of targets."""

from __future__ import annotations

import re
from typing import Any

from . import fields
from .addresses import is_ipv4, is_ipv6, is_name, split_port, unbracketed
from .errors import shown
from .schema import (Problems, Record, Rule, array, boolean, field, integer, mapping, number, one_of, refused,
                     text)
from .uri import service_path_problem

_ALGORITHMS = ("round-robin", "consistent-hashing", "least-connections", "latency")
_SOURCES = ("none", "consumer", "ip", "header", "cookie", "path", "query_arg", "uri_capture")
_NAMED_SOURCES = ("header", "query_arg", "uri_capture")  # these may be both source and fallback, by two names
_QUERY_NAME = re.compile(r"[^\s&=#?]+\Z")
_CAPTURE_NAME = re.compile(r"[A-Za-z0-9_]+\Z")


def _name_problem(value: str) -> str | None:
    if is_ipv4(value) or is_ipv6(unbracketed(value)):
        return f"{shown(value)} is an IP address; an upstream needs a name (addresses are its targets)"
    return None if is_name(value) else f"{shown(value)} is not a valid host name (and has no port)"


def _host_header_problem(value: str) -> str | None:
    return None if split_port(value) else f"{shown(value)} is not a host with an optional port"


def _query_name_problem(value: str) -> str | None:
    return None if _QUERY_NAME.match(value) else f"{shown(value)} is not the name of a query argument"


def _capture_name_problem(value: str) -> str | None:
    return None if _CAPTURE_NAME.match(value) else f"{shown(value)} is not the name or number of a capture"


def _check_sources(upstream: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    on, fallback = upstream["hash_on"], upstream["hash_fallback"]
    for source, role in ((on, "hash_on"), (fallback, "hash_fallback")):
        if source == "cookie":
            if upstream["hash_on_cookie"] is None:
                problems.append(((), f"{role}: cookie needs hash_on_cookie, the cookie's name"))
        elif source in _NAMED_SOURCES and upstream[f"{role}_{source}"] is None:
            problems.append(((), f"{role}: {source} needs {role}_{source}"))
    if on == "none" and fallback != "none":
        problems.append((("hash_fallback",), f"hash_fallback: {fallback} needs a hash_on: without one nothing is "
                                             "hashed"))
    elif on == "cookie" and fallback != "none":
        problems.append((("hash_fallback",), "hash_on: cookie takes no hash_fallback: a missing cookie is made"))
    elif on != "none" and on == fallback:
        if on not in _NAMED_SOURCES:
            problems.append((("hash_fallback",), f"hash_fallback must differ from hash_on ({on})"))
        elif upstream[f"hash_on_{on}"] == upstream[f"hash_fallback_{on}"] is not None:
            problems.append(((f"hash_fallback_{on}",), f"must differ from hash_on_{on}"))


def _choose_algorithm(upstream: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if upstream["hash_on"] == "none":
        return
    if upstream["algorithm"] == "round-robin":
        upstream["algorithm"] = "consistent-hashing"  # Kong: hashing on something implies it
    elif upstream["algorithm"] != "consistent-hashing":
        problems.append((("hash_on",), f"hash_on needs algorithm: consistent-hashing, not {upstream['algorithm']}"))


_path = field(text(service_path_problem), "/")
_count = field(integer(0, 255), 0)
_seconds = number(0, 65535)


def _statuses(*defaults: int) -> Any:
    return field(array(integer(100, 999), is_set=True, keeps_empty=True), list(defaults))


def _part(name: str, members: dict[str, Any]) -> Any:
    record = Record(name, members)
    return field(record.read, record.defaults())


_HEALTHCHECKS = Record("healthchecks", {
    "threshold": field(number(0, 100), 0),
    "active": _part("healthchecks.active", {
        "type": field(one_of("http", "tcp", "https", not_yet=("grpc", "grpcs")), "http"),
        "timeout": field(_seconds, 1),
        "concurrency": field(integer(1, 2**31 - 1), 10),
        "http_path": _path,
        "https_sni": field(text(_name_problem)),
        "https_verify_certificate": field(boolean, True),
        "headers": field(mapping(fields.token_problem, array(text(), needs_one=True))),
        "healthy": _part("healthchecks.active.healthy", {
            "interval": field(_seconds, 0),
            "http_statuses": _statuses(200, 302),
            "successes": _count,
        }),
        "unhealthy": _part("healthchecks.active.unhealthy", {
            "interval": field(_seconds, 0),
            "http_statuses": _statuses(429, 404, 500, 501, 502, 503, 504, 505),
            "tcp_failures": _count,
            "timeouts": _count,
            "http_failures": _count,
        }),
    }),
    "passive": _part("healthchecks.passive", {
        "type": field(one_of("http", "tcp", "https", not_yet=("grpc", "grpcs")), "http"),
        "healthy": _part("healthchecks.passive.healthy", {
            "http_statuses": _statuses(*range(200, 209), 226, *range(300, 309)),
            "successes": _count,
        }),
        "unhealthy": _part("healthchecks.passive.unhealthy", {
            "http_statuses": _statuses(429, 500, 503),
            "tcp_failures": _count,
            "timeouts": _count,
            "http_failures": _count,
        }),
    }),
})

_token = field(text(fields.token_problem))
_query_name = field(text(_query_name_problem))
_capture_name = field(text(_capture_name_problem))


def _use_srv_name(value: Any, problems: Problems) -> Any:
    start = len(problems)
    value = boolean(value, problems)
    if value and len(problems) == start:
        problems.append(((), "use_srv_name: true is not in this version; name the targets' ports"))
    return value


UPSTREAM = Record("an upstream", {
    **fields.common(),
    "name": field(text(_name_problem), is_required=True),
    "algorithm": field(one_of(*_ALGORITHMS), "round-robin"),
    "hash_on": field(one_of(*_SOURCES), "none"),
    "hash_fallback": field(one_of(*_SOURCES), "none"),
    "hash_on_header": _token,
    "hash_fallback_header": _token,
    "hash_on_cookie": _token,
    "hash_on_cookie_path": _path,
    "hash_on_query_arg": _query_name,
    "hash_fallback_query_arg": _query_name,
    "hash_on_uri_capture": _capture_name,
    "hash_fallback_uri_capture": _capture_name,
    "slots": field(integer(10, 65536), 10000),
    "host_header": field(text(_host_header_problem)),
    "client_certificate": field(refused("client_certificate needs TLS, which is not in this version; remove it")),
    "use_srv_name": field(_use_srv_name, False),
    "healthchecks": field(_HEALTHCHECKS.read, _HEALTHCHECKS.defaults()),
}, rules=(
    Rule(("hash_on", "hash_fallback", "hash_on_cookie", "hash_on_header", "hash_fallback_header", "hash_on_query_arg",
          "hash_fallback_query_arg", "hash_on_uri_capture", "hash_fallback_uri_capture"), _check_sources),
    Rule(("algorithm", "hash_on"), _choose_algorithm),
), computed={"targets": None}, nested=("targets",))


def checks_health(upstream: dict[str, Any]) -> bool:
    """True when some health check is switched on."""
    active, passive = upstream["healthchecks"]["active"], upstream["healthchecks"]["passive"]
    return bool(active["healthy"]["interval"] or active["unhealthy"]["interval"] or any(
        count for part in (passive["healthy"], passive["unhealthy"])
        for key, count in part.items() if key != "http_statuses"))
