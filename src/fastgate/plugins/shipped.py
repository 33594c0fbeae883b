"""The plugins in Python that come with fastgate: worked examples of the sdk, and of use."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from fastgate.sdk import Plugin

#: Name → module and class in it.
SHIPPED = {
    "post-function": ("functions", "PostFunction"),
    "pre-function": ("functions", "PreFunction"),
}


def sources() -> Iterator[tuple[str, type[Plugin]]]:
    """(origin, class) of each."""
    for module, name in SHIPPED.values():
        place = f"fastgate.plugins.{module}"
        yield f"{place}:{name}", getattr(import_module(place), name)
