"""nginx with its Lua module, built up as gateways written in Lua are.

The least such a gateway does for a plain proxied request: look up the route in the access
phase, pick the target in the balancer phase, set a latency header in the header filter,
count in the log phase. Everything is local, cached by the JIT compiler, and nothing is
written anywhere; a real one (Kong, APISIX) does much more. `nginx.py` says how the rest is set.
"""

import signal

from . import nginx
from .peer import Peer, Setup

MODULES = "load_module {0}/ndk_http_module.so;\nload_module {0}/ngx_http_lua_module.so;\n"

# Routes are kept by their first two path segments, the cheapest table that Lua has.
INIT = """
  lua_package_path "/usr/share/lua/5.1/?.lua;;";
  lua_shared_dict counters 1m;
  init_by_lua_block {{
    routes = {{ {routes} }}
    targets = {{ {{ host = "127.0.0.1", port = {origin_port} }} }}
    balancer = require "ngx.balancer"
  }}
"""

LOCATION = """    location / {
      access_by_lua_block {
        local ctx = ngx.ctx
        local uri = ngx.var.uri
        local service = routes["/"]
        if not service then
          local second = string.find(uri, "/", 4, true)
          service = second and routes[string.sub(uri, 1, second)]
        end
        if not service then
          return ngx.exit(404)
        end
        ctx.service = service
        ctx.started = ngx.now()
      }
      header_filter_by_lua_block {
        ngx.header["X-Proxy-Latency"] = (ngx.now() - ngx.ctx.started) * 1000
      }
      log_by_lua_block {
        ngx.shared.counters:incr(ngx.ctx.service, 1, 0)
      }
      proxy_pass http://origin;
    }
"""

BALANCER = """server 0.0.0.1;
    balancer_by_lua_block {
      local target = targets[1]
      balancer.set_current_peer(target.host, target.port)
    }"""


def configure(setup: Setup) -> list[str]:
    routes = ", ".join(f'["{path}"] = "origin"' for path in setup.paths() or ["/"])
    text = nginx.main_section(setup, MODULES.format(nginx.MODULES)) + nginx.http_section(
        setup, LOCATION, BALANCER, INIT.format(routes=routes, origin_port=setup.origin_port)
    )
    return nginx.command(setup, text)


def version() -> str | None:
    has_lua = (nginx.MODULES / "ngx_http_lua_module.so").exists()
    of_nginx = nginx.version()
    return f"{of_nginx} + lua module" if of_nginx and has_lua else None


def peer() -> Peer:
    return Peer("openresty", "nginx + Lua", configure, version, signal.SIGHUP)
