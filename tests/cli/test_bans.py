"""`fastgate bans`, on a running gateway."""

import json

import pytest

from fastgate.cli import main
from support.process import start_gateway
from support.site import config_of, plugin, service


@pytest.fixture
def gateway():
    with start_gateway(config_of(service("127.0.0.1", plugins=[plugin("anti-bot")]))) as started:
        yield started


def bans(gateway, *args: str) -> int:
    return main.main(["bans", args[0], "--control-socket", gateway.control_path, *args[1:]])


def test_add_list_and_lift(gateway, capsys):
    assert bans(gateway, "list") == 0 and capsys.readouterr().out == ""
    assert bans(gateway, "add", "192.0.2.7", "--seconds", "600") == 0
    assert bans(gateway, "add", "2001:db8::7") == 0
    assert capsys.readouterr().out == "banned: 192.0.2.7, for 600 s\nbanned: 2001:db8::/64, for 3600 s\n"
    assert bans(gateway, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["2001:db8::/64", "192.0.2.7"]
    assert lines[1].endswith(" s  by hand or by Redis")
    assert bans(gateway, "list", "--json") == 0
    assert [(ban["address"], ban["score"], ban["shared"]) for ban in json.loads(capsys.readouterr().out)] == [
        ("2001:db8::/64", 0, False), ("192.0.2.7", 0, False)]
    assert bans(gateway, "lift", "192.0.2.7") == 0 and capsys.readouterr().out == "lifted: 192.0.2.7\n"
    assert bans(gateway, "lift", "192.0.2.7") == 1
    assert capsys.readouterr().err == "fastgate bans: 192.0.2.7 is not banned\n"


def test_what_is_no_address(gateway, capsys):
    assert bans(gateway, "add", "example.com") == 1
    assert capsys.readouterr().err == (
        'fastgate bans: "example.com" is no IP address: write 192.0.2.1, 2001:db8::1 or 2001:db8::/64\n')


def test_no_gateway(tmp_path, capsys):
    assert main.main(["bans", "list", "--control-socket", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith("fastgate bans: no gateway answers at ")
