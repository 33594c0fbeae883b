"""The systemd units and the Ansible role that writes them."""

import re
import shlex

import pytest
from shipped import ROLE, ROOT, accepts, gateway_defaults, read_yaml, unit

SERVICE = unit("fastgate.service")
COMMANDS = {key: SERVICE[key][0] for key in ("ExecStartPre", "ExecStart", "ExecReload")}


@pytest.mark.parametrize("key", COMMANDS)
def test_commands_exist_and_take_their_arguments(key):
    program, *words = shlex.split(COMMANDS[key])
    assert program == "/usr/local/bin/fastgate" and accepts(words)


def test_stopping_has_time_for_the_drain():
    assert int(SERVICE["TimeoutStopSec"][0]) > gateway_defaults()["timeouts"]["drain"] / 1000


def test_the_socket_belongs_to_the_service():
    socket = unit("fastgate.socket")
    assert socket["Service"] == ["fastgate.service"] and socket["Accept"] == ["no"]


@pytest.mark.parametrize("key, value", [
    ("Type", "notify"), ("DynamicUser", "yes"), ("NoNewPrivileges", "yes"), ("ProtectSystem", "strict"), ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"), ("PrivateDevices", "yes"), ("MemoryDenyWriteExecute", "yes"), ("RestrictNamespaces", "yes"),
    ("SystemCallArchitectures", "native"), ("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"),
    ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
])
def test_the_unit_stays_hardened(key, value):
    assert SERVICE[key] == [value]


def test_the_role_finds_in_the_unit_what_it_replaces():
    tasks = (ROLE / "tasks/main.yml").read_text()
    replaced = re.findall(r"replace\('([^']+)'", tasks)
    text = (ROOT / "examples/fastgate.service").read_text()
    assert {word: text.count(word) >= least for word, least in
            {"/usr/local/bin/fastgate": 3, "/etc/fastgate/": 3, "SupplementaryGroups=": 1, "=CAP_NET_BIND_SERVICE": 2}.items()
            } == dict.fromkeys(replaced, True)
    units = read_yaml(ROLE / "vars/main.yml")["fastgate_units"].replace("{{ role_path }}", str(ROLE))
    assert (ROOT / units / "fastgate.service").samefile(ROOT / "examples/fastgate.service")


def test_the_roles_variables_are_declared_set_and_told():
    options = read_yaml(ROLE / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = read_yaml(ROLE / "defaults/main.yml")
    assert {name: option["default"] for name, option in options.items() if "default" in option} == defaults
    assert {name for name, option in options.items() if option.get("required")} == set(options) - set(defaults)
    page = dict(re.findall(r"^\| `(\w+)` \| ?`?([^|`]*?)`? \|", (ROOT / "docs/ansible.md").read_text(), re.M))
    shown = {name: {True: "true", False: "false"}.get(value, value) for name, value in defaults.items()}
    assert page == shown | {"fastgate_config": ""}
