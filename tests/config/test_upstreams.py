"""Upstreams and targets: Kong's defaults, hashing rules, normal form of targets."""

import pytest

from .support import NOW, loaded, the_error, upstream_with

TARGETS = [{"target": "10.0.0.1"}]


def test_upstream_has_kongs_defaults():
    (upstream,) = loaded(upstream_with(targets=TARGETS)).upstreams
    assert upstream.pop("id") and upstream.pop("targets")
    checks = upstream.pop("healthchecks")
    assert upstream == {
        "name": "u", "algorithm": "round-robin", "hash_on": "none", "hash_fallback": "none", "hash_on_header": None,
        "hash_fallback_header": None, "hash_on_cookie": None, "hash_on_cookie_path": "/", "hash_on_query_arg": None,
        "hash_fallback_query_arg": None, "hash_on_uri_capture": None, "hash_fallback_uri_capture": None, "slots": 10000,
        "host_header": None, "client_certificate": None, "use_srv_name": False, "tags": None,
        "created_at": NOW, "updated_at": NOW,
    }
    assert checks == {
        "threshold": 0,
        "active": {
            "type": "http", "timeout": 1, "concurrency": 10, "http_path": "/", "https_sni": None,
            "https_verify_certificate": True, "headers": None,
            "healthy": {"interval": 0, "http_statuses": [200, 302], "successes": 0},
            "unhealthy": {"interval": 0, "http_statuses": [429, 404, 500, 501, 502, 503, 504, 505], "tcp_failures": 0,
                          "timeouts": 0, "http_failures": 0},
        },
        "passive": {
            "type": "http",
            "healthy": {"http_statuses": [*range(200, 209), 226, *range(300, 309)], "successes": 0},
            "unhealthy": {"http_statuses": [429, 500, 503], "tcp_failures": 0, "timeouts": 0, "http_failures": 0},
        },
    }


@pytest.mark.parametrize("fields, algorithm", [
    ({"hash_on": "ip"}, "consistent-hashing"),
    ({"hash_on": "ip", "algorithm": "round-robin"}, "consistent-hashing"),
    ({"hash_on": "ip", "algorithm": "consistent-hashing"}, "consistent-hashing"),
    ({"algorithm": "least-connections"}, "least-connections"),
    ({"algorithm": "latency"}, "latency"),
    ({"hash_on": "header", "hash_on_header": "x-a", "hash_fallback": "header", "hash_fallback_header": "x-b"},
     "consistent-hashing"),
    ({"hash_on": "cookie", "hash_on_cookie": "sid"}, "consistent-hashing"),
    ({"hash_on": "uri_capture", "hash_on_uri_capture": "id", "hash_fallback": "path"}, "consistent-hashing"),
])
def test_hashing_is_taken(fields, algorithm):
    assert loaded(upstream_with(targets=TARGETS, **fields)).upstreams[0]["algorithm"] == algorithm


@pytest.mark.parametrize("fields, path, part", [
    ({"hash_on": "header"}, "", "needs hash_on_header"),
    ({"hash_on": "ip", "hash_fallback": "header"}, "", "needs hash_fallback_header"),
    ({"hash_on": "cookie"}, "", "needs hash_on_cookie"),
    ({"hash_on": "ip", "hash_fallback": "cookie"}, "", "needs hash_on_cookie"),
    ({"hash_on": "query_arg"}, "", "needs hash_on_query_arg"),
    ({"hash_on": "uri_capture"}, "", "needs hash_on_uri_capture"),
    ({"hash_fallback": "ip"}, ".hash_fallback", "needs a hash_on"),
    ({"hash_on": "ip", "hash_fallback": "ip"}, ".hash_fallback", "must differ"),
    ({"hash_on": "cookie", "hash_on_cookie": "s", "hash_fallback": "ip"}, ".hash_fallback", "takes no hash_fallback"),
    ({"hash_on": "header", "hash_on_header": "x", "hash_fallback": "header", "hash_fallback_header": "x"},
     ".hash_fallback_header", "must differ"),
    ({"hash_on": "ip", "algorithm": "latency"}, ".hash_on", "needs algorithm: consistent-hashing"),
    ({"hash_on": "ipp"}, ".hash_on", "did you mean"),
    ({"hash_on_header": "x y"}, ".hash_on_header", "not a valid name"),
    ({"hash_on_query_arg": "a&b"}, ".hash_on_query_arg", "query argument"),
    ({"hash_on_uri_capture": "a-b"}, ".hash_on_uri_capture", "capture"),
    ({"algorithm": "least_conn"}, ".algorithm", "round-robin, consistent-hashing"),
    ({"name": "10.0.0.1"}, ".name", "IP address"),
    ({"name": "a:80"}, ".name", "host name"),
    ({"slots": 9}, ".slots", "10 to 65536"),
    ({"host_header": "a b"}, ".host_header", "optional port"),
    ({"use_srv_name": True}, ".use_srv_name", "not in this version"),
    ({"client_certificate": "x"}, ".client_certificate", "TLS"),
    ({"healthchecks": []}, ".healthchecks", "a mapping"),
    ({"healthchecks": {"active": {"healthy": {"http_statuses": [200, 1000]}}}},
     ".healthchecks.active.healthy.http_statuses[1]", "100 to 999"),
    ({"healthchecks": {"passive": {"unhealthy": {"timeouts": 256}}}},
     ".healthchecks.passive.unhealthy.timeouts", "0 to 255"),
    ({"healthchecks": {"activ": {}}}, ".healthchecks.activ", 'did you mean "active"'),
    ({"healthchecks": {"threshold": 101}}, ".healthchecks.threshold", "0 to 100"),
])
def test_upstream_is_refused(fields, path, part):
    error = the_error(upstream_with(targets=TARGETS, **fields))
    assert error.path == f"upstreams[0]{path}" and part in error.message, error


