"""What each plugin's configuration may hold: what is refused with which words, what is put into one form."""

import pytest
from fastgate.plugins.registry import PLUGINS

from .support import loaded, plugin_config, plugin_with, the_error


@pytest.mark.parametrize("name, config, path, part", [
    ("key-auth", {"key_names": []}, "key_names", "at least one"),
    ("key-auth", {"key_names": ["a b"]}, "key_names[0]", "not a valid name"),
    ("key-auth", {"key_names": "apikey"}, "key_names", 'write it as ["apikey"]'),
    ("key-auth", {"key_in_body": 1}, "key_in_body", "true or false"),
    ("basic-auth", {"realm": ""}, "realm", "must not be empty"),
    ("hmac-auth", {"clock_skew": 0}, "clock_skew", "from 1"),
    ("hmac-auth", {"algorithms": ["hmac-md5"]}, "algorithms[0]", "hmac-sha1"),
    ("jwt", {"claims_to_verify": ["iat"]}, "claims_to_verify[0]", "exp, nbf"),
    ("jwt", {"maximum_expiration": 31_536_001}, "maximum_expiration", "31536000"),
    ("jwt", {"maximum_expiration": 5}, "maximum_expiration", "needs exp"),
    ("jwt", {"maximum_expiration": 5, "claims_to_verify": ["nbf"]}, "maximum_expiration", "needs exp"),
    ("jwt", {"header_names": ["a:"]}, "header_names[0]", "not a valid name"),
    ("jwt", {"jwks_uri": "ftp://a/jwks"}, "jwks_uri", "whole URL"),
    ("jwt", {"jwks_uri": "/jwks"}, "jwks_uri", "whole URL"),
    ("jwt", {"jwks_uri": "https://a:0/jwks"}, "jwks_uri", "whole URL"),
    ("jwt", {"jwks_uri": "https://a:x/jwks"}, "jwks_uri", "whole URL"),
    ("jwt", {"jwks_uri": "https:///jwks"}, "jwks_uri", "whole URL"),
    ("jwt", {"jwks_uri": "https://a/jw ks"}, "jwks_uri", "whole URL"),
    ("jwt", {"jwks_uri": "https://a/jwks#x"}, "jwks_uri", "remove what follows the #"),
    ("jwt", {"jwks_uri": "https://a/jwks", "jwks_refresh": 0.5}, "jwks_refresh", "from 1 to 86400"),
    ("jwt", {"jwks_uri": "https://a/jwks", "jwks_min_refresh": 0}, "jwks_min_refresh", "from 0.1 to 3600"),
    ("jwt", {"jwks_uri": "https://a/jwks", "jwks_refresh": 5}, "jwks_min_refresh", "longer than jwks_refresh"),
    ("jwt", {"jwks_uri": "https://a/jwks", "jwks_timeout": 61}, "jwks_timeout", "from 0.1 to 60"),
    ("jwt", {"jwks_uri": "https://a/jwks", "jwks_max_bytes": 5_000_000}, "jwks_max_bytes", "4194304"),
    ("jwt", {"jwks_uri": "https://a/jwks", "jwks_max_keys": 0}, "jwks_max_keys", "from 1 to 1000"),
    ("jwt", {"jwks_uri": "https://a/jwks", "consumer_by": "email"}, "consumer_by", "custom_id, username, id"),
    ("jwt", {"jwks_uri": "https://a/jwks", "key_claim_name": "kid"}, "key_claim_name", "remove it"),
    ("jwt", {"jwks_uri": "https://a/jwks", "secret_is_base64": True}, "secret_is_base64", "remove it"),
    ("jwt", {"jwks_refresh": 60}, "jwks_refresh", "needs jwks_uri"),
    ("jwt", {"consumer_claim": "azp"}, "consumer_claim", "needs jwks_uri"),
    ("jwt", {"consumer_optional": True}, "consumer_optional", "needs jwks_uri"),
    ("jwt", {"leeway": -1}, "leeway", "from 0 to 3600"),
    ("jwt", {"audience": 5}, "audience", "a list"),
    ("acl", {}, "", "needs allow or deny"),
    ("acl", {"allow": []}, "", "needs allow or deny"),
    ("acl", {"allow": ["a"], "deny": ["b"]}, "", "not both"),
    ("acl", {"deny": ["b"], "whitelist": ["a"]}, "whitelist", "write allow"),
    ("ip-restriction", {}, "", "needs allow or deny"),
    ("ip-restriction", {"allow": ["10.0.0.0/33"]}, "allow[0]", "10.0.0.0/33"),
    ("ip-restriction", {"deny": ["::1", "fe80::/x"]}, "deny[1]", "neither an IP address nor a range"),
    ("ip-restriction", {"allow": ["fe80::1%eth0"]}, "allow[0]", "neither an IP address nor a range"),
    ("ip-restriction", {"deny": ["::1", "fe80::%1/64"]}, "deny[1]", "neither an IP address nor a range"),
    ("ip-restriction", {"deny": ["::1"], "status": 99}, "status", "from 200"),
    ("request-size-limiting", {"allowed_payload_size": -1}, "allowed_payload_size", "from 0"),
    ("request-size-limiting", {"size_unit": "gigabytes"}, "size_unit", "megabytes, kilobytes, bytes"),
    ("cors", {"methods": ["get"]}, "methods[0]", "GET"),
    ("cors", {"max_age": "long"}, "max_age", "an integer"),
    ("cors", {"max_age": -2}, "max_age", "from -1"),
    ("cors", {"headers": ["X-A", "a b"]}, "headers[1]", "not a valid name"),
    ("cors", {"headers": ["a,,b"]}, "headers[0]", "not a valid name"),
    ("cors", {"exposed_headers": ["a, b: c"]}, "exposed_headers[0]", "not a valid name"),
    ("correlation-id", {"generator": "uuid4"}, "generator", "uuid#counter"),
    ("correlation-id", {"header_name": "X Id"}, "header_name", "not a valid name"),
    ("request-termination", {"status_code": 101}, "status_code", "from 200 to 599"),
    ("request-termination", {"message": "a", "body": "b"}, "message", "remove it"),
    ("request-termination", {"content_type": "text/plain"}, "content_type", "needs a body"),
    ("request-termination", {"echo": True, "body": "a"}, "echo", "remove it"),
    ("redirect", {}, "", "needs location"),
    ("redirect", {"location": "/x"}, "location", "whole URL"),
    ("redirect", {"location": "https://a/b c"}, "location", "whole URL"),
    ("anti-bot", {"threshold": 0}, "threshold", "from 1"),
    ("anti-bot", {"full": {"paths": 201}}, "full.paths", "200"),
    ("anti-bot", {"full": {"requests": 0}}, "full.requests", "from 1"),
    ("anti-bot", {"weights": {"probes": 1}}, "weights.probes", "probe"),
    ("anti-bot", {"probes": "/x"}, "probes", 'write it as ["/x"]'),
    ("anti-bot", {"exempt": ["10.0.0.0/33"]}, "exempt[0]", "neither an IP address nor a range"),
    ("anti-bot", {"exempt": ["fe80::1%eth0"]}, "exempt[0]", "neither an IP address nor a range"),
    ("anti-bot", {"window": 0.5}, "window", "from 1"),
    ("anti-bot", {"ban_ttl": 0}, "ban_ttl", "from 1"),
    ("bot-detection", {"deny": "curl"}, "deny", 'write it as ["curl"]'),
    ("request-transformer", {"http_method": "get"}, "http_method", "upper case"),
    ("request-transformer", {"http_method": "CONNECT"}, "http_method", "tunnel"),
    ("request-transformer", {"add": {"body": ["a"]}}, "add.body[0]", '"name:value"'),
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
    ("response-transformer", {"add": {"json": ["a"]}}, "add.json[0]", '"name:value"'),
    ("response-transformer", {"add": {"json_types": ["text"]}}, "add.json_types[0]", "boolean"),
    ("response-transformer", {"remove": {"json_types": ["string"]}}, "remove.json_types", "json"),
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
    ("request-mirror", {}, "", "needs a target"),
    ("request-mirror", {"service": "a", "url": "http://a"}, "url", "one target"),
    ("request-mirror", {"service": "a", "upstream": "u"}, "upstream", "one target"),
    ("request-mirror", {"service": "guest"}, "service", "no service in this file"),
    ("request-mirror", {"upstream": "a"}, "upstream", "no upstream in this file"),
    ("request-mirror", {"url": "https://a"}, "url", "https is not in this version"),
    ("request-mirror", {"url": "a:80"}, "url", "not a URL"),
    ("request-mirror", {"url": "http://a/b?c"}, "url", "query"),
    ("request-mirror", {"url": "http://a", "percent": 101}, "percent", "from 0 to 100"),
    ("request-mirror", {"url": "http://a", "max_body": 67_108_865}, "max_body", "67108864"),
    ("request-mirror", {"url": "http://a", "max_pending": 0}, "max_pending", "from 1 to 65535"),
    ("request-mirror", {"url": "http://a", "timeout": 0}, "timeout", "from 1"),
    ("traffic-split", {}, "", "needs rules"),
    ("traffic-split", {"rules": []}, "rules", "at least one"),
    ("traffic-split", {"rules": [{"splits": []}]}, "rules[0].splits", "at least one"),
    ("traffic-split", {"rules": [{"splits": [{"weight": 0}, {"service": "a", "weight": 0}]}]}, "rules[0].splits", "all weights are 0"),
    ("traffic-split", {"rules": [{"splits": [{"weight": 65536}]}]}, "rules[0].splits[0].weight", "from 0 to 65535"),
    ("traffic-split", {"rules": [{"splits": [{}, {"weight": 5}]}]}, "rules[0].splits[1]", "add their weights up"),
    ("traffic-split", {"rules": [{"splits": [{"service": "a", "upstream": "b"}]}]}, "rules[0].splits[0].upstream", "remove one"),
    ("traffic-split", {"rules": [{"splits": [{}] * 65}]}, "rules[0].splits", "the most allowed is 64"),
    ("traffic-split", {"rules": [{"splits": [{}], "match": [{}]}]}, "rules[0].match[0]", "name one"),
    ("traffic-split", {"rules": [{"splits": [{}], "match": [{"header": "a", "path": "/b"}]}]}, "rules[0].match[0]", "conditions of their own"),
    ("traffic-split", {"rules": [{"splits": [{}], "match": [{"header": "a", "is": "b", "prefix": "b"}]}]},
     "rules[0].match[0].prefix", "has one test"),
    ("traffic-split", {"rules": [{"splits": [{}], "match": [{"group": "a", "is": "b"}]}]}, "rules[0].match[0].is", "remove is"),
    ("traffic-split", {"rules": [{"splits": [{}], "match": [{"path": "v2"}]}]}, "rules[0].match[0].path[0]", "must begin with"),
    ("traffic-split", {"rules": [{"splits": [{}], "match": [{"path": ["/b", "/a b"]}]}]}, "rules[0].match[0].path[1]", 'write "/a%20b"'),
    ("traffic-split", {"rules": [{"splits": [{}], "match": [{"header": "a:"}]}]}, "rules[0].match[0].header", "not a valid name"),
    ("traffic-split", {"rules": [{"splits": [{}], "match": [{"consumer": ["guest", "gest"]}]}]}, "rules[0].match[0].consumer[1]",
     'no consumer in this file has the id or username "gest"'),
    ("traffic-split", {"rules": [{"splits": [{}, {"service": "canary"}]}]}, "rules[0].splits[1].service",
     'no service in this file has the id or name "canary"'),
    ("traffic-split", {"rules": [{"splits": [{"upstream": "blue"}]}]}, "rules[0].splits[0].upstream", "no upstream in this file"),
    ("traffic-split", {"rules": [{"splits": [{}]}], "hash_on": "header"}, "hash_on", "needs hash_on_header"),
    ("traffic-split", {"rules": [{"splits": [{}]}], "hash_on": "path"}, "hash_on", "consumer, header, cookie, ip"),
    ("traffic-split", {"rules": [{"splits": [{}]}], "hash_on_cookie": "a b"}, "hash_on_cookie", "not a valid name"),
    ("traffic-split", {"rules": [{"splits": [{}]}], "hash_on_cookie_path": "a;b"}, "hash_on_cookie_path", "/"),
    ("traffic-split", {"rules": [{"splits": [{}]}], "hash_on_cookie_ttl": 0}, "hash_on_cookie_ttl", "from 1"),
])
def test_config_is_refused(name, config, path, part):
    error = the_error(plugin_with(name, config), plugins=PLUGINS)
    assert error.path == f"plugins[0].config.{path}".rstrip(".") and part in error.message


