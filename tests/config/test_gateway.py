"""The gateway section: every default, short forms, refusals."""

import pytest
from fastgate.config.gateway import defaults

from .support import HEAD, errors_of, gateway_with, loaded, the_error

KEY = "NhNaAzu8VoUHqlX3dkX0X3w8yJdBkmfFtHZFQmcMrWA="
DEFAULTS = {
    "proxy_listen": ["0.0.0.0:8000"], "status_listen": "127.0.0.1:8007", "workers": "auto", "memory_budget": None, "trusted_ips": [],
    "real_ip_header": "X-Real-IP", "real_ip_recursive": False, "access_log": {"path": "stdout", "format": "json"},
    "log_level": "info", "header_prefix": "X-Fastgate", "watch": False, "allowed_upgrades": [], "control_socket": "",
    "plugin_path": None, "plugin_trust": None,
    "asgi": {"path": None, "concurrency": 1024, "startup_timeout": 30000, "shutdown_timeout": 10000},
    "python": {"timeout": 1000, "threads": 4, "calls": 1024, "body": 1048576, "failures": 20, "pause": 10000,
               "metric_series": 1000,
               "http": {"connections": 100, "idle": 20, "keep_alive": 30000, "timeout": 10000, "connect_timeout": 5000,
                        "answer_bytes": 1_048_576, "tls_verify": True, "ca_file": None}},
    "redis": None, "bans": {"sync_rate": 5},
    "resolver": {"nameservers": [], "timeout": 2000, "min_ttl": 1, "max_ttl": 3600, "not_found_ttl": 30, "error_ttl": 1},
    "keepalive": {"pool_size": 512, "max_requests": 10000, "idle_timeout": 60000},
    "limits": {"connections": "auto", "header_bytes": 65536, "headers": 200, "uri_bytes": 16384, "body_bytes": 0,
               "chunk_extension_bytes": 1024, "retry_buffer_bytes": 65536, "regex_match_limit": 10000, "token_cache": 1000,
               "rate_limit_keys": 100_000, "visitors": 16_384},
    "timeouts": {"client_header": 15000, "client_body": 60000, "client_write": 60000, "min_rate": 512,
                 "keep_alive": 75000, "tunnel": 3600000, "linger": 2000, "drain": 30000},
}


@pytest.mark.parametrize("text", ["", "gateway:\n", "gateway: {}\n", "gateway: {limits: {}, timeouts: , keepalive: {}}\n"])
def test_absent_keys_have_their_defaults(text):
    assert loaded(HEAD + text).gateway == DEFAULTS


def test_defaults_are_those_of_an_empty_file():
    assert defaults() == DEFAULTS


@pytest.mark.parametrize("key, written, read", [
    ("proxy_listen", "127.0.0.1:80", ["127.0.0.1:80"]),
    ("proxy_listen", ["a:1", "[::]:2", "unix:/run/x", "a:1"], ["a:1", "[::]:2", "unix:/run/x"]),
    ("status_listen", "off", "off"),
    ("status_listen", False, "off"),
    ("status_listen", "unix:/run/s", "unix:/run/s"),
    ("workers", 64, 64),
    ("trusted_ips", ["10.0.0.0/8", "::1", "unix:", "fd00::/8"], ["10.0.0.0/8", "::1", "unix:", "fd00::/8"]),
    ("access_log", "off", {"path": "off", "format": "json"}),
    ("access_log", False, {"path": "off", "format": "json"}),
    ("access_log", "/var/log/a", {"path": "/var/log/a", "format": "json"}),
    ("access_log", {"format": "combined"}, {"path": "stdout", "format": "combined"}),
    ("access_log", {"path": False}, {"path": "off", "format": "json"}),
    ("header_prefix", "X-Kong", "X-Kong"),
    ("allowed_upgrades", ["Foo", "foo", "Bar/1.0"], ["foo", "bar/1.0"]),
    ("allowed_upgrades", ["foo", "bar", "bar/"], None),
    ("allowed_upgrades", ["foo", "bar", "/1"], None),
    ("allowed_upgrades", ["foo", "bar", "bar/1/2"], None),
    ("control_socket", "/run/c", "/run/c"),
    ("control_socket", "", ""),
    ("plugin_trust", [KEY, "keys/a.pem", "/b.pub", KEY], [KEY, "keys/a.pem", "/b.pub"]),
    ("plugin_trust", [KEY, "a.pem", KEY[:-1]], None),
    ("plugin_trust", [KEY, "a.pem", "key.txt"], None),
])
def test_value_is_read(key, written, read):
    if read is None:
        assert the_error(gateway_with(**{key: written})).path == f"gateway.{key}[2]"
    else:
        assert loaded(gateway_with(**{key: written})).gateway == {**DEFAULTS, key: read}


