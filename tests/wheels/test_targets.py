"""The matrix and the names in it."""

import pytest
from common import MACHINES, PYTHON, SUITE
from targets import TABLE, Target, chosen, matrix


def test_the_matrix_is_three_architectures_two_libraries_six_pythons():
    assert len(matrix()) == len({str(target) for target in matrix()}) == 36
    assert {target.python for target in matrix()} == {"abi3", "cp310", "cp311", "cp312", "cp313", "cp314"}


@pytest.mark.parametrize("names, count", [
    (["all"], 36), (["aarch64"], 12), (["aarch64-musl"], 6), (["x86_64-gnu"], 6), (["musl"], 18), (["abi3"], 6),
    (["armv7l-musl-cp312"], 1), (["armv7l-abi3", "armv7l"], 12), ([], len(TABLE["default"])),
])
def test_targets_are_chosen_by_name_once_each(names, count):
    assert len(chosen(names)) == len(set(chosen(names))) == count


def test_an_unknown_name_is_told_with_those_there_are():
    with pytest.raises(SystemExit, match="no target 'sparc': there are x86_64-abi3, "):
        chosen(["sparc"])


@pytest.mark.parametrize("target, tag, suffix", [
    (Target("armv7l", "abi3"), "cp311-abi3-manylinux2014_armv7l.manylinux_2_17_armv7l", ".abi3.so"),
    (Target("aarch64", "cp314"), "cp314-cp314-manylinux2014_aarch64.manylinux_2_17_aarch64",
     ".cpython-314-aarch64-linux-gnu.so"),
    (Target("armv7l", "cp311", "musl"), "cp311-cp311-musllinux_1_2_armv7l", ".cpython-311-arm-linux-musleabihf.so"),
    # CPython 3.10 knew no musl: its extensions are named as if on glibc.
    (Target("armv7l", "cp310", "musl"), "cp310-cp310-musllinux_1_2_armv7l", ".cpython-310-arm-linux-gnueabihf.so"),
    (Target("x86_64", "cp310", "musl"), "cp310-cp310-musllinux_1_2_x86_64", ".cpython-310-x86_64-linux-gnu.so"),
], ids=str)
def test_tags_and_suffixes_are_what_pip_and_import_look_for(target, tag, suffix):
    assert (target.tag, target.suffix) == (tag, suffix)
    assert str(target) in [str(each) for each in matrix()]


def test_bundles_and_wheels_are_of_the_same_machines():
    """Debian's name, Python's and the folder of libraries: once for bundles, once for compilers."""
    for arch, facts in TABLE["arch"].items():
        machine = MACHINES[facts["debian"]]
        assert (machine.name, machine.multiarch) == (arch, facts["gnu"]["multiarch"])
        assert {facts["gnu"]["platform"], facts["gnu"]["alias"]} <= set(machine.platforms)
    assert len(MACHINES) == len(TABLE["arch"])


def test_bundles_and_wheels_are_of_the_same_pythons_and_debian():
    assert f"cp{PYTHON.replace('.', '')}" in TABLE["pythons"]
    assert TABLE["headers"][PYTHON] == TABLE["musl"]["suite"] == SUITE


def test_facts_of_the_library_stand_over_those_of_the_architecture():
    assert Target("armv7l", "abi3").facts["pyconfig"]["SIZEOF_TIME_T"] == "4"
    assert Target("armv7l", "abi3", "musl").facts["pyconfig"]["SIZEOF_TIME_T"] == "8"
    assert Target("armv7l", "abi3", "musl").facts["pyconfig"]["SIZEOF_LONG"] == "4"
