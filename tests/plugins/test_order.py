"""The order of the plugins, pinned: a change here changes what every configuration does."""

import pytest
from fastgate.plugins.registry import PLUGINS

# Kong's numbers; anti-bot is ours, traffic-split is where Kong's canary is, request-mirror right behind it.
ORDER = [
    ("correlation-id", 100_001),
    ("bot-detection", 2500),
    ("anti-bot", 2400),
    ("cors", 2000),
    ("jwt", 1450),
    ("key-auth", 1250),
    ("basic-auth", 1100),
    ("hmac-auth", 1030),
    ("ip-restriction", 990),
    ("request-size-limiting", 951),
    ("acl", 950),
    ("rate-limiting", 910),
    ("request-transformer", 801),
    ("response-transformer", 800),
    ("redirect", 779),
    ("traffic-split", 13),
    ("request-mirror", 12),
    ("request-termination", 2),
]


def test_order():
    assert sorted(((name, PLUGINS[name].PRIORITY) for name in PLUGINS), key=lambda row: -row[1]) == ORDER


@pytest.mark.parametrize("name", PLUGINS)
def test_a_module_is_what_the_registry_says(name):
    module = PLUGINS[name]
    assert module.NAME == name and module.is_native is True and module.CONFIG.fields
    assert module.__name__ == f"fastgate.plugins.{name.replace('-', '_')}"
    assert module.__doc__.startswith(f"{name}: ")


def test_who_the_authenticating_plugins_are_for_is_told_before_they_run():
    """What authenticates, and what runs before it or is about its outcome alone, can't be a consumer's."""
    assert {name for name in PLUGINS if not getattr(PLUGINS[name], "TAKES_CONSUMER", True)} == {
        "anti-bot", "bot-detection", "cors", "jwt", "key-auth", "basic-auth", "hmac-auth", "acl"}
