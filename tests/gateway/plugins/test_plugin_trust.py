"""`plugin_trust` in a running gateway: what is not signed never runs, and what runs goes on."""

from __future__ import annotations

import json

import pytest

from fastgate.plugins import manifest, trust
from gateway.plugins.python_site import config_with, plugin
from gateway.plugins.swap_site import answers, changing, write_atomically
from plugins.signing import new_key
from support.client import get
from support.origin import echo
from support.process import GatewayFailed

PRIVATE, PUBLIC = new_key()


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


def write(folder, version: str, body: str = answers("self.version"), signed: bool = True) -> None:
    """With a second file, so that a change is noticed only when both are there."""
    file = folder / "changing.py"
    write_atomically(file, changing(version, body))
    if signed:
        text = manifest.write("changing", version, trust.files_of(file), PRIVATE)
        write_atomically(trust.signature_of(file), text.decode())


def trusting(origin, folder, *keys: str):
    config = config_with(origin, folder, plugin("changing"))
    config["gateway"]["plugin_trust"] = list(keys)
    return config


def test_swaps_of_what_is_signed(open_site, origin, tmp_path):
    write(tmp_path, "1.0.0")
    site = open_site(trusting(origin, tmp_path, PUBLIC), origin)
    assert json.loads(site.ask(get("/")).body) == "1.0.0"
    status = json.loads(site.status("/status")[1])["gateway"]["plugins"]["changing"]
    assert status["signed_by"] == PUBLIC and status["origin"] == f"{tmp_path}/changing.py"
    write(tmp_path, "1.0.1", signed=False)
    answer = site.process.reload()
    assert not answer["ok"] and "changing.py is not what was signed" in answer["errors"][0], answer
    assert json.loads(site.ask(get("/")).body) == "1.0.0"
    write(tmp_path, "1.0.1")
    assert site.process.reload()["ok"]
    assert json.loads(site.ask(get("/")).body) == "1.0.1"
    _, other = new_key()
    answer = site.process.reload(trusting(origin, tmp_path, other))
    assert not answer["ok"] and "which gateway.plugin_trust does not name" in answer["errors"][0]
    assert json.loads(site.ask(get("/")).body) == "1.0.1"


@pytest.mark.parametrize("args", [(), ("--allow-unknown-plugins",)])
def test_no_start_with_what_is_not_signed(open_site, origin, tmp_path, args):
    """Nor without it, where unknown plugins are left out: this one is known, and may be what protects the route."""
    ran = tmp_path / "ran"
    write(tmp_path, "1.0.0", signed=False)
    file = tmp_path / "changing.py"
    file.write_text(f"open({str(ran)!r}, 'w')\n" + file.read_text())
    with pytest.raises(GatewayFailed) as raised:
        open_site(trusting(origin, tmp_path, PUBLIC), origin, args=args)
    assert f"{file}: is not signed: there is no {file}.sig" in raised.value.log
    assert not ran.exists()


@pytest.mark.parametrize("keys", [["no key"], [], "no list", ["${NOT_SET}"]])
def test_nothing_is_run_when_it_is_not_clear_who_is_trusted(open_site, origin, tmp_path, keys):
    ran = tmp_path / "ran"
    (tmp_path / "changing.py").write_text(f"open({str(ran)!r}, 'w')\n")
    config = trusting(origin, tmp_path)
    config["gateway"]["plugin_trust"] = keys
    with pytest.raises(GatewayFailed) as raised:
        open_site(config, origin)
    assert "gateway.plugin_trust" in raised.value.log and not ran.exists()
