"""Both transformers in plain Python, and requests and configurations to try them with."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from hypothesis import strategies as st

from fastgate.plugins.request_transformer import TEMPLATE

VERBS = ("remove", "rename", "replace", "add", "append")
PATH_SAFE = "!$&'()*+,;=:@/"
Fields = list[tuple[str, bytes]]


@dataclass
class Asked:
    """A request as the plugin finds it. `rest` and `first`: what the route's expression takes of the path."""

    path: bytes
    query: bytes | None
    fields: Fields
    groups: dict[str, bytes] = field(default_factory=dict)

    def argument(self, name: str) -> bytes:
        for piece in (self.query or b"").split(b"&"):
            key, _, value = piece.partition(b"=")
            if piece and unquote_to_bytes(key.replace(b"+", b" ")) == name.encode():
                return value
        return b""


def in_field(raw: bytes) -> bytes:
    """Decoded, but for the escapes of control characters."""
    return re.sub(rb"%([0-9A-Fa-f]{2})",
                  lambda found: found[0].upper() if int(found[1], 16) in (*range(32), 127) else unquote_to_bytes(found[0]),
                  raw)


def rendered(text: str, asked: Asked, place: str) -> bytes:
    def placed(decoded: bytes) -> bytes:
        if place == "field":
            return decoded
        return quote_from_bytes(decoded, safe=PATH_SAFE if place == "path" else "").encode()

    def literal(part: str) -> bytes:
        if place != "path":
            return placed(part.encode())
        # Escapes in normal form: of unreserved characters none, the others in upper case.
        return b"".join(quote_from_bytes(unquote_to_bytes(raw), safe="").encode() if at % 2 else placed(raw)
                        for at, raw in enumerate(re.split(rb"(%[0-9A-Fa-f]{2})", part.encode())))

    out, at = b"", 0
    for found in TEMPLATE.finditer(text):
        out += literal(text[at:found.start()])
        at = found.end()
        source, plain, double, single, number = found.groups()
        name = plain or double or single or number
        if source == "headers":
            value = next((value for wanted in (name.lower(), name.lower().replace("_", "-"))
                          for key, value in asked.fields if key.lower() == wanted), b"")
            out += placed(value)
        elif source == "query_params":
            value = asked.argument(name).replace(b"+", b" ")
            out += in_field(value) if place == "field" else placed(unquote_to_bytes(value))
        else:
            value = asked.groups.get(name, b"")
            out += (in_field(value) if place == "field" else value if place == "path" else placed(unquote_to_bytes(value)))
    return out + literal(text[at:])


def edits_of(config: dict[str, Any], part: str) -> list[tuple[str, str, str]]:
    found = []
    for verb in VERBS:
        for text in config.get(verb, {}).get(part, []):
            name, _, value = (text, "", "") if verb == "remove" else text.partition(":")
            if value or verb == "remove":
                found.append((verb, name, value))
    return found


def fields_after(fields: Fields, edits: list[tuple[str, str, bytes]]) -> Fields:
    now = list(fields)

    def values(name: str) -> list[bytes]:
        return [value for key, value in now if key.lower() == name.lower()]

    def without(*names: str) -> Fields:
        return [(key, value) for key, value in now if key.lower() not in {name.lower() for name in names}]

    for verb, name, value in edits:
        there = values(name)
        if verb == "remove":
            now = without(name)
        elif verb == "rename" and there and name.lower() != value.decode().lower():
            now = without(name, value.decode()) + [(value.decode(), one) for one in there]
        elif verb == "replace" and there:
            now = [*without(name), (name, value)]
        elif value and (verb == "append" or verb == "add" and not there):
            now.append((name, value))
    return now


def query_after(query: bytes | None, edits: list[tuple[str, str, bytes]]) -> bytes | None:
    now = (query or b"").split(b"&") if query else []
    is_changed = False

    def is_named(piece: bytes, name: str) -> bool:
        key = piece.partition(b"=")[0].replace(b"+", b" ")
        return piece != b"" and unquote_to_bytes(key) == name.encode()

    def escaped(name: str) -> bytes:
        return quote_from_bytes(name.encode(), safe="").encode()

    for verb, name, value in edits:
        there = [at for at, piece in enumerate(now) if is_named(piece, name)]
        if verb == "append" or verb == "add" and not there:
            if value:
                # Behind an empty query there is nothing to separate from.
                now = [*(now if b"&".join(now) else []), escaped(name) + b"=" + value]
                is_changed = True
            continue
        if not there or verb == "add":
            continue
        is_changed = True
        if verb == "remove":
            now = [piece for at, piece in enumerate(now) if at not in there]
        elif verb == "rename":
            new = value.decode()
            now = [escaped(new) + piece[len(piece.partition(b"=")[0]):] if at in there else piece
                   for at, piece in enumerate(now) if at in there or not is_named(piece, new)]
        else:
            now = [piece.partition(b"=")[0] + b"=" + value if at in there else piece
                   for at, piece in enumerate(now) if at not in there[1:]]
    if not is_changed:
        return query
    return b"&".join(now) or None


