"""hmac-auth: a signature over the request tells who calls."""

from fastgate.config.schema import Record, array, boolean, field, integer, one_of

from .parts import ANONYMOUS, REALM, texts

NAME = "hmac-auth"
PRIORITY = 1030
TAKES_CONSUMER = False
is_native = True

ALGORITHMS = ["hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"]

CONFIG = Record("hmac-auth's config", {
    "hide_credentials": field(boolean, False),
    "clock_skew": field(integer(1, 2**31 - 1), 300),
    "anonymous": ANONYMOUS,
    "validate_request_body": field(boolean, False),
    "enforce_headers": texts(),
    "algorithms": field(array(one_of(*ALGORITHMS), is_set=True, needs_one=True), ALGORITHMS),
    "realm": REALM,
})