@pytest.mark.parametrize("name, config", [
    ("key-auth", {"key_names": ["x-key", "apikey"], "realm": "shop"}),
    ("hmac-auth", {"enforce_headers": ["date", "@request-target"], "algorithms": ["hmac-sha256"]}),
    ("jwt", {"uri_param_names": [], "cookie_names": ["jwt"], "claims_to_verify": ["exp"], "maximum_expiration": 3600}),
    ("jwt", {"jwks_uri": "https://login.example.com:8443/keys?x=y", "claims_to_verify": ["nbf"], "jwks_refresh": 20.5}),
    ("cors", {"origins": ["*"], "max_age": 3600, "methods": ["GET"], "headers": ["x-a"]}),
    ("request-termination", {"body": "<html>\n</html>\n", "content_type": "text/html", "status_code": 404}),
    ("request-termination", {"echo": True, "trigger": "x-echo"}),
    ("request-transformer", {"replace": {"uri": "/a/$(uri_captures[1])/$(uri_captures.id)", "body": [], "headers": [],
                                         "querystring": ['q:$(query_params["a b"])-$( headers[\'x-a\'] )']}}),
    ("response-transformer", {"add": {"headers": ["x-a:b:c", "x-b:"], "json": [], "json_types": []}}),
    ("cors", {"headers": ["Accept,Accept-Version, X-Token", "*"], "exposed_headers": ["X-A, X-B"], "max_age": -1}),
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


SERVICES = [{"name": "a", "host": "a.example"}, {"name": "off", "host": "b.example", "enabled": False}]


def test_what_a_plugin_names_becomes_what_the_model_knows_it_by():
    rules = [{"match": [{"consumer": "guest"}], "splits": [{"service": "a"}, {"upstream": "u"}, {}]}]
    model = loaded(plugin_with("traffic-split", {"rules": rules}) | {"services": SERVICES, "upstreams": [{"name": "u"}]},
                   plugins=PLUGINS)
    plugin = model.plugins[0]
    made = plugin["config"]["rules"][0]
    assert made["match"][0]["consumer"] == [model.consumers[0]["id"]]
    assert [split["service"] for split in made["splits"]] == [model.services[0]["id"], None, None]
    assert [split["upstream"] for split in made["splits"]] == [None, "u", None]
    assert plugin["targets"] == [("u", 0)] and "references" not in plugin


@pytest.mark.parametrize("config, targets", [
    ({"service": "a"}, []), ({"upstream": "u"}, [("u", 0)]), ({"url": "http://b.example:81/x"}, [("b.example", 81)]),
    ({"url": "unix:/run/x.sock"}, [("unix:/run/x.sock", 0)]),
])
def test_what_a_mirror_sends_to(config, targets):
    model = loaded(plugin_with("request-mirror", config) | {"services": SERVICES, "upstreams": [{"name": "u"}]}, plugins=PLUGINS)
    assert model.plugins[0]["targets"] == targets


def test_what_a_plugin_names_may_be_named_by_id_and_must_be_enabled():
    upstream = {"name": "u", "id": "2a8f1b52-6f0c-4e0a-93a5-6a2d0a1f7c11"}
    config = {"rules": [{"splits": [{"upstream": upstream["id"].upper()}]}]}
    model = loaded(plugin_with("traffic-split", config) | {"upstreams": [upstream]}, plugins=PLUGINS)
    assert model.plugins[0]["targets"] == [("u", 0)]
    config = {"rules": [{"splits": [{"service": "off"}]}]}
    error = the_error(plugin_with("traffic-split", config) | {"services": SERVICES}, plugins=PLUGINS)
    assert error.path == "plugins[0].config.rules[0].splits[0].service" and "is disabled" in error.message
    assert error.line > 0


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
