"""The chart's values: the schema knows each, and refuses nonsense before anything is installed."""

import copy
import json

import jsonschema
import pytest
import requests
import yaml
from fastgate import __version__
from fastgate.bundle.image import NAME
from shipped import CHART, ROOT, accepts, default_port, gateway_defaults, mebibytes, planned, read_yaml

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = read_yaml(CHART / "values.yaml")


def merged(base: dict, more: dict) -> dict:
    """As Helm does it: objects are merged, all else is replaced."""
    result = copy.deepcopy(base)
    for key, value in more.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


def is_valid(more: dict) -> bool:
    return jsonschema.Draft7Validator(SCHEMA).is_valid(merged(VALUES, more))


def test_the_schema_is_one_and_takes_the_defaults():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)


@pytest.mark.parametrize("path", sorted(CHART.glob("ci/*-values.yaml")), ids=lambda path: path.name)
def test_the_schema_takes_the_values_that_deploy_check_renders(path):
    assert is_valid(read_yaml(path))


def keys(schema: dict, prefix: str = "") -> set[str]:
    found = set()
    for name, part in schema.get("properties", {}).items():
        found |= {prefix + name} | keys(part, f"{prefix}{name}.")
    return found


def named(values: dict, prefix: str = "") -> set[str]:
    found = set()
    for name, value in values.items():
        found |= {prefix + name} | (named(value, f"{prefix}{name}.") if isinstance(value, dict) else set())
    return found


def test_each_value_has_a_default_and_a_rule():
    free = {name for name in named(VALUES) if name.startswith(("resources.requests.", "resources.limits."))}
    assert keys(SCHEMA) - {"global"} == named(VALUES) - free        # `global` is Helm's own


@pytest.mark.parametrize("nonsense", [
    {"replica": 2},
    {"replicas": -1},
    {"replicas": "two"},
    {"config": {"_format_version": "3.0"}},
    {"image": {"repository": ""}},
    {"image": {"pullPolicy": "Sometimes"}},
    {"image": {"tags": "1"}},
    {"imagePullSecrets": ["name"]},
    {"ports": {"proxy": 80}},
    {"ports": {"status": 65536}},
    {"ports": {"proxy": "8000"}},
    {"ports": {"host": -1}},
    {"service": {"type": "ExternalName"}},
    {"service": {"port": 0}},
    {"service": {"annotations": {"a": 1}}},
    {"autoscaling": {"enabled": "yes"}},
    {"autoscaling": {"minReplicas": 0}},
    {"autoscaling": {"targetCPUUtilizationPercentage": 200}},
    {"workers": 0},
    {"workers": "all"},
    {"resources": {"limit": {}}},
    {"preStopSeconds": 0},
    {"terminationGracePeriodSeconds": 0},
    {"disruptionBudget": {"maxUnavailable": 0}},
    {"nodeSelector": {"kubernetes.io/arch": 64}},
    {"tolerations": {"key": "edge"}},
], ids=json.dumps)
def test_nonsense_is_refused(nonsense):
    assert not is_valid(nonsense)


def test_the_chart_is_of_this_version():
    chart = read_yaml(CHART / "Chart.yaml")
    assert chart["appVersion"] == __version__ == chart["version"]


def test_ports_are_the_gateways_defaults():
    assert VALUES["ports"] == {"proxy": default_port("proxy_listen"), "status": default_port("status_listen"), "host": 0}


def test_the_image_is_called_what_a_node_imports():
    assert VALUES["image"] == {"repository": f"localhost/{NAME}", "tag": "", "pullPolicy": "IfNotPresent"}


@pytest.mark.parametrize("path", [None, *sorted(CHART.glob("ci/*-values.yaml"))], ids=lambda path: path.name if path else "values.yaml")
def test_the_budget_fits_into_the_limit(path):
    """Past the limit the kernel kills: the budget must be below it, and enough for so many reactors."""
    values = merged(VALUES, read_yaml(path) if path else {})
    assert planned(values["config"], workers=values["workers"]) <= mebibytes(values["resources"]["limits"]["memory"]) * 7 / 8


def test_the_drain_has_time():
    drain_s = gateway_defaults()["timeouts"]["drain"] / 1000
    assert VALUES["terminationGracePeriodSeconds"] > VALUES["preStopSeconds"] + drain_s


def test_with_the_default_configuration_a_pod_gets_ready_and_follows_changes(gateway):
    config = yaml.safe_load(VALUES["config"])
    assert config["gateway"]["watch"] is True
    running = gateway(config)
    assert requests.get(running.status_url + "/status/ready").status_code == 200
    assert requests.get(running.url).json()["message"] == "fastgate runs, and has no services yet"


@pytest.mark.parametrize("workers", ["auto", 1, 64])
def test_workers_are_what_the_command_takes(workers):
    assert is_valid({"workers": workers}) and accepts(["run", f"--workers={workers}"])


def test_the_page_names_only_values_that_are_there():
    """`` `a.b`, `.c` ``: `.c` goes on where `a.b` ended."""
    page = (ROOT / "docs/helm.md").read_text()
    table = page.partition("| value | default | |")[2].partition("\n\n")[0]
    wrong = []
    for row in table.strip().splitlines()[1:]:
        parent = ""
        for name in (word for word in row.split("|")[1].split("`") if word.strip(" ,or")):
            parent = name.rpartition(".")[0] or parent if not name.startswith(".") else parent
            if (parent + name if name.startswith(".") else name) not in named(VALUES):
                wrong.append(name)
    assert len(table.splitlines()) > 5 and not wrong
