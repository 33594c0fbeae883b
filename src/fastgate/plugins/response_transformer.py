"""response-transformer: changes headers on the way to the client."""

from __future__ import annotations

from fastgate.config.schema import Check, Field, Record, array, field, text

from .parts import header_name, header_pair_problem, header_rename_problem, unless_empty

NAME = "response-transformer"
PRIORITY = 800
is_native = True

_JSON = "the bodies of answers are not changed in this version; remove it"


def _part(name: str, headers: Check, *json_fields: str) -> Field:
    record = Record(name, {
        **{key: field(unless_empty(_JSON), []) for key in json_fields},
        "headers": field(headers, []),
    })
    return field(record.read, record.defaults())


_pairs = array(text(header_pair_problem), keeps_empty=True)

CONFIG = Record("response-transformer's config", {
    "remove": _part("remove", array(header_name, keeps_empty=True), "json"),
    "rename": _part("rename", array(text(header_rename_problem), keeps_empty=True), "json"),
    "replace": _part("replace", _pairs, "json", "json_types"),
    "add": _part("add", _pairs, "json", "json_types"),
    "append": _part("append", _pairs, "json", "json_types"),
})
