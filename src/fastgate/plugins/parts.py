"""What the schemas of several plugins share."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from fastgate.config.errors import shown
from fastgate.config.fields import token_problem
from fastgate.config.schema import Field, Problems, array, field, text


class Reference(NamedTuple):
    """Where a configuration names another entity: `holder[key]`, which becomes what the Model knows it by."""

    kind: str                       # "services", "upstreams" or "consumers"
    holder: Any
    key: str | int
    path: tuple[str | int, ...]     # below `config`


_COLON = re.compile(r"[^:]+:.*\Z", re.DOTALL)


def texts(*default: str) -> Field:
    """A list of texts, empty when the file says so."""
    return field(_texts, list(default))


def network(value: Any, problems: Problems) -> Any:
    """An address or a range; bits outside of the mask go, as Kong ignores them."""
    import ipaddress

    value = plain(value, problems)
    if value is None:
        return None
    try:
        if "%" in value:
            raise ValueError("a zone is one machine's own name for an interface")
        found = ipaddress.ip_network(value, strict=False)
    except ValueError:
        problems.append(((), f'{shown(value)} is neither an IP address nor a range like "10.0.0.0/8"'))
        return None
    return str(found) if "/" in value else str(found.network_address)


def network_list() -> Field:
    """Addresses and ranges, none when the file says so."""
    return field(_networks, [])


def header_names(*default: str) -> Field:
    return field(array(header_name, keeps_empty=True), list(default))


def _names_problem(value: str) -> str | None:
    """One name, or several between commas, as Kong lets a list's entry be."""
    return next((problem for name in value.split(",") if (problem := token_problem(name.strip(" ")))), None)


def pair_problem(value: str) -> str | None:
    return None if _COLON.match(value) else f'{shown(value)} is not "name:value"'


def header_pair_problem(value: str) -> str | None:
    return pair_problem(value) or token_problem(value.partition(":")[0])


def header_rename_problem(value: str) -> str | None:
    """Both sides of the colon are names."""
    new = value.partition(":")[2]
    return header_pair_problem(value) or (token_problem(new) if new else None)


header_name = text(token_problem, longest=256)
header_name_list = text(_names_problem)
plain = text()
_texts = array(plain, keeps_empty=True)
_networks = array(network, keeps_empty=True)

# The consumer that stands in for who is not authenticated: its id or username in the file, its id in the Model.
ANONYMOUS = field(plain)
REALM = field(text(longest=256))
