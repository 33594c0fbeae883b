"""The Redis of `gateway.redis`, for plugins in Python: one client, changed as the plugins themselves are."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastgate.aside import aside

if TYPE_CHECKING:
    from fastgate.clients.redis import SharedRedis


class PythonRedis:
    """Owner: PythonPlugins. A change is `stage`, then `settle` or `abandon`; `take_old` once no request uses what was."""

    def __init__(self) -> None:
        self._current: SharedRedis | None = None
        self._staged: SharedRedis | None = None
        self._old: list[SharedRedis] = []

    @property
    def current(self) -> Any:
        """The client in use. None: there is none."""
        return None if self._current is None else self._current.client

    @property
    def staged(self) -> Any:
        return None if self._staged is None else self._staged.client

    async def stage(self, record: dict[str, Any] | None) -> None:
        if record is not None:
            # In a thread: importing it takes the time of many requests.
            place = await aside("import", import_module, "fastgate.clients.redis")
            self._staged = place.shared_redis(record)

    def settle(self) -> None:
        if self._current is not None:
            self._old.append(self._current)     # when nothing has changed, the staged one is the same client
        self._current, self._staged = self._staged, None

    async def abandon(self) -> None:
        staged, self._staged = self._staged, None
        if staged is not None:
            await staged.release()

    def take_old(self) -> "list[SharedRedis]":
        """Those that no request uses any more, if none uses an older configuration: to be released."""
        old, self._old = self._old, []
        return old

    async def release(self) -> None:
        for client in self.take_old():
            await client.release()

    async def close(self) -> None:
        await self.abandon()
        self.settle()
        await self.release()
