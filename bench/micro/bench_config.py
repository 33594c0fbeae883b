"""Loading a configuration of 10,000 routes: JSON, YAML, and one with an error in it."""

import json

import pytest
from fastgate.config import ConfigErrors, load_text

ROUTES = 10_000


@pytest.fixture(scope="module")
def texts():
    services = [{"name": f"s{n}", "url": f"http://10.0.{n // 250}.{n % 250}:8080/api", "routes": []}
                for n in range(ROUTES // 10)]
    for n in range(ROUTES):
        services[n % len(services)]["routes"].append({
            "name": f"r{n}", "hosts": [f"h{n % 97}.example.com"], "methods": ["GET", "POST"],
            "paths": [f"/team{n % 50}/service{n}", *([rf"~/team/{n}/\d+$"] if n % 10 == 0 else [])]})
    config = {"_format_version": "3.0", "services": services}
    lines = ["_format_version: '3.0'", "services:"]
    for service in services:
        lines += [f"- name: {service['name']}", f"  url: {service['url']}", "  routes:"]
        for route in service["routes"]:
            lines += [f"  - name: {route['name']}", f"    hosts: {json.dumps(route['hosts'])}",
                      f"    methods: {json.dumps(route['methods'])}", f"    paths: {json.dumps(route['paths'])}"]
    return {"json": json.dumps(config), "yaml": "\n".join(lines) + "\n"}


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_load(benchmark, texts, form):
    model = benchmark(load_text, texts[form], "bench", form, environ={})
    assert len(model.routes) == ROUTES


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_refuse(benchmark, texts, form):
    def refuse():
        with pytest.raises(ConfigErrors):
            load_text(texts[form].replace("team49/service9999", "team49//service"), "bench", form, environ={})

    benchmark(refuse)
