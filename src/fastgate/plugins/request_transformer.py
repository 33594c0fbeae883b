"""request-transformer: changes headers, query, body, method and path on the way to the service."""

from __future__ import annotations

import re
from typing import Callable

from fastgate.config.errors import shown
from fastgate.config.schema import Check, Field, Record, array, field, text

from .parts import header_name, header_pair_problem, header_rename_problem, pair_problem, plain

NAME = "request-transformer"
PRIORITY = 801
is_native = True

# $(headers.name), $(query_params["a name"]), $(uri_captures.name), $(uri_captures[1])
TEMPLATE = re.compile(r"""\$\(\s*(headers|query_params|uri_captures)
                          (?:\.([A-Za-z0-9_-]+)|\[\s*(?:"([^"]+)"|'([^']+)'|([0-9]+))\s*\])\s*\)""", re.VERBOSE)
_METHOD = re.compile(r"[A-Z]+\Z")


def template_problem(value: str) -> str | None:
    rest = TEMPLATE.sub("", value)
    at = rest.find("$(")
    if at < 0:
        return None
    return (f"{shown(rest[at:])}: a template is $(headers.name), $(query_params.name), $(uri_captures.name) or "
            "$(uri_captures[1]) in this version")


def _method_problem(value: str) -> str | None:
    if not _METHOD.match(value):
        return f"{shown(value)} is not a method: write it in upper case, like GET"
    return "CONNECT asks for a tunnel, which no service answers" if value == "CONNECT" else None


def _uri_problem(value: str) -> str | None:
    if value[0] != "/" and not value.startswith("$("):
        return f'{shown(value)} must begin with "/"'
    return template_problem(value)


def _pairs(check: Callable[[str], str | None]) -> Check:
    def problem(value: str) -> str | None:
        return check(value) or template_problem(value.partition(":")[2])

    return array(text(problem), keeps_empty=True)


def _plain_pairs(check: Callable[[str], str | None]) -> Check:
    def problem(value: str) -> str | None:
        if "$(" in value:
            return "names can't be templates in this version"
        return check(value) or (None if value.partition(":")[2] else f"{shown(value)} has no new name after the colon")

    return array(text(problem), keeps_empty=True)


def _part(name: str, headers: Check, querystring: Check, body: Check, **more: Field) -> Field:
    record = Record(name, {
        "body": field(body, []),
        "headers": field(headers, []),
        "querystring": field(querystring, []),
        **more,
    })
    return field(record.read, record.defaults())


_names = array(plain, keeps_empty=True)
_header_pairs, _query_pairs = _pairs(header_pair_problem), _pairs(pair_problem)

CONFIG = Record("request-transformer's config", {
    "http_method": field(text(_method_problem, longest=64)),
    "remove": _part("remove", array(header_name, keeps_empty=True), _names, _names),
    "rename": _part("rename", _plain_pairs(header_rename_problem), _plain_pairs(pair_problem), _plain_pairs(pair_problem)),
    "replace": _part("replace", _header_pairs, _query_pairs, _query_pairs, uri=field(text(_uri_problem))),
    "add": _part("add", _header_pairs, _query_pairs, _query_pairs),
    "append": _part("append", _header_pairs, _query_pairs, _query_pairs),
})
