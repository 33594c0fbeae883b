"""What a plugin's class must be, and what is said when it is not."""

import pytest
from fastgate import Plugin
from fastgate.sdk import Contract, PluginError
from fastgate.sdk.plugin import PHASES


def made(**members):
    return type("Made", (Plugin,), {"name": "made", "version": "1.0.0", **members})


async def access(self, context, config): ...


def log(self, context, config): ...


def test_a_good_one():
    class Config:
        n: int = 1

    contract = Contract(made(access=access, log=log, priority=5, Config=Config))
    assert (contract.name, contract.version, contract.priority) == ("made", "1.0.0", 5)
    assert set(contract.hooks) == {"access", "log"} and contract.is_async("access") and not contract.is_async("log")
    assert contract.schema.read({}, []) == {"n": 1}


def test_all_phases_of_a_request():
    hooks = {hook: access if hook.endswith("filter") else log for hook in PHASES}
    contract = Contract(made(**hooks))
    assert tuple(contract.hooks) == PHASES and contract.is_async("header_filter") and not contract.is_async("access")


def test_no_config_is_fine():
    contract = Contract(made(log=log))
    assert contract.priority == 1000 and contract.misnamed == {}
    problems = []
    contract.schema.read({"a": 1}, problems)
    assert problems == [(("a",), "unknown key \"a\" for made's config")]


@pytest.mark.parametrize("members, message", [
    ({"name": "Made"}, "Made.name must be"), ({"name": 1}, "Made.name must be"), ({"version": "one"}, 'like "1.0.0"'),
    ({"version": 1.0}, "Made.version must be"), ({"priority": "1"}, "Made.priority must be an integer"),
    ({"priority": True}, "must be an integer"), ({"priority": 2**31}, "must be an integer"),
    ({"preread": log}, "Made.preread: that phase is not in this version"),
    ({"balancer": log}, "not in this version"), ({"certificate": log}, "not in this version"),
    ({"reads_body": True}, "bodies are read in access, which it does not define"),
    ({"reads_body": 1, "access": access}, "reads_body is True or False"),
    ({"body_limit": 0}, "body_limit 1 to"), ({"body_limit": True}, "body_limit 1 to"), ({"body_limit": 2**31}, "body_limit 1 to"),
    ({"access": lambda self: None}, r"Made.access\(self\) must take \(self, context, config\)"),
    ({"access": 1}, "must be a def or an async def"),
    ({"Config": type("Config", (), {"__annotations__": {"on_error": str}})}, "choose another name"),
    ({"Config": type("Config", (), {"__annotations__": {"phase_timeout": int}})}, "choose another name"),
])
def test_what_breaks_it(members, message):
    with pytest.raises(PluginError, match=message):
        Contract(made(**members))


def test_without_a_hook_it_is_refused():
    with pytest.raises(PluginError, match="Made has none of the hooks, .* there are init, configure, rewrite, access, "
                                          "header_filter, body_filter, log, close$"):
        Contract(made())
    with pytest.raises(PluginError, match=r"log, close; acess: did you mean access\?$"):
        Contract(made(acess=access))


def test_names_near_a_hooks():
    class Base(made(header_filters=log)):
        pass

    names = {"acces": log, "bodyFilter": log, "_logs": log, "uses": classmethod(lambda cls, config: (set(), False)), "ask": log,
             "logs": 5, "inits": property(log)}
    contract = Contract(type("Made", (Base,), {"access": access, **names}))
    assert contract.misnamed == {"header_filters": "header_filter", "acces": "access", "bodyFilter": "body_filter"}


def test_generators_are_no_hooks():
    def generates(self, context, config):
        yield

    async def generates_too(self, context, config):
        yield

    for hook in (generates, generates_too):
        with pytest.raises(PluginError, match="must be a def or an async def"):
            Contract(made(access=hook))
