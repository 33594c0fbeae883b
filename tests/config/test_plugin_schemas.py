"""What each plugin's configuration may hold: what is refused with which words, what is put into one form."""

import pytest
from fastgate.plugins.registry import PLUGINS

from .support import loaded, plugin_config, plugin_with, the_error


@pytest.mark.parametrize("name, config, path, part", [
    ("key-auth", {"key_names": []}, "key_names", "at least one"),
    ("key-auth", {"key_names": ["a b"]}, "key_names[0]", "not a valid name"),
    ("key-auth", {"key_names": "apikey"}, "key_names", 'write it as ["apikey"]'),
    ("key-auth", {"key_in_body": True}, "key_in_body", "not in this version"),
    ("basic-auth", {"realm": ""}, "realm", "must not be empty"),
    ("hmac-auth", {"clock_skew": 0}, "clock_skew", "from 1"),
    ("hmac-auth", {"algorithms": ["hmac-md5"]}, "algorithms[0]", "hmac-sha1"),
    ("hmac-auth", {"validate_request_body": True}, "validate_request_body", "this version"),
    ("jwt", {"claims_to_verify": ["iat"]}, "claims_to_verify[0]", "exp, nbf"),
    ("jwt", {"maximum_expiration": 31_536_001}, "maximum_expiration", "31536000"),
    ("jwt", {"maximum_expiration": 5}, "maximum_expiration", "needs exp"),
    ("jwt", {"maximum_expiration": 5, "claims_to_verify": ["nbf"]}, "maximum_expiration", "needs exp"),
    ("jwt", {"header_names": ["a:"]}, "header_names[0]", "not a valid name"),
    ("jwt", {"jwks_uri": "https://a/jwks"}, "jwks_uri", "not in this version"),
    ("jwt", {"leeway": -1}, "leeway", "from 0 to 3600"),
    ("jwt", {"audience": 5}, "audience", "a list"),
    ("acl", {}, "", "needs allow or deny"),
    ("acl", {"allow": []}, "", "needs allow or deny"),
    ("acl", {"allow": ["a"], "deny": ["b"]}, "", "not both"),
    ("acl", {"deny": ["b"], "whitelist": ["a"]}, "whitelist", "write allow"),
    ("ip-restriction", {}, "", "needs allow or deny"),
    ("ip-restriction", {"allow": ["10.0.0.0/33"]}, "allow[0]", "10.0.0.0/33"),
    ("ip-restriction", {"deny": ["::1", "fe80::/x"]}, "deny[1]", "neither an IP address nor a range"),
    ("ip-restriction", {"deny": ["::1"], "status": 99}, "status", "from 200"),
    ("request-size-limiting", {"allowed_payload_size": -1}, "allowed_payload_size", "from 0"),
    ("request-size-limiting", {"size_unit": "gigabytes"}, "size_unit", "megabytes, kilobytes, bytes"),
    ("cors", {"methods": ["get"]}, "methods[0]", "GET"),
    ("cors", {"max_age": "long"}, "max_age", "an integer"),
    ("cors", {"headers": ["a,b"]}, "headers[0]", "not a valid name"),
    ("correlation-id", {"generator": "uuid4"}, "generator", "uuid#counter"),
    ("correlation-id", {"header_name": "X Id"}, "header_name", "not a valid name"),
    ("request-termination", {"status_code": 101}, "status_code", "from 200 to 599"),
    ("request-termination", {"message": "a", "body": "b"}, "message", "remove it"),
    ("request-termination", {"content_type": "text/plain"}, "content_type", "needs a body"),
    ("request-termination", {"echo": True, "body": "a"}, "echo", "remove it"),
    ("redirect", {}, "", "needs location"),
    ("redirect", {"location": "/x"}, "location", "whole URL"),
    ("redirect", {"location": "https://a/b c"}, "location", "whole URL"),
    ("bot-detection", {"deny": "curl"}, "deny", 'write it as ["curl"]'),
    ("request-transformer", {"http_method": "get"}, "http_method", "upper case"),
    ("request-transformer", {"http_method": "CONNECT"}, "http_method", "tunnel"),
    ("request-transformer", {"add": {"body": ["a:b"]}}, "add.body", "remove body"),
    ("request-transformer", {"add": {"headers": ["a"]}}, "add.headers[0]", '"name:value"'),
    ("request-transformer", {"add": {"headers": ["a b:c"]}}, "add.headers[0]", "not a valid name"),
    ("request-transformer", {"remove": {"headers": ["a:b"]}}, "remove.headers[0]", "not a valid name"),
    ("request-transformer", {"rename": {"headers": ["a:"]}}, "rename.headers[0]", "no new name"),
    ("request-transformer", {"rename": {"headers": ["a: b"]}}, "rename.headers[0]", "not a valid name"),
    ("response-transformer", {"rename": {"headers": ["a:Transfer-Encoding "]}}, "rename.headers[0]", "not a valid name"),
    ("request-transformer", {"rename": {"headers": ["a:$(headers.b)"]}}, "rename.headers[0]", "templates"),
    ("request-transformer", {"replace": {"uri": "x"}}, "replace.uri", 'begin with "/"'),
    ("request-transformer", {"add": {"uri": "/x"}}, "add.uri", "unknown key"),
    ("request-transformer", {"add": {"headers": ["a:$(shared.x)"]}}, "add.headers[0]", "$(shared.x)"),
    ("request-transformer", {"append": {"querystring": ["a:$(headers.x or 'y')"]}}, "append.querystring[0]", "a template is"),
    ("request-transformer", {"replace": {"uri": "/$(headers.a)/$(os.exit())"}}, "replace.uri", "$(os.exit())"),
    ("request-transformer", {"replace": {"headers": ["a:$(headers"]}}, "replace.headers[0]", "a template is"),
    ("response-transformer", {"add": {"json": ["a:b"]}}, "add.json", "not changed in this version"),
    ("response-transformer", {"add": {"json_types": ["string"]}}, "add.json_types", "not changed in this version"),
    ("response-transformer", {"append": {"headers": ["a"]}}, "append.headers[0]", '"name:value"'),
    ("response-transformer", {"remove": {"header": []}}, "remove.header", 'did you mean "headers"'),
    ("rate-limiting", {}, "", "needs a limit"),
    ("rate-limiting", {"minute": 0}, "minute", "from 1"),
    ("rate-limiting", {"second": 9, "minute": 5}, "minute", "can't be lower"),
    ("rate-limiting", {"second": 9, "year": 5}, "year", "can't be lower"),
    ("rate-limiting", {"minute": 5, "limit_by": "header"}, "limit_by", "needs header_name"),
    ("rate-limiting", {"minute": 5, "limit_by": ["ip", "path"]}, "limit_by", "needs path"),
    ("rate-limiting", {"minute": 5, "limit_by": []}, "limit_by", "at least one"),
    ("rate-limiting", {"minute": 5, "limit_by": "consumer-group"}, "limit_by", "not in this version"),
    ("rate-limiting", {"minute": 5, "path": "x"}, "path", 'begin with "/"'),
    ("rate-limiting", {"minute": 5, "policy": "cluster"}, "policy", '"cluster" is not in this version; use one of local, redis'),
    ("rate-limiting", {"minute": 5, "policy": "redis"}, "redis", "policy redis needs redis.host, or redis.sentinel_nodes"),
    ("rate-limiting", {"minute": 5, "policy": "redis", "redis": {"host": "r"}, "algorithm": "token-bucket"}, "algorithm",
     "use policy local, or sliding-window or fixed-window"),
    ("rate-limiting", {"minute": 5, "policy": "redis", "redis": {"host": "r"}, "algorithm": "leaky-bucket", "max_delay": 9},
     "algorithm", "leaky-bucket is kept by each gateway for itself"),
    ("rate-limiting", {"minute": 5, "policy": "redis", "redis": {"host": "r"}, "concurrency": 5}, "concurrency", "policy local"),
    ("rate-limiting", {"minute": 5, "redis": {"sentinel_master": "m"}}, "redis", "needs sentinel_role and sentinel_nodes too"),
    ("rate-limiting", {"minute": 5, "redis": {"sentinel_master": "m", "sentinel_role": "boss", "sentinel_nodes": [{}]}},
     "redis.sentinel_role", "one of master, slave, any"),
    ("rate-limiting", {"minute": 5, "redis": {"sentinel_master": "m", "sentinel_role": "any", "sentinel_nodes": [{}],
                                              "cluster_nodes": [{}]}}, "redis.cluster_nodes", "leave out cluster_nodes"),
    ("rate-limiting", {"minute": 5, "policy": "redis", "redis": {"sentinel_master": "m", "sentinel_role": "slave",
                                                                 "sentinel_nodes": [{}]}}, "redis.sentinel_role", "use master"),
    ("rate-limiting", {"minute": 5, "redis": {"cluster_nodes": [{"ip": "a b"}]}}, "redis.cluster_nodes[0].ip", "neither a host name"),
    ("rate-limiting", {"minute": 5, "redis": {"cluster_nodes": [{}], "database": 1}}, "redis.database", "database 0 only"),
    ("rate-limiting", {"minute": 5, "redis": {"cluster_nodes": [{}], "ssl": True, "server_name": "x"}}, "redis.server_name",
     "leave server_name out"),
    ("rate-limiting", {"minute": 5, "redis": {"host": "unix:/run/redis.sock", "ssl": True}}, "redis.ssl", "no TLS"),
    ("rate-limiting", {"minute": 5, "algorithm": "gcra"}, "algorithm", "token-bucket"),
    ("rate-limiting", {"minute": 5, "burst": 5}, "burst", "token-bucket"),
    ("rate-limiting", {"year": 5, "algorithm": "token-bucket", "burst": 251}, "burst", "over 50 years"),
    ("rate-limiting", {"second": 5, "year": 5, "algorithm": "token-bucket", "burst": 2**31 - 1}, "burst", "at 5 a year"),
    ("rate-limiting", {"minute": 5, "algorithm": "token-bucket", "max_delay": 5}, "max_delay", "leaky-bucket"),
    ("rate-limiting", {"minute": 5, "algorithm": "leaky-bucket", "max_delay": 9, "burst": 5}, "burst", "token-bucket"),
    ("rate-limiting", {"minute": 5, "algorithm": "leaky-bucket"}, "algorithm", "needs max_delay"),
    ("rate-limiting", {"minute": 5, "sync_rate": 0.01}, "sync_rate", "from 0.02"),
    ("rate-limiting", {"concurrency": 0}, "concurrency", "from 1"),
    ("rate-limiting", {"minute": 5, "redis": {"port": 70000}}, "redis.port", "65535"),
    ("rate-limiting", {"minute": 5, "redis_port": 70000}, "redis_port", "65535"),
])
def test_config_is_refused(name, config, path, part):
    error = the_error(plugin_with(name, config), plugins=PLUGINS)
    assert error.path == f"plugins[0].config.{path}".rstrip(".") and part in error.message


