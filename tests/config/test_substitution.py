"""${VAR}, ${VAR:-default}, $${ and {vault://env/…}."""

import pytest
from fastgate.config import load_text

from .support import HEAD, errors_of, gateway_with, loaded, places, route_with, service_with, the_error


def host(value, **environ):
    return loaded(service_with(host=value), environ=environ).services[0]["host"]


@pytest.mark.parametrize("value, environ, expected", [
    ("${H}", {"H": "a"}, "a"),
    ("x-${H}.${D}", {"H": "a", "D": "b"}, "x-a.b"),
    ("${H:-b}", {}, "b"),
    ("${H:-b}", {"H": ""}, "b"),
    ("${H:-b}", {"H": "a"}, "a"),
    ("${H:-a.${X}", {}, "a.${X"),
    ("{vault://env/my-host}", {"MY_HOST": "a"}, "a"),
    ("{vault://env/h/name}", {"H": '{"name": "a"}'}, "a"),
    ("x-{vault://env/h}", {"H": "a"}, "x-a"),
])
def test_value_is_replaced(value, environ, expected):
    if "{" in expected:
        assert "neither a host name" in the_error(service_with(host=value), environ=environ).message
    else:
        assert host(value, **environ) == expected


def test_what_was_put_in_is_not_replaced_again():
    model = loaded(route_with(headers={"x-a": ["${A}"]}), environ={"A": "${B} {vault://env/b} $${"})
    assert model.routes[0]["headers"] == {"x-a": ["${B} {vault://env/b} $${"]}


def test_escape_is_a_literal():
    model = loaded(route_with(headers={"x-a": ["$${A}", "a$${B}${C}"]}), environ={"C": "c"})
    assert model.routes[0]["headers"]["x-a"] == ["${A}", "a${B}c"]


@pytest.mark.parametrize("text", [
    "gateway: {workers: '${W}', watch: '${B}', proxy_listen: ['0.0.0.0:${P}'], resolver: {min_ttl: '${W}'}}",
    '{"gateway": {"workers": "${W}", "watch": "${B}", "proxy_listen": ["0.0.0.0:${P}"], "resolver": {"min_ttl": "${W}"}},'
    '"_format_version": "3.0"}',
])
def test_whole_scalars_take_the_fields_type(text):
    form = "json" if text[0] == "{" else "yaml"
    gateway = loaded(text if form == "json" else HEAD + text, form, environ={"W": "4", "B": "yes", "P": "81"}).gateway
    assert (gateway["workers"], gateway["watch"], gateway["proxy_listen"], gateway["resolver"]["min_ttl"]) == \
        (4, True, ["0.0.0.0:81"], 4)


def test_text_fields_keep_digits_and_words_as_text():
    service = loaded(service_with(name="${N}", tags=["${T}"]), environ={"N": "123", "T": "yes"}).services[0]
    assert (service["name"], service["tags"]) == ("123", ["yes"])
    assert type(service["name"]) is str and type(service["tags"][0]) is str


def test_enumerated_numbers_take_substitutions():
    model = loaded(route_with(paths=["/"], https_redirect_status_code="${C}"), environ={"C": "301"})
    assert model.routes[0]["https_redirect_status_code"] == 301


def test_empty_whole_scalar_is_null():
    assert loaded(service_with(port="${P}", path="${P}"), environ={"P": ""}).services[0]["port"] == 80


def test_a_number_only_part_of_which_was_replaced_stays_text():
    assert "not the text" in the_error(service_with(port="8${P}"), environ={"P": "0"}).message


@pytest.mark.parametrize("value, environ, part", [
    ("${PORT}", {}, "the environment variable PORT is not set"),
    ("{vault://env/my-port}", {}, "the environment variable MY_PORT is not set"),
    ("{vault://aws/x}", {}, 'the vault "aws" is not in this version'),
    ("{vault://env}", {}, "is not a reference"),
    ("{vault://env/p/k}", {"P": "80"}, "holds no JSON object"),
    ("{vault://env/p/k}", {"P": "{}"}, 'no plain value "k"'),
    ("{vault://env/p/k}", {"P": '{"k": []}'}, 'no plain value "k"'),
    ("${PORT", {}, "is not a substitution"),
    ("${}", {}, "is not a substitution"),
    ("${1A}", {}, "is not a substitution"),
    ("${A-b}", {}, "is not a substitution"),
    ("${ A }", {}, "$${ for a literal"),
])
def test_refusal_names_the_variable_and_the_place(value, environ, part):
    text = HEAD + f"services:\n- host: a\n  port: '{value}'\n"
    error = the_error(text, environ=environ)
    assert (error.line, error.path) == (4, "services[0].port") and part in error.message


def test_vault_member_keeps_its_type():
    assert loaded(service_with(port="{vault://env/p/k}"), environ={"P": '{"k": 81}'}).services[0]["port"] == 81


def test_all_unset_variables_are_reported_beside_other_errors():
    assert places(HEAD + "services:\n- host: ${A}\n  port: ${B}\n- host: b\n  prot: 1\n") == \
        [(3, "services[0].host"), (4, "services[0].port"), (6, "services[1].prot")]


def test_remarks_and_keys_are_left_alone():
    model = loaded(HEAD + "_comment: ${X}\n_ignore: ['${X}', {a: '${X}'}]\n"
                          "routes:\n- _comment: ${X}\n  paths: ['${P:-/}']\n")
    assert model.routes[0]["paths"] == ["/"]
    assert errors_of(route_with(headers={"${A}": ["1"]}))[0].path == 'routes[0].headers["${A}"]'


def test_aliased_values_are_replaced_once():
    text = HEAD + "routes:\n- headers: &h {x-a: ['$${A}']}\n- headers: *h\n"
    assert [r["headers"] for r in loaded(text).routes] == [{"x-a": ["${A}"]}] * 2


def test_escaped_json_dollar_is_a_substitution_too():
    model = load_text('{"_format_version": "3.0", "services": [{"host": "\\u0024{H}"}]}', "x", "json", environ={"H": "a"})
    assert model.services[0]["host"] == "a"


def test_process_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("FASTGATE_TEST_HOST", "from-env")
    assert load_text(HEAD + "services: [{host: '${FASTGATE_TEST_HOST}'}]", "x").services[0]["host"] == "from-env"


def test_gateway_values_are_replaced():
    assert loaded(gateway_with(log_level="${L:-warn}")).gateway["log_level"] == "warn"
