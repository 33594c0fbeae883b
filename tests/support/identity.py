"""Who a caller is: consumers that tests know, what an upstream is told of them, and how refusals look."""

from __future__ import annotations

import json
from typing import Any

from support.messages import Response
from support.site import Config, consumer

ALICE_ID, BOB_ID, NOBODY_ID = (f"8f4e2a4e-0d5c-4f8e-9c1f-5d7c9e0b1a{n}" for n in (11, 22, 33))
IDENTITY = ("X-Consumer-ID", "X-Consumer-Custom-ID", "X-Consumer-Username", "X-Consumer-Groups", "X-Credential-Identifier",
            "X-Anonymous-Consumer", "X-Authenticated-Groups", "X-Authenticated-Scope", "X-Authenticated-Userid")


def alice(*keys: str, **fields: Any) -> Config:
    return consumer("alice", *keys, id=ALICE_ID, custom_id="A-1", **fields)


def bob(*keys: str, **fields: Any) -> Config:
    return consumer("bob", *keys, id=BOB_ID, **fields)


def nobody(**fields: Any) -> Config:
    """Who stands in for those nobody knows."""
    return consumer("nobody", id=NOBODY_ID, **fields)


def identity(seen: Config) -> dict[str, str]:
    """What the upstream was told of the caller, from an echo: every field once, or the test fails."""
    names = {name.lower(): name for name in IDENTITY}
    told: dict[str, str] = {}
    for name, value in seen["headers"]:
        if name.lower() in names:
            assert names[name.lower()] not in told, f"{name} came twice"
            told[names[name.lower()]] = value
    return told


def told(user: str, **more: str) -> dict[str, str]:
    """The identity fields of a consumer of this module."""
    fields = {"X-Consumer-ID": {"alice": ALICE_ID, "bob": BOB_ID, "nobody": NOBODY_ID}[user], "X-Consumer-Username": user}
    if user == "alice":
        fields["X-Consumer-Custom-ID"] = "A-1"
    if user == "nobody":
        fields["X-Anonymous-Consumer"] = "true"
    return fields | {name.replace("_", "-"): value for name, value in more.items()}


def message(response: Response) -> str:
    return json.loads(response.body)["message"]


def assert_refused(response: Response, text: str, challenge: str | None, status: int = 401) -> None:
    assert (response.status, message(response), response.get("www-authenticate")) == (status, text, challenge)
