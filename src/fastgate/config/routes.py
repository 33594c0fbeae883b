"""The route: which requests go to which service."""

from __future__ import annotations

import re
from typing import Any

from . import fields
from .addresses import is_ipv4, is_ipv6, is_name, split_port
from .errors import shown
from .schema import Problems, Record, Rule, array, boolean, field, integer, mapping, one_of, refused, text
from .uri import regex_problem, route_path_problem

_METHOD = re.compile(r"[A-Z][A-Z-]*\Z")
_STREAM_ONLY = "is for tcp, tls and udp routes, which are not in this version; remove it"
_FLAVOR = "is for the expressions router, which is not in this version; use hosts, paths, methods and headers"
_CRITERIA = ("methods", "hosts", "headers", "paths")


def method_problem(value: str) -> str | None:
    if _METHOD.match(value):
        return None
    return f"{shown(value)} is not a method: write it in upper case, like {shown(value.upper())}" \
        if _METHOD.match(value.upper()) else f"{shown(value)} is not a method"


def host_problem(value: str) -> str | None:
    """What is wrong with one of `hosts`: a name or address, one `*` as its
    leftmost or rightmost label, an optional port."""
    stars = value.count("*")
    if stars > 1:
        return f"{shown(value)} has more than one *; only one is allowed"
    if stars:
        bare, colon, port = value.partition(":")
        if not bare.startswith("*.") and not bare.endswith(".*"):
            return f"in {shown(value)} the * must be the whole leftmost or rightmost label, like *.example.com"
        value_to_check = bare.replace("*", "x", 1) + colon + port
    else:
        value_to_check = value
        if is_name(value) or is_ipv4(value) or is_ipv6(value):
            return None
    if split_port(value_to_check) is None:
        return f"{shown(value)} is not a host name or address with an optional port"
    return None


def _header_name_problem(name: str) -> str | None:
    if name.lower() == "host":
        return "the Host header is matched by hosts, not by headers"
    return fields.token_problem(name)


_header_list = array(text(), needs_one=True)


def _header_values(value: Any, problems: Problems) -> Any:
    start = len(problems)
    values = _header_list(value, problems)
    if len(problems) != start or values is None:
        return values
    for at, one in enumerate(values):
        if one.startswith("~*"):
            if len(values) > 1:
                problems.append(((at,), "a ~* pattern must be the only value of its header; join them with |"))
                continue
            problem = regex_problem(one[2:])
            if problem:
                problems.append(((at,), problem))
    return values


def _need_criterion(route: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    for key in _CRITERIA:
        if route[key]:
            return
    problems.append(((), "a route needs at least one of methods, hosts, headers or paths; "
                         'to match everything, write paths: ["/"]'))


ROUTE = Record("a route", {
    **fields.common(),
    "name": field(text(fields.name_problem)),
    "protocols": field(array(one_of("http", "https", not_yet=("grpc", "grpcs", "tcp", "tls", "udp", "tls_passthrough",
                                                              "ws", "wss")),
                             is_set=True, needs_one=True), ["http", "https"]),
    "methods": field(array(text(method_problem, longest=64), is_set=True)),
    "hosts": field(array(text(host_problem, longest=300))),
    "paths": field(array(text(route_path_problem))),
    "headers": field(mapping(_header_name_problem, _header_values)),
    "snis": field(refused("snis need TLS, which is not in this version; remove them")),
    "sources": field(refused(f"sources {_STREAM_ONLY}")),
    "destinations": field(refused(f"destinations {_STREAM_ONLY}")),
    "https_redirect_status_code": field(one_of(426, 301, 302, 307, 308), 426),
    "regex_priority": field(integer(-(2**31), 2**31 - 1), 0),
    "strip_path": field(boolean, True),
    "preserve_host": field(boolean, False),
    "path_handling": field(one_of("v0", not_yet=("v1",)), "v0"),
    "request_buffering": field(boolean, True),
    "response_buffering": field(boolean, True),
    "service": field(fields.reference),
}, rules=(Rule(_CRITERIA, _need_criterion),), nested=("plugins", "filter_chains"),
   hints={"expression": f"expression {_FLAVOR}", "priority": f"priority {_FLAVOR}"})
