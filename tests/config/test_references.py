"""Nesting and references: where entities may stand, how they name each other, what is unique."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .support import HEAD, errors_of, loaded, places, the_error

ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


@pytest.mark.parametrize("reference", ["s", ID, {"id": ID}, {"name": "s"}, ID.upper()])
def test_route_names_its_service_by_name_or_id(reference):
    model = loaded({"_format_version": "3.0", "routes": [{"paths": ["/"], "service": reference}],
                    "services": [{"name": "s", "id": ID, "host": "a"}]})
    assert model.routes[0]["service"] == ID


def test_route_may_have_no_service():
    assert loaded(HEAD + "routes: [{paths: [/]}]").routes[0]["service"] is None


@pytest.mark.parametrize("text, line, path, part", [
    ("routes:\n- paths: [/]\n  service: ordres\nservices: [{name: orders, host: a}]\n", 4, "routes[0].service",
     'did you mean "orders"'),
    ("routes:\n- paths: [/]\n  service: S\nservices: [{name: s, host: a}]\n", 4, "routes[0].service", "no service"),
    ("routes:\n- paths: [/]\n  service: {port: 5}\n", 4, "routes[0].service", "the id or name"),
    ("routes:\n- paths: [/]\n  service: {id: 5}\n", 4, "routes[0].service.id", "put it in quotes"),
    ("routes:\n- paths: [/]\n  service: 5\n", 4, "routes[0].service", "put it in quotes"),
    ("targets:\n- target: a\n", 3, "targets[0]", "needs upstream"),
    ("targets:\n- target: a\n  upstream: u\n", 4, "targets[0].upstream", "no upstream"),
    ("acls:\n- group: a\n", 3, "acls[0]", "needs consumer"),
    ("keyauth_credentials:\n- key: a\n  consumer: x\n", 4, "keyauth_credentials[0].consumer", "no consumer"),
    ("services:\n- host: a\n  routes:\n  - paths: [/]\n    service: x\n", 6, "services[0].routes[0].service",
     "inside its service already"),
    ("services:\n- host: a\n  routes: {paths: [/]}\n", 4, "services[0].routes", "expected a list of routes"),
    ("services: 5\n", 2, "services", "expected a list of services"),
    ("services:\n- a\n", 3, "services[0]", "expected a mapping"),
    ("servces: []\n", 2, "servces", 'did you mean "services"'),
    ("_plugin_configs: {}\n", 2, "_plugin_configs", "decK"),
    ("certificates:\n- cert: x\n", 2, "certificates", "not in this version"),
    ("filter_chains:\n- {}\n", 2, "filter_chains", "not in this version"),
    ("services:\n- host: a\n  filter_chains: [{}]\n", 4, "services[0].filter_chains", "not in this version"),
    ("vaults: [{prefix: x, name: env}]\n", 2, "vaults", "vault://env"),
    ("_comment: [a]\n", 2, "_comment", "expected text"),
    ("_ignore: a\n", 2, "_ignore", "expected a list"),
    ("_transform: a\n", 2, "_transform", "true or false"),
    ("services:\n- host: a\n  _comment: 5\n", 4, "services[0]._comment", "expected text"),
    ("services:\n- host: a\n  _ignore: 5\n", 4, "services[0]._ignore", "expected a list"),
])
def test_refused_with_line_and_path(text, line, path, part):
    error = the_error(HEAD + text)
    assert (error.line, error.path) == (line, path) and part in error.message, error


@pytest.mark.parametrize("text, line, path, part", [
    ("services:\n- {name: s, host: a}\n- {name: s, host: b}\n", 4, "services[1].name", "services[0]"),
    (f"services:\n- {{id: {ID}, host: a}}\n- {{id: {ID.upper()}, host: b}}\n", 4, "services[1].id", "services[0]"),
    ("routes:\n- {name: r, paths: [/]}\nservices:\n- host: a\n  routes:\n  - name: r\n    paths: [/]\n", 7,
     "services[0].routes[0].name", "routes[0]"),
    ("upstreams:\n- {name: u}\n- {name: u}\n", 4, "upstreams[1].name", "upstreams[0]"),
    ("upstreams:\n- name: u\n  targets:\n  - target: a\ntargets:\n- {target: a, upstream: u}\n", 7, "targets[0].target",
     "upstreams[0].targets[0]"),
    ("consumers:\n- {username: a}\n- {username: a}\n", 4, "consumers[1].username", "consumers[0]"),
    ("consumers:\n- {custom_id: a}\n- {custom_id: a}\n", 4, "consumers[1].custom_id", "consumers[0]"),
    ("consumers:\n- username: a\n  acls: [{group: g}, {group: g}]\n", 4, "consumers[0].acls[1].group", "same consumer"),
    ("consumers:\n- username: a\n  keyauth_credentials:\n  - key: k\n- username: b\n  keyauth_credentials:\n  - key: k\n",
     8, "consumers[1].keyauth_credentials[0].key", "consumers[0].keyauth_credentials[0]"),
])
def test_doubles_are_refused(text, line, path, part):
    error = the_error(HEAD + text)
    assert (error.line, error.path) == (line, path) and part in error.message, error


def test_given_id_that_is_anothers_made_one_is_refused():
    made = loaded(HEAD + "services: [{name: s, host: a}]").services[0]["id"]
    error = the_error(HEAD + f"services:\n- {{name: s, host: a}}\n- {{id: {made}, host: b}}\n")
    assert (error.line, error.path) == (4, "services[1].id")


def test_same_target_in_two_upstreams_is_no_double():
    assert len(loaded(HEAD + "upstreams: [{name: u, targets: [{target: a}]}, {name: v, targets: [{target: a}]}]").upstreams) == 2


def test_doubles_are_found_beside_other_errors():
    assert places(HEAD + "services:\n- {name: s, host: a, prt: 1}\n- {name: s, host: b}\n"
                         "upstreams:\n- {name: u, targets: [{target: a}, {target: 'a:8000'}]}\n") == \
        [(3, "services[0].prt"), (4, "services[1].name"), (6, "upstreams[0].targets[1].target")]


def test_all_errors_come_at_once_in_the_order_of_the_file():
    text = HEAD + """
