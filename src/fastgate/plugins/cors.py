"""cors: which other origins' pages may call (Fetch, 3.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastgate.config.schema import Record, array, boolean, field, integer, one_of

from .parts import header_name_list, plain

NAME = "cors"
PRIORITY = 2000
TAKES_CONSUMER = False
is_native = True

METHODS = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT"]
_LITERAL = re.compile(r"[A-Za-z0-9.:/-]*\Z")

CONFIG = Record("cors's config", {
    "origins": field(array(plain)),
    "headers": field(array(header_name_list)),
    "exposed_headers": field(array(header_name_list)),
    "methods": field(array(one_of(*METHODS), is_set=True, needs_one=True), METHODS),
    "max_age": field(integer(-1, 2**31 - 1)),
    "credentials": field(boolean, False),
    "private_network": field(boolean, False),
    "preflight_continue": field(boolean, False),
    "allow_origin_absent": field(boolean, True),
})


def patterns(config: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """An origin with any other sign than those of a plain one is a regular expression, as in Kong."""
    for at, origin in enumerate(config["origins"] or ()):
        if origin != "*" and not _LITERAL.match(origin):
            yield ("origins", at), origin
