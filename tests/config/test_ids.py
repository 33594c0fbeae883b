"""Deterministic ids: Kong's chain of UUIDv5."""

import uuid

import pytest
from fastgate.config.ids import entity_id

from .support import loaded

ROOT = uuid.UUID("fd02801f-0957-4a15-a55a-c8d9606f30b5")


def chained(collection, key):
    return str(uuid.uuid5(uuid.uuid5(ROOT, collection), key))


@pytest.mark.parametrize("collection, key", [("services", "orders"), ("routes", "größe"), ("upstreams", "a.b")])
def test_id_is_the_documented_chain(collection, key):
    assert entity_id(collection, key) == chained(collection, key)


CONFIG = {
    "_format_version": "3.0",
    "services": [{"name": "s", "host": "a", "routes": [{"name": "r", "paths": ["/"]}, {"paths": ["/x"]}, {"paths": ["/x"]}]},
                 {"host": "b"}],
    "upstreams": [{"name": "u", "targets": [{"target": "10.0.0.1"}, {"target": "10.0.0.2:80"}]}],
}


def test_named_entities_have_the_chains_ids():
    model = loaded(CONFIG)
    upstream = chained("upstreams", "u")
    assert model.services[0]["id"] == chained("services", "s") == model.routes[0]["service"]
    assert model.routes[0]["id"] == chained("routes", "r")
    assert model.upstreams[0]["id"] == upstream
    # Kong makes a target's id before it normalises the target.
    assert [target["id"] for target in model.upstreams[0]["targets"]] == [
        chained("targets", f"targets:*:{upstream}:10.0.0.1"), chained("targets", f"targets:*:{upstream}:10.0.0.2:80")]


def ids(model):
    return [entity["id"] for entities in (model.services, model.routes, model.upstreams) for entity in entities]


def test_ids_stay_the_same_between_loads():
    assert ids(loaded(CONFIG)) == ids(loaded(CONFIG, now=5))


def test_unnamed_entities_have_ids_of_their_own():
    made = ids(loaded(CONFIG))
    assert len(set(made)) == len(made)
    assert all(uuid.UUID(one).version == 5 for one in made)


def test_unnamed_routes_keep_their_ids_when_others_come():
    before = loaded(CONFIG).routes
    more = {**CONFIG, "routes": [{"paths": ["/new"]}], "services": CONFIG["services"][::-1]}
    after = {route["id"] for route in loaded(more).routes}
    assert {route["id"] for route in before} < after


def test_given_id_is_kept_in_lower_case():
    given = "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"
    model = loaded({"_format_version": "3.0", "services": [{"id": given, "name": "s", "host": "a"}],
                    "routes": [{"paths": ["/"], "service": given}]})
    assert model.services[0]["id"] == given.lower() == model.routes[0]["service"]