gateway:
  workers: 0
  limits: {headers: 1000}
services:
- name: a
  host: a:80
  routes:
  - paths: [x, ~/a(]
    methods: [get]
  - name: b
    hosts: ['*']
- nam: c
routes:
- service: zz
  paths: [/]
upstreams:
- name: u
  hash_on: header
  targets:
  - target: ':'
plugins:
- name: rate-limiting
"""
    errors = errors_of(text)
    assert [(error.line, error.path) for error in errors] == [
        (4, "gateway.workers"), (5, "gateway.limits.headers"), (8, "services[0].host"),
        (10, "services[0].routes[0].paths[0]"), (10, "services[0].routes[0].paths[1]"),
        (11, "services[0].routes[0].methods[0]"), (13, "services[0].routes[1].hosts[0]"), (14, "services[1].nam"),
        (14, "services[1]"), (16, "routes[0].service"), (19, "upstreams[0]"), (22, "upstreams[0].targets[0].target"),
        (24, "plugins[0].name")]
    assert all(error.file == "gw.yaml" and error.message for error in errors)


def test_a_file_full_of_errors_is_still_answered():
    many = 20_000
    errors = errors_of({"_format_version": "3.0", "services": [{"name": f"s{n}", "host": "a"} for n in range(1000)],
                        "routes": [{"paths": ["/"], "service": f"x{n}", "pths": 1} for n in range(many)],
                        "targets": [{}] * many})
    assert len(errors) == 4 * many


def test_lists_are_in_the_order_of_the_file():
    model = loaded(HEAD + """
routes: [{name: r1, paths: [/]}]
services:
- {name: s1, host: a, routes: [{name: r2, paths: [/]}, {name: r3, paths: [/]}]}
- {name: s2, host: a, routes: [{name: r4, paths: [/]}]}
""")
    assert [route["name"] for route in model.routes] == ["r1", "r2", "r3", "r4"]
    assert [service["name"] for service in model.services] == ["s1", "s2"]


names = st.text("abcdefgh", min_size=1, max_size=3)
routes = st.fixed_dictionaries({"paths": st.lists(st.sampled_from(["/", "/a", "/b", "~/x$"]), min_size=1, max_size=2)},
                               optional={"methods": st.just(["GET"]), "tags": st.just(["t"]), "strip_path": st.booleans()})
targets = st.dictionaries(st.sampled_from(["a", "b:80", "10.0.0.1"]), st.integers(0, 9), max_size=3)


@st.composite
def nested_configs(draw):
    def named(items, prefix):
        return [{"name": f"{prefix}{at}", **item} for at, item in enumerate(items)]

    services = named([{"host": draw(names), "routes": draw(st.lists(routes, max_size=3))}
                      for _ in range(draw(st.integers(0, 3)))], "s")
    for service in services:
        if draw(st.booleans()):
            service["routes"] = named(service["routes"], f"{service['name']}-r")
    upstreams = named([{"targets": [{"target": target, "weight": weight} for target, weight in draw(targets).items()]}
                       for _ in range(draw(st.integers(0, 3)))], "u")
    return {"_format_version": "3.0", "services": services, "upstreams": upstreams}


@given(nested_configs(), st.booleans())
def test_nested_and_flat_give_the_same_model(nested, children_first):
    flat = {"services": [{k: v for k, v in service.items() if k != "routes"} for service in nested["services"]],
            "upstreams": [{k: v for k, v in upstream.items() if k != "targets"} for upstream in nested["upstreams"]],
            "routes": [{"service": service["name"], **route} for service in nested["services"]
                       for route in service["routes"]],
            "targets": [{"upstream": {"name": upstream["name"]}, **target} for upstream in nested["upstreams"]
                        for target in upstream["targets"]]}
    order = sorted(flat, reverse=children_first)
    one, other = loaded(nested), loaded({"_format_version": "3.0", **{key: flat[key] for key in order}})
    assert (one.services, one.routes, one.upstreams) == (other.services, other.routes, other.upstreams)