@pytest.mark.parametrize("name, config", [
    ("key-auth", {"key_names": ["x-key", "apikey"], "realm": "shop"}),
    ("hmac-auth", {"enforce_headers": ["date", "@request-target"], "algorithms": ["hmac-sha256"]}),
    ("jwt", {"uri_param_names": [], "cookie_names": ["jwt"], "claims_to_verify": ["exp"], "maximum_expiration": 3600}),
    ("cors", {"origins": ["*"], "max_age": 3600, "methods": ["GET"], "headers": ["x-a"]}),
    ("request-termination", {"body": "<html>\n</html>\n", "content_type": "text/html", "status_code": 404}),
    ("request-termination", {"echo": True, "trigger": "x-echo"}),
    ("request-transformer", {"replace": {"uri": "/a/$(uri_captures[1])/$(uri_captures.id)", "body": [], "headers": [],
                                         "querystring": ['q:$(query_params["a b"])-$( headers[\'x-a\'] )']}}),
    ("response-transformer", {"add": {"headers": ["x-a:b:c", "x-b:"], "json": [], "json_types": []}}),
    ("rate-limiting", {"second": 5, "minute": 5, "hour": 10_000, "limit_by": ["consumer", "path"], "path": "/a"}),
    ("rate-limiting", {"second": 5, "sync_rate": 0, "fault_tolerant": False}),
    ("rate-limiting", {"concurrency": 3, "limit_by": "header", "header_name": "x-tenant"}),
    ("rate-limiting", {"second": 5, "algorithm": "token-bucket", "burst": 50}),
    ("rate-limiting", {"year": 5, "algorithm": "token-bucket", "burst": 250}),
    ("rate-limiting", {"second": 5, "algorithm": "leaky-bucket", "max_delay": 500}),
])
def test_config_is_taken_as_it_is(name, config):
    taken = plugin_config(name, config)
    assert {key: taken[key] for key in config} == config


