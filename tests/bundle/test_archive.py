"""The same tree is the same bytes, whoever packs it and when."""

import io
import os
import shutil
import subprocess
import tarfile

import pytest
from fastgate.bundle import BundleError
from fastgate.bundle.archive import entries, write_archive, write_tar


def packed(tree, **options):
    out = io.BytesIO()
    write_tar(tree, entries(tree), out, **options)
    return out.getvalue()


def members(data):
    return {member.name: member for member in tarfile.open(fileobj=io.BytesIO(data))}


def test_other_dates_and_modes_of_the_disk_make_no_difference(tree, tmp_path):
    before = packed(tree)
    again = tmp_path / "again"
    shutil.copytree(tree, again, symlinks=True)
    for path in again.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1e9, 1e9))
            path.chmod(path.stat().st_mode & 0o700)
    assert packed(again) == before


def test_who_owns_it_and_who_may_what(tree):
    found = members(packed(tree, owners={"run/fastgate": 65532}))
    assert {name for name, member in found.items() if member.uid} == {"run/fastgate"}
    assert found["fastgate"].mode == found["usr/bin/fastgate"].mode == 0o755
    assert found["etc/passwd"].mode == 0o644 and found["tmp"].mode == 0o1777 and found["etc"].mode == 0o755
    assert found["usr/bin/python3"].linkname == "python3.11"
    assert not any(member.uname or member.gname or member.mtime for member in found.values())


def test_names_are_in_order_below_the_top(tree):
    names = list(members(packed(tree, top="fastgate")))
    assert names == sorted(names, key=lambda name: name.split("/")) and names[0] == "fastgate"
    assert all(name.startswith("fastgate/") for name in names[1:])


def test_the_date_can_be_given(tree, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert {member.mtime for member in members(packed(tree)).values()} == {1700000000}


@pytest.mark.parametrize("compressor, unpack", [("zst", ["zstd", "-dc"]), ("gz", ["gzip", "-dc"])])
def test_both_compressors_are_reproducible(tree, tmp_path, compressor, unpack):
    one, two = tmp_path / "one", tmp_path / "two"
    for out in (one, two):
        write_archive(tree, out, "fastgate", compressor)
    assert one.read_bytes() == two.read_bytes()
    plain = subprocess.run([*unpack, str(one)], stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    assert plain == packed(tree, top="fastgate")


def test_without_zstd_the_message_says_what_to_install(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleError, match="zstd not found: .*apt-get install zstd"):
        write_archive(tree, tmp_path / "out", "fastgate", "zst")
