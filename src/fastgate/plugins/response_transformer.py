"""response-transformer: changes headers and JSON bodies on the way to the client."""

from __future__ import annotations

from fastgate.config.schema import Check, Field, Record, array, field, one_of, text

from .parts import header_name, header_pair_problem, header_rename_problem, pair_problem, plain

NAME = "response-transformer"
PRIORITY = 800
is_native = True


def _part(name: str, headers: Check, json: Check, has_types: bool = False) -> Field:
    types = {"json_types": field(_types, [])} if has_types else {}
    record = Record(name, {"json": field(json, []), **types, "headers": field(headers, [])})
    return field(record.read, record.defaults())


_types = array(one_of("boolean", "number", "string"), keeps_empty=True)
_pairs = array(text(header_pair_problem), keeps_empty=True)
_json_pairs = array(text(pair_problem), keeps_empty=True)

CONFIG = Record("response-transformer's config", {
    "remove": _part("remove", array(header_name, keeps_empty=True), array(plain, keeps_empty=True)),
    "rename": _part("rename", array(text(header_rename_problem), keeps_empty=True), _json_pairs),
    "replace": _part("replace", _pairs, _json_pairs, True),
    "add": _part("add", _pairs, _json_pairs, True),
    "append": _part("append", _pairs, _json_pairs, True),
})
