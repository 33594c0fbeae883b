"""The list of parts beside a bundle: which are in it, and that it names the bundle."""

import hashlib
import json

import pytest
from fastgate._version import __version__
from fastgate.bundle import make, sbom
from fastgate.bundle.debian import LISTED

PACKAGES = """\
libc6 2.36-9+deb12u14 arm64
./
./lib/
./lib/aarch64-linux-gnu/
./lib/aarch64-linux-gnu/libc.so.6
./usr/share/doc/libc6/copyright

libpcre2-8-0 1:10.42-1 arm64
./usr/lib/aarch64-linux-gnu/libpcre2-8.so.0

gcc-12-base 12.2.0-14 arm64
./usr/share/doc/gcc-12-base/copyright

"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / LISTED).write_text(PACKAGES)
    return tmp_path / "root"


def put(tree, *names):
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)


def test_debians_packages_are_those_with_a_file_in_the_tree(root, tmp_path):
    tree = tmp_path / "tree"
    put(tree, "lib/aarch64-linux-gnu/libc.so.6", "usr/share/doc/gcc-12-base/copyright")
    (part,) = sbom.debian_parts(root, tree, "debian-12")
    assert (part["name"], part["version"]) == ("libc6", "2.36-9+deb12u14")
    assert part["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=arm64&distro=debian-12"


def test_what_moved_out_of_usr_is_found(root, tmp_path):
    put(tmp_path / "tree", "lib/aarch64-linux-gnu/libpcre2-8.so.0")
    (part,) = sbom.debian_parts(root, tmp_path / "tree", "debian-12")
    assert part["purl"] == "pkg:deb/debian/libpcre2-8-0@1%3A10.42-1?arch=arm64&distro=debian-12"


def distribution(site, name, version, *lines):
    place = site / f"{name}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""]))


def test_pythons_packages_have_the_licence_they_say(tmp_path):
    distribution(tmp_path, "HTTP_tools", "0.9.0", "License-Expression: MIT")
    distribution(tmp_path, "old", "1", "License: BSD")
    distribution(tmp_path, "older", "1", "License: The whole\n        of it")
    distribution(tmp_path, "oldest", "1", "License: Of it\n        all", "Classifier: License :: OSI Approved :: MIT License",
                 "Classifier: Topic :: Internet", "Classifier: License :: OSI Approved :: BSD License")
    distribution(tmp_path, "fastgate", "9")
    found = {part["name"]: part for part in sbom.python_parts(tmp_path)}
    assert set(found) == {"http-tools", "old", "older", "oldest"}
    assert found["http-tools"]["purl"] == "pkg:pypi/http-tools@0.9.0" and found["http-tools"]["licenses"] == [{"expression": "MIT"}]
    assert found["old"]["licenses"] == [{"license": {"name": "BSD"}}] and "licenses" not in found["older"]
    assert found["oldest"]["licenses"] == [{"license": {"name": "MIT License, BSD License"}}]


@pytest.mark.parametrize("name, kind", [("x.tar.gz", "application"), ("x.oci.tar", "container")])
def test_it_lies_beside_the_bundle_and_names_it_by_its_hash(tree, tmp_path, monkeypatch, name, kind):
    part = {"type": "library", "bom-ref": "pkg:pypi/one@1", "name": "one", "version": "1", "purl": "pkg:pypi/one@1"}

    def build(machine, requirements, places, into, mirror):
        for path in tree.iterdir():
            path.rename(into / path.name)
        return [part]

    monkeypatch.setattr(make, "build", build)
    make.make(tmp_path / name, "arm64", None, [], [], None)
    said = json.loads((tmp_path / f"{name}.cdx.json").read_text())
    about = said["metadata"]["component"]
    assert (about["type"], about["name"], about["version"]) == (kind, "fastgate", __version__)
    assert about["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}]
    assert said["components"] == [part] and said["dependencies"] == [{"ref": "fastgate", "dependsOn": ["pkg:pypi/one@1"]}]