def path_after(asked: Asked, uri: str | None) -> bytes | None:
    """None: refused."""
    path = rendered(uri, asked, "path") if uri is not None else b""
    if not path:
        return asked.path
    path = path if path.startswith(b"/") else b"/" + path
    if {b".", b".."} & set(path.split(b"/")):
        return None
    return re.sub(rb"/+", b"/", path)


def transformed(config: dict[str, Any], asked: Asked) -> tuple[bytes, Fields] | None:
    """Target and fields as the upstream gets them; None: refused."""
    def values(part: str, place: str) -> list[tuple[str, str, bytes]]:
        return [(verb, name, value.encode() if verb in ("remove", "rename") else rendered(value, asked, place))
                for verb, name, value in edits_of(config, part)]

    path = path_after(asked, config.get("replace", {}).get("uri"))
    if path is None:
        return None
    query = query_after(asked.query, values("querystring", "query"))
    return path + (b"" if query is None else b"?" + query), fields_after(asked.fields, values("headers", "field"))


# -- what to try ---------------------------------------------------------------------------------

FIELD_NAMES = ["X-A", "x-b", "X-Cc", "x-d"]
ARGUMENTS = ["a", "b", "a b", "é", "q"]
TEXTS = ["1", "two words", "a,b", '"q"', "é", "x:y", "50%", "a&b=c", "..", "%41%2f", "$", "$ (x)", "?#"]
TEMPLATES = ["$(headers.x-a)", '$(headers["X_b"])', "$(headers.none)", "$(query_params.a)", "$(query_params['a b'])",
             "$(query_params.none)", "$(uri_captures.first)", "$(uri_captures[2])", "$(uri_captures[9])", "$( headers . x-a )"]
TEMPLATES = [text for text in TEMPLATES if TEMPLATE.fullmatch(text)]


def config_at_random(chance: random.Random, texts: list[str] | None = None) -> dict[str, Any]:
    def value() -> str:
        return "".join(chance.choices(texts or TEXTS + 2 * TEMPLATES, k=chance.choice([0, 1, 1, 1, 2])))

    def pairs(verb: str, names: list[str]) -> list[str]:
        chosen = chance.choices(names, k=chance.choice([0, 0, 1, 2]))
        if verb == "remove":
            return chosen
        if verb == "rename":
            return [f"{name}:{chance.choice(names)}" for name in chosen]
        return [f"{name}:{value()}" for name in chosen]

    config: dict[str, Any] = {verb: {"headers": pairs(verb, FIELD_NAMES)} for verb in VERBS}
    if texts is None:
        for verb in VERBS:
            config[verb]["querystring"] = pairs(verb, ARGUMENTS)
        if chance.random() < 0.4:
            config["replace"]["uri"] = "/" + chance.choice(["", "v1/", "é /", "a//b/", "x."]) + value()
    return config


field_values = st.sampled_from([b"", b"1", b"two words", b"a, b", b'"quoted, text"', b"caf\xe9", "é".encode(), b"..", b"/..",
                                b"../../etc", b"%0d%0aX-E: 1", b"%2e%2e", b"a/b", b"?x#y", b"$(headers.x-b)", b"%"])
fields = st.lists(st.tuples(st.sampled_from(FIELD_NAMES), field_values), max_size=6)
segments = st.sampled_from([b"a", b"b%20c", b"%2F", b"x:y", b"~", b"100%25", b"%C3%A9", b"%0D%0A", b"q!r=s", b"...", b"a..b"])
arguments = st.lists(st.builds(
    lambda name, value: name if value is None else name + b"=" + value,
    st.sampled_from([b"a", b"%61", b"b", b"a+b", b"a%20b", b"%C3%A9", b"z", b"", b"%"]),
    st.none() | st.sampled_from([b"", b"1", b"%0D%0A", b"x%2fy+z", b"..", b"%2e%2e", b"%zz", b"a=b", b"%26"]),
), max_size=5).map(b"&".join)