def test_upstream_without_name_is_refused():
    error = the_error({"_format_version": "3.0", "upstreams": [{"slots": 10}]})
    assert error.path == "upstreams[0]" and "needs name" in error.message


@pytest.mark.parametrize("written, target, host, port", [
    ("10.0.0.1", "10.0.0.1:8000", "10.0.0.1", 8000),
    ("10.0.0.1:80", "10.0.0.1:80", "10.0.0.1", 80),
    ("a.internal:0", "a.internal:0", "a.internal", 0),
    ("[::1]", "[::1]:8000", "::1", 8000),
    ("::1", "[::1]:8000", "::1", 8000),
    ("[2001:db8::2]:65535", "[2001:db8::2]:65535", "2001:db8::2", 65535),
    ("unix:/run/a.sock", "unix:/run/a.sock", "unix:/run/a.sock", 0),
])
def test_target_is_normalised(written, target, host, port):
    (upstream,) = loaded(upstream_with(targets=[{"target": written}])).upstreams
    (made,) = upstream["targets"]
    assert made.pop("id")
    assert made == {"target": target, "host": host, "port": port, "weight": 100, "upstream": upstream["id"],
                    "tags": None, "created_at": NOW, "updated_at": NOW}


@pytest.mark.parametrize("target, path, part", [
    ({"target": "a:b"}, ".target", '"host:port"'),
    ({"target": "a:70000"}, ".target", '"host:port"'),
    ({"target": "[::1"}, ".target", '"host:port"'),
    ({"target": "unix:x"}, ".target", "absolute path"),
    ({"target": 80}, ".target", "put it in quotes"),
    ({}, "", "needs target"),
    ({"target": "a", "weight": 65536}, ".weight", "0 to 65535"),
    ({"target": "a", "wieght": 1}, ".wieght", 'did you mean "weight"'),
])
def test_target_is_refused(target, path, part):
    error = the_error(upstream_with(targets=[target]))
    assert error.path == f"upstreams[0].targets[0]{path}" and part in error.message


def test_targets_may_carry_fractions_of_seconds():
    (upstream,) = loaded(upstream_with(targets=[{"target": "a", "created_at": 1600000000.123}])).upstreams
    assert upstream["targets"][0]["created_at"] == 1600000000


def test_same_target_twice_is_refused_in_any_writing():
    error = the_error(upstream_with(targets=[{"target": "a"}, {"target": "b"}, {"target": "a:8000"}]))
    assert error.path == "upstreams[0].targets[2].target" and "upstreams[0].targets[0]" in error.message


@pytest.mark.parametrize("fields, part", [
    ({"targets": [{"target": "a", "weight": 0}]}, "503"),
    ({}, "503"),
    ({"targets": TARGETS, "healthchecks": {"active": {"healthy": {"interval": 5}}}}, "health checks"),
    ({"targets": TARGETS, "healthchecks": {"passive": {"unhealthy": {"http_failures": 3}}}}, "health checks"),
    ({"targets": TARGETS, "algorithm": "consistent-hashing"}, "no hash_on"),
])
def test_upstream_gets_a_warning(fields, part):
    (warning,) = loaded(upstream_with(**fields)).warnings
    assert part in warning and '"u"' in warning
