"""correlation-id: an id that goes with a request through all services."""

from fastgate.config.schema import Record, boolean, field, one_of

from .parts import header_name

NAME = "correlation-id"
PRIORITY = 100_001
is_native = True

CONFIG = Record("correlation-id's config", {
    "header_name": field(header_name, "Kong-Request-ID"),
    "generator": field(one_of("uuid", "uuid#counter", "tracker"), "uuid#counter"),
    "echo_downstream": field(boolean, False),
})
