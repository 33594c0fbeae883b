"""nginx as its documentation sets up a proxy with keep-alive upstreams.

Departures from its defaults, all in its favour:
  * one upstream connection per request is the default; `keepalive` with HTTP/1.1 and an empty
    Connection field is the documented way to reuse them;
  * `keepalive_requests` closes a connection after 1,000 requests by default: raised out of the way;
  * no access log; no spooling of bodies to disk: responses are relayed as they come once the
    buffers are full (`proxy_max_temp_file_size 0`), request bodies are held in memory up to
    128 KiB (`client_body_buffer_size`);
  * `proxy_buffers 16 32k` instead of 8 of 4k: 100 KB responses cost it 2.6 times less so. Larger
    ones, `proxy_buffering off` and `proxy_request_buffering off` were tried and were no better.
It adds no header and keeps no counters, which fastgate does.
"""

import os
import re
import signal
from pathlib import Path

from .peer import Peer, Setup, first_line

MODULES = Path("/usr/lib/nginx/modules")


def main_section(setup: Setup, modules: str = "") -> str:
    user = "user root;\n" if os.geteuid() == 0 else ""
    return f"""{modules}{user}worker_processes {setup.workers};
worker_rlimit_nofile 20000;
daemon off;
pid {setup.folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections {max(1024, setup.connections * 9 // 8 + 768)}; }}
"""


def http_section(setup: Setup, locations: str, upstream: str = "", extra: str = "", log: str = "off") -> str:
    temporary = "".join(
        f"  {kind}_temp_path {setup.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    upstream = upstream or f"server 127.0.0.1:{setup.origin_port};"
    return f"""http {{
{temporary}{extra}  access_log {log};
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_buffer_size 128k;
  upstream origin {{
    {upstream}
    keepalive 512;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{setup.port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_max_temp_file_size 0;
    proxy_buffers 16 32k;
    proxy_busy_buffers_size 256k;
{locations}  }}
}}
"""


def command(setup: Setup, text: str) -> list[str]:
    file = setup.folder / "nginx.conf"
    file.write_text(text)
    return ["nginx", "-p", str(setup.folder), "-c", str(file), "-e", "stderr"]


def configure(setup: Setup) -> list[str]:
    paths = setup.paths() or ["/"]
    locations = "".join(f"    location {path} {{ proxy_pass http://origin; }}\n" for path in paths)
    if setup.routes:
        locations += "    location / { return 404; }\n"
    return command(setup, main_section(setup) + http_section(setup, locations))


def version() -> str | None:
    line = first_line(["nginx", "-v"])
    found = line and re.search(r"nginx/\S+", line)
    return found.group().replace("/", " ") if found else None


def peer() -> Peer:
    return Peer("nginx", "nginx", configure, version, signal.SIGHUP)
