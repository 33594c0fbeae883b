"""Routes: Kong's defaults, criteria, hosts, paths, headers."""

import pytest

from .support import NOW, HEAD, errors_of, loaded, route_with, the_error


def test_route_has_kongs_defaults():
    (route,) = loaded(route_with(paths=["/"])).routes
    assert route.pop("id")
    assert route == {
        "name": None, "protocols": ["http", "https"], "methods": None, "hosts": None, "paths": ["/"], "headers": None,
        "snis": None, "sources": None, "destinations": None, "https_redirect_status_code": 426, "regex_priority": 0,
        "strip_path": True, "preserve_host": False, "path_handling": "v0", "request_buffering": True,
        "response_buffering": True, "service": None, "tags": None, "created_at": NOW, "updated_at": NOW,
    }


@pytest.mark.parametrize("criteria", [
    {"methods": ["GET"]}, {"hosts": ["a"]}, {"paths": ["/"]}, {"headers": {"x-a": ["1"]}},
])
def test_one_criterion_is_enough(criteria):
    assert loaded(route_with(**criteria)).routes[0][next(iter(criteria))] == next(iter(criteria.values()))


@pytest.mark.parametrize("criteria", [{}, {"methods": []}, {"paths": None, "headers": {}, "hosts": []}])
def test_route_without_criterion_is_refused(criteria):
    error = the_error(route_with(name="r", **criteria))
    assert error.path == "routes[0]" and "at least one of methods, hosts, headers or paths" in error.message


@pytest.mark.parametrize("host", [
    "example.com", "a.b.example.com", "*.example.com", "example.*", "example.com:8080", "*.example.com:8080",
    "example.*:80", "10.0.0.1", "10.0.0.1:90", "[::1]:80", "::1", "a_b", "EXAMPLE.com", "example.com.",
])
def test_host_is_taken(host):
    assert loaded(route_with(hosts=[host])).routes[0]["hosts"] == [host]


@pytest.mark.parametrize("host, part", [
    ("*", "leftmost or rightmost label"),
    ("*example.com", "leftmost or rightmost label"),
    ("a.*.com", "leftmost or rightmost label"),
    ("*.a.*", "more than one"),
    ("a b", "not a host"),
    ("a:99999", "not a host"),
    ("a:", "not a host"),
    ("http://a", "not a host"),
    ("a/b", "not a host"),
    ("-a", "not a host"),
    ("", "empty"),
])
def test_host_is_refused(host, part):
    error = the_error(route_with(hosts=["ok", host]))
    assert error.path == "routes[0].hosts[1]" and part in error.message


@pytest.mark.parametrize("path", [
    "/", "/a", "/a/", "/a/b.c", "/a%20b", "/caf%C3%A9", "/a(b)", "/a:b;c=d", "/~user", "/...", "~/a", r"~/a/\d+$",
    "~/(?<id>[0-9]+)", "~/[)]", r"~/\Q(\E", "/a{b}",
])
def test_path_is_taken(path):
    assert loaded(route_with(paths=[path])).routes[0]["paths"] == [path]


@pytest.mark.parametrize("path, part", [
    ("a", 'write "/a"'),
    ("", "empty"),
    ("~a", 'begin with "~/"'),
    ("~", 'begin with "~/"'),
    ("/a//b", "empty segment"),
    ("~/a//b", "empty segment"),
    ("/a/../b", 'write "/b"'),
    ("/a/./b", 'write "/a/b"'),
    ("/%61", 'write "/a"'),
    ("/a%2f", 'write "/a%2F"'),
    ("/café", 'write "/caf%C3%A9"'),
    ("/a b", 'write "/a%20b"'),
    ("/a?b", 'write "/a%3Fb"'),
    ("/a%2", "two hexadecimal digits"),
    ("~/a\\", "single backslash"),
    ("~/a(b", 'without its ")"'),
    ("~/a)b", 'without its "("'),
    ("/a\nb", "control character"),
])
def test_path_is_refused(path, part):
    error = the_error(route_with(paths=["/ok", path]))
    assert error.path == "routes[0].paths[1]" and part in error.message, error


@pytest.mark.parametrize("fields, path, part", [
    ({"methods": ["get"]}, "methods[0]", 'like "GET"'),
    ({"methods": ["GE T"]}, "methods[0]", "not a method"),
    ({"methods": "GET"}, "methods", 'write it as ["GET"]'),
    ({"protocols": []}, "protocols", "at least one"),
    ({"protocols": ["http", "grpc"]}, "protocols[1]", "not in this version"),
    ({"snis": ["a"]}, "snis", "TLS"),
    ({"sources": [{"ip": "1.1.1.1"}]}, "sources", "not in this version"),
    ({"expression": "true"}, "expression", "expressions router"),
    ({"priority": 1}, "priority", "expressions router"),
    ({"https_redirect_status_code": 200}, "https_redirect_status_code", "426, 301, 302, 307, 308"),
    ({"path_handling": "v1"}, "path_handling", "use v0"),
    ({"strip_path": "yes"}, "strip_path", "true or false"),
    ({"regex_priority": "high"}, "regex_priority", "integer"),
    ({"path": "/a"}, "path", 'did you mean "paths"'),
    ({"headers": {"Host": ["a"]}}, "headers.Host", "hosts"),
    ({"headers": {"x y": ["a"]}}, 'headers["x y"]', "not a valid name"),
    ({"headers": {"x-a": "1"}}, "headers.x-a", 'write it as ["1"]'),
    ({"headers": {"x-a": []}}, "headers.x-a", "at least one"),
    ({"headers": {"x-a": ["~*a", "b"]}}, "headers.x-a[0]", "only value"),
    ({"headers": {"x-a": ["~*(a"]}}, "headers.x-a[0]", 'without its ")"'),
    ({"headers": {"x-a": ["~*"]}}, "headers.x-a[0]", "empty"),
    ({"headers": {"x-a": [1]}}, "headers.x-a[0]", "put it in quotes"),
    ({"headers": ["x-a"]}, "headers", "a mapping"),
])
def test_field_is_refused(fields, path, part):
    error = the_error(route_with(hosts=["a"], **fields))
    assert error.path == f"routes[0].{path}" and part in error.message, error


def test_repeated_methods_are_one():
    assert loaded(route_with(methods=["GET", "GET", "PUT"])).routes[0]["methods"] == ["GET", "PUT"]


def test_yaml_booleans_among_methods_say_what_to_do():
    error = the_error(HEAD + "routes:\n- methods: [GET, NO]\n")
    assert (error.line, error.path) == (3, "routes[0].methods[1]")
    assert "put it in quotes" in error.message and "yes, no, on, off" in error.message


def test_every_wrong_entry_of_a_list_is_reported():
    paths = [error.path for error in errors_of(route_with(paths=["a", "/ok", "b"], methods=["x"], name=""))]
    assert sorted(paths) == ["routes[0].methods[0]", "routes[0].name", "routes[0].paths[0]", "routes[0].paths[2]"]


def test_prefix_that_looks_like_a_regex_gets_a_warning():
    (warning,) = loaded(route_with(paths=["/a", r"/v1/\d+"])).warnings
    assert warning.startswith("routes[0].paths[1]") and '"~"' in warning
    assert not loaded(route_with(paths=["/v1.0/a-b_c~d", "/%2F", "~/x+"])).warnings
