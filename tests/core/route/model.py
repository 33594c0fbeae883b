"""The router in plain Python: every criterion of every route is tried, the best fitting candidate wins."""

import re
from typing import NamedTuple


class Request(NamedTuple):
    host: str = ""                      # lower case, no port
    port: int = 80
    path: str = "/"                     # normalised
    method: str = "GET"
    is_https: bool = False
    headers: tuple = ()                 # (name, value) pairs


class Match(NamedTuple):
    route: int
    prefix_len: int
    https_status: int
    groups: list                        # regex: the whole match first; prefix: none


def route_of(**fields):
    """A route as fastgate.config gives it, all fields present."""
    defaults = dict(
        id="0", name=None, protocols=["http", "https"], methods=None, hosts=None, paths=None, headers=None, snis=None,
        https_redirect_status_code=426, regex_priority=0, strip_path=True, preserve_host=False, created_at=0, service=None,
    )
    assert fields.keys() <= defaults.keys()
    return defaults | fields


def host_fits(host: str, request: Request) -> bool:
    name, port = re.fullmatch(r"(.*?)(?::(\d+))?", host.lower()).groups()
    if port and int(port) != request.port:
        return False
    if name.startswith("*"):
        return request.host.endswith(name[1:]) and len(request.host) > len(name) - 1
    if name.endswith("*"):
        return request.host.startswith(name[:-1]) and len(request.host) > len(name) - 1
    return bool(request.host) and request.host == name


def header_fits(name: str, values: list, request: Request) -> bool:
    given = [value for given_name, value in request.headers if given_name.lower() == name.lower()]
    if len(values) == 1 and values[0].startswith("~*"):
        return any(re.search(values[0][2:], value, re.IGNORECASE) for value in given)
    return bool({value.lower() for value in values} & {value.lower() for value in given})


def rank(index: int, route: dict, path: str | None) -> tuple:
    """Sorts candidates, the best first."""
    present = [bool(route[kind]) for kind in ("hosts", "headers", "paths", "methods", "snis")]
    is_regex = bool(path) and path.startswith("~")
    return (
        -sum(present),
        [not kind for kind in present],
        not route["hosts"] or any("*" in host for host in route["hosts"]),
        -len(route["headers"] or ()),
        not is_regex,
        -route["regex_priority"] if is_regex else 0,
        -len(path or "") if not is_regex else 0,
        route["created_at"],
        index,
        route["paths"].index(path) if path else 0,
    )


def candidate_match(index: int, route: dict, path: str | None, request: Request) -> Match | None:
    if not (route["hosts"] or route["headers"] or route["paths"] or route["methods"]):
        return None                     # snis alone: only TLS could match it
    if route["hosts"] and not any(host_fits(host, request) for host in route["hosts"]):
        return None
    if route["methods"] and request.method not in route["methods"]:
        return None
    if not all(header_fits(name, values, request) for name, values in (route["headers"] or {}).items()):
        return None
    groups, prefix_len = [], len(path or "")
    if path and path.startswith("~"):
        found = re.match(path[1:].replace("(?<", "(?P<"), request.path)
        if found is None:
            return None
        groups, prefix_len = [found[0], *found.groups()], found.end()
    elif path and not request.path.startswith(path):
        return None
    is_refused = "http" not in route["protocols"] and not request.is_https
    return Match(index, prefix_len, route["https_redirect_status_code"] if is_refused else 0, groups)


def match(routes: list[dict], request: Request) -> Match | None:
    candidates = [(rank(i, route, path), i, route, path) for i, route in enumerate(routes) for path in route["paths"] or [None]]
    for _, index, route, path in sorted(candidates, key=lambda candidate: candidate[0]):
        found = candidate_match(index, route, path, request)
        if found is not None:
            return found
    return None
