"""traffic-split: to which of several services or upstreams a request goes, by rules and weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastgate.config.errors import shown
from fastgate.config.fields import token_problem
from fastgate.config.schema import Check, Problems, Record, Rule, array, boolean, field, integer, one_of, text
from fastgate.config.uri import route_path_problem, service_path_problem

from .parts import Reference, header_name, plain

NAME = "traffic-split"
PRIORITY = 13
is_native = True

NAMED = ("header", "cookie", "query")       # what has a value to compare
KNOWN = ("path", "consumer", "group")       # what is compared itself
TESTS = ("is", "in", "prefix", "regex")
MOST_SPLITS = 64


def _one_or_more(of: Check) -> Check:
    several = array(of, is_set=True, needs_one=True)

    def read(value: Any, problems: Problems) -> Any:
        return several(value if type(value) is list else [value], problems)

    return read


def _path_problem(value: str) -> str | None:
    if value[0] == "/":
        return route_path_problem(value)        # it would fit no request
    return None if value[0] == "~" else f'{shown(value)} must begin with "/" (a prefix) or "~" (a regular expression)'


def _tell_one(condition: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    about = [key for key in (*NAMED, *KNOWN) if condition[key] is not None]
    tests = [key for key in TESTS if condition[key] is not None]
    if len(about) != 1:
        problems.append(((), f"a condition is about one of {', '.join((*NAMED, *KNOWN))}; "
                             + (f"put {' and '.join(about)} into conditions of their own" if about else "name one")))
    elif len(tests) > 1:
        problems.append(((tests[1],), f"a condition has one test; remove {' or '.join(tests)}"))
    elif tests and about[0] in KNOWN:
        problems.append(((tests[0],), f"{about[0]} says itself what it must be; remove {tests[0]}"))


def _choose_one(split: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if split["service"] is not None and split["upstream"] is not None:
        problems.append((("upstream",), "a split goes to a service or to an upstream; remove one of them"))


def _share_out(rule: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    splits = rule["splits"] or []       # none at all: that is told already
    if splits and not any(split["weight"] for split in splits):
        problems.append((("splits",), "all weights are 0: no request could go anywhere; give one a weight"))
    seen: set[tuple[Any, Any]] = set()
    for at, split in enumerate(splits):
        target = split["service"], split["upstream"]
        if target in seen:
            problems.append((("splits", at), "goes where another split of this rule goes already; add their weights up"))
        seen.add(target)


def _need_header(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if config["hash_on"] == "header" and config["hash_on_header"] is None:
        problems.append((("hash_on",), "hash_on: header needs hash_on_header, the header's name"))


_CONDITION = Record("a condition of traffic-split", {
    "header": field(header_name),
    "cookie": field(text(token_problem)),
    "query": field(plain),
    "path": field(_one_or_more(text(_path_problem))),
    "consumer": field(_one_or_more(plain)),
    "group": field(_one_or_more(plain)),
    "is": field(plain),
    "in": field(array(plain, is_set=True, needs_one=True)),
    "prefix": field(plain),
    "regex": field(plain),
}, rules=(Rule((*NAMED, *KNOWN, *TESTS), _tell_one),))
_SPLIT = Record("a split", {
    "service": field(plain),
    "upstream": field(plain),
    "weight": field(integer(0, 65535), 1),
}, rules=(Rule(("service", "upstream"), _choose_one),))
_RULE = Record("a rule of traffic-split", {
    "match": field(array(_CONDITION.read, keeps_empty=True, most=64), []),
    "splits": field(array(_SPLIT.read, needs_one=True, most=MOST_SPLITS), is_required=True),
}, rules=(Rule(("splits",), _share_out),))

CONFIG = Record("traffic-split's config", {
    "rules": field(array(_RULE.read, needs_one=True, most=1000), is_required=True),
    "hash_on": field(one_of("none", "consumer", "header", "cookie", "ip"), "none"),
    "hash_on_header": field(header_name),
    "hash_on_cookie": field(text(token_problem), "fastgate-split"),
    "hash_on_cookie_path": field(text(service_path_problem), "/"),
    "hash_on_cookie_ttl": field(integer(1, 2**31 - 1)),
    "hash_on_cookie_issue": field(boolean, True),
}, rules=(Rule(("hash_on", "hash_on_header"), _need_header),))


def patterns(config: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for r, rule in enumerate(config["rules"]):
        for m, condition in enumerate(rule["match"]):
            here = ("rules", r, "match", m)
            if condition["regex"] is not None:
                yield (*here, "regex"), condition["regex"]
            for at, path in enumerate(condition["path"] or ()):
                if path[0] == "~":
                    yield (*here, "path", at), path[1:]


def references(config: dict[str, Any]) -> Iterator[Reference]:
    for r, rule in enumerate(config["rules"]):
        for m, condition in enumerate(rule["match"]):
            for at in range(len(condition["consumer"] or ())):
                yield Reference("consumers", condition["consumer"], at, ("rules", r, "match", m, "consumer", at))
        for s, split in enumerate(rule["splits"]):
            if split["service"] is not None:
                yield Reference("services", split, "service", ("rules", r, "splits", s, "service"))
            if split["upstream"] is not None:
                yield Reference("upstreams", split, "upstream", ("rules", r, "splits", s, "upstream"))

