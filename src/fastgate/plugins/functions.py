"""pre-function and post-function: snippets of Python in the configuration, run before and behind all other plugins."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any

from fastgate.sdk import Context, Plugin, Response

Snippet = Callable[[Context, Any], Awaitable[Any]]

PHASES = ("rewrite", "access", "header_filter", "body_filter", "log")
_LUA = re.compile(r"^\s*--|\b(?:local|then|elseif|end)\b|\bfunction\s*\(", re.MULTILINE)
_LUAS_OWN = ("kong", "ngx")
_READS_BODY = ("body", "form", "set_body")


def compiled(source: str, place: str) -> Snippet:
    """The body of an `async def` with the parameters context and config. Raises ValueError, which names place and line."""
    try:
        tree = ast.parse(source, f"<{place}>")
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in _LUAS_OWN and isinstance(node.ctx, ast.Load):
                raise ValueError(f"{place}, line {node.lineno}: {node.id} is there in Lua; snippets are Python here, and have "
                                 "context and config")
        # Built of the tree, so that lines are those of the snippet and texts over several lines stay as they are.
        function = ast.parse("async def snippet(context, config): pass").body[0]
        assert isinstance(function, ast.AsyncFunctionDef)
        function.body = tree.body or function.body
        made = compile(ast.Module([function], []), f"<{place}>", "exec", dont_inherit=True)
    except SyntaxError as error:
        hint = "; it looks like Lua: snippets are Python here" if _LUA.search(source) else ""
        raise ValueError(f"{place}, line {error.lineno}: {error.msg}{hint}") from None
    except (RecursionError, MemoryError):
        raise ValueError(f"{place}: is too deeply nested") from None
    names: dict[str, Any] = {"__name__": f"fastgate.{place}", "Response": Response}
    exec(made, names)
    if not inspect.iscoroutinefunction(names["snippet"]):
        raise ValueError(f"{place}: a snippet can't yield: use return and await")
    return names["snippet"]


def reads_body(source: str) -> bool:
    """Whether a snippet may ask for the request's body: then it is collected."""
    return any(isinstance(node, ast.Attribute) and (node.attr in _READS_BODY or node.attr == "json" and isinstance(
        node.value, ast.Attribute) and node.value.attr == "request") for node in ast.walk(ast.parse(source)))


class Snippets:
    """The Config of both: for each phase, snippets that run in order until one returns a Response."""

    certificate: list[str] = []
    rewrite: list[str] = []
    access: list[str] = []
    header_filter: list[str] = []
    body_filter: list[str] = []
    log: list[str] = []

    def __post_init__(self) -> None:
        if self.certificate:
            raise ValueError("certificate: that phase is not in this version")
        made = {phase: [compiled(source, f"{phase}[{at}]") for at, source in enumerate(getattr(self, phase))]
                for phase in PHASES}
        object.__setattr__(self, "_made", made)

    async def run(self, phase: str, context: Context) -> Any:
        for snippet in self._made[phase]:      # type: ignore[attr-defined]
            answer = await snippet(context, self)
            if answer is not None:
                return answer
        return None


class PreFunction(Plugin):
    name = "pre-function"
    version = "1.0.0"
    priority = 1_000_000
    Config = Snippets

    @classmethod
    def uses(cls, config: Any) -> tuple[set[str], bool]:
        return {phase for phase in PHASES if getattr(config, phase)}, any(map(reads_body, config.access))

    async def rewrite(self, context: Context, config: Any) -> Any:
        return await config.run("rewrite", context)

    async def access(self, context: Context, config: Any) -> Any:
        return await config.run("access", context)

    async def header_filter(self, context: Context, config: Any) -> Any:
        return await config.run("header_filter", context)

    async def body_filter(self, context: Context, config: Any) -> Any:
        return await config.run("body_filter", context)

    async def log(self, context: Context, config: Any) -> Any:
        return await config.run("log", context)


class PostFunction(PreFunction):
    name = "post-function"
    priority = -1000
