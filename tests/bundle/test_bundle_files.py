"""The configuration and the unit that a bundle brings belong together."""

import os
import re
import subprocess

import pytest
from fastgate.bundle.files import CONFIG, SERVICE
from fastgate.bundle.machines import MACHINES
from fastgate.cli.main import main
from fastgate.config import load_text
from fastgate.config.memory_budget import LEAST_CONNECTIONS, MIB, Machine

MEMORY_MAX = int(re.search(r"^MemoryMax=(\d+)M$", SERVICE, re.M)[1]) * MIB


@pytest.mark.parametrize("cores", [1, 4, 64])
def test_the_budget_is_a_plan_on_any_machine(cores):
    gateway = load_text(CONFIG, "fastgate.yaml", machine=Machine(workers=cores, descriptors=1024)).gateway
    assert gateway["limits"]["connections"] >= LEAST_CONNECTIONS


def test_the_budget_leaves_the_kernel_some_of_the_units_memory():
    """The group counts what the kernel keeps for sockets too, 2.75 KiB each: here of 1,000 clients, and as many to targets."""
    gateway = load_text(CONFIG, "fastgate.yaml").gateway
    assert gateway["memory_budget"] + 2 * 1000 * 2816 < MEMORY_MAX
    assert "\nMemorySwapMax=0\n" in SERVICE


def test_check_takes_it_and_tells_the_plan(tmp_path, capsys):
    file = tmp_path / "fastgate.yaml"
    file.write_text(CONFIG)
    assert main(["check", "-c", str(file)]) == 0
    assert capsys.readouterr().out.startswith("memory_budget 56 MiB with 4 reactors: ")


@pytest.mark.parametrize("word", ["tree/fastgate", "./tree/fastgate", "linked"])
def test_the_launcher_finds_its_tree_whatever_cd_is_told(tree, tmp_path, word):
    loader = tree / MACHINES["arm64"].loader
    loader.parent.mkdir(parents=True, exist_ok=True)
    loader.write_text("#!/bin/sh\necho $0\n")
    loader.chmod(0o755)
    (tmp_path / "elsewhere/tree").mkdir(parents=True)
    (tmp_path / "linked").symlink_to("tree/fastgate")
    done = subprocess.run(["sh", word], cwd=tmp_path, env={"PATH": os.environ["PATH"], "CDPATH": f"{tmp_path}/elsewhere"},
                          capture_output=True, text=True)
    assert done.stdout == f"{loader}\n", done.stderr