@pytest.mark.parametrize("name, field, given, taken", [
    ("ip-restriction", "allow", ["10.1.2.3/8", "10.1.2.3", "FE80:0::1", "::1/0"], ["10.0.0.0/8", "10.1.2.3", "fe80::1", "::/0"]),
    ("jwt", "audience", "api", ["api"]),
    ("jwt", "issuers", ["a", "b", "a"], ["a", "b"]),
    ("hmac-auth", "algorithms", ["hmac-sha1", "hmac-sha1"], ["hmac-sha1"]),
    ("acl", "deny", [], None),
])
def test_values_have_one_form(name, field, given, taken):
    assert plugin_config(name, {"allow": ["g"], field: given} if name == "acl" else {field: given})[field] == taken


def test_one_identity_in_a_list_is_that_identity():
    assert plugin_config("rate-limiting", {"minute": 1, "limit_by": ["ip"]})["limit_by"] == "ip"


def test_kongs_older_redis_fields_are_taken_and_gone():
    config = plugin_config("rate-limiting", {"minute": 1, "redis_host": None, "redis_port": 6379, "redis_ssl": False})
    assert not any(key.startswith("redis_") for key in config)


def test_kongs_older_redis_fields_count_where_the_newer_are_not_set():
    config = plugin_config("rate-limiting", {"minute": 1, "policy": "redis", "redis_host": "old", "redis_port": 1,
                                             "redis": {"port": 2, "host": None}})
    assert (config["redis"]["host"], config["redis"]["port"]) == ("old", 2)


def test_configs_of_two_plugins_are_two():
    config = plugin_with("rate-limiting", {"minute": 1})
    config["plugins"].append({"name": "rate-limiting", "consumer": "guest", "config": {"minute": 2}})
    one, other = loaded(config, plugins=PLUGINS).plugins
    assert (one["config"]["minute"], other["config"]["minute"]) == (1, 2)
