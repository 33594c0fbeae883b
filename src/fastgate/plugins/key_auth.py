"""key-auth: a key in a header, the query or the body tells who calls."""

from fastgate.config.schema import Record, array, boolean, field

from .parts import ANONYMOUS, REALM, header_name

NAME = "key-auth"
PRIORITY = 1250
TAKES_CONSUMER = False
is_native = True

CONFIG = Record("key-auth's config", {
    "key_names": field(array(header_name, needs_one=True), ["apikey"]),
    "hide_credentials": field(boolean, False),
    "anonymous": ANONYMOUS,
    "key_in_header": field(boolean, True),
    "key_in_query": field(boolean, True),
    "key_in_body": field(boolean, False),
    "run_on_preflight": field(boolean, True),
    "realm": REALM,
})
