"""`fastgate demo`."""

import argparse
import os
from typing import TYPE_CHECKING

from fastgate.cli import options

if TYPE_CHECKING:
    from fastgate.cli.demo_upstream import DemoUpstream
    from fastgate.control.lifecycle import Lifecycle

HELP = "try it: a gateway with a built-in upstream and an example configuration"
DESCRIPTION = """\
Starts a gateway, and two small upstreams in the same process, with an example configuration; prints what
to try. Needs nothing else on the machine, and leaves nothing behind. The example's file is watched: edit
it while the demo runs. Ctrl-C ends it."""
EXAMPLES = (
    "fastgate demo",
    "fastgate demo --listen 127.0.0.1:9000",
)
USUAL_PORTS = {"proxy": 8000, "status": 8007}

CONFIG = """\
_format_version: "3.0"

gateway:
  proxy_listen: ["{listen}"]
  status_listen: "{status_listen}"
  access_log: "off"
  watch: true                   # save this file, and the gateway follows

upstreams:
  - name: demo-upstream         # requests go round-robin over two targets
    targets:
      - target: 127.0.0.1:{port_one}
      - target: 127.0.0.1:{port_two}

services:
  - name: echo
    host: demo-upstream
    routes:
      - name: everything
        paths: [/]
      - name: stripped          # the upstream sees the path without /api
        paths: [/api]
        strip_path: true
  - name: beta                  # one target only, for who sends the header
    url: http://127.0.0.1:{port_two}
    routes:
      - name: by-header
        paths: [/]
        headers: {{x-version: [beta]}}
"""

HINTS = """
fastgate demo is running. Try, in another terminal:

  curl {url}/get                              # answered by two targets in turn
  curl '{url}/api/users?page=2'               # the upstream sees /users
  curl -H 'X-Version: beta' {url}/get         # this header has a route of its own
  curl -d 'hello' {url}/post
  curl -N {url}/stream                        # server-sent events, as they come
  curl {status_url}/metrics                   # Prometheus; also /status

A WebSocket that answers what you send is at ws{websocket}/ws.
The configuration is {config}: edit it, and the gateway follows.

Ctrl-C ends the demo.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", metavar="ADDR", help="where to listen: host:port (default: 127.0.0.1:8000, or a free port)")
    parser.add_argument("--workers", metavar="N", type=options.workers, default=1,
                        help="reactor threads: 1 to 64, or auto, one for each core (default: 1)")


def run(args: argparse.Namespace) -> int:
    import shutil
    import sys
    import tempfile

    from fastgate.cli.demo_upstream import DemoUpstream
    from fastgate.control.run import run_gateway
    from fastgate.control.source import file_source

    try:
        home = tempfile.mkdtemp(prefix="fastgate-demo-")
    except OSError as error:        # a container whose root is read-only
        print(f"fastgate demo: no folder for its configuration: {error.strerror}; $TMPDIR names one", file=sys.stderr)
        return 1
    upstreams = [DemoUpstream("one"), DemoUpstream("two")]
    try:
        config = os.path.join(home, "fastgate.yaml")
        listen = args.listen or f"127.0.0.1:{free_port(USUAL_PORTS['proxy'])}"
        status_listen = f"127.0.0.1:{free_port(USUAL_PORTS['status'])}"
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(listen=listen, status_listen=status_listen,
                                     port_one=upstreams[0].port, port_two=upstreams[1].port))
        source = file_source(config, {"workers": args.workers, "log_level": "warn"})
        return run_gateway(source, on_ready=lambda lifecycle: _begin(lifecycle, upstreams, status_listen, config),
                           on_end=lambda: _end(upstreams))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def free_port(usual: int) -> int:
    """The usual port if nobody has it, otherwise any free one of the loopback."""
    import socket

    for port in (usual, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError("no free port on 127.0.0.1")


async def _begin(lifecycle: "Lifecycle", upstreams: "list[DemoUpstream]", status_listen: str, config: str) -> None:
    for upstream in upstreams:
        await upstream.start()
    url = f"http://{lifecycle.plane.listeners[0].address}"
    print(HINTS.format(url=url, status_url=f"http://{status_listen}", websocket=url.removeprefix("http"),
                       config=config), flush=True)


def _end(upstreams: "list[DemoUpstream]") -> None:
    for upstream in upstreams:
        upstream.close()
