"""Every field of every plugin with its default, pinned, and the page that lists them."""

import re
from pathlib import Path

import pytest
from fastgate.config.yaml_tree import TreeBuilder
from fastgate.plugins.registry import PLUGINS

from .support import plugin_config

PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text()

# Kong 3.x's, but for what the page calls ours. Plugins that can't be without a field get it from NEEDED.
DEFAULTS = {
    "key-auth": {
        "key_names": ["apikey"], "hide_credentials": False, "anonymous": None, "key_in_header": True,
        "key_in_query": True, "key_in_body": False, "run_on_preflight": True, "realm": None},
    "basic-auth": {"hide_credentials": False, "anonymous": None, "realm": "service"},
    "hmac-auth": {
        "hide_credentials": False, "clock_skew": 300, "anonymous": None, "validate_request_body": False,
        "enforce_headers": [], "algorithms": ["hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"], "realm": None},
    "jwt": {
        "uri_param_names": ["jwt"], "cookie_names": [], "header_names": ["authorization"], "key_claim_name": "iss",
        "secret_is_base64": False, "claims_to_verify": None, "maximum_expiration": 0, "anonymous": None,
        "run_on_preflight": True, "realm": None, "audience": None, "issuers": None, "leeway": 0, "jwks_uri": None,
        "jwks_refresh": 300, "jwks_min_refresh": 10, "jwks_timeout": 5, "jwks_max_bytes": 262144, "jwks_max_keys": 100,
        "jwks_ca_file": None, "consumer_claim": "sub", "consumer_by": "custom_id", "consumer_optional": False},
    "acl": {"allow": None, "deny": None, "hide_groups_header": False, "always_use_authenticated_groups": False},
    "ip-restriction": {"allow": None, "deny": None, "status": 403, "message": None},
    "request-size-limiting": {
        "allowed_payload_size": 128, "size_unit": "megabytes", "require_content_length": False},
    "cors": {
        "origins": None, "headers": None, "exposed_headers": None,
        "methods": ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT"], "max_age": None,
        "credentials": False, "private_network": False, "preflight_continue": False, "allow_origin_absent": True},
    "correlation-id": {"header_name": "Kong-Request-ID", "generator": "uuid#counter", "echo_downstream": False},
    "request-termination": {
        "status_code": 503, "message": None, "content_type": None, "body": None, "echo": False, "trigger": None},
    "redirect": {"status_code": 301, "location": None, "keep_incoming_path": False},
    "bot-detection": {"allow": [], "deny": []},
    "anti-bot": {
        "window": 10, "threshold": 100, "full": {"requests": 300, "paths": 60, "misses": 30, "sequence": 20, "agents": 10},
        "weights": {"requests": 60, "paths": 30, "misses": 40, "sequence": 30, "agents": 40, "probe": 35},
        "probes": [], "exempt": [], "ban_ttl": 3600, "status": 403, "message": "Forbidden", "dry_run": False},
    "request-transformer": {
        "http_method": None,
        "remove": {"body": [], "headers": [], "querystring": []},
        "rename": {"body": [], "headers": [], "querystring": []},
        "replace": {"body": [], "headers": [], "querystring": [], "uri": None},
        "add": {"body": [], "headers": [], "querystring": []},
        "append": {"body": [], "headers": [], "querystring": []}},
    "response-transformer": {
        "remove": {"json": [], "headers": []},
        "rename": {"json": [], "headers": []},
        "replace": {"json": [], "json_types": [], "headers": []},
        "add": {"json": [], "json_types": [], "headers": []},
        "append": {"json": [], "json_types": [], "headers": []}},
    "rate-limiting": {
        "second": None, "minute": None, "hour": None, "day": None, "month": None, "year": None, "concurrency": None,
        "algorithm": "sliding-window", "burst": None, "max_delay": None, "limit_by": "consumer", "header_name": None,
        "path": None, "policy": "local", "fault_tolerant": True,
        "redis": {"host": None, "port": 6379, "timeout": 2000, "username": None, "password": None, "database": 0,
                  "ssl": False, "ssl_verify": False, "server_name": None, "sentinel_master": None, "sentinel_nodes": None,
                  "sentinel_role": None, "sentinel_username": None, "sentinel_password": None, "cluster_nodes": None,
                  "cluster_max_redirections": 5},
        "hide_client_headers": False, "error_code": 429, "error_message": "API rate limit exceeded", "sync_rate": -1},
    "request-mirror": {
        "service": None, "upstream": None, "url": None, "percent": 100, "max_body": 65536, "max_answer": 1048576,
        "max_pending": 100, "timeout": 10000},
    "traffic-split": {
        "rules": None, "hash_on": "none", "hash_on_header": None, "hash_on_cookie": "fastgate-split",
        "hash_on_cookie_path": "/", "hash_on_cookie_ttl": None, "hash_on_cookie_issue": True},
}
NEEDED = {
    "acl": {"allow": ["staff"]}, "ip-restriction": {"deny": ["10.0.0.0/8"]}, "rate-limiting": {"minute": 5},
    "redirect": {"location": "https://example.com/x"},
    "request-mirror": {"url": "http://shadow.example:81/a/b"},
    "traffic-split": {"rules": [{"match": [], "splits": [{"service": None, "upstream": None, "weight": 1}]}]},
}


def test_every_plugin_is_pinned():
    assert set(DEFAULTS) == set(PLUGINS)


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults(name):
    needed = NEEDED.get(name, {})
    assert plugin_config(name, needed or None) == DEFAULTS[name] | needed


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_written_out_are_taken(name):
    """As an export of Kong's has them: every field, null where there is nothing."""
    assert plugin_config(name, DEFAULTS[name] | NEEDED.get(name, {})) == DEFAULTS[name] | NEEDED.get(name, {})


def rows(name):
    """{field: default} of the table below the plugin's heading in the page."""
    text = re.search(rf"^### {re.escape(name)}\n(.*?)(?=^##|\Z)", PAGE, re.S | re.M)[1]
    found = {}
    for line in text.split("\n"):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        if line.startswith("| `"):
            for field in re.findall(r"`([^`]+)`", cells[0]):
                found[field] = cells[1].strip("`")
    return found


def leaves(config, start=""):
    for key, value in config.items():
        if type(value) is dict:
            yield from leaves(value, f"{start}{key}.")
        else:
            yield start + key, value


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_page_has_every_field_with_its_default(name):
    found = {field: TreeBuilder(f"x: {shown}").build()["x"] for field, shown in rows(name).items()}
    assert found == dict(leaves(DEFAULTS[name]))
