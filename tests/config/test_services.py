"""Services: Kong's defaults, the url shorthand, what is refused."""

import pytest

from .support import NOW, errors_of, loaded, service_with, the_error


def test_service_has_kongs_defaults():
    (service,) = loaded(service_with()).services
    assert service.pop("id")
    assert service == {
        "name": None, "retries": 5, "protocol": "http", "host": "a", "port": 80, "path": None,
        "connect_timeout": 60000, "write_timeout": 60000, "read_timeout": 60000, "client_certificate": None,
        "tls_verify": None, "tls_verify_depth": None, "ca_certificates": None, "enabled": True, "tags": None,
        "created_at": NOW, "updated_at": NOW,
    }


@pytest.mark.parametrize("url, expected", [
    ("http://api.internal", ("api.internal", 80, None)),
    ("http://api.internal:9000/v1", ("api.internal", 9000, "/v1")),
    ("HTTP://10.0.0.1/", ("10.0.0.1", 80, "/")),
    ("http://[2001:db8::1]:81/x", ("2001:db8::1", 81, "/x")),
    ("unix:/run/app.sock", ("unix:/run/app.sock", 0, None)),
    ("asgi:app:app", ("asgi:app:app", 0, None)),
    ("asgi:package.module_2:Made.create_app()", ("asgi:package.module_2:Made.create_app()", 0, None)),
])
def test_url_sets_host_port_and_path(url, expected):
    (service,) = loaded({"_format_version": "3.0", "services": [{"url": url}]}).services
    assert (service["host"], service["port"], service["path"]) == expected
    assert service["protocol"] == "http" and "url" not in service


@pytest.mark.parametrize("url, part", [
    ("https://a", "https is not in this version"),
    ("grpc://a:1", "grpc is not in this version"),
    ("ftp://a", "unknown"),
    ("a:80", "is not a URL"),
    ("http://", "is not a host"),
    ("http://a:99999", "port from 0 to 65535"),
    ("http://a:x", "is not a host"),
    ("http://1.2.3", "is not a host"),
    ("http://user@a/", "user name"),
    ("http://a/?x=1", "query"),
    ("http://a//b", "empty segment"),
    ("unix:app.sock", "absolute path"),
    ("unix:/" + "x" * 200, "longer than 107"),
    ("asgi:app", 'is not "asgi:package.module:app"'),
    ("asgi:", 'is not "asgi:package.module:app"'),
    ("asgi:a.b:c(1)", 'is not "asgi:package.module:app"'),
    ("asgi:a/b:c", 'is not "asgi:package.module:app"'),
    ("asgi:1a:c", 'is not "asgi:package.module:app"'),
    ("asgi:a..b:c", 'is not "asgi:package.module:app"'),
    ("asgi:a:" + "x" * 101, "longer than 107"),
])
def test_url_is_refused(url, part):
    error = the_error({"_format_version": "3.0", "services": [{"url": url}]})
    assert error.path == "services[0].url" and part in error.message


def test_url_agrees_with_the_fields_beside_it():
    assert loaded(service_with(url="http://a:80", port=80)).services[0]["port"] == 80
    assert loaded({"_format_version": "3.0", "services": [{"url": "unix:/s", "path": "/v1"}]}).services[0]["path"] == "/v1"
    error = the_error(service_with(url="http://a:81", port=82))
    assert error.path == "services[0].port" and "url says 81" in error.message


@pytest.mark.parametrize("field, value, part", [
    ("host", "a:80", "port goes into its own field"),
    ("host", "a b", "neither a host name"),
    ("host", "999.1.1.1", "neither a host name"),
    ("host", "", "must not be empty"),
    ("port", 65536, "0 to 65535"),
    ("port", "eighty", "not the text"),
    ("port", True, "not the boolean"),
    ("port", 80.5, "not the number"),
    ("path", "v1", 'begin with "/"'),
    ("path", "/a//b", "empty segment"),
    ("path", "/a?b", "without query"),
    ("path", "/a b", "/a%20b"),
    ("path", "/a%2", "two hexadecimal digits"),
    ("retries", -1, "0 to 32767"),
    ("retries", 32768, "0 to 32767"),
    ("connect_timeout", 0, "from 1 to"),
    ("read_timeout", 2**31 - 1, "from 1 to"),
    ("protocol", "https", "not in this version"),
    ("protocol", "htp", 'did you mean "http"'),
    ("tls_verify", True, "not in this version"),
    ("client_certificate", "x", "not in this version"),
    ("name", "a b", "letters, digits"),
    ("name", "a/b", "letters, digits"),
    ("name", 5, "put it in quotes"),
    ("name", ["a"], "not a list"),
    ("tags", ["a,b"], "may not hold"),
    ("tags", "a", 'write it as ["a"]'),
    ("id", "7", "not a UUID"),
    ("enabled", "maybe", "true or false"),
    ("created_at", -5, "an integer from 0"),
    ("hots", "a", 'did you mean "host"'),
])
def test_field_is_refused(field, value, part):
    error = the_error(service_with(**{field: value}))
    assert error.path.startswith(f"services[0].{field}") and part in error.message, error


def test_service_without_host_is_refused():
    error = the_error({"_format_version": "3.0", "services": [{"name": "x"}]})
    assert error.path == "services[0]" and "needs host" in error.message


def test_names_and_tags_may_be_in_any_script():
    (service,) = loaded(service_with(name="größe-данные", tags=["été", "été", "b"])).services
    assert service["name"] == "größe-данные" and service["tags"] == ["été", "b"]


def test_null_means_not_given():
    (service,) = loaded(service_with(retries=None, path=None, name=None, tls_verify=None)).services
    assert service["retries"] == 5


def test_disabled_service_and_its_routes_are_left_out_with_a_warning():
    model = loaded({"_format_version": "3.0", "services": [
        {"name": "on", "host": "a", "routes": [{"name": "r1", "paths": ["/a"]}]},
        {"name": "off", "host": "b", "enabled": False, "routes": [{"name": "r2", "paths": ["/b"]}]}]})
    assert [service["name"] for service in model.services] == ["on"]
    assert [route["name"] for route in model.routes] == ["r1"]
    assert any("disabled" in warning for warning in model.warnings)


def test_a_disabled_service_is_still_checked():
    assert [e.path for e in errors_of(service_with(enabled=False, port=-1))] == ["services[0].port"]
