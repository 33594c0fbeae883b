"""The environment and the command line over the file's `gateway:` section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .scalars import Substituted

# What may be set from outside, as FASTGATE_<NAME> and --<name>.
KEYS = ("proxy_listen", "status_listen", "workers", "log_level", "access_log")


def apply(section: dict[str, Any], environ: Mapping[str, str],
          flags: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
    """`section` with what flags (first) or variables set; and by key, where its
    value came from, for the messages. Empty variables and None flags set nothing."""
    merged, origins = dict(section), {}
    for key in KEYS:
        value: object = flags.get(key)
        origin = "--" + key.replace("_", "-")
        if value is None:
            origin = "FASTGATE_" + key.upper()
            value = environ.get(origin) or None
        if value is None:
            continue
        origins[key] = origin
        merged[key] = _merged(key, value, section.get(key))
    return merged, origins


def _merged(key: str, value: object, in_file: object) -> object:
    if isinstance(value, str):
        value = Substituted(value)  # the field's type decides what it means
        if key == "proxy_listen":
            return [part.strip() for part in value.split(",")]
    elif isinstance(value, tuple):
        value = list(value)
    if key == "access_log" and isinstance(in_file, dict) and isinstance(value, str):
        return {**in_file, "path": value}  # the path changes, the file's format stays
    return value
