"""What a gateway holds in memory for nothing: modules that its configuration does not ask for."""

import json
import subprocess
import sys

# As the command does it; what Python's own start and site-packages import is no affair of ours.
CODE = """
import sys
before = set(sys.modules)
from functools import partial
from fastgate.control import run
def on_ready(lifecycle):
    print(" ".join(set(sys.modules) - before))
    lifecycle.stop()
run.run_gateway = partial(run.run_gateway, on_ready=on_ready)
from fastgate.cli.main import main
sys.exit(main(["run", "-c", sys.argv[1]]))
"""
NOT_NEEDED = {
    "httpx", "httpcore", "redis", "dns", "cryptography", "jsonschema", "ctypes", "email", "http", "urllib", "uuid", "platform",
    "pathlib", "shutil", "bz2", "lzma", "zlib", "tempfile", "random", "dataclasses", "ipaddress", "multiprocessing", "unittest",
    "fastgate.asgi", "fastgate.clients", "fastgate.sdk", "fastgate.cli.plugins", "fastgate.cli.demo",
    "fastgate.control.resolver", "fastgate.control.python_runner", "fastgate.control.jwks", "fastgate.telemetry.prometheus",
}


def test_a_typical_gateway_imports_nothing_that_it_does_not_use(tmp_path):
    model = {
        "_format_version": "3.0",
        "gateway": {"proxy_listen": ["127.0.0.1:0"], "status_listen": "127.0.0.1:0", "access_log": str(tmp_path / "access.log"),
                    "control_socket": str(tmp_path / "control.sock"), "workers": 2},
        "consumers": [{"username": "a", "jwt_secrets": [{"key": "a", "secret": "s" * 32}]}],
        "plugins": [{"name": "jwt", "config": {"claims_to_verify": ["exp"]}},
                    {"name": "rate-limiting", "config": {"minute": 100, "hour": 1000}}],
        "services": [{"name": "origin", "url": "http://127.0.0.1:9", "routes": [{"name": "all", "paths": ["/"]}]}],
    }
    file = tmp_path / "fastgate.yaml"
    file.write_text(json.dumps(model))
    done = subprocess.run([sys.executable, "-c", CODE, str(file)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert "fastgate._core.bridge.gateway" in imported and "fastgate.telemetry.status_listener" in imported
    assert sorted(imported & NOT_NEEDED) == []
