"""http-log: sends a record of each request to an HTTP server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from types import CodeType
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastgate.sdk import Between, Context, HttpClient, Plugin
from fastgate.sdk.fields import NOT_A_PLUGINS, field_name, field_value

from .log_record import log_record
from .queue import Queue, QueueConfig

END_S = 8.0                     # for what the queues still hold at the end; `close` has 10
MOST_MS = 2**31 - 2
NOT_HERE = "{} runs Lua in Kong, and there is no Lua here: write custom_fields, with Python expressions"


def url_problem(url: str) -> str | None:
    """What is wrong with the URL of a server to be asked."""
    try:
        split = urlsplit(url)
        is_good = split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0
    except ValueError:
        is_good = False
    return None if is_good else f"{url!r} is not a URL like http://127.0.0.1:9000/path"


class HttpLog(Plugin):
    name = "http-log"
    version = "1.0.0"
    priority = 12

    class Config:
        http_endpoint: str
        method: Literal["POST", "PUT", "PATCH"] = "POST"
        content_type: Literal["application/json", "application/json; charset=utf-8"] = "application/json"
        timeout: Annotated[int, Between(1, MOST_MS)] = 10_000
        keepalive: Annotated[int, Between(0, MOST_MS)] = 60_000
        headers: dict[str, str] = {}
        queue: QueueConfig = QueueConfig()
        retry_count: Annotated[int, Between(0, 1_000_000)] | None = None
        queue_size: Annotated[int, Between(1, 1_000_000)] | None = None
        flush_timeout: Annotated[float, Between(0, 3600)] | None = None
        custom_fields: dict[str, str] = {}
        custom_fields_by_lua: dict[str, str] = {}
        redact: list[str] = ["apikey", "jwt", "x-device-token"]

        def __post_init__(self) -> None:
            if problem := url_problem(self.http_endpoint):
                raise ValueError(f"http_endpoint: {problem}")
            if self.custom_fields_by_lua:
                raise ValueError(NOT_HERE.format("custom_fields_by_lua"))
            for name, value in self.headers.items():
                if name.lower() in ("content-type", *NOT_A_PLUGINS):
                    raise ValueError(f"headers: {name} can't be set here")
                field_name(name)
                field_value(name, value)
            compiled_fields(self.custom_fields)

    def init(self) -> None:
        metrics = self.tools.metrics
        self.entries = metrics.counter(
            "entries", "Records by what became of them: sent, full, too_big, given_up, at_end; retried: sent once more.",
            "result")
        self.waiting = metrics.gauge("waiting", "Records waiting or being sent.")
        self.field_errors = metrics.counter("custom_field_errors", "Custom fields that raised: they are null.")
        self.targets: dict[int, Target] = {}        # by id of the Config, which it holds
        self.ends: set[asyncio.Task[None]] = set()

    async def configure(self, configs: list[Config]) -> None:
        current = {id(config) for config in configs}
        for key, target in self.targets.items():
            if key not in current:
                end = asyncio.create_task(self.retire(key, target))
                self.ends.add(end)
                end.add_done_callback(self.ends.discard)

    async def retire(self, key: int, target: Target) -> None:
        """Requests that began before a reload may still bring it records: then it is made once more."""
        await target.queue.drained()
        self.targets.pop(key, None)
        await target.close(0)

    async def log(self, context: Context, config: Config) -> None:
        target = self.targets.get(id(config))
        if target is None:
            target = self.targets[id(config)] = Target(self, config)
        record = log_record(context, target.redacted)
        for name, code in target.fields:
            record[name] = self.field(name, code, context, record)
        before = len(target.queue)
        target.queue.put(written(record))
        self.waiting.increase(len(target.queue) - before)

    def field(self, name: str, code: CodeType, context: Context, record: dict[str, Any]) -> Any:
        try:
            value = eval(code, {"context": context, "record": record})      # the operator's own code, as a plugin is
            written(value)              # raises here, where it costs the field and not the record
            return value
        except Exception as error:
            self.field_errors.increase()
            self.tools.log.debug("custom_fields.%s raised %s: %s", name, type(error).__name__, error)
            return None

    def count(self, result: str, number: int) -> None:
        self.entries.increase(number, result=result)
        if result in ("sent", "given_up", "at_end"):
            self.waiting.increase(-number)

    async def close(self) -> None:
        await asyncio.gather(*(target.close(END_S) for target in self.targets.values()))


class Target:
    """Where one configuration sends its records. Control loop only."""

    def __init__(self, plugin: HttpLog, config: Any) -> None:
        self.config = config
        self.fields = compiled_fields(config.custom_fields)
        self.redacted = frozenset(name.lower() for name in config.redact)
        self.queue = Queue(queue_of(config), self.send, plugin.count, plugin.tools.log)
        self._client: HttpClient = plugin.tools.http.with_bounds(keep_alive_s=config.keepalive / 1000)
        self._headers = {"Content-Type": config.content_type, **config.headers}

    async def send(self, batch: list[bytes]) -> None:
        config = self.config
        body = batch[0] if self.queue.config.max_batch_size == 1 else b"[" + b",".join(batch) + b"]"
        answer = await self._client.request(config.method, config.http_endpoint, headers=self._headers, content=body,
                                            timeout_s=config.timeout / 1000)
        if not 200 <= answer.status < 300:
            raise ConnectionError(f"the server answered {answer.status}")

    async def close(self, within_s: float) -> None:
        await self.queue.close(within_s)
        await self._client.close()


def written(value: Any) -> bytes:
    """As JSON. Raises what a value that can't be written does."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str, allow_nan=False).encode()


def queue_of(config: Any) -> QueueConfig:
    """Of the names from before Kong had queues, those that say something else than their defaults of then go before."""
    older = {"max_batch_size": (config.queue_size, 1), "max_coalescing_delay": (config.flush_timeout, 2)}
    return replace(config.queue, **{name: value for name, (value, default) in older.items() if value not in (None, default)})


def compiled_fields(fields: dict[str, str]) -> list[tuple[str, CodeType]]:
    """Raises ValueError."""
    found = []
    for name, source in fields.items():
        try:
            found.append((name, compile(source, f"custom_fields.{name}", "eval")))
        except SyntaxError as error:
            raise ValueError(f"custom_fields.{name}: {source!r} is no Python expression: {error.msg}") from None
    return found
