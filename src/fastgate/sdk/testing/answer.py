"""What a gateway answered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


class Answer:
    """`status`, `headers` as (name, value) in order, `body`."""

    def __init__(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = list(headers)
        self.body = body

    def __repr__(self) -> str:
        return f"<Answer {self.status} {self.body[:200]!r}>"

    def header(self, name: str) -> str | None:
        """The values of that name, joined by ", ". None: it is not there."""
        found = [value for one, value in self.headers if one.lower() == name.lower()]
        return ", ".join(found) if found else None

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Raises ValueError."""
        return json.loads(self.body)
