"""The base class of all plugins, and the contract their classes must keep."""

from __future__ import annotations

import inspect
import re
from difflib import get_close_matches
from typing import Any, ClassVar

from .context import Context
from .errors import PluginError
from .schema import Schema, schema_of
from .tools import Tools

HOOKS = ("init", "configure", "rewrite", "access", "header_filter", "body_filter", "log", "close")
PHASES = ("rewrite", "access", "header_filter", "body_filter", "log")       # of a request
RESERVED = ("body_limit", "on_error", "phase_timeout")     # in every plugin's config; see docs/plugins.md
_NOT_YET = ("certificate", "balancer", "response", "preread", "init_worker")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*\Z")
_VERSION = re.compile(r"\d+(?:\.\d+){1,2}(?:[-+.]?[0-9A-Za-z.]+)?\Z")
MOST_BODY_LIMIT = 64 * 1024 * 1024
_MOST_PRIORITY = 2**31 - 1


class Plugin:
    """A policy written in Python.

    A subclass has a `name` and a `version`, usually a `priority` and a `Config`, and any of the hooks
    below, each as `def` or as `async def`. An `async def` runs on the gateway's control loop: it must
    not block. A `def` runs in one of the plugin's own threads and may.

    One object of the class serves all its configurations and all requests, so what it keeps in
    `self` is shared; a `def` hook may run in several threads at once.

        class Greeting(Plugin):
            name = "greeting"
            version = "1.0.0"
            priority = 700

            class Config:
                text: str = "hello"

            async def access(self, context: Context, config: Config) -> Response | None:
                context.request.set_header("X-Greeting", config.text)
    """

    #: What a configuration calls it: lower case, digits, "-".
    name: ClassVar[str]
    #: Of the plugin: "1.0.0".
    version: ClassVar[str]
    #: Plugins with a higher one run earlier. Kong's numbers: authentication 1450 to 1030, limits 910.
    priority: ClassVar[int] = 1000
    #: HTTP, Redis, metrics, store and log: set before `init`.
    tools: Tools

    #: A configuration without `gateway.redis` that names it is refused.
    needs_redis: ClassVar[bool] = False
    #: Collect the body before `access`, for context.request.body.
    reads_body: ClassVar[bool] = False
    #: The largest body it reads, in bytes; None: gateway.python.body says. A larger one is answered with 413.
    body_limit: ClassVar[int | None] = None

    class Config:
        """What `config:` may hold: annotated names, with defaults unless a value must be given."""

    def init(self) -> Any:
        """Once, before the first configuration is used."""

    def configure(self, configs: list[Any]) -> Any:
        """All its configurations, whenever they change. To raise refuses the change."""

    @classmethod
    def uses(cls, config: Any) -> tuple[set[str], bool]:
        """Which of its phases a configuration needs, and whether it reads bodies: calls that would do nothing are not made."""
        return {phase for phase in PHASES if getattr(cls, phase) is not getattr(Plugin, phase)}, cls.reads_body

    @classmethod
    def secret_args(cls, config: Any) -> list[str]:
        """Arguments of the query that hold what is secret: the access log has stars for their letters."""
        return []

    def rewrite(self, context: Context, config: Any) -> Any:
        """A request, before its route is found: only for what is configured for everybody. Returns what `access` does."""

    def access(self, context: Context, config: Any) -> Any:
        """A request, before the upstream is asked. None: it goes on. A Response: that is the answer."""

    def header_filter(self, context: Context, config: Any) -> Any:
        """An answer, whoever gives it, before anything of it is sent: `context.response`. Returns None."""

    def body_filter(self, context: Context, config: Any) -> Any:
        """An answer with its whole body, behind all header_filters: `context.response.body`. Returns None."""

    def log(self, context: Context, config: Any) -> Any:
        """A request is over: `context.outcome` says how. Nobody waits for it."""

    def close(self) -> Any:
        """Once, when no configuration uses it any more, or the gateway ends."""


