"""The plugins in Python that come with fastgate: their names, order and what is said of wrong configurations."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fastgate.config.yaml_tree import TreeBuilder
from fastgate.plugins import discovery
from fastgate.plugins.external import External
from fastgate.plugins.http_log import HttpLog, queue_of
from fastgate.plugins.shipped import SHIPPED, sources
from fastgate.sdk import Contract, Unavailable
from fastgate.sdk.schema import schema_of

PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text()
PRIORITIES = {"device-auth": 1020, "external": 755, "http-log": 12, "post-function": -1000, "pre-function": 1_000_000, "request-validator": 999}


def said(name, config):
    discovery.find(None)
    problems = []
    discovery.plugin(name).CONFIG.read(config, problems)
    return [(".".join(map(str, path)), message) for path, message in problems]


def test_names_and_order():
    contracts = [Contract(found) for _, found in sources()]
    assert {one.name: one.priority for one in contracts} == PRIORITIES
    assert list(SHIPPED) == sorted(PRIORITIES)


def test_they_are_found_without_a_folder_and_their_names_are_taken(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from fastgate import Plugin\nclass Mine(Plugin):\n    name = 'http-log'\n    version = '2.0.0'\n    def log(self, context, config): ...\n")
    found, wrong = discovery.find(str(tmp_path))
    assert set(found) >= set(PRIORITIES) and found["http-log"].origin == "fastgate.plugins.http_log:HttpLog"
    assert wrong == [f"{tmp_path}/mine.py: the name http-log is taken by fastgate.plugins.http_log:HttpLog"]


BODY = {"body_schema": {"type": "object"}, "version": "draft4"}
GOOD = {"device-auth": {}, "external": {"url": "http://127.0.0.1:9100/"}, "http-log": {"http_endpoint": "http://127.0.0.1:9000/log"},
        "post-function": {}, "pre-function": {}, "request-validator": BODY}


@pytest.mark.parametrize("name", PRIORITIES)
def test_the_least_that_must_be_given(name):
    assert said(name, GOOD[name]) == []


@pytest.mark.parametrize("older", [
    {"retry_count": None, "queue_size": None, "flush_timeout": None}, {"retry_count": 10, "queue_size": 1, "flush_timeout": 2}])
def test_older_names_of_http_logs_queue_at_their_defaults_say_nothing(older):
    assert said("http-log", GOOD["http-log"] | older) == []
    config = schema_of(HttpLog.Config, "config").make(
        schema_of(HttpLog.Config, "config").read(GOOD["http-log"] | older | {"queue": {"max_batch_size": 7, "max_retry_time": 5}}, []))
    queue = queue_of(config)
    assert (queue.max_batch_size, queue.max_coalescing_delay, queue.max_retry_time) == (7, 1, 5)


@pytest.mark.parametrize("name, config, where, message", [
    ("http-log", {"queue_size": 0}, "queue_size", "1 to"),
    ("http-log", {"flush_timeout": -1}, "flush_timeout", "0 to"),
    ("device-auth", {"sources": []}, "", "at least one"),
    ("device-auth", {"sources": ["cookie"]}, "sources.0", "one of query, header, certificate"),
    ("device-auth", {"key": "device:auth"}, "", '"{id}"'),
    ("device-auth", {"token_header": "a b"}, "", "can't be a header's name"),
    ("device-auth", {"upstream_header": "Host"}, "", "the gateway's own"),
    ("device-auth", {"cache_entries": 0}, "cache_entries", "1 to"),
    ("device-auth", {"ttl": -1}, "ttl", "0 to"),
    ("external", {"url": "127.0.0.1"}, "", "is not a URL"),
    ("external", {"phases": ["log"], "send_body": True}, "", "phase access only"),
    ("external", {"phases": []}, "", "at least one"),
    ("external", {"phases": ["rewrite"]}, "phases.0", "one of access, log"),
    ("external", {"timeout": 0}, "timeout", "1 to"),
    ("external", {"failures": 0}, "failures", "1 to"),
    ("external", {"headers": {"Host": "x"}}, "", "can't be set here"),
    ("external", {"setting": {}}, "setting", 'did you mean "settings"'),
    ("http-log", {"http_endpoint": None}, "http_endpoint", "expected text"),
    ("http-log", {"http_endpoint": "ftp://a/"}, "", "is not a URL"),
    ("http-log", {"http_endpoint": "http://a:99999/"}, "", "is not a URL"),
    ("http-log", {"method": "GET"}, "method", "POST, PUT, PATCH"),
    ("http-log", {"content_type": "text/plain"}, "content_type", "application/json"),
    ("http-log", {"timeout": 0}, "timeout", "1 to"),
    ("http-log", {"headers": {"Content-Type": "x"}}, "", "can't be set here"),
    ("http-log", {"headers": {"host": "x"}}, "", "can't be set here"),
    ("http-log", {"headers": {"X-A": "a\nb"}}, "", "control character"),
    ("http-log", {"headers": {"X A": "a"}}, "", "can't be a header's name"),
    ("http-log", {"custom_fields_by_lua": {"a": "return 1"}}, "", "no Lua here"),
    ("http-log", {"custom_fields": {"a": "1 +"}}, "", "no Python expression"),
    ("http-log", {"queue": {"max_batch_size": 0}}, "queue.max_batch_size", "1 to 1000000"),
    ("http-log", {"queue": {"concurrency_limit": 2}}, "queue.concurrency_limit", "one of 1, -1"),
    ("http-log", {"queue": {"max_entires": 2}}, "queue.max_entires", 'did you mean "max_entries"'),
    ("request-validator", {"body_schema": None}, "", "body_schema, parameter_schema or both"),
    ("request-validator", {"body_schema": "{"}, "", "body_schema: the schema can't be read"),
    ("request-validator", {"body_schema": {"type": "objekt"}}, "", "body_schema: $.type"),
    ("request-validator", {"body_schema": {"$ref": "http://127.0.0.1/x"}}, "", "only places in the schema itself"),
    ("request-validator", {"body_schema": [1], "version": "kong"}, "", "an object with one name"),
    ("request-validator", {"body_schema": [{"a": {"type": "string", "match": "x"}}], "version": "kong"}, "", "match is not"),
    ("request-validator", {"version": "kong"}, "", "say version: draft4"),
    ("request-validator", {"version": "draft5"}, "version", "one of kong"),
    ("request-validator", {"allowed_content_types": ["json"]}, "", "no type like"),
    ("request-validator", {"parameter_schema": [{"in": "cookie", "name": "a"}]}, "", "parameter_schema[0]: needs name"),
    ("request-validator", {"parameter_schema": [{"in": "path", "name": "a"}]}, "", "path_template must have {a}"),
    ("request-validator", {"parameter_schema": [{"in": "query", "name": "a", "style": "deepObject"}]}, "", "deepObject"),
    ("request-validator", {"parameter_schema": [{"in": "query", "name": "a", "scheme": {}}]}, "", "unknown key 'scheme'"),
    ("http-log", {"flush_time": 2}, "flush_time", "unknown key"),
])
def test_what_is_wrong_is_said_at_its_place(name, config, where, message):
    [(place, text)] = said(name, GOOD[name] | config)
    assert place == where and message in text


def rows(name):
    """{field: default} of the table below the plugin's heading in the page."""
    text = re.search(rf"^### {re.escape(name)}\n(.*?)(?=^##|\Z)", PAGE, re.S | re.M)[1]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n") if line.startswith("| `")]
    return {field: cell[1].strip("`") for cell in cells for field in re.findall(r"`([^`]+)`", cell[0])}


def leaves(config, start=""):
    for key, value in config.items():
        if type(value) is dict and value:
            yield from leaves(value, f"{start}{key}.")
        else:
            yield start + key, value


@pytest.mark.parametrize("name", [name for name in PRIORITIES if "function" not in name])
def test_the_page_has_every_field_with_its_default(name):
    [contract] = [one for one in map(Contract, (found for _, found in sources())) if one.name == name]
    defaults = {field: one.plain_default() if one.has_default else None for field, one in contract.schema.fields.items()}
    shown = {field: TreeBuilder(f"x: {text}").build()["x"] for field, text in rows(name).items()}
    assert shown == dict(leaves(defaults))


def test_looking_for_them_imports_no_library_that_only_their_work_needs():
    code = ("import sys; from fastgate.plugins import discovery; discovery.find(None); "
            "print(sorted({'httpx', 'httpcore', 'redis', 'jsonschema'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_a_service_wraps_too_deep_is_its_own_failure():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Unavailable, match="can't be obeyed"):
        External.obeyed(None, None, {"action": "exit", "status": 200, "json": deep})
