"""key-auth: a key in a header or the query tells who calls."""

from fastgate.config.schema import Record, array, boolean, field

from .parts import ANONYMOUS, REALM, header_name, unless_false

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
    "key_in_body": field(unless_false("keys in bodies are not in this version; use key_in_header or key_in_query"), False),
    "run_on_preflight": field(boolean, True),
    "realm": REALM,
})
