"""What a bundle is made of, as a CycloneDX 1.6 list (SBOM): Debian's packages and Python's, with their versions.

It is written beside the bundle and names it by its hash. https://cyclonedx.org/docs/1.6/json/ says what each word means.
"""

import hashlib
import json
import time
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from fastgate._version import __version__
from fastgate.bundle.archive import date
from fastgate.bundle.debian import LISTED

NAME = "fastgate"
TERMS = "usr/share/doc"         # of what was unpacked, not of what was taken


def place_of(bundle: Path) -> Path:
    return bundle.with_name(f"{bundle.name}.cdx.json")


def debian_parts(root: Path, tree: Path, distribution: str) -> list[dict[str, Any]]:
    """The packages of the root that have a file in the tree, which the root's was copied to or moved from /usr."""
    taken = {str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir()}
    parts = []
    for package in (root / LISTED).read_text().split("\n\n"):
        about, *files = package.split("\n")
        names = {name.removeprefix("./") for name in files if not name.startswith(f"./{TERMS}/")}
        if taken & (names | {name.removeprefix("usr/") for name in names}):
            name, version, arch = about.split()
            purl = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={arch}&distro={distribution}"
            parts.append({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
    return sorted(parts, key=lambda part: part["name"])


def python_parts(site: Path) -> list[dict[str, Any]]:
    """The packages that pip put there, without fastgate: that is the whole."""
    found = {one.metadata["Name"].lower().replace("_", "-"): one for one in distributions(path=[str(site)])}
    parts = []
    for name, one in sorted(found.items()):
        if name != NAME:
            purl = f"pkg:pypi/{name}@{quote(one.version, safe='')}"
            parts.append({"type": "library", "bom-ref": purl, "name": name, "version": one.version, "purl": purl, **_licences(one)})
    return parts


def licence_of(text: str | None, classifiers: list[str]) -> str:
    """The licence's name by a METADATA without License-Expression, from "License" or the classifiers; empty where both are silent."""
    # An old one may hold the whole licence where its name belongs.
    if text and "\n" not in text:
        return text
    return ", ".join(each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: "))


def _licences(one: Distribution) -> dict[str, Any]:
    if expression := one.metadata["License-Expression"]:
        return {"licenses": [{"expression": expression}]}
    name = licence_of(one.metadata["License"], one.metadata.get_all("Classifier", []))
    return {"licenses": [{"license": {"name": name}}]} if name else {}


def write_sbom(bundle: Path, parts: list[dict[str, Any]], form: str) -> Path:
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    whole = {
        "type": "container" if form == "oci" else "application", "bom-ref": NAME, "name": NAME, "version": __version__,
        "licenses": [{"license": {"id": "Apache-2.0"}}], "hashes": [{"alg": "SHA-256", "content": digest}],
        "properties": [{"name": "fastgate:file", "value": bundle.name}],
    }
    place = place_of(bundle)
    place.write_text(json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, digest)}", "version": 1,
        "metadata": {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(date())), "component": whole},
        "components": parts,
        "dependencies": [{"ref": NAME, "dependsOn": [part["bom-ref"] for part in parts]}],
    }, indent=2) + "\n")
    return place
