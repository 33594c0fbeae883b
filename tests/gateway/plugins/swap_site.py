"""A plugin whose versions follow each other, and one that looks into the gateway's process."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
from typing import Any

from gateway.plugins.python_site import HEADER
from support.client import get
from support.site import Site

PROBE = """
import gc, json, resource, sys, threading, types
from fastgate import Plugin, Response

class Probe(Plugin):
    name = "probe"
    version = "1.0"

    async def access(self, context, config):
        gc.unfreeze()
        gc.collect()
        found = gc.get_objects()
        named = lambda one: getattr(one, "__name__", "") if type(one) is types.ModuleType else ""
        own = [name for name in map(named, found) if name.startswith("fastgate_plugin_") and name != __name__]
        import linecache, logging, os
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        return Response(200, json={
            "objects": len(found), "modules": sorted(own), "named": len(sys.modules), "lines": len(linecache.cache),
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "loggers": len(logging.getLogger().manager.loggerDict), "files": len(os.listdir("/proc/self/fd")),
            "resident": pages * os.sysconf("SC_PAGE_SIZE"),
        })
"""


def write_atomically(path: Path, text: str) -> None:
    """As editors and deployments do it."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    os.replace(new, path)


def changing(version: str, body: str, *, config: str = "pass", name: str = "changing", before: str = "") -> str:
    """The text of a plugin's version."""
    text = f"class Changing(Plugin):\n    name = {name!r}\n    version = {version!r}\n\n    class Config:\n"
    return (HEADER + textwrap.dedent(before) + text + textwrap.indent(textwrap.dedent(config), " " * 8) + "\n\n"
            + textwrap.indent(textwrap.dedent(body), " " * 4))


def answers(text: str) -> str:
    """A hook whose answer tells the version."""
    return f"async def access(self, context, config):\n    return Response(200, json={text})"


def probe(site: Site) -> dict[str, Any]:
    response = site.ask(get("/probe"))
    assert response.status == 200, response.body
    return json.loads(response.body)
