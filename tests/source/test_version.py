"""The version is written in one place."""

import re
from importlib import metadata

from fastgate._version import __version__
from tree import ROOT, committed, name


def test_version_is_the_installed_one():
    try:
        installed = metadata.version("fastgate")
    except metadata.PackageNotFoundError:
        return                                          # run from the source tree
    assert __version__ == installed


def test_version_is_written_once():
    found = [
        name(path)
        for path in committed()
        if path.suffix in (".py", ".toml", ".pyx", ".cfg")
        and re.search(rf"version.*[\"']{re.escape(__version__)}[\"']", path.read_text())
    ]
    assert found == ["src/fastgate/_version.py"]


def test_pages_and_manifests_name_this_image():
    """`fastgate:0.1.0`: an image of another version is not the one that is made here."""
    named = {
        f"{name(path)}: {found}"
        for path in committed()
        if path.suffix in (".md", ".yaml", ".yml", ".txt")
        for found in re.findall(r"\bfastgate:(\d+(?:\.\d+)+)", path.read_text())
    }
    assert {where.partition(":")[0] for where in named} >= {"docs/image.md", "deploy/k3s/fastgate.yaml"}
    assert not [where for where in named if not where.endswith(f" {__version__}")]


def test_changelog_knows_this_version():
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
