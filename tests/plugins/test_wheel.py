"""Signatures in wheels."""

from __future__ import annotations

import csv
from base64 import urlsafe_b64encode
from hashlib import sha256
from zipfile import ZipFile

import pytest

from fastgate.plugins import wheel
from fastgate.sdk import PluginError
from plugins.signing import make_wheel, new_key, signed_wheel

PRIVATE, PUBLIC = new_key()
SIGNATURE = "a_gate_package-1.0.dist-info/fastgate-plugin.sig"


def test_sign_and_verify(tmp_path):
    file = make_wheel(tmp_path)
    with ZipFile(file) as archive:
        before = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(2):          # signed again: the signature is replaced
        wheel.sign(file, PRIVATE)
        found = wheel.verify(file, [PUBLIC])
        assert (found.name, found.version, found.key) == ("a-gate-package", "1.0", PUBLIC)
    with ZipFile(file) as archive:
        after = {name: archive.read(name) for name in archive.namelist()}
        assert len(after) == len(archive.namelist()) and archive.testzip() is None
    text = after.pop(SIGNATURE)
    record = list(csv.reader(after.pop("a_gate_package-1.0.dist-info/RECORD").decode().splitlines()))
    digest = urlsafe_b64encode(sha256(text).digest()).rstrip(b"=").decode()
    assert [row for row in record if row[0] == SIGNATURE] == [[SIGNATURE, f"sha256={digest}", str(len(text))]]
    assert len(record) == len(before) + 1
    before.pop("a_gate_package-1.0.dist-info/RECORD")
    assert after == before and found.files.keys() == before.keys()
    assert not list(tmp_path.glob(".*"))


def rewritten(file, change):
    with ZipFile(file) as archive:
        files = [(name, archive.read(name)) for name in archive.namelist()]
    with ZipFile(file, "w") as archive:
        for name, content in change(files):
            archive.writestr(name, content)


@pytest.mark.parametrize("change, reason", [
    (lambda files: [(name, b"x" if name.endswith("part.py") else content) for name, content in files], "part.py is not what was signed"),
    (lambda files: [*files, ("a_gate_package/more.py", b"")], "more.py is there, but not signed"),
    (lambda files: [*files, ("../more.py", b"")], "can't be the name of a signed file"),
    (lambda files: [*files, ("/more.py", b"")], "can't be the name of a signed file"),
    (lambda files: [*files, ("a_gate_package-1.0.data/scripts/run", b"")], "a wheel with a .data folder can't be signed"),
    (lambda files: [*files, ("other-1.0.dist-info/METADATA", b"")], "it has 2 .dist-info folders"),
    (lambda files: [pair for pair in files if not pair[0].endswith("part.py")], "part.py is signed, but not there"),
    (lambda files: [pair for pair in files if pair[0] != SIGNATURE], "is not signed: sign it"),
])
def test_what_is_refused(tmp_path, change, reason):
    file = signed_wheel(tmp_path, PRIVATE)
    rewritten(file, change)
    with pytest.raises(PluginError, match=reason):
        wheel.verify(file, [PUBLIC])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice(tmp_path):
    file = signed_wheel(tmp_path, PRIVATE)
    with ZipFile(file, "a") as archive:
        archive.writestr("a_gate_package/part.py", "other")
    with pytest.raises(PluginError, match="holds a file twice"):
        wheel.verify(file, [PUBLIC])


def test_what_is_no_wheel(tmp_path):
    file = tmp_path / "a.whl"
    with pytest.raises(PluginError, match="can't be read: No such file"):
        wheel.sign(file, PRIVATE)
    file.write_text("no zip")
    with pytest.raises(PluginError, match="is no wheel"):
        wheel.sign(file, PRIVATE)
    rewritten(signed_wheel(tmp_path, PRIVATE), lambda files: files)
    nameless = make_wheel(tmp_path)
    rewritten(nameless, lambda files: [(name, b"" if name.endswith("METADATA") else content) for name, content in files])
    with pytest.raises(PluginError, match="METADATA has no Name and Version"):
        wheel.sign(nameless, PRIVATE)
