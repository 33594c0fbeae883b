"""Which board a wheel is tried on: boards.py."""

import sys

import boards
import pytest
from targets import ROOT, Target

OWN = "%d.%d" % sys.version_info[:2]


@pytest.mark.parametrize("python, told", [
    ("abi3", ["3.11", "3.12", "3.13", "3.14"]), ("cp310", ["3.10"]), ("cp314", ["3.14"]),
])
def test_abi3_is_for_all_from_its_floor_on(python, told):
    assert boards.versions(Target("aarch64", python)) == told


def test_a_shim_for_another_cpython_is_passed_over(tmp_path):
    shim = tmp_path / "python3.12"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert not boards.works(shim, "3.12") and not boards.works(sys.executable, "3.1")
    assert boards.works(sys.executable, OWN)


@pytest.mark.parametrize("arch, version, name, emulated", [
    ("aarch64", "3.13", "trixie arm64", True), ("armv7l", None, "bookworm armhf", True), ("x86_64", OWN, "this machine", False),
])
def test_a_release_of_debian_for_each_cpython_or_this_machine(monkeypatch, arch, version, name, emulated):
    asked = []
    monkeypatch.setattr(boards, "root_of", lambda target, suite: asked.append(suite) or ROOT)
    monkeypatch.setattr(boards, "inside", lambda target, root: ["enter"])
    board = boards.board_for(Target(arch, "abi3"), version)
    assert (board.name, board.is_emulated, board.root is not None) == (name, emulated, emulated)
    assert asked == ([name.split()[0]] if emulated else [])
    assert (board.cpu == "this machine's") is not emulated
