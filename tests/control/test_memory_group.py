"""The control group's limit and usage, of both versions, as the kernel writes them."""

import pytest

from fastgate.control import memory_group
from fastgate.control.memory_group import find_group

MIB = 2**20
STAT_2 = f"anon {30 * MIB}\nfile {20 * MIB}\nfile_mapped {4 * MIB}\ninactive_file {12 * MIB}\nactive_file {8 * MIB}\n"
STAT_1 = (f"mapped_file 1\ninactive_file 1\nactive_file 1\n"
          f"total_mapped_file {4 * MIB}\ntotal_inactive_file {12 * MIB}\ntotal_active_file {8 * MIB}\n")


@pytest.fixture
def tree(monkeypatch, tmp_path):
    """Call it with the text of /proc/self/cgroup and the files below /sys/fs/cgroup."""
    def make(processes, files):
        (tmp_path / "cgroup").write_text(processes)
        for path, text in files.items():
            file = tmp_path / "fs" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        monkeypatch.setattr(memory_group, "PROC_CGROUP", str(tmp_path / "cgroup"))
        monkeypatch.setattr(memory_group, "CGROUP", str(tmp_path / "fs"))
        return str(tmp_path / "fs")

    return make


def group_2(folder, limit):
    return {f"{folder}memory.max": f"{limit}\n", f"{folder}memory.current": f"{52 * MIB}\n", f"{folder}memory.stat": STAT_2}


def test_version_2(tree):
    root = tree("0::/system.slice/fastgate.service\n", group_2("system.slice/fastgate.service/", 64 * MIB))
    group = find_group()
    assert (group.folder, group.limit) == (f"{root}/system.slice/fastgate.service", 64 * MIB)
    assert group.used() == (52 - 20 + 4) * MIB      # files count as far as they are mapped


def test_version_1(tree):
    root = tree("9:name=systemd:/\n4:cpu,memory:/a\n0::/\n", {
        "memory/a/memory.limit_in_bytes": f"{64 * MIB}\n", "memory/a/memory.usage_in_bytes": f"{52 * MIB}\n",
        "memory/a/memory.stat": STAT_1, "memory/memory.limit_in_bytes": "9223372036854771712\n",
        "memory/memory.usage_in_bytes": "1\n", "memory/memory.stat": STAT_1})
    group = find_group()
    assert (group.folder, group.limit, group.used()) == (f"{root}/memory/a", 64 * MIB, 36 * MIB)


def test_a_limit_that_is_changed_is_read_again(tree, tmp_path):
    tree("0::/a\n", group_2("a/", 64 * MIB))
    group = find_group()
    limit = tmp_path / "fs/a/memory.max"
    limit.write_text(f"{96 * MIB}\n")
    assert group.again() == group._replace(limit=96 * MIB)
    limit.write_text("max\n")
    assert group.again().limit == memory_group.NO_LIMIT


def test_the_tightest_of_those_above_it_counts(tree):
    root = tree("0::/a/b/c\n", {**group_2("a/b/c/", "max"), **group_2("a/b/", 100 * MIB), **group_2("a/", 70 * MIB)})
    assert (find_group().folder, find_group().limit) == (f"{root}/a", 70 * MIB)


def test_a_container_sees_its_own_as_the_root(tree):
    root = tree("0::/\n", group_2("", 64 * MIB))
    assert (find_group().folder, find_group().limit) == (root, 64 * MIB)


@pytest.mark.parametrize("processes", ["0::/a\n", "4:memory:/a\n", "", "3:cpu:/\n"])
def test_no_limit(tree, processes):
    tree(processes, group_2("a/", "max"))
    assert find_group() is None


def test_nothing_to_read(monkeypatch, tmp_path):
    monkeypatch.setattr(memory_group, "PROC_CGROUP", str(tmp_path / "none"))
    assert find_group() is None
