"""Regular expressions of routes, and what the plain paths of older files were."""

from __future__ import annotations

from typing import Any, Callable

from .schema import Problems
from .uri import looks_like_regex, migrated

OLD_VERSIONS = ("1.1", "2.1")


def migrate_paths(tree: dict[str, Any]) -> None:
    """Before 3.0 a path was a regular expression when it looked like one; now a "~" says so."""
    lists = [tree.get("routes")]
    services = tree.get("services")
    if type(services) is list:
        lists += [service.get("routes") for service in services if type(service) is dict]
    for routes in lists:
        for route in routes if type(routes) is list else ():
            paths = route.get("paths") if type(route) is dict else None
            if type(paths) is list:
                paths[:] = [migrated(path) if isinstance(path, str) else path for path in paths]


def check_patterns(routes: list, check_pattern: Callable[[str], str | None], problems: Problems) -> None:
    """Asks the core's compiler about every pattern. `routes`: (route, path) rows."""
    for route, path in routes:
        for at, one in enumerate(route["paths"] or ()):
            if one is not None and one[0] == "~":
                check_pattern_at(check_pattern, one[1:], (*path, "paths", at), problems)
        for name, values in (route["headers"] or {}).items():
            if values and len(values) == 1 and values[0] is not None and values[0].startswith("~*"):
                check_pattern_at(check_pattern, values[0][2:], (*path, "headers", name, 0), problems)


def check_pattern_at(check_pattern: Callable[[str], str | None], pattern: str, path: tuple[str | int, ...],
                     problems: Problems) -> None:
    """Says what is wrong with the pattern that stands at `path`."""
    problem = check_pattern(pattern)
    if problem:
        problems.append((path, f"the regular expression is not valid: {problem}"))


def plain_lookalikes(routes: list) -> list[str]:
    """Warnings for prefixes that were probably meant as regular expressions."""
    from .errors import path_text, shown

    return [f"{path_text((*path, 'paths', at))}: {shown(one)} looks like a regular expression but is matched as a "
            'plain prefix; begin it with "~" if it is one'
            for route, path in routes for at, one in enumerate(route["paths"] or ())
            if one[0] == "/" and not one.isalnum() and looks_like_regex(one)]
