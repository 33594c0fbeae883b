"""Files as people have them: corpus/, and what examples/full.yaml has. All examples: tests/cli/test_examples.py."""

from pathlib import Path

import pytest
from fastgate.config import ConfigErrors, load, reader
from fastgate.config.gateway import GATEWAY, PARTS, defaults
from fastgate.plugins.registry import PLUGINS

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = Path(__file__).parents[2] / "examples"


def corpus(name, **options):
    return load(CORPUS / name, **{"environ": {}, "plugins": PLUGINS, **options})


def test_shop():
    model = corpus("shop.yaml")
    assert [service["name"] for service in model.services] == ["catalogue", "basket"]
    assert [route["name"] for route in model.routes] == [
        "catalogue-list", "catalogue-item", "catalogue-images", "basket", "basket-mobile"]
    (upstream,) = model.upstreams
    assert upstream["algorithm"] == "consistent-hashing" and upstream["name"] == model.services[0]["host"]
    assert [target["target"] for target in upstream["targets"]] == ["10.20.1.1:8080", "10.20.1.2:8080", "[fd00:20::3]:8080"]
    assert len(model.warnings) == 2     # health checks, the disabled service


def test_flat_export():
    model = corpus("flat.yaml")
    assert {route["service"] for route in model.routes} == {"0c61e164-6171-4837-8836-8f5298726d53"}
    assert [route["created_at"] for route in model.routes] == [1690000001, 1680000000]
    assert [(target["target"], target["weight"]) for target in model.upstreams[0]["targets"]] == [
        ("192.168.7.10:4318", 10), ("192.168.7.11:8000", 0)]


def test_plugins_are_refused_or_left_out():
    with pytest.raises(ConfigErrors) as refused:
        corpus("plugins.yaml")
    assert [error.line for error in refused.value.errors] == [4]
    model = corpus("plugins.yaml", allow_unknown_plugins=True)
    assert len(model.left_out) == 1 and len(model.routes) == 1
    assert [plugin["name"] for plugin in model.plugins] == [
        "correlation-id", "jwt", "request-transformer", "rate-limiting", "rate-limiting"]
    assert model.plugins[-1]["consumer"] == model.consumers[0]["id"]
    with pytest.raises(ConfigErrors) as refused:
        corpus("plugins.yaml", plugins=None)
    assert [error.line for error in refused.value.errors] == [4, 6, 12, 19, 21, 31]


def test_edge_json():
    with pytest.raises(ConfigErrors, match="CAMERA_HOST is not set"):
        corpus("edge.json")
    model = corpus("edge.json", environ={"CAMERA_HOST": "10.1.1.9", "EDGE_PORT": "80"})
    assert model.gateway["proxy_listen"][0] == "0.0.0.0:80"
    assert [(service["host"], service["port"], service["path"]) for service in model.services] == [
        ("unix:/run/plc-bridge.sock", 0, "/rpc"), ("10.1.1.9", 8554, None)]


def test_older_format():
    (route,) = corpus("older.yaml").routes
    assert route["paths"] == [r"~/items/\d+$", "/items/all", "~/files/(?<name>[^/]+)"]


def test_full_example_has_every_gateway_key():
    tree, _ = reader.parse((EXAMPLES / "full.yaml").read_text(), "full.yaml", "yaml")
    assert set(tree["gateway"]) == set(GATEWAY.fields)
    for name, part in PARTS.items():
        below = tree["gateway"]
        for key in name.split("."):
            below = below[key]
        assert set(below) == set(part.fields), name


def test_full_example_has_the_defaults_but_where_it_says_otherwise():
    text = (EXAMPLES / "full.yaml").read_text()
    changed = {line.partition(":")[0].strip() for line in text.split("\n") if "# default:" in line}
    read = load(EXAMPLES / "full.yaml", environ={}).gateway
    assert {key for key, value in defaults().items() if read[key] != value} == changed
