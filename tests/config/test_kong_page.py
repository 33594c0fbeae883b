"""docs/kong.md: what is refused is refused, in the words the page gives."""

import re
from pathlib import Path

import pytest
from fastgate.plugins.registry import PLUGINS, find_python

from .support import HEAD, errors_of

PAGE = (Path(__file__).parents[2] / "docs/kong.md").read_text()
SERVICE = "services:\n- {name: a, host: b, %s, routes: [{name: r, paths: [/a]}]}\n"
ROUTE = "services:\n- {name: a, host: b, routes: [{name: r, paths: [/a], %s}]}\n"
PLUGIN = "services:\n- {name: a, host: b, routes: [{name: r, paths: [/a]}]}\nconsumers:\n- {username: c}\nplugins:\n- %s\n"
UPSTREAM = "upstreams:\n- {name: u, %s}\n"

# What the first cell begins with → a file with it.
FILES = {
    "a plugin that is not": PLUGIN % "{name: oauth2}",
    "`ordering`": PLUGIN % "{name: key-auth, ordering: {before: {access: [acl]}}}",
    "a credential": "consumers:\n- {username: c, keyauth_credentials: [{}]}\n",
    "`consumer_group` of": PLUGIN % "{name: key-auth, consumer_group: g}",
    "`consumer` of": PLUGIN % "{name: key-auth, consumer: c}",
    "rate-limiting: `policy": PLUGIN % "{name: rate-limiting, config: {minute: 1, policy: cluster}}",
    "rate-limiting: `limit_by": PLUGIN % "{name: rate-limiting, config: {minute: 1, limit_by: consumer-group}}",
    "request-transformer: a": PLUGIN % '{name: request-transformer, config: {rename: {headers: ["a:$(headers.b)"]}}}',
    "request-transformer: Lua": PLUGIN % '{name: request-transformer, config: {add: {headers: ["a:$(…)"]}}}',
    "pre-function": PLUGIN % '{name: pre-function, config: {access: ["kong.log(1)"]}}',
    "the same": PLUGIN % "{name: pre-function, config: {certificate: [pass]}}",
    "http-log": PLUGIN % '{name: http-log, config: {http_endpoint: "http://a/", custom_fields_by_lua: {a: return 1}}}',
    "request-validator": PLUGIN % """{name: request-validator, config: {body_schema: '[{"a":{"type":"string","match":"x"}}]'}}""",
    "`protocol: https`": SERVICE % "protocol: https",
    "`url: https": "services:\n- {name: a, url: 'https://b/'}\n",
    "`tls_verify`": SERVICE % "tls_verify: true",
    "`protocols: [grpc]`": ROUTE % "protocols: [grpc]",
    "`path_handling": ROUTE % "path_handling: v1",
    "`expression`": ROUTE % "expression: x",
    "`sources`": ROUTE % "sources: [{port: 1}]",
    "`snis` of": ROUTE % "snis: [a]",
    "`certificates`": "certificates: [{}]\n",
    "`vaults`": "vaults: [{}]\n",
    "`key_sets`": "workspaces: [{}]\n",
    "`filter_chains`": "filter_chains: [{}]\n",
    "`client_certificate` of": UPSTREAM % "client_certificate: x",
    "`healthchecks` with": UPSTREAM % "healthchecks: {active: {type: grpc}}",
    "`use_srv_name": UPSTREAM % "use_srv_name: true",
    "`_info`": "_info: {}\n",
    "`{vault": 'services:\n- {name: a, host: "{vault://hcv/a}"}\n',
}


def rows():
    table = re.search(r"^## What is refused\n.*?\|---\|---\|\n(.*?)\n\n", PAGE, re.S | re.M)[1]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.split("\n")]


@pytest.mark.parametrize("what, message", rows())
def test_each_row_is_what_the_loader_says(what, message):
    beginning = next(known for known in FILES if what.startswith(known))
    said = " ".join(str(error) for error in errors_of(HEAD + FILES[beginning], plugins=PLUGINS, find_plugins=find_python))
    assert message.strip("`").removesuffix("…").rstrip() in said


def test_each_file_has_a_row():
    whats = [what for what, _ in rows()]
    assert all(any(what.startswith(known) for what in whats) for known in FILES)