class Contract:
    """A plugin class that keeps the contract, and what the gateway must know of it."""

    def __init__(self, plugin_class: type[Plugin]) -> None:
        """Raises PluginError."""
        self.plugin_class = plugin_class
        self.name: str = _checked(plugin_class, "name", str, _NAME, 'lower case, digits and "-", like "my-plugin"')
        self.version: str = _checked(plugin_class, "version", str, _VERSION, 'like "1.0.0"')
        self.priority = plugin_class.priority
        if type(self.priority) is not int or abs(self.priority) > _MOST_PRIORITY:
            raise PluginError(f"{plugin_class.__name__}.priority must be an integer, not {self.priority!r}")
        if "tools" in plugin_class.__dict__:
            raise PluginError(f"{plugin_class.__name__}.tools is what the gateway sets; choose another name")
        for hook in _NOT_YET:
            if hasattr(plugin_class, hook):
                raise PluginError(f"{plugin_class.__name__}.{hook}: that phase is not in this version; "
                                  f"there are {', '.join(HOOKS)}")
        self.hooks = {hook: getattr(plugin_class, hook) for hook in HOOKS
                      if getattr(plugin_class, hook) is not getattr(Plugin, hook)}
        for hook, function in self.hooks.items():
            _check_hook(plugin_class, hook, function)
        _check_body(plugin_class, "access" in self.hooks)
        if type(plugin_class.needs_redis) is not bool:
            raise PluginError(f"{plugin_class.__name__}.needs_redis is True or False, not {plugin_class.needs_redis!r}")
        self.schema: Schema = schema_of(plugin_class.Config, f"{self.name}'s config", f"{plugin_class.__name__}.Config")
        for name in RESERVED:
            if name in self.schema.fields:
                raise PluginError(f"{plugin_class.__name__}.Config.{name}: the gateway itself reads a {name} from every "
                                  "plugin's config; choose another name")
        self.misnamed = _misnamed(plugin_class)
        if not self.hooks:
            near = [f"{name}: did you mean {hook}?" for name, hook in self.misnamed.items()]
            raise PluginError(f"{plugin_class.__name__} has none of the hooks, so it would never be called; there are "
                              + "; ".join((", ".join(HOOKS), *near)))

    def is_async(self, hook: str) -> bool:
        return inspect.iscoroutinefunction(self.hooks[hook])


def _misnamed(plugin_class: type[Plugin]) -> dict[str, str]:
    """Methods that are no hooks, whose names are near one's → that hook."""
    found = {}
    for one in plugin_class.__mro__[:plugin_class.__mro__.index(Plugin)]:
        for name, value in vars(one).items():
            near = get_close_matches(name.lower(), HOOKS, 1, 0.8)
            if near and name[0] != "_" and inspect.isfunction(value) and not hasattr(Plugin, name):
                found[name] = near[0]
    return found


def _checked(plugin_class: type, attribute: str, kind: type, pattern: re.Pattern[str], form: str) -> Any:
    value = getattr(plugin_class, attribute, None)
    if type(value) is not kind or not pattern.match(str(value)):
        raise PluginError(f"{plugin_class.__name__}.{attribute} must be {form}; it is {value!r}")
    return value


def _check_body(plugin_class: type[Plugin], has_access: bool) -> None:
    limit, reads = plugin_class.body_limit, plugin_class.reads_body
    if type(reads) is not bool or limit is not None and (type(limit) is not int or not 0 < limit <= MOST_BODY_LIMIT):
        raise PluginError(f"{plugin_class.__name__}: reads_body is True or False, body_limit 1 to {MOST_BODY_LIMIT} bytes")
    if reads and not has_access:
        raise PluginError(f"{plugin_class.__name__}.reads_body: bodies are read in access, which it does not define")


def _check_hook(plugin_class: type, hook: str, function: Any) -> None:
    place = f"{plugin_class.__name__}.{hook}"
    if not inspect.isfunction(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(f"{place} must be a def or an async def")
    parameters = list(inspect.signature(getattr(Plugin, hook)).parameters)
    given = inspect.signature(function)
    try:
        given.bind(*parameters)
    except TypeError:
        raise PluginError(f"{place}{given} must take ({', '.join(parameters)})") from None
