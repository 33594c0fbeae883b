"""redirect: answers with another place."""

from __future__ import annotations

import re

from fastgate.config.errors import shown
from fastgate.config.schema import Record, boolean, field, integer, text

NAME = "redirect"
PRIORITY = 779
is_native = True

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]+[^\s]*\Z")


def _location_problem(value: str) -> str | None:
    return None if _URL.match(value) else f'{shown(value)} is not a whole URL like "https://example.com/path"'


CONFIG = Record("redirect's config", {
    "status_code": field(integer(200, 599), 301),
    "location": field(text(_location_problem), is_required=True),
    "keep_incoming_path": field(boolean, False),
})
