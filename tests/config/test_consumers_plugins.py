"""What is read and not used yet: consumers and credentials are checked, plugins refused or left out."""

import pytest

from .support import HEAD, errors_of, loaded, the_error

CONSUMERS = HEAD + """
consumers:
- username: alice
  custom_id: '7'
  keyauth_credentials: [{key: k1}, {key: k2, ttl: 60}]
  basicauth_credentials: [{username: alice, password: s}]
  hmacauth_credentials: [{username: alice}]
  jwt_secrets: [{key: iss}, {algorithm: RS256, rsa_public_key: "-----BEGIN\\nx\\n-----END"}]
  oauth2_credentials: [{name: app, redirect_uris: ['http://a/']}]
  acls: [{group: g1}, {group: g2}]
acls:
- {consumer: alice, group: g3}
- {consumer: {username: alice}, group: g4}
"""


def test_consumers_are_taken_with_a_warning():
    (warning,) = loaded(CONSUMERS).warnings
    assert warning.startswith("1 consumer, 2 keyauth_credentials") and "4 acls" in warning and "nothing" in warning


@pytest.mark.parametrize("text, path, part", [
    ("consumers: [{tags: [a]}]", "consumers[0]", "needs username or custom_id"),
    ("consumers: [{username: a, usernme: b}]", "consumers[0].usernme", 'did you mean "username"'),
    ("consumers: [{username: a, jwt_secrets: [{algorithm: RS256}]}]", "consumers[0].jwt_secrets[0]", "rsa_public_key"),
    ("consumers: [{username: a, jwt_secrets: [{algorithm: none}]}]", "consumers[0].jwt_secrets[0].algorithm", "HS256"),
    ("consumers: [{username: a, basicauth_credentials: [{username: x}]}]", "consumers[0].basicauth_credentials[0]",
     "needs password"),
    ("consumers: [{username: a, keyauth_credentials: [{key: 5}]}]", "consumers[0].keyauth_credentials[0].key", "quotes"),
])
def test_consumer_is_refused(text, path, part):
    error = the_error(HEAD + text)
    assert error.path == path and part in error.message


PLUGINS = HEAD + """
plugins:
- name: prometheus
services:
- name: s
  host: a
  plugins: [{name: rate-limiting, config: {minute: 5}}]
  routes:
  - name: r
    paths: [/]
    plugins: [{name: cors}]
consumers:
- username: c
  plugins: [{name: acl, route: r}]
"""


def test_each_unknown_plugin_is_an_error_that_names_it():
    errors = errors_of(PLUGINS)
    assert [(error.line, error.path) for error in errors] == [
        (4, "plugins[0].name"), (8, "services[0].plugins[0].name"), (12, "services[0].routes[0].plugins[0].name"),
        (15, "consumers[0].plugins[0].name")]
    for error, name in zip(errors, ("prometheus", "rate-limiting", "cors", "acl"), strict=True):
        assert name in error.message and "--allow-unknown-plugins" in error.message


def test_allowed_unknown_plugins_are_left_out_and_listed():
    model = loaded(PLUGINS, allow_unknown_plugins=True)
    assert model.left_out == ["prometheus (plugins[0])", "cors (services[0].routes[0].plugins[0])",
                              "rate-limiting (services[0].plugins[0])", "acl (consumers[0].plugins[0])"]
    assert len(model.routes) == 1


@pytest.mark.parametrize("text, path, part", [
    ("plugins: [{config: {}}]", "plugins[0]", "needs name"),
    ("plugins: [{name: a, config: []}]", "plugins[0].config", "a mapping"),
    ("plugins: [{name: a, service: x}]", "plugins[0].service", "no service"),
    ("plugins: [{name: a, confg: {}}]", "plugins[0].confg", 'did you mean "config"'),
    ("plugins: [{name: a}, {name: a}]", "plugins[1].name", "same combination"),
    ("plugins: [{name: a, instance_name: x}, {name: b, instance_name: x}]", "plugins[1].instance_name", "unique"),
])
def test_plugins_that_are_left_out_are_still_checked(text, path, part):
    error = the_error(HEAD + text, allow_unknown_plugins=True)
    assert error.path == path and part in error.message


def test_same_plugin_on_two_services_is_no_double():
    text = HEAD + "services: [{name: a, host: a, plugins: [{name: x}]}, {name: b, host: a, plugins: [{name: x}]}]"
    assert len(loaded(text, allow_unknown_plugins=True).left_out) == 2
