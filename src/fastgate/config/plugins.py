"""Plugins: this version has none, so each is refused by name or, when asked, left out."""

from __future__ import annotations

from . import fields
from .schema import Record, any_mapping, array, boolean, field, one_of, text

PLUGIN = Record("a plugin", {
    **fields.common(),
    "name": field(text(longest=128), is_required=True),
    "instance_name": field(text(fields.name_problem)),
    "route": field(fields.reference),
    "service": field(fields.reference),
    "consumer": field(fields.reference),
    "config": field(any_mapping),
    "protocols": field(array(one_of("grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp", "ws",
                                    "wss"), is_set=True), ["grpc", "grpcs", "http", "https"]),
    "enabled": field(boolean, True),
    "ordering": field(any_mapping),
})
