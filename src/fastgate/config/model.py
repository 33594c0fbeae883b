"""The loaded configuration: what control compiles into a snapshot."""

from __future__ import annotations

from typing import Any


class Model:
    """One valid configuration, read-only: nobody changes it or what it holds,
    and equal defaults are shared between its entities.

    `gateway`: the node's settings, every key present. `services`, `routes`,
    `upstreams` (each with its `targets`), `consumers` (each with its
    credentials and `acls`, lists under Kong's names; a basic-auth credential's
    `is_hashed` says that its password is Kong's hash), `plugins` (`config` with
    every field, `priority`, `targets`: (host, port) or (upstream, 0) of what they send
    to without a service): plain dicts with Kong's field names, every field
    present, references as ids, in the order of the file; what is disabled, and
    what stands in it, is not among them. `warnings`: for the operator's log. `left_out`:
    unknown plugins that were skipped. `source`: the file's name. `hash`: MD5 of
    the raw text, in hex (Kong's configuration hash: a name, no protection).
    """

    __slots__ = ("gateway", "services", "routes", "upstreams", "consumers", "plugins", "warnings", "left_out", "source", "hash")

    gateway: dict[str, Any]
    services: list[dict[str, Any]]
    routes: list[dict[str, Any]]
    upstreams: list[dict[str, Any]]
    consumers: list[dict[str, Any]]
    plugins: list[dict[str, Any]]
    warnings: list[str]
    left_out: list[str]
    source: str
    hash: str

    # Written out: dataclasses would cost each start the import of inspect.
    def __init__(self, **members: Any) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, members.pop(name))
        if members:
            raise TypeError(f"Model has no {', '.join(members)}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Model is read-only: {name} can't be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a Model is read-only: {name} can't be deleted")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (f"<Model of {self.source}: {len(self.services)} services, {len(self.routes)} routes, "
                f"{len(self.upstreams)} upstreams>")
