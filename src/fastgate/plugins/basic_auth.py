"""basic-auth: a user name and password tell who calls."""

from fastgate.config.schema import Record, boolean, field, text

from .parts import ANONYMOUS

NAME = "basic-auth"
PRIORITY = 1100
TAKES_CONSUMER = False
is_native = True

CONFIG = Record("basic-auth's config", {
    "hide_credentials": field(boolean, False),
    "anonymous": ANONYMOUS,
    "realm": field(text(longest=256), "service"),
})
