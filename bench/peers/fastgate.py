"""fastgate by its own command, with its defaults; only the logs are off, as everywhere here.

It adds forwarding headers, a request id and latency headers, and counts by service and
route: that is what it does out of the box, and it is measured so.
"""

import compileall
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from process import free_port

from . import policy
from .peer import Peer, Setup, first_line

HERE = Path(__file__).resolve().parents[2]


TRIVIAL = """from fastgate import Plugin


class Trivial(Plugin):
    name = "trivial"
    version = "1.0.0"

    async def access(self, context, config):
        return None
"""


def document(setup: Setup) -> dict:
    if setup.policy == policy.PYTHON:
        return with_python(setup)
    if setup.policy:
        return with_policy(setup)
    routes = [{"name": f"route-{i}", "paths": [path], "strip_path": False} for i, path in enumerate(setup.paths() or ["/"])]
    return {
        "_format_version": "3.0",
        "gateway": {
            "proxy_listen": [f"127.0.0.1:{setup.port}"],
            "status_listen": "off",
            "workers": setup.workers,
            "access_log": "off",
            "log_level": "error",
            "control_socket": str(setup.folder / "control.sock"),
        },
        "services": [{"name": "origin", "url": f"http://127.0.0.1:{setup.origin_port}", "routes": routes}],
    }


def with_policy(setup: Setup) -> dict:
    """The same and the policy's plugins; in the form of JSON, which is YAML: by the name `fastgate.yaml` YAML's parser reads it, and is loaded."""
    model = document(replace(setup, policy=""))
    model["gateway"] |= {"status_listen": f"127.0.0.1:{free_port()}", "access_log": str(setup.folder / "access.log")}
    plugin, credentials = {
        "key": ("key-auth", lambda i: {"keyauth_credentials": [{"key": policy.key(i)}]}),
        "jwt": ("jwt", lambda i: {"jwt_secrets": [{"key": policy.name(i), "secret": policy.secret(i)}]}),
    }[setup.policy]
    model["consumers"] = [{"username": policy.name(i), **credentials(i)} for i in range(policy.CONSUMERS)]
    config = {"claims_to_verify": ["exp"]} if plugin == "jwt" else {}
    model["plugins"] = [
        {"name": plugin, "config": config},
        {"name": "rate-limiting", "config": {"minute": policy.PER_MINUTE, "hour": policy.PER_HOUR}},
    ]
    return model


def with_python(setup: Setup) -> dict:
    """The same and, on one path, a plugin in Python that does nothing."""
    model = document(replace(setup, policy=""))
    folder = setup.folder / "plugins"
    folder.mkdir(exist_ok=True)
    (folder / "trivial.py").write_text(TRIVIAL)
    model["gateway"]["plugin_path"] = str(folder)
    model["services"][0]["routes"].append(
        {"name": "python", "paths": [policy.PYTHON_PATH], "strip_path": False, "plugins": [{"name": "trivial"}]})
    return model


def as_yaml(model: dict) -> str:
    """The document as a person writes it: one route of four lines after the other."""
    gateway = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in model["gateway"].items())
    service = model["services"][0]
    routes = "".join(
        f"  - name: {route['name']}\n    strip_path: false\n    paths:\n    - {route['paths'][0]}\n"
        for route in service["routes"]
    )
    return (
        f'_format_version: "3.0"\ngateway:\n{gateway}'
        f"services:\n- name: {service['name']}\n  url: {service['url']}\n  routes:\n{routes}"
    )


def write(setup: Setup) -> Path:
    model = document(setup)
    file = setup.folder / f"fastgate.{setup.form}"
    text = json.dumps(model) if setup.form == "json" or setup.policy else as_yaml(model)
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.replace(file)
    return file


def configure(setup: Setup) -> list[str]:
    return [sys.executable, "-m", "fastgate", "run", "-c", str(write(setup))]


def peer(name: str = "fastgate", tree: Path = HERE) -> Peer:
    """From the tree given if it was built in place there, otherwise as installed."""
    is_built = any((tree / "src/fastgate/_core").rglob("*.so"))
    if is_built:        # as an installation does: otherwise each start would compile its Python again
        compileall.compile_dir(tree / "src/fastgate", quiet=2)
    environment = {"PYTHONPATH": str(tree / "src")} if is_built else {}

    def version() -> str | None:
        return first_line([sys.executable, "-m", "fastgate", "version"], {**os.environ, **environment})

    return Peer(name, name, configure, version, signal.SIGHUP, environment=environment)
