"""Plugins: where they stand, whom they are for, what is refused, left out and dropped."""

import pytest
from fastgate.plugins.registry import PLUGINS

from .support import HEAD, errors_of, loaded, plugin_with, the_error
from .test_consumers import made

UNKNOWN = HEAD + """
plugins:
- name: prometheus
services:
- name: s
  host: a
  plugins: [{name: proxy-cache, config: {minute: 5}}]
  routes:
  - name: r
    paths: [/]
    plugins: [{name: zipkin}]
consumers:
- username: c
  plugins: [{name: datadog, route: r}]
"""


def test_each_unknown_plugin_is_an_error_that_names_it():
    errors = errors_of(UNKNOWN, plugins=PLUGINS)
    assert [(error.line, error.path) for error in errors] == [
        (4, "plugins[0].name"), (8, "services[0].plugins[0].name"), (12, "services[0].routes[0].plugins[0].name"),
        (15, "consumers[0].plugins[0].name")]
    for error, name in zip(errors, ("prometheus", "proxy-cache", "zipkin", "datadog"), strict=True):
        assert name in error.message and "--allow-unknown-plugins" in error.message


def test_allowed_unknown_plugins_are_left_out_and_listed():
    model = loaded(UNKNOWN, allow_unknown_plugins=True, plugins=PLUGINS)
    assert model.left_out == ["prometheus (plugins[0])", "zipkin (services[0].routes[0].plugins[0])",
                              "proxy-cache (services[0].plugins[0])", "datadog (consumers[0].plugins[0])"]
    assert len(model.routes) == 1 and model.plugins == []


def test_misspelt_plugin_is_told_the_near_name():
    assert 'did you mean "rate-limiting"' in the_error(plugin_with("rate-limitng"), plugins=PLUGINS).message


@pytest.mark.parametrize("text, path, part", [
    ("plugins: [{config: {}}]", "plugins[0]", "needs name"),
    ("plugins: [{name: a, config: []}]", "plugins[0].config", "a mapping"),
    ("plugins: [{name: rate-limiting, config: []}]", "plugins[0].config", "a mapping"),
    ("plugins: [{name: a, service: x}]", "plugins[0].service", "no service"),
    ("plugins: [{name: a, confg: {}}]", "plugins[0].confg", 'did you mean "config"'),
    ("plugins: [{name: a}, {name: a}]", "plugins[1].name", "same combination"),
    ("plugins: [{name: cors}, {name: cors}]", "plugins[1].name", "same combination"),
    ("plugins: [{name: a, instance_name: x}, {name: b, instance_name: x}]", "plugins[1].instance_name", "unique"),
    ("plugins: [{name: cors, ordering: {before: {access: [acl]}}}]", "plugins[0].ordering", "Enterprise"),
    ("plugins: [{name: cors, consumer_group: x}]", "plugins[0].consumer_group", "not in this version"),
    ("plugins: [{name: cors, protocols: [htp]}]", "plugins[0].protocols[0]", "http"),
    ("plugins: [{name: cors, config: {origin: x}}]", "plugins[0].config.origin", 'did you mean "origins"'),
    ("plugins: [{name: cors, consumer: c}]\nconsumers: [{username: c}]", "plugins[0].consumer", "can't be a consumer's"),
    ("consumers: [{username: c, plugins: [{name: key-auth}]}]", "consumers[0].plugins[0].name", "can't be a consumer's"),
])
def test_plugin_is_refused(text, path, part):
    error = the_error(HEAD + text, allow_unknown_plugins=True, plugins=PLUGINS)
    assert error.path == path and part in error.message


def test_errors_have_the_line_and_the_whole_path():
    errors = errors_of(HEAD + """
services:
- host: a
  routes:
  - paths: [/a]
  - paths: [/b]
    plugins:
    - name: rate-limiting
      config:
        minute: 0
        limit_by: [ip,
          moon]
    - name: request-transformer
      config:
        add:
          headers:
          - "x-a:1"
          - x-b
""", plugins=PLUGINS)
    route = "services[0].routes[1].plugins"
    assert [(error.line, error.path) for error in errors] == [
        (11, f"{route}[0].config.minute"), (13, f"{route}[0].config.limit_by[1]"),
        (19, f"{route}[1].config.add.headers[1]")]


def test_same_plugin_on_two_services_is_no_double():
    text = HEAD + "services: [{name: a, host: a, plugins: [{name: x}]}, {name: b, host: a, plugins: [{name: x}]}]"
    assert len(loaded(text, allow_unknown_plugins=True).left_out) == 2


SCOPED = HEAD + """
consumers:
- username: c
  plugins:
  - {name: rate-limiting, config: {minute: 1}}
  - {name: rate-limiting, route: r, config: {minute: 2}}
services:
- name: s
  host: a
  plugins:
  - {name: rate-limiting, instance_name: of-s, tags: [x], config: {minute: 3}}
  routes:
  - name: r
    paths: [/]
    plugins:
    - {name: rate-limiting, config: {minute: 4}}
plugins:
- {name: rate-limiting, config: {minute: 5}}
- {name: rate-limiting, route: r, service: s, consumer: c, config: {minute: 6}}
"""


