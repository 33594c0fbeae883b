"""The table of entities: which records a file may hold, how they refer to each other."""

from __future__ import annotations

from collections import namedtuple

from .consumers import CONSUMER, CREDENTIALS
from .plugins import PLUGIN
from .routes import ROUTE
from .services import SERVICE
from .targets import TARGET
from .upstreams import UPSTREAM

# record: its fields; key: the field other entities may name it by; foreign:
# field → collection it refers to; owner: the foreign field it can't be without;
# unique: fields (or groups of them) no two entities may share; identity: the
# fields an id is made from, where that is not the key alone.
Kind = namedtuple("Kind", ("record", "key", "foreign", "owner", "unique", "identity"))

_CREDENTIAL_IDENTITY = {
    "keyauth_credentials": ("key",), "basicauth_credentials": ("username",), "hmacauth_credentials": ("username",),
    "jwt_secrets": ("key",), "oauth2_credentials": ("client_id",), "acls": ("consumer", "group"),
}
_CREDENTIAL_UNIQUE = {**_CREDENTIAL_IDENTITY, "acls": (("consumer", "group"),)}
_PLUGIN_IDENTITY = ("name", "route", "service", "consumer")

# In this order references are resolved: what is referred to comes first.
KINDS: dict[str, Kind] = {
    "services": Kind(SERVICE, "name", {}, None, ("name",), None),
    "upstreams": Kind(UPSTREAM, "name", {}, None, ("name",), None),
    "consumers": Kind(CONSUMER, "username", {}, None, ("username", "custom_id"), None),
    "routes": Kind(ROUTE, "name", {"service": "services"}, None, ("name",), None),
    "targets": Kind(TARGET, "target", {"upstream": "upstreams"}, "upstream", (("upstream", "host", "port"),),
                    ("upstream", "target")),
    "plugins": Kind(PLUGIN, "instance_name", {"service": "services", "route": "routes", "consumer": "consumers"},
                    None, ("instance_name", _PLUGIN_IDENTITY), _PLUGIN_IDENTITY),
    **{name: Kind(record, None, {"consumer": "consumers"}, "consumer",
                  _CREDENTIAL_UNIQUE[name], _CREDENTIAL_IDENTITY[name])
       for name, record in CREDENTIALS.items()},
}

# The field by which a nested child names its parent.
PARENT_FIELD = {"services": "service", "routes": "route", "consumers": "consumer", "upstreams": "upstream"}

_TLS = "need TLS, which is not in this version; remove them"
REFUSED = {
    "certificates": f"certificates {_TLS}",
    "ca_certificates": f"ca_certificates {_TLS}",
    "snis": f"snis {_TLS}",
    "vaults": "vaults are not in this version; {vault://env/name} reads the environment without one",
    "keys": "keys are not in this version; remove them",
    "key_sets": "key_sets are not in this version; remove them",
    "filter_chains": "filter_chains (WebAssembly) are not in this version; remove them",
    "consumer_groups": "consumer_groups are not in this version; remove them",
    "oauth2_tokens": "oauth2_tokens are not in this version; remove them",
    "workspaces": "workspaces are not in this version; remove them",
}

_TOOL = "is decK's own, which its tools resolve before a gateway reads the file"
FOREIGN_KEYS = {
    "_info": f"_info {_TOOL}; remove it",
    "_workspace": f"_workspace {_TOOL}; remove it",
    "_konnect": f"_konnect {_TOOL}; remove it",
    "_plugin_configs": f"_plugin_configs {_TOOL}; write the configurations into the plugins",
}


def singular(collection: str) -> str:
    """"services" → "service", for messages."""
    return collection[:-1]
