"""request-size-limiting: how large the body of a request may be."""

from fastgate.config.schema import Record, boolean, field, integer, one_of

NAME = "request-size-limiting"
PRIORITY = 951
is_native = True

CONFIG = Record("request-size-limiting's config", {
    "allowed_payload_size": field(integer(0, 2**40), 128),
    "size_unit": field(one_of("megabytes", "kilobytes", "bytes"), "megabytes"),
    "require_content_length": field(boolean, False),
})
