"""What runs: a model handed to the core, and what the control plane remembers of it."""

from typing import TYPE_CHECKING, NamedTuple

from fastgate.config.applications import ASGI, is_application

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway
    from fastgate.config import Model


class Published(NamedTuple):
    """What the control plane keeps of the running configuration. The model itself is not kept: it is large,
    and the core has its own form of it."""

    number: int         # of the snapshot
    gateway: dict       # the `gateway:` section
    hash: str           # of the configuration's text
    services: int
    routes: int


def has_python(model: "Model") -> bool:
    """Whether some plugin of it is written in Python."""
    return not all(plugin["is_native"] for plugin in model.plugins)


def applications_of(model: "Model") -> list[str]:
    """The ASGI applications that its services are: "package.module:app" each, once."""
    hosts = dict.fromkeys(service["host"] for service in model.services if is_application(service["host"]))
    return [host.removeprefix(ASGI) for host in hosts]


def publish(gateway: "Gateway", model: "Model", python: dict | None = None) -> Published:
    """python: what PythonPlugins.prepare gave. Raises SnapshotError, which says where in the file, if that is known;
    what runs goes on then."""
    from fastgate._core.bridge.errors import SnapshotError

    try:
        number = gateway.publish(model, python)
    except SnapshotError as error:
        from fastgate.config.places import place_of

        error.place = place_of(model, error.id, error.field)
        raise
    return Published(number, model.gateway, model.hash, len(model.services), len(model.routes))
