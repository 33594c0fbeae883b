"""What the scenarios with policies ask of every contestant, the same of each.

100 consumers; each request names one, by an API key or by a token (HS256, signed for an hour and
more); a limit by consumer of so many a minute and an hour that nobody reaches it; counters by
route and status, a latency histogram; one line of JSON for each request, written to a file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

CONSUMERS = 100
PER_MINUTE = 100_000_000
PER_HOUR = 2_000_000_000
EXPIRES = 4102444800        # the year 2100
PYTHON = "python"           # no policy but a path with a plugin in Python, fastgate's alone
PYTHON_PATH = "/python"
ASKS = 42                   # the consumer of the load


def name(i: int) -> str:
    return f"consumer-{i:03d}"


def key(i: int) -> str:
    return f"key-{hashlib.sha256(name(i).encode()).hexdigest()[:32]}"


def secret(i: int) -> str:
    return hashlib.sha256(f"secret of {name(i)}".encode()).hexdigest()


def token(i: int) -> str:
    """RFC 7519, as an issuer would make it: some 200 bytes."""
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = part(json.dumps({"iss": name(i), "sub": f"{i:08d}", "exp": EXPIRES, "scope": "read write"}).encode())
    mac = hmac.new(secret(i).encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    return f"{head}.{claims}.{part(mac)}"


def policy_headers(policy: str) -> list[str]:
    """What the load sends with each request."""
    if policy == "key":
        return [f"apikey: {key(ASKS)}"]
    if policy == "jwt":
        return [f"Authorization: Bearer {token(ASKS)}"]
    return []
