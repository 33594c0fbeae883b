"""Cores and descriptors."""

import mmap
import os
import resource
import subprocess
import sys

import pytest

from fastgate.control import resources


@pytest.mark.parametrize("cores, quota, workers", [
    (4, "max 100000", 4), (4, "150000 100000", 2), (4, "50000 100000", 1), (2, "800000 100000", 2),
    (4, "nonsense", 4), (200, "max 100000", 64),
])
def test_auto_workers(monkeypatch, tmp_path, cores, quota, workers):
    (tmp_path / "cpu.max").write_text(quota + "\n")
    monkeypatch.setattr(resources, "CGROUP_CPU_MAX", str(tmp_path / "cpu.max"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    assert resources.worker_count("auto") == workers


def test_without_cgroups(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "CGROUP_CPU_MAX", str(tmp_path / "none"))
    assert resources.worker_count("auto") == len(os.sched_getaffinity(0))


def test_workers_as_told():
    assert resources.worker_count(3) == 3


def test_descriptor_limit_is_raised_to_the_hard_one():
    code = ("import resource\nfrom fastgate.control.resources import raise_descriptor_limit\n"
            "print(raise_descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512)))
    assert out.stdout.strip() == "512 (512, 512)"


def test_memory_is_given_back_without_error():
    resources.give_memory_back()


def test_resident_bytes_with_and_without_proc(monkeypatch):
    now = resources.resident_bytes()
    monkeypatch.setattr(resources, "PROC_STATM", "/nowhere/statm")
    assert resources.resident_bytes() >= now - (1 << 20) > 0


def test_data_is_read_as_the_kernel_counts_it(monkeypatch):
    before = resources.data_bytes()
    held = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    assert 0 <= resources.data_bytes() - before - (64 << 20) < 16 << 20
    held.close()
    monkeypatch.setattr(resources, "PROC_STATM", "/nowhere/statm")
    assert resources.data_bytes() == 0


def test_the_limit_on_data_is_the_soft_one():
    program = ("import resource; from fastgate.control.resources import data_limit; was = data_limit();"
               "resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 31)); print(was, data_limit())")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run([sys.executable, "-c", program], env=env, check=True, capture_output=True, text=True).stdout.split()
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    assert told == [str(None if soft == resource.RLIM_INFINITY else soft), str(1 << 30)]
