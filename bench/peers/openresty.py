"""nginx with its Lua module, built up as gateways written in Lua are.

The least such a gateway does for a plain proxied request: look up the route in the access
phase, pick the target in the balancer phase, set a latency header in the header filter,
count in the log phase. Everything is local, cached by the JIT compiler, and nothing is
written anywhere; a real one (Kong, APISIX) does much more. `nginx.py` says how the rest is set.
"""

import signal

from . import nginx, policy
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


# With a policy. Tables, shared dictionaries and an LRU cache of verified tokens, as gateways in Lua
# have them (the cache: lua-resty-lrucache; limits and metrics: what lua-resty-limit-traffic's
# counter and nginx-lua-prometheus do, written out: these packages are not Debian's).
POLICY_INIT = """
  lua_package_path "/usr/share/lua/5.1/?.lua;;";
  lua_shared_dict counters 10m;
  lua_shared_dict limits 10m;
  log_format json escape=json '{{"started_at":$msec,"client_ip":"$remote_addr","request":{{"id":"$request_id",'
    '"method":"$request_method","uri":"$request_uri","size":$request_length,"user_agent":"$http_user_agent"}},'
    '"response":{{"status":$status,"size":$bytes_sent}},"latencies":{{"request":$request_time,'
    '"upstream":"$upstream_response_time"}},"target":"$upstream_addr","consumer":"$consumer"}}';
  init_by_lua_block {{
    targets = {{ {{ host = "127.0.0.1", port = {origin_port} }} }}
    balancer = require "ngx.balancer"
    consumers = {{ {consumers} }}
    local ffi = require "ffi"
    ffi.cdef[[unsigned char *HMAC(const void *md, const void *key, int key_len, const unsigned char *d, size_t n,
                                  unsigned char *out, unsigned *out_len); const void *EVP_sha256(void);]]
    local crypto = ffi.load("libcrypto.so.3")
    local room, len = ffi.new("unsigned char[32]"), ffi.new("unsigned[1]")
    function hmac_sha256(key, text)
      crypto.HMAC(crypto.EVP_sha256(), key, #key, text, #text, room, len)
      return ffi.string(room, 32)
    end
    tokens = require("resty.lrucache").new(1000)
  }}
"""

POLICY_LOCATION = """    set $consumer "";
    location / {
      access_by_lua_block {
        local ctx = ngx.ctx
        local consumer
        %s
        ctx.consumer = consumer
        ngx.var.consumer = consumer
        ngx.req.set_header("X-Consumer-Username", consumer)
        ngx.req.set_header("X-Consumer-ID", consumer)
        local now = ngx.now()
        local least
        for i = 1, 2 do
          local period = i == 1 and 60 or 3600
          local limit = i == 1 and %d or %d
          local window = math.floor(now / period)
          local count = ngx.shared.limits:incr(consumer .. ":" .. period .. ":" .. window, 1, 0, period)
          if count > limit then
            ngx.header["Retry-After"] = period - now %% period
            return ngx.exit(429)
          end
          if not least or limit - count < least then
            least = limit - count
            ctx.limit, ctx.remaining, ctx.reset = limit, least, math.ceil((window + 1) * period - now)
          end
          if i == 1 then ctx.minute = limit - count else ctx.hour = limit - count end
        end
        ctx.started = now
      }
      header_filter_by_lua_block {
        local ctx, header = ngx.ctx, ngx.header
        header["RateLimit-Limit"], header["RateLimit-Remaining"] = ctx.limit, ctx.remaining
        header["RateLimit-Reset"] = ctx.reset
        header["X-RateLimit-Limit-Minute"], header["X-RateLimit-Remaining-Minute"] = %d, ctx.minute
        header["X-RateLimit-Limit-Hour"], header["X-RateLimit-Remaining-Hour"] = %d, ctx.hour
        header["X-Proxy-Latency"] = (ngx.now() - (ctx.started or ngx.now())) * 1000
      }
      log_by_lua_block {
        local counters = ngx.shared.counters
        local took = tonumber(ngx.var.request_time)
        counters:incr("requests:origin:all:" .. ngx.status, 1, 0)
        counters:incr("bytes", tonumber(ngx.var.bytes_sent), 0)
        local bucket = 0.0001
        while bucket < took and bucket < 10 do bucket = bucket * 2 end
        counters:incr("latency:origin:" .. bucket, 1, 0)
      }
      proxy_pass http://origin;
    }
"""

FIND = {
    "key": """consumer = consumers[ngx.var.http_apikey or ""]
        if not consumer then return ngx.exit(401) end""",
    "jwt": """local bearer = ngx.var.http_authorization or ""
        local token = string.sub(bearer, 8)
        local known = tokens:get(token)
        if not known then
          local head, claims, mac = string.match(token, "^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
          -- Once a token, so it may be plain: base64url to base64, two claims by pattern.
          local read = claims and ngx.decode_base64((string.gsub(claims, "[-_]", {["-"] = "+", ["_"] = "/"})) ..
            string.rep("=", -#claims % 4)) or ""
          local issuer, expires = string.match(read, '"iss": *"([^"]*)"'), string.match(read, '"exp": *(%d+)')
          local secret = issuer and expires and consumers[issuer]
          local right = secret and ngx.encode_base64(hmac_sha256(secret, head .. "." .. claims), true)
          if not right or string.gsub(right, "[+/]", {["+"] = "-", ["/"] = "_"}) ~= mac then return ngx.exit(401) end
          known = { consumer = issuer, expires = tonumber(expires) }
          tokens:set(token, known, 3600)
        end
        if known.expires < ngx.time() then return ngx.exit(401) end
        consumer = known.consumer""",
}


def with_policy(setup: Setup) -> list[str]:
    value = {"key": lambda i: (policy.key(i), policy.name(i)), "jwt": lambda i: (policy.name(i), policy.secret(i))}[setup.policy]
    consumers = ", ".join('["%s"] = "%s"' % value(i) for i in range(policy.CONSUMERS))
    limits = (policy.PER_MINUTE, policy.PER_HOUR)
    location = POLICY_LOCATION % (FIND[setup.policy], *limits, *limits)
    text = nginx.main_section(setup, MODULES.format(nginx.MODULES)) + nginx.http_section(
        setup, location, BALANCER, POLICY_INIT.format(consumers=consumers, origin_port=setup.origin_port),
        log=f"{setup.folder}/access.log json buffer=64k flush=1s",
    )
    return nginx.command(setup, text)


def configure(setup: Setup) -> list[str]:
    if setup.policy:
        return with_policy(setup)
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
