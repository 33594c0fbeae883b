"""A gateway before an origin, with a folder of plugins in Python and the configurations that use them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from support.origin import Origin
from support.site import Site, config_of, service

HEADER = "import asyncio, threading, time\nfrom fastgate import Context, Plugin, Response\n\n"
PATIENT = {"timeout": 30_000}        # hooks have all the time there is: the machine may have other work
HELD = """
    async def access(self, context, config):
        while not __import__("os").path.exists(config.gate):
            await asyncio.sleep(0.002)
        context.request.set_header("X-Held", "yes")
"""


def write_plugin(folder: Path, name: str, body: str, *, priority: int = 700, config: str = "pass") -> str:
    """A file with a plugin of this name; `body`: its hooks."""
    class_name = name.title().replace("-", "")
    text = f"class {class_name}(Plugin):\n    name = {name!r}\n    version = '1.0.0'\n    priority = {priority}\n\n"
    text += f"    class Config:\n{textwrap.indent(textwrap.dedent(config), ' ' * 8)}\n\n"
    (folder / f"{name.replace('-', '_')}.py").write_text(
        HEADER + text + textwrap.indent(textwrap.dedent(body), " " * 4))
    return name


def plugin(name: str, **config: Any) -> dict[str, Any]:
    return {"name": name, "config": config}


def config_with(origin: Origin, folder: Path, *plugins: dict[str, Any], python: dict[str, Any] | None = None,
                **fields: Any) -> dict[str, Any]:
    """One service with these plugins on /, and without any on /plain; PATIENT unless `python` has it otherwise."""
    routes = ({"name": "python", "paths": ["/"], "strip_path": False, "plugins": list(plugins)},
              {"name": "plain", "paths": ["/plain"], "strip_path": False})
    gateway = {"plugin_path": str(folder), "python": PATIENT | (python or {})}
    return config_of(service(origin, *routes, **fields), gateway=gateway)


def wait_calls(site: Site, name: str, count: int) -> None:
    """Until the plugin has so many calls under way."""
    site.wait_metric(f'fastgate_plugin_calls_active{{plugin="{name}"}}', count)
