"""Which host names a configuration has, and when the gateway is told of their addresses."""

import asyncio

import pytest

from fastgate._core.bridge.upstreams import is_address
from fastgate.config import load_text
from fastgate.control.host_names import names_of
from fastgate.control.names import Names

CONFIG = """
_format_version: "3.0"
upstreams:
  - name: pool
    targets: [{target: "one.example:81"}, {target: 10.0.0.1:82}, {target: "[::1]:83"}, {target: two.example}]
services:
  - {name: a, url: "http://pool"}
  - {name: b, url: "http://three.example:84"}
  - {name: c, url: "http://127.0.0.1:85"}
"""


def test_names_of_a_configuration():
    model = load_text(CONFIG, "fastgate.yaml")
    assert names_of(model) == {("one.example", 81), ("two.example", 8000), ("three.example", 84)}


def test_names_that_plugins_send_to():
    from fastgate.plugins.registry import PLUGINS

    config = "plugins:\n- {name: request-mirror, config: {url: 'http://%s'}}\n"
    for url, more in ("four.example:86/x", {("four.example", 86)}), ("pool", set()), ("10.0.0.9", set()):
        model = load_text(CONFIG + config % url, "fastgate.yaml", plugins=PLUGINS)
        assert names_of(model) - names_of(load_text(CONFIG, "fastgate.yaml")) == more


@pytest.mark.parametrize("host, is_one", [("10.0.0.1", True), ("::1", True), ("[::1]", True), ("unix:/run/x", True),
                                          ("h", False), ("10.0.0.1.example", False), ("1234", False), ("a\0b", False)])
def test_is_address(host, is_one):
    assert is_address(host) == is_one


class FakeGateway:
    """Remembers what it is told; uses the names of the model last published."""

    def __init__(self):
        self.model, self.told = None, []

    def upstream_names(self):
        return sorted(names_of(self.model))

    def set_addresses(self, host, port, addresses):
        self.told.append((host, port, addresses))


@pytest.fixture
def resolver(monkeypatch):
    """A resolver that knows every name at once, of which a test may change the addresses."""
    import fastgate.control.resolver as module

    class FakeResolver:
        made = []

        def __init__(self, settings, on_change, loop):
            self.on_change, self.watched, self.known = on_change, set(), {}
            self.made.append(self)

        def watch(self, names):
            self.watched = set(names)
            for host, port in sorted(self.watched):
                if host not in self.known:
                    self.known[host] = ["192.0.2.1"]
                    self.on_change(host, port, ["192.0.2.1"])

            async def first():
                return []

            return asyncio.ensure_future(first())

        def addresses(self, host):
            return self.known.get(host, [])

        def state(self):
            return {"queries": 5, "failures": 1, "names": {
                "a": {"state": "ok", "addresses": ["x"]}, "b": {"state": "failed", "addresses": ["x"]},
                "c": {"state": "failed", "addresses": []}}}

        async def close(self):
            pass

    monkeypatch.setattr(module, "Resolver", FakeResolver)
    return FakeResolver


def one_name(host):
    return load_text(f'_format_version: "3.0"\nservices: [{{name: s, url: "http://{host}:80"}}]', "fastgate.yaml")


def test_without_names_there_is_no_resolver(resolver):
    async def scenario():
        gateway = FakeGateway()
        gateway.model = one_name("127.0.0.1")
        names = Names(gateway, {})
        await names.prepare(gateway.model)
        names.settle()
        assert not resolver.made and names.figures() is None
        await names.close()

    asyncio.run(scenario())


def test_a_publish_and_a_refused_one(resolver):
    async def scenario():
        gateway = FakeGateway()
        names = Names(gateway, {})
        first, second, refused = one_name("one.example"), one_name("two.example"), one_name("bad.example")

        await names.prepare(first)
        assert ("one.example", 80, ["192.0.2.1"]) in gateway.told       # before anybody uses the name
        gateway.model = first
        names.settle()

        await names.prepare(second)             # both are followed until it is settled which stays
        [watching] = resolver.made
        assert watching.watched == {("one.example", 80), ("two.example", 80)}
        assert gateway.told[-1] == ("two.example", 80, ["192.0.2.1"])
        gateway.model = second
        names.settle()
        assert watching.watched == {("two.example", 80)}

        await names.prepare(refused)
        names.settle()
        assert watching.watched == {("two.example", 80)}

        watching.on_change("two.example", 80, ["192.0.2.9"])
        assert gateway.told[-1] == ("two.example", 80, ["192.0.2.9"])
        assert names.figures() == {"names": 3, "stale": 1, "queries": 5, "failures": 1}
        await names.close()

    asyncio.run(scenario())
