"""Cores and descriptors."""

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
