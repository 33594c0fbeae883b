"""The systemd units and the Ansible role that writes them."""

import re
import shlex

import pytest
from fastgate.bundle import files
from fastgate.bundle.machines import MACHINES
from fastgate.bundle.make import TOP
from fastgate.config import load_text
from shipped import ROLE, ROOT, accepts, gateway_defaults, read_yaml, settings_of, unit

SERVICE = unit("fastgate.service")
BUNDLES = settings_of(files.SERVICE)
# What shuts a service in, and what bounds and watches it.
SANDBOX = re.compile("DynamicUser|Lock|MemoryDeny|NoNew|Private|Proc|Protect|Restrict|SystemCall")
BOUNDS = re.compile("LimitNOFILE|NotifyAccess|Restart|TasksMax|TimeoutStopSec|Type|WatchdogSec")


@pytest.mark.parametrize("service, program", [(SERVICE, "/usr/local/bin/fastgate"), (BUNDLES, "/usr/bin/fastgate")])
@pytest.mark.parametrize("key", ["ExecStartPre", "ExecStart", "ExecReload"])
def test_commands_exist_and_take_their_arguments(service, program, key):
    ((first, *words),) = map(shlex.split, service[key])
    assert first == program and accepts(words)


@pytest.mark.parametrize("service", [SERVICE, BUNDLES])
def test_stopping_has_time_for_the_drain(service):
    assert int(service["TimeoutStopSec"][0]) > gateway_defaults()["timeouts"]["drain"] / 1000


def test_the_bundles_unit_is_as_hardened_as_the_other():
    for kind in (SANDBOX, BOUNDS):
        settings = {key: value for key, value in SERVICE.items() if kind.match(key)}
        assert len(settings) >= 7 and {key: BUNDLES.get(key) for key in settings} == settings
    assert BUNDLES["CapabilityBoundingSet"] == BUNDLES["AmbientCapabilities"] == [""] and BUNDLES["UMask"] == ["0077"]


def test_the_bundles_unit_finds_in_its_tree_what_it_names(tmp_path):
    (tmp_path / "usr/bin").mkdir(parents=True)
    files.write(tmp_path, MACHINES["arm64"])
    (root,) = BUNDLES["RootDirectory"]
    unpacked = re.search(r"^#   tar -xf \S+ -C (\S+) ", files.SERVICE, re.M)[1]
    assert root == f"{unpacked}/{TOP}"
    for key in ("ExecStartPre", "ExecStart", "ExecReload"):
        program, *_, config = shlex.split(BUNDLES[key][0])
        assert (tmp_path / program.lstrip("/")).is_file() and (tmp_path / config.lstrip("/")).is_file()


def begins_with() -> dict[str, str]:
    """The configuration that each way to a unit starts from, as its text."""
    page = (ROOT / "docs/systemd.md").read_text()
    inventory = ROOT / "deploy/ansible/inventory.example.yml"
    installed = re.search(r"^install -m 644 (\S+\.yaml) /etc/fastgate/fastgate.yaml$", page, re.M)[1]
    given = read_yaml(inventory)["gateways"]["vars"]["fastgate_config"]
    header = re.search(r"install -m 644 (\S+\.yaml) ", (ROOT / "examples/fastgate.service").read_text())[1]
    return {"page": (ROOT / installed).read_text(), "inventory": (inventory.parent / given).read_text(),
            "unit": (ROOT / "examples" / header).read_text(), "bundle": files.CONFIG}


@pytest.mark.parametrize("way, text", begins_with().items(), ids=begins_with())
def test_no_unit_starts_with_an_access_log_in_the_journal(way, text):
    """A file of its own is the other way: the units have a folder for it."""
    assert load_text(text, "fastgate.yaml").gateway["access_log"]["path"] == "off", way
    assert SERVICE["LogsDirectory"] == BUNDLES["LogsDirectory"] == ["fastgate"]


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
