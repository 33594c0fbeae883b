"""ip-restriction: which addresses may call."""

from __future__ import annotations

from typing import Any

from fastgate.config.schema import Problems, Record, Rule, array, field, integer, text

from .parts import network

NAME = "ip-restriction"
PRIORITY = 990
is_native = True


def _need_one(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if config["allow"] is None and config["deny"] is None:
        problems.append(((), "ip-restriction needs allow or deny, a list of addresses or ranges"))


CONFIG = Record("ip-restriction's config", {
    "allow": field(array(network)),
    "deny": field(array(network)),
    "status": field(integer(200, 599), 403),
    "message": field(text()),
}, rules=(Rule(("allow", "deny"), _need_one),),
   hints={"whitelist": "whitelist is the older name; write allow", "blacklist": "blacklist is the older name; write deny"})
