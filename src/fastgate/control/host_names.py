"""Which names a configuration needs resolved."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgate.config import Model

Name = tuple[str, int]      # host, port


def names_of(model: "Model") -> set[Name]:
    """What a configuration needs resolved: services' and plugins' hosts which are no upstream, and targets."""
    from fastgate._core.bridge.upstreams import is_address

    upstreams = {upstream["name"] for upstream in model.upstreams}
    found = {(service["host"], service["port"]) for service in model.services if service["host"] not in upstreams}
    found |= {tuple(target) for plugin in model.plugins for target in plugin["targets"] if target[0] not in upstreams}
    found |= {(target["host"], target["port"]) for upstream in model.upstreams for target in upstream["targets"]}
    return {name for name in found if not is_address(name[0])}
