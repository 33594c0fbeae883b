"""The service: the API behind a route."""

from __future__ import annotations

import re
from typing import Any

from . import fields
from .addresses import UNIX, joined, split_port, unix_problem
from .applications import ASGI, application_problem
from .errors import shown
from .schema import Problems, Record, Rule, boolean, field, integer, one_of, refused, text
from .uri import service_path_problem

OTHER_PROTOCOLS = ("https", "tcp", "tls", "udp", "grpc", "grpcs", "tls_passthrough", "ws", "wss")
_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)([^/?#]*)([^?#]*)(.*)\Z", re.DOTALL)

_TLS_ONLY = "is for the protocol https, which is not in this version; remove it"
_url_text = text()


def parse_url(value: Any, problems: Problems) -> Any:
    """The shorthand `url` as (protocol, host, port, path), None when it is refused."""
    value = _url_text(value, problems)
    if value is None:
        return None
    parts, problem = _split_url(value)
    if problem is not None:
        problems.append(((), problem))
        return None
    return parts


def _split_url(value: str) -> tuple[tuple[str, str, int, str | None] | None, str | None]:
    if value.startswith(UNIX):
        return ("http", value, 0, None), unix_problem(value)
    if value.startswith(ASGI):
        return ("http", value, 0, None), application_problem(value)
    url = _URL.match(value)
    if url is None:
        return None, f'{shown(value)} is not a URL; write "http://host:port/path", "unix:/path" or "asgi:module:app"'
    scheme, address, path, rest = url[1].lower(), url[2], url[3], url[4]
    if scheme in OTHER_PROTOCOLS:
        return None, f"the protocol {scheme} is not in this version; use http"
    if scheme != "http":
        return None, f"the protocol {shown(scheme)} is unknown; use http"
    if "@" in address:
        return None, "has a user name in it, which a service can't use; remove it"
    if rest:
        return None, "has a query or fragment, which a service can't use; remove it"
    split = split_port(address)
    if split is None:
        return None, f"{shown(address)} is not a host with an optional port from 0 to 65535"
    problem = service_path_problem(path) if path else None
    return ("http", split[0], 80 if split[1] is None else split[1], path or None), problem


def _expand_url(service: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    parts = service.pop("url")
    if parts is None:
        return
    for key, value in zip(("protocol", "host", "port", "path"), parts, strict=True):
        given = raw.get(key)
        if key == "path" and (value is None or given is None):
            service[key] = value or service[key]
        elif given is None or service[key] == value:
            service[key] = value
        else:
            problems.append(((key,), f"{key} is {shown(service[key])} but url says {shown(value)}; keep one of them"))


def _need_host(service: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    host = service["host"]
    if host is None:
        problems.append(((), 'a service needs host, or url: "http://host:port/path"'))
    elif host.startswith((UNIX, ASGI)):
        service["port"] = 0


def _host(value: Any, problems: Problems) -> Any:
    if not isinstance(value, str) or not value.startswith(ASGI):
        return fields.host(value, problems)
    return _application(value, problems)


_application = text(application_problem)

SERVICE = Record("a service", {
    **fields.common(),
    "name": field(text(fields.name_problem)),
    "retries": field(integer(0, 32767), 5),
    "protocol": field(one_of("http", not_yet=OTHER_PROTOCOLS), "http"),
    "host": field(_host),
    "port": field(integer(0, 65535), 80),
    "path": field(text(service_path_problem)),
    "connect_timeout": fields.timeout(),
    "write_timeout": fields.timeout(),
    "read_timeout": fields.timeout(),
    "client_certificate": field(refused(f"client_certificate {_TLS_ONLY}")),
    "tls_verify": field(refused(f"tls_verify {_TLS_ONLY}")),
    "tls_verify_depth": field(refused(f"tls_verify_depth {_TLS_ONLY}")),
    "ca_certificates": field(refused(f"ca_certificates {_TLS_ONLY}")),
    "enabled": field(boolean, True),
    "url": field(parse_url),
}, rules=(
    Rule(("url", "protocol", "host", "port", "path"), _expand_url),
    Rule(("url", "host"), _need_host),
), nested=("routes", "plugins", "filter_chains"))


def default_name(service: dict[str, Any]) -> str:
    """How messages call a service without name."""
    host, port = service["host"] or "?", service["port"] or 0
    return service["name"] or (host if host.startswith((UNIX, ASGI)) else joined(host, port))
