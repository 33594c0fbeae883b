"""ip-restriction: which addresses may call."""

from __future__ import annotations

from typing import Any

from fastgate.config.errors import shown
from fastgate.config.schema import Problems, Record, Rule, array, field, integer, text

from .parts import plain

NAME = "ip-restriction"
PRIORITY = 990
is_native = True


def _network(value: Any, problems: Problems) -> Any:
    """An address or a range; bits outside of the mask go, as Kong ignores them."""
    import ipaddress

    value = plain(value, problems)
    if value is None:
        return None
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        problems.append(((), f'{shown(value)} is neither an IP address nor a range like "10.0.0.0/8"'))
        return None
    return str(network) if "/" in value else str(network.network_address)


def _need_one(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if config["allow"] is None and config["deny"] is None:
        problems.append(((), "ip-restriction needs allow or deny, a list of addresses or ranges"))


CONFIG = Record("ip-restriction's config", {
    "allow": field(array(_network)),
    "deny": field(array(_network)),
    "status": field(integer(200, 599), 403),
    "message": field(text()),
}, rules=(Rule(("allow", "deny"), _need_one),),
   hints={"whitelist": "whitelist is the older name; write allow", "blacklist": "blacklist is the older name; write deny"})
