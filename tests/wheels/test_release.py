"""Checksums that sha256sum accepts, and a list that names what the wheel needs."""

import json
import os
import subprocess
import sys

import release
from packaging.requirements import Requirement
from targets import ROOT

REPORT = [
    {"metadata": {"name": "HTTPX", "version": "0.28.1", "license_expression": "BSD-3-Clause",
                  "requires_dist": ["h11>=0.16", "trio; extra == 'trio'"]},
     "download_info": {"url": "file:///srv/httpx-0.28.1-py3-none-any.whl", "archive_info": {"hashes": {"sha256": "ab" * 32}}}},
    {"metadata": {"name": "h11", "version": "0.16.0", "license": "The whole\nlicence"},
     "download_info": {"url": "https://mirror/h11-0.16.0%2Bx.whl"}},
]


def written(raw_wheel, monkeypatch, found):
    wheel = raw_wheel({"fastgate/a.py": b"a"}, "cp311-abi3-musllinux_1_2_aarch64",
                      requires=("httpx>=0.27", "jsonschema; extra == 'validator'"))
    monkeypatch.setattr(release, "resolve", lambda requirements: found)
    sums, bom = release.write(wheel.parent)
    return wheel, sums, json.loads(bom.read_text())


def test_checksums_are_those_of_the_files(raw_wheel, monkeypatch):
    wheel, sums, _ = written(raw_wheel, monkeypatch, REPORT)
    assert len(sums.read_text().splitlines()) == 2
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", sums.name], cwd=sums.parent, check=True)
    assert f"{release.sha256(wheel)}  {wheel.name}\n" in sums.read_text()


def test_dependencies_have_versions_licences_and_hashes(raw_wheel, monkeypatch):
    wheel, _, bom = written(raw_wheel, monkeypatch, REPORT)
    by_name = {component["name"]: component for component in bom["components"]}
    assert set(by_name) == {"httpx", "h11", "libpcre2-8", "libcrypto"}
    httpx = by_name["httpx"]
    assert httpx["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert httpx["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert httpx["purl"] == "pkg:pypi/httpx@0.28.1?file_name=httpx-0.28.1-py3-none-any.whl"
    assert httpx["properties"] == [{"name": "fastgate:requirement", "value": "httpx>=0.27"}]
    assert "hashes" not in by_name["h11"] and "licenses" not in by_name["h11"]
    (own,) = bom["metadata"]["component"]["components"]
    assert (own["name"], own["hashes"][0]["content"]) == (wheel.name, release.sha256(wheel))
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in bom["dependencies"]}
    assert needs["fastgate"] == ["httpx", "libcrypto", "libpcre2-8"] and needs["httpx"] == ["h11"]


def test_every_dependency_that_pip_finds_has_its_licence(raw_wheel, monkeypatch, capsys):
    """pip's own report of real wheels: before 25.0 it had no License-Expression."""
    one = raw_wheel({}, "py3-none-any", name="one-1.0", requires=("two",))
    raw_wheel({}, "py3-none-any", name="two-2.0")
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(one.parent), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    found = release.resolve([Requirement("one")])
    _, _, bom = written(raw_wheel, monkeypatch, [*found, *REPORT])
    licences = {component["name"]: component.get("licenses") for component in bom["components"]}
    assert licences.pop("one") == licences.pop("two") == [{"license": {"id": "Apache-2.0"}}]
    assert licences.pop("h11") is None and all(licences.values())
    assert "no licence of h11" in capsys.readouterr().err


def test_an_old_dependencys_licence_is_its_classifiers(raw_wheel, monkeypatch):
    old = {"name": "old", "version": "1", "license": "The whole\nlicence", "classifier": ["License :: OSI Approved :: MIT License"]}
    _, _, bom = written(raw_wheel, monkeypatch, [*REPORT, {"metadata": old, "download_info": {"url": "file:///old-1.tar.gz"}}])
    assert [each["licenses"] for each in bom["components"] if each["name"] == "old"] == [[{"license": {"name": "MIT License"}}]]


def test_without_an_index_the_requirement_is_named(raw_wheel, monkeypatch):
    _, _, bom = written(raw_wheel, monkeypatch, [])
    (httpx,) = [component for component in bom["components"] if component["name"] == "httpx"]
    assert "version" not in httpx and httpx["properties"][0]["value"] == "httpx>=0.27"


def test_the_same_wheels_make_the_same_list(raw_wheel, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first = written(raw_wheel, monkeypatch, REPORT)[2]
    assert first == written(raw_wheel, monkeypatch, REPORT)[2]
    assert first["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"


def test_no_index_is_said_and_no_end(monkeypatch, capsys):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    assert release.resolve([Requirement("no-such-project-here")]) == []
    assert "names dependencies without versions" in capsys.readouterr().err


def test_for_all_wheels_that_lie_there_by_one_command(raw_wheel):
    before = raw_wheel({}, "cp311-abi3-musllinux_1_2_armv7l", name="fastgate-9.9.8")
    wheels = [raw_wheel({}, f"{tag}-musllinux_1_2_aarch64") for tag in ("cp310-cp310", "cp311-abi3")]
    (before.parent / "SHA256SUMS").write_text("of another time\n")
    ran = subprocess.run([sys.executable, ROOT / "wheels/release.py", before.parent], capture_output=True, text=True, check=True)
    bom = before.parent / "fastgate-9.9.9.cdx.json"
    assert ran.stdout.split() == [str(before.parent / "SHA256SUMS"), str(bom)]
    assert [line.split()[1] for line in (before.parent / "SHA256SUMS").read_text().splitlines()] == [*(each.name for each in wheels), bom.name]
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=before.parent, check=True)
    listed = {each["name"] for each in json.loads(bom.read_text())["metadata"]["component"]["components"]}
    assert listed == {each.name for each in wheels}


def test_where_no_wheel_lies_it_says_so(tmp_path):
    ran = subprocess.run([sys.executable, ROOT / "wheels/release.py", tmp_path], capture_output=True, text=True)
    assert ran.returncode == 1 and ran.stderr.startswith(f"no wheel of fastgate in {tmp_path}: ") and os.listdir(tmp_path) == []
