"""What is refused before any work is done, and how it is said."""

import errno
import os
import re
import tempfile
from pathlib import Path

import pytest
from fastgate.bundle import BundleError, make
from fastgate.bundle.debian import mirror_of, unpack
from fastgate.bundle.make import form_of
from fastgate.cli.main import main


@pytest.mark.parametrize("name, form", [("fastgate-arm64.tar.zst", "tar.zst"), ("x.tar.gz", "tar.gz"), ("x.oci.tar", "oci")])
def test_the_format_by_the_name(name, form):
    assert form_of(Path(name)) == form


def test_a_name_that_tells_nothing(capsys):
    assert main(["bundle", "-o", "fastgate.zip"]) == 1
    assert "fastgate.zip: name it .tar.zst" in capsys.readouterr().err


def test_a_folder_of_wheels_that_is_not_there(capsys):
    assert main(["bundle", "-o", "x.tar.gz", "--wheels", "/nowhere"]) == 1
    assert capsys.readouterr().err == "fastgate bundle: --wheels /nowhere: no such folder\n"


def nothing_is_built(monkeypatch):
    def build(*arguments):
        raise AssertionError("something was built")

    monkeypatch.setattr(make, "build", build)


def test_without_zstd_nothing_is_built_first(tmp_path, monkeypatch, capsys):
    nothing_is_built(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["bundle", "--arch", "arm64", "-o", str(tmp_path / "x.tar.zst")]) == 1
    assert "zstd not found: on Debian or Ubuntu, apt-get install zstd" in capsys.readouterr().err


@pytest.mark.parametrize("place, told", [("missing/x.tar.gz", "no folder .*/missing to write to"), ("x.tar.gz", "a folder has that name")])
def test_where_it_can_not_be_written_nothing_is_built_first(tmp_path, monkeypatch, capsys, place, told):
    nothing_is_built(monkeypatch)
    (tmp_path / "x.tar.gz").mkdir()
    assert main(["bundle", "--arch", "arm64", "-o", str(tmp_path / place)]) == 1
    assert re.search(f"{place} can't be written: {told}", capsys.readouterr().err)


def test_a_list_beside_it_that_can_not_be_written_is_named(tmp_path, monkeypatch, capsys):
    def build(machine, packages, wheels, tree, mirror):
        (tree / "file").write_text("x")
        return []

    monkeypatch.setattr(make, "build", build)
    place = tmp_path / "x.tar.gz.cdx.json"
    place.mkdir()
    assert main(["bundle", "--arch", "arm64", "-o", str(tmp_path / "x.tar.gz")]) == 1
    assert capsys.readouterr().err == f"fastgate bundle: {place} can't be written: Is a directory\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.tar.gz", place.name]


def test_without_mmdebstrap_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BundleError, match="mmdebstrap not found: .*apt-get install mmdebstrap"):
        unpack("bookworm", "amd64", ["dash"], tmp_path / "root")


def fake(folder, name, script):
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_the_mirror_is_apts_own_and_never_the_security_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    fake(tmp_path, "apt-get", "echo 'bookworm-security Debian http://mirror.test/debian-security'\n"
                              "echo 'trixie Debian http://mirror.test/other'\necho 'bookworm Debian http://mirror.test/debian'\n")
    assert mirror_of("bookworm") == "http://mirror.test/debian"
    fake(tmp_path, "apt-get", "echo 'noble Ubuntu http://mirror.test/ubuntu'")
    with pytest.raises(BundleError, match="--mirror URL"):
        mirror_of("bookworm")


def test_a_command_that_fails_is_quoted(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    fake(tmp_path, "mmdebstrap", "echo 'E: no such suite' >&2; exit 3")
    with pytest.raises(BundleError, match="mmdebstrap failed with exit code 3:\nE: no such suite"):
        unpack("bookworm", "amd64", ["dash"], tmp_path / "root", "http://mirror.test/debian")


def test_a_mirror_that_gives_nothing_is_named_with_apts_words(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    fake(tmp_path, "mmdebstrap", """case "$*" in *--quiet*) exit 25 ;; esac
echo 'I: running apt-get update...' >&2
echo 'E: Failed to fetch http://mirror.test/debian  Connection refused' >&2
exit 25""")
    with pytest.raises(BundleError) as failed:
        unpack("bookworm", "amd64", ["dash"], tmp_path / "root", "http://mirror.test/debian")
    assert str(failed.value).startswith("mmdebstrap failed with exit code 25:\nE: Failed to fetch http://mirror.test/debian  Connection refused\n")
    assert "Debian's packages come from http://mirror.test/debian: --mirror URL names another." in str(failed.value)


def test_a_date_that_is_none_is_refused_before_anything_is_built(tmp_path, monkeypatch, capsys):
    nothing_is_built(monkeypatch)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert main(["bundle", "--arch", "arm64", "-o", str(tmp_path / "x.tar.gz")]) == 1
    assert capsys.readouterr().err == "fastgate bundle: SOURCE_DATE_EPOCH=yesterday: expected seconds since 1970\n"


def test_a_disk_that_is_full_is_told(tmp_path, monkeypatch, capsys):
    def build(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/usr/lib/x")

    monkeypatch.setattr(make, "build", build)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert main(["bundle", "--arch", "arm64", "-o", str(tmp_path / "x.tar.gz")]) == 1
    assert capsys.readouterr().err == (
        f"fastgate bundle: it can't be put together in {tmp_path}: No space left on device; $TMPDIR names another folder\n")


def test_without_a_folder_to_work_in(tmp_path, monkeypatch, capsys):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "_get_default_tempdir", none)
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert main(["bundle", "--arch", "arm64", "-o", str(tmp_path / "x.tar.gz")]) == 1
    assert capsys.readouterr().err == "fastgate bundle: No usable temporary directory found; $TMPDIR names another folder\n"
