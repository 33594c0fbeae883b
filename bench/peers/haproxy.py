"""HAProxy with one thread a worker and upstream connections shared by all clients.

Departures from its defaults, all in its favour:
  * `http-reuse always`: by default only connections that proved safe are shared, which costs
    reuse; fastgate shares always too;
  * for bodies that don't fit into its buffers of 16 KiB, buffers of 128 KiB, and from 1 MB on of
    64: the cheapest of those tried. `option splice-auto` (the kernel moves the bytes) was no better;
  * 10,000 routes are a map file with `map_beg`, its prefix tree, instead of that many rules.
`no strict-limits`: it wants two descriptors for each of `maxconn` clients, more than this
machine's limit for 10,000 idle ones, though idle ones need one. It adds no header, writes no log and keeps its usual counters.
"""

import re
import signal

from .peer import Peer, Setup, first_line


def configure(setup: Setup) -> list[str]:
    master = setup.routes and setup.extra_path      # a reload test: the reload needs a master process
    sockets = f"  stats socket {setup.folder}/haproxy.sock expose-fd listeners\n" if master else ""
    choice = "  default_backend origin\n"
    if setup.routes:
        table = setup.folder / "routes.map"
        table.write_text("".join(f"{path} origin\n" for path in setup.paths()))
        choice = f"  use_backend %[path,map_beg({table})]\n"
    size = 65536 if setup.body_bytes >= 2**20 else 131072
    buffers = f"  tune.bufsize {size}\n" if setup.body_bytes > 16384 else ""
    file = setup.folder / "haproxy.cfg"
    file.write_text(f"""global
  nbthread {setup.workers}
  maxconn {setup.connections + 512}
  no strict-limits
{buffers}{sockets}defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 60s
  timeout http-keep-alive 75s
frontend in
  bind 127.0.0.1:{setup.port} backlog 4096
{choice}backend origin
  http-reuse always
  server origin 127.0.0.1:{setup.origin_port}
""")
    return ["haproxy", *(["-W"] if master else []), "-db", "-f", str(file)]


def version() -> str | None:
    line = first_line(["haproxy", "-v"])
    found = line and re.search(r"version (\d[\d.]*)", line)
    return f"HAProxy {found.group(1)}" if found else None


def peer() -> Peer:
    return Peer("haproxy", "HAProxy", configure, version, signal.SIGUSR2)
