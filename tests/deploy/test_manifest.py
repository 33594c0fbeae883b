"""The K3s manifest, held against the program it starts."""

import pytest
import requests
import yaml

from fastgate import __version__
from fastgate.bundle.image import NAME
from fastgate.config import load_text
from shipped import CHART, ROOT, accepts, default_port, gateway_defaults, mebibytes, planned

OBJECTS = {each["kind"]: each for each in yaml.safe_load_all((ROOT / "deploy/k3s/fastgate.yaml").read_text())}
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}


def test_ports_are_the_gateways_defaults():
    assert PORTS == {"proxy": default_port("proxy_listen"), "status": default_port("status_listen")}
    annotations = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(PORTS["status"])


def test_the_arguments_are_the_commands_own_and_name_those_ports():
    assert accepts(CONTAINER["args"])
    assert f"--listen=0.0.0.0:{PORTS['proxy']}" in CONTAINER["args"]
    assert f"--status-listen=0.0.0.0:{PORTS['status']}" in CONTAINER["args"]


def test_the_configuration_lies_where_the_arguments_say_and_is_one():
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    (file,) = OBJECTS["ConfigMap"]["data"]
    assert f"--config={mounts['config']}/{file}" in CONTAINER["args"]
    assert load_text(OBJECTS["ConfigMap"]["data"][file], file).gateway["watch"] is True
    # The only place for the control socket on a file system that can't be written.
    assert {"name": "RUNTIME_DIRECTORY", "value": mounts["run"]} in CONTAINER["env"]


def test_everything_mounted_is_a_volume():
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == {volume["name"] for volume in POD["volumes"]}
    (volume,) = [volume for volume in POD["volumes"] if "configMap" in volume]
    assert volume["configMap"]["name"] == OBJECTS["ConfigMap"]["metadata"]["name"]


def test_the_service_finds_the_pod():
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert OBJECTS["Service"]["spec"]["selector"].items() <= labels.items()
    assert OBJECTS["Service"]["spec"]["ports"][0]["targetPort"] in PORTS


def test_all_are_in_the_namespace():
    namespace = OBJECTS["Namespace"]["metadata"]["name"]
    assert {each["metadata"].get("namespace") for kind, each in OBJECTS.items() if kind != "Namespace"} == {namespace}


def test_the_drain_has_time():
    drain_s = gateway_defaults()["timeouts"]["drain"] / 1000
    pause_s = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] > pause_s + drain_s


def test_the_image_is_of_this_version():
    assert CONTAINER["image"] == f"localhost/{NAME}:{__version__}"


def test_the_budget_fits_into_the_limit():
    limit = mebibytes(CONTAINER["resources"]["limits"]["memory"])
    assert planned(OBJECTS["ConfigMap"]["data"]["fastgate.yaml"]) <= limit * 7 / 8


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probes_ask_what_the_status_listener_answers(probe, gateway):
    asked = CONTAINER[probe]["httpGet"]
    assert asked["port"] == "status"
    running = gateway({"_format_version": "3.0", "services": [{"name": "a", "url": "http://127.0.0.1:9", "routes": [{"paths": ["/"]}]}]})
    assert requests.get(running.status_url + asked["path"]).status_code == 200


def test_the_chart_asks_and_allows_the_same():
    """One is a template, so as text: what the manifest's pod may do, the chart's may, no more."""
    template = (CHART / "templates/deployment.yaml").read_text()
    for part in ("securityContext", "startupProbe", "readinessProbe", "livenessProbe"):
        for where in (POD, CONTAINER):
            for line in yaml.safe_dump(where[part]).splitlines() if part in where else ():
                word = line.strip().removeprefix("- ")
                assert word.partition(":")[0] in template and word.rpartition(": ")[2] in template, word
