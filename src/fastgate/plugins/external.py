"""external: asks an HTTP service what is to become of a request, and does as it says. See docs/external.md."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastgate.sdk import Between, Context, HttpAnswer, HttpError, Plugin, Response, Unavailable
from fastgate.sdk.breaker import Breaker
from fastgate.sdk.fields import NOT_A_PLUGINS, field_name, field_value

from .http_log import MOST_MS, url_problem

PROTOCOL = 1
ALL = "*"
_CONTINUE = {"action", "set_headers", "add_headers", "remove_headers", "set_query", "response_headers"}
_EXIT = {"action", "status", "headers", "body", "json", "message", "content_type"}


class Misunderstood(Exception):
    """The service's answer is not what the protocol has."""


class External(Plugin):
    name = "external"
    version = "1.0.0"
    priority = 755

    class Config:
        url: str
        phases: list[Literal["access", "log"]] = ["access"]
        timeout: Annotated[int, Between(1, MOST_MS)] = 500
        headers: dict[str, str] = {}            # for the service
        send_headers: list[str] = [ALL]         # of the request
        send_body: bool = False
        settings: dict[str, Any] = {}           # handed to the service as they are
        failures: Annotated[int, Between(1, 1_000_000)] = 5
        pause: Annotated[int, Between(1, MOST_MS)] = 10_000

        def __post_init__(self) -> None:
            if problem := url_problem(self.url):
                raise ValueError(f"url: {problem}")
            if not self.phases:
                raise ValueError("phases: name at least one, access or log")
            if self.send_body and "access" not in self.phases:
                raise ValueError("send_body: bodies are there in the phase access only")
            for name, value in self.headers.items():
                if name.lower() in ("content-type", *NOT_A_PLUGINS):
                    raise ValueError(f"headers: {name} can't be set here")
                field_name(name)
                field_value(name, value)

    @classmethod
    def uses(cls, config: Config) -> tuple[set[str], bool]:
        return set(config.phases), config.send_body

    def init(self) -> None:
        metrics = self.tools.metrics
        self.calls = metrics.counter("calls", "Calls of services, by phase and whether they were answered, failed, "
                                     "or not made because those before failed.", "phase", "result")
        self.seconds = metrics.histogram("seconds", "What services took to answer.", "phase")
        self.breakers: dict[int, tuple[Any, Breaker]] = {}      # by id of the Config, which is held with it

    async def configure(self, configs: list[Config]) -> None:
        current = {id(config) for config in configs}
        self.breakers = {key: held for key, held in self.breakers.items() if key in current}
        await self.tools.http.open()

    async def access(self, context: Context, config: Config) -> Response | None:
        question = described(context, config)
        if config.send_body:
            question["request"] |= described_body(context.request.body)
        answer = await self.ask(context, config, question)
        return None if answer is None else self.obeyed(context, answer)

    async def log(self, context: Context, config: Config) -> None:
        await self.ask(context, config, described(context, config) | {"outcome": context.outcome._asdict()})

    async def ask(self, context: Context, config: Config, question: dict[str, Any]) -> dict[str, Any] | None:
        """What the service says; None: nothing (204). Raises Unavailable."""
        phase = context.phase
        breaker = self.breaker_of(config)
        token = object()
        if not breaker.admits(token):
            self.calls.increase(phase=phase, result="skipped")
            raise Unavailable("the service is not asked: it kept failing")
        began = time.monotonic()
        try:
            answer = await self.tools.http.post(
                config.url, headers={"Content-Type": "application/json", **config.headers},
                content=json.dumps(question, ensure_ascii=False, separators=(",", ":")), timeout_s=config.timeout / 1000)
            found = understood(answer, phase)
        except (HttpError, Misunderstood) as error:
            self.calls.increase(phase=phase, result="failed")
            if breaker.failed(token):
                self.tools.log.error("%s is not asked for %g s: it keeps failing", where(config.url), config.pause / 1000)
            raise Unavailable(f"{where(config.url)}: {error}") from None
        except BaseException:               # cancelled: it took longer than the phase may
            breaker.failed(token)
            raise
        breaker.succeeded(token)
        self.calls.increase(phase=phase, result="answered")
        self.seconds.observe(time.monotonic() - began, phase=phase)
        return found

    def breaker_of(self, config: Config) -> Breaker:
        if id(config) not in self.breakers:
            breaker = Breaker(time.monotonic)
            breaker.most, breaker.pause_s = config.failures, config.pause / 1000
            self.breakers[id(config)] = config, breaker
        return self.breakers[id(config)][1]

    def obeyed(self, context: Context, answer: dict[str, Any]) -> Response | None:
        """Raises Unavailable: what it says can't be done."""
        try:
            return _exit(answer) if answer.get("action") == "exit" else _continue(context, answer)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise Unavailable(f"the service's answer can't be obeyed: {error}") from None