def test_allowed_upgrades_are_lower_case_and_h2c_gets_a_warning():
    model = loaded(gateway_with(allowed_upgrades=["Foo", "foo", "H2C"]))
    assert model.gateway["allowed_upgrades"] == ["foo", "h2c"]
    assert any("h2c" in warning for warning in model.warnings)


@pytest.mark.parametrize("key, value, path, part", [
    ("proxy_listen", [], "proxy_listen", "at least one"),
    ("proxy_listen", "8000", "proxy_listen[0]", '"0.0.0.0:8000"'),
    ("proxy_listen", 8000, "proxy_listen", "a list"),
    ("proxy_listen", ["0.0.0.0:8000 reuseport"], "proxy_listen[0]", "flags"),
    ("proxy_listen", ["0.0.0.0:70000"], "proxy_listen[0]", '"host:port"'),
    ("proxy_listen", ["::1:80x"], "proxy_listen[0]", '"host:port"'),
    ("workers", 0, "workers", '1 to 64 or "auto"'),
    ("workers", 65, "workers", '1 to 64 or "auto"'),
    ("workers", "many", "workers", '1 to 64 or "auto"'),
    ("trusted_ips", ["10.0.0.1/8"], "trusted_ips[0]", 'write "10.0.0.0/8"'),
    ("trusted_ips", ["10.0.0.0/33"], "trusted_ips[0]", "neither an IP address nor a range"),
    ("trusted_ips", ["example.com"], "trusted_ips[0]", "neither an IP address nor a range"),
    ("trusted_ips", ["fe80::1%eth0"], "trusted_ips[0]", "has a zone"),
    ("real_ip_header", "X Real", "real_ip_header", "not a valid name"),
    ("access_log", "access.log", "access_log.path", "./access.log"),
    ("access_log", {"format": "xml"}, "access_log.format", "json, combined"),
    ("access_log", {"pth": "x"}, "access_log.pth", 'did you mean "path"'),
    ("access_log", 5, "access_log", "a mapping with path and format"),
    ("log_level", "warning", "log_level", 'did you mean "warn"'),
    ("header_prefix", "X_Y", "header_prefix", "X-Kong"),
    ("header_prefix", "X-", "header_prefix", "X-Kong"),
    ("watch", 1, "watch", "true or false"),
    ("control_socket", "run/c", "control_socket", "absolute path"),
    ("resolver", {"nameservers": ["ns.example.com"]}, "resolver.nameservers[0]", "not an IP address"),
    ("resolver", {"min_ttl": 10, "max_ttl": 5}, "resolver.min_ttl", "more than max_ttl"),
    ("keepalive", {"pool": 1}, "keepalive.pool", "unknown key"),
    ("limits", {"headers": 257}, "limits.headers", "1 to 256"),
    ("limits", {"header_bytes": "64k"}, "limits.header_bytes", "integer"),
    ("limits", {"uri_bytes": 70000}, "limits.uri_bytes", "more than header_bytes"),
    ("limits", {"connections": "all"}, "limits.connections", '"auto"'),
    ("timeouts", {"keep_alive": 0}, "timeouts.keep_alive", "from 1"),
    ("timeouts", 5, "timeouts", "a mapping"),
    ("upstream_keepalive_pool_size", 5, "upstream_keepalive_pool_size", "keepalive"),
    ("porxy_listen", 5, "porxy_listen", 'did you mean "proxy_listen"'),
])
def test_value_is_refused(key, value, path, part):
    error = the_error(gateway_with(**{key: value}))
    assert error.path == f"gateway.{path}" and part in error.message, error


def test_section_that_is_no_mapping_is_refused():
    assert [(e.line, e.path) for e in errors_of(HEAD + "gateway: [a]\n")] == [(2, "gateway")]


def test_more_listeners_than_a_reactor_takes():
    addresses = [f"127.0.0.1:{port}" for port in range(9000, 9033)]
    assert loaded(gateway_with(proxy_listen=addresses[:32])).gateway["proxy_listen"] == addresses[:32]
    assert "the most allowed is 32" in the_error(gateway_with(proxy_listen=addresses)).message


@pytest.mark.parametrize("redis", [{"host": "127.0.0.1"}, {"host": "unix:/run/redis.sock", "database": 3},
                                   {"cluster_nodes": [{"ip": "10.0.0.1"}]}])
def test_redis_has_kongs_fields(redis):
    assert loaded(gateway_with(redis=redis)).gateway["redis"].items() >= {"port": 6379, "timeout": 2000}.items()


@pytest.mark.parametrize("redis, path, said", [
    ({}, "gateway.redis", "nowhere"), ({"port": 1}, "gateway.redis", "nowhere"),
    ({"host": "a", "prot": 1}, "gateway.redis.prot", "port"), ({"host": "a", "port": 70000}, "gateway.redis.port", "65535"),
    ("127.0.0.1", "gateway.redis", "mapping")])
def test_redis_that_cannot_be(redis, path, said):
    error = the_error(gateway_with(redis=redis))
    assert error.path == path and said in str(error)
