"""acl: which groups of consumers may call."""

from __future__ import annotations

from typing import Any

from fastgate.config.schema import Problems, Record, Rule, array, boolean, field

from .parts import plain

NAME = "acl"
PRIORITY = 950
TAKES_CONSUMER = False
is_native = True


def _need_one(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if config["allow"] is None and config["deny"] is None:
        problems.append(((), "acl needs allow or deny, a list of groups"))
    elif config["allow"] is not None and config["deny"] is not None:
        problems.append(((), "acl takes allow or deny, not both; remove one"))


CONFIG = Record("acl's config", {
    "allow": field(array(plain)),
    "deny": field(array(plain)),
    "hide_groups_header": field(boolean, False),
    "always_use_authenticated_groups": field(boolean, False),
}, rules=(Rule(("allow", "deny"), _need_one),),
   hints={"whitelist": "whitelist is the older name; write allow", "blacklist": "blacklist is the older name; write deny"})