def where(url: str) -> str:
    """Without what may be secret."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2].partition('?')[0]}"


def described(context: Context, config: Any) -> dict[str, Any]:
    """The question, as docs/external.md has it."""
    request, service, consumer = context.request, context.service, context.consumer
    wanted = {name.lower() for name in config.send_headers}
    return {
        "version": PROTOCOL, "phase": context.phase,
        "request": {
            "id": request.id, "method": request.method, "scheme": request.scheme, "host": request.host, "path": request.path,
            "query": request.query, "client_ip": request.client_ip,
            "headers": [[name, value] for name, value in request.headers if ALL in wanted or name.lower() in wanted]},
        "route": {"name": context.route.name} if context.route.name else None,
        "service": None if service is None else {"name": service.name},
        "consumer": None if consumer is None else consumer._asdict(),
        "settings": config.settings,
    }


def described_body(body: bytes) -> dict[str, str]:
    """As text where it is UTF-8."""
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": b64encode(body).decode("ascii")}


def understood(answer: HttpAnswer, phase: str) -> dict[str, Any] | None:
    """Raises Misunderstood."""
    if answer.status == 204 or (phase == "log" and 200 <= answer.status < 300):
        return None
    if answer.status != 200:
        raise Misunderstood(f"answered with status {answer.status}")
    try:
        found = answer.json()
    except ValueError:
        raise Misunderstood("answered with what is no JSON") from None
    if type(found) is not dict:
        raise Misunderstood("answered with JSON that is no object")
    action = found.get("action", "continue")
    if action not in ("continue", "exit"):
        raise Misunderstood(f'answered with the action {action!r}; there are "continue" and "exit"')
    unknown = found.keys() - (_EXIT if action == "exit" else _CONTINUE)
    if unknown:
        raise Misunderstood(f'answered with {", ".join(sorted(unknown))}, which "{action}" does not have')
    return found


def _exit(answer: dict[str, Any]) -> Response:
    json = {} if answer.get("json") is None else {"json": answer["json"]}       # null is "not given" in all it says
    return Response(answer.get("status", 200), answer.get("body"), message=answer.get("message"),
                    headers=_mapping(answer, "headers"), content_type=answer.get("content_type", ""), **json)


def _continue(context: Context, answer: dict[str, Any]) -> None:
    request = context.request
    removed = answer.get("remove_headers", [])
    if type(removed) is not list:
        raise ValueError("remove_headers is no list")
    for name in removed:
        request.clear_header(name)
    for name, value in _mapping(answer, "set_headers").items():
        request.set_header(name, value)
    for name, value in _mapping(answer, "add_headers").items():
        request.add_header(name, value)
    if "set_query" in answer:
        request.set_query(answer["set_query"])
    for name, value in _mapping(answer, "response_headers").items():
        context.add_response_header(name, value)


def _mapping(answer: dict[str, Any], key: str) -> Mapping[str, str]:
    found = answer.get(key, {})
    if type(found) is not dict:
        raise ValueError(f"{key} is no object")
    return found
