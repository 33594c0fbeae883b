"""Paths in Kong's normal form, in plain Python."""

from __future__ import annotations

import re

UNRESERVED = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"


def normal_form(path: bytes) -> bytes:
    """Of a path in which every "%" starts an escape."""
    def decode(found: re.Match[bytes]) -> bytes:
        byte = bytes.fromhex(found[1].decode())
        return byte if byte in UNRESERVED else found[0].upper()

    kept: list[bytes] = []
    segments = re.sub(rb"%([0-9a-fA-F]{2})", decode, path).split(b"/")[1:]
    for position, segment in enumerate(segments):
        is_last = position == len(segments) - 1
        if segment == b"..":
            kept = kept[:-1]
        elif segment not in (b".", b""):
            kept.append(segment + (b"" if is_last else b"/"))
    return b"/" + b"".join(kept)
