"""wheels/test.py's table, and what it refuses to begin."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import SimpleNamespace

import pytest
from boards import Board
from targets import ROOT, Target

ARMV7 = Board(Target("armv7l", "abi3"), "3.11", "bookworm armhf", "/usr/bin/python3", (), ROOT)

spec = spec_from_file_location("wheels_test", ROOT / "wheels/test.py")     # `test` is the standard library's
trials = module_from_spec(spec)
spec.loader.exec_module(trials)


@pytest.mark.parametrize("output, told", [
    ("1 failed\n", "ok"), ("....\n146 passed in 86.85s (0:01:26)\n", "146 passed"),
    ("warning: 3 passed\nfastgate 0.1.0 (cpython 3.11.2, armv7l)\n", "ok"), ("411 modules\n", "411 modules"), ("", "ok"),
])
def test_a_steps_last_line_is_counted(output, told):
    assert trials.summary(output) == told


def test_a_row_ends_where_its_trial_did():
    done = SimpleNamespace(board=ARMV7, said={"install": "ok", "imports": "FAILED", "time": "7 s"})
    assert trials.table([done]).splitlines()[-1] == (
        "| armv7l-abi3 | bookworm armhf, CPython 3.11 | cortex-a9,neon=off | ok | FAILED | - | - | 7 s |")


@pytest.mark.parametrize("arch, libc, told, imported", [
    ("armv7l", "musl", ", without validator and trust", {"uvloop", "uvicorn", "websockets", "msgpack", "msgspec"}),
    ("armv7l", "gnu", "", {"uvloop", "uvicorn", "websockets", "cryptography", "jsonschema", "msgpack", "msgspec"}),
])
def test_a_row_names_the_extras_that_cannot_be_had_there(tmp_path, monkeypatch, arch, libc, told, imported):
    monkeypatch.setattr("targets.DIST", tmp_path)
    target = Target(arch, "abi3", libc)
    (tmp_path / f"fastgate-1-{target.tag}.whl").touch()
    trial = trials.Trial(Board(target, "3.11", "here", sys.executable, ("env",)), [], doorless=True)
    assert set(trial.imports()) - set(trials.modules()) >= imported
    assert not set(trial.imports()) & ({"uvloop", "uvicorn", "websockets", "cryptography", "jsonschema"} - imported)
    for step in ("install", "imports", "core", "gateway"):
        monkeypatch.setattr(trial, step, lambda: ["echo", "7 passed"])
    assert trial.run().said["install"] == f"7 passed{told}" and trial.said["core tests"] == "7 passed"


def test_modules_are_those_of_the_tree_compiled_ones_too():
    names = trials.modules()
    assert {"fastgate", "fastgate._core.bridge.gateway", "fastgate.cli.main", "fastgate.plugins"} <= set(names)
    assert not any(name.endswith(("__init__", "__main__")) for name in names) and len(names) == len(set(names))


def test_the_tests_tools_are_fetched_again_for_other_requirements(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(trials, "CACHE", tmp_path)
    monkeypatch.setattr(trials, "pip", lambda *words: fetched.append(words[-1]))
    for requires in (["pytest>=8"], ["pytest>=8"], ["pytest>=9"], ["pytest>=8"]):
        monkeypatch.setitem(trials.TABLE["tests"], "requires", requires)
        assert trials.tools_of(ARMV7).is_dir()
    assert fetched == ["pytest>=8", "pytest>=9"]


@pytest.mark.parametrize("words, names, arguments", [
    (["aarch64-abi3", "--", "-k", "a or b"], ["aarch64-abi3"], ["-k", "a or b"]), (["armv7l"], ["armv7l"], []), (["--"], [], []),
])
def test_pytests_arguments_stay_whole(words, names, arguments):
    assert trials.divided(words) == (names, arguments)


def test_without_doors_only_what_needs_none_and_only_when_told(tmp_path, monkeypatch):
    monkeypatch.setattr("targets.DIST", tmp_path)
    target = Target("x86_64", "cp312")
    (tmp_path / f"fastgate-1-{target.tag}.whl").touch()
    board = Board(target, "3.12", "this machine", "python3.12", ("env",))
    with pytest.raises(SystemExit, match="no test doors for x86_64-cp312: .*--doors x86_64-cp312, or say --doorless"):
        trials.Trial(board, [])
    tests = trials.TABLE["tests"]["doorless"]
    assert trials.Trial(board, ["-x"], doorless=True).core()[-len(tests) - 1:] == ["-x", *tests]
    assert all((ROOT / name).exists() for name in tests)
    target.doors.mkdir()
    assert trials.Trial(board, ["-x"]).core()[-2:] == ["-x", "tests/core"]


@pytest.mark.parametrize("words, told", [
    (["armv7l-musl-cp312"], "no CPython 3.12 for musl to try armv7l-musl-cp312 with: there is 3.11"),
    (["aarch64-cp310"], "no CPython 3.10 for aarch64 to try aarch64-cp310 with"),
    (["--python", "3.10", "x86_64-abi3"], "CPython 3.10 takes no wheel of x86_64-abi3"),
])
def test_no_board(words, told):
    ran = subprocess.run([sys.executable, ROOT / "wheels/test.py", *words], capture_output=True, text=True)
    assert ran.returncode == 1 and told in ran.stderr