def test_scopes_are_ids():
    model = loaded(SCOPED, plugins=PLUGINS)
    ids = {"r": model.routes[0]["id"], "s": model.services[0]["id"], "c": model.consumers[0]["id"], "": None}
    scopes = {plugin["config"]["minute"]: (plugin["route"], plugin["service"], plugin["consumer"])
              for plugin in model.plugins}
    expected = {1: ("", "", "c"), 2: ("r", "", "c"), 3: ("", "s", ""), 4: ("r", "", ""), 5: ("", "", ""),
                6: ("r", "s", "c")}
    assert scopes == {minute: tuple(ids[one] for one in scope) for minute, scope in expected.items()}
    assert {plugin["priority"] for plugin in model.plugins} == {910}
    (of_s,) = (plugin for plugin in model.plugins if plugin["instance_name"])
    assert (of_s["instance_name"], of_s["tags"], of_s["enabled"]) == ("of-s", ["x"], True)


def test_plugins_ids_come_from_their_name_and_scope():
    model = loaded(SCOPED, plugins=PLUGINS)
    route, service, consumer = model.routes[0]["id"], model.services[0]["id"], model.consumers[0]["id"]
    ids = {plugin["config"]["minute"]: plugin["id"] for plugin in model.plugins}
    assert ids[5] == made("plugins", "plugins:*:rate-limiting:::")
    assert ids[6] == made("plugins", f"plugins:*:rate-limiting:{route}:{service}:{consumer}")
    assert len(set(ids.values())) == 6


def test_nested_and_flat_plugins_are_the_same():
    flat = HEAD + """
routes: [{name: r, paths: [/], service: s}]
services: [{name: s, host: a}]
consumers: [{username: c}]
plugins:
- {name: rate-limiting, consumer: c, config: {minute: 1}}
- {name: rate-limiting, consumer: {username: c}, route: r, config: {minute: 2}}
- {name: rate-limiting, service: s, instance_name: of-s, tags: [x], config: {minute: 3}}
- {name: rate-limiting, route: {name: r}, config: {minute: 4}}
- {name: rate-limiting, config: {minute: 5}}
- {name: rate-limiting, route: r, service: s, consumer: c, config: {minute: 6}}
"""
    def by_minute(text):
        return {plugin["config"]["minute"]: plugin for plugin in loaded(text, plugins=PLUGINS).plugins}

    assert by_minute(flat) == by_minute(SCOPED)


def test_disabled_plugins_are_checked_and_dropped():
    assert loaded(plugin_with("cors", enabled=False), plugins=PLUGINS).plugins == []
    assert the_error(plugin_with("cors", {"credentials": 5}, enabled=False), plugins=PLUGINS).path == \
        "plugins[0].config.credentials"


def test_plugins_of_a_disabled_service_are_dropped():
    model = loaded(HEAD + "services: [{host: a, enabled: false, plugins: [{name: cors}], "
                          "routes: [{paths: [/], plugins: [{name: cors}]}]}]", plugins=PLUGINS)
    assert model.plugins == []


@pytest.mark.parametrize("protocols, is_kept", [
    (["http"], True), (["grpc", "https"], True), (["grpc", "grpcs"], False), (["tcp"], False),
])
def test_plugins_for_other_protocols_are_left_out_with_a_warning(protocols, is_kept):
    model = loaded(plugin_with("cors", protocols=protocols), plugins=PLUGINS)
    assert len(model.plugins) == is_kept and len(model.warnings) == (not is_kept)
    assert is_kept or "plugins[0]: the plugin cors is for" in model.warnings[0]


def test_consumers_plugin_that_runs_too_early_gives_a_warning():
    model = loaded(plugin_with("correlation-id", consumer="guest"), plugins=PLUGINS)
    assert len(model.plugins) == 1 and "never applies" in model.warnings[0]


@pytest.mark.parametrize("name", ["key-auth", "basic-auth", "hmac-auth", "jwt"])
def test_anonymous_is_a_consumer_of_the_file(name):
    for reference in ("guest", made("consumers", "guest"), made("consumers", "guest").upper()):
        config = plugin_with(name, {"anonymous": reference})
        config["consumers"][0]["id"] = made("consumers", "guest")
        model = loaded(config, plugins=PLUGINS)
        assert model.plugins[0]["config"]["anonymous"] == model.consumers[0]["id"]
    assert loaded(plugin_with(name, {"anonymous": "guest"}), plugins=PLUGINS).plugins[0]["config"]["anonymous"] == \
        made("consumers", "guest")
    error = the_error(plugin_with(name, {"anonymous": "gest"}), plugins=PLUGINS)
    assert error.path == "plugins[0].config.anonymous" and 'did you mean "guest"' in error.message


@pytest.mark.parametrize("name, config, path", [
    ("bot-detection", {"deny": ["ok", "(a"]}, "deny[1]"),
    ("bot-detection", {"allow": ["(a"]}, "allow[0]"),
    ("cors", {"origins": ["*", "https://a.example", r"https://.*\.(example"]}, "origins[2]"),
])
def test_regular_expressions_are_compiled(name, config, path):
    def check_pattern(pattern):
        return "a parenthesis is open" if pattern.count("(") > pattern.count(")") else None

    error = the_error(plugin_with(name, config), plugins=PLUGINS, check_pattern=check_pattern)
    assert error.path == f"plugins[0].config.{path}" and "a parenthesis is open" in error.message


def test_literal_origins_are_no_regular_expressions():
    asked = []
    loaded(plugin_with("cors", {"origins": ["*", "https://a.example:8", "https://[a-z]+.example"]}), plugins=PLUGINS,
           check_pattern=asked.append)
    assert asked == ["https://[a-z]+.example"]


def test_values_may_come_from_the_environment():
    model = loaded(plugin_with("rate-limiting", {"minute": "${N}", "limit_by": "${BY}"}), plugins=PLUGINS,
                   environ={"N": "7", "BY": "ip"})
    assert (model.plugins[0]["config"]["minute"], model.plugins[0]["config"]["limit_by"]) == (7, "ip")
