#!/usr/bin/env python3
"""What lies beside the wheels: wheels/release.py [DIRECTORY]

SHA256SUMS, and a CycloneDX list of what the wheels are made of and need (SBOM). build.py ends with
it; by itself it does so for wheels that are there already, from several builds too, in dist/ or elsewhere.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from datetime import datetime, timezone
from email import message_from_bytes
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import pack
from common import licence_of
from targets import DIST

# Looked up by dlopen at run time, from the system; each is used where a configuration asks for it.
SYSTEM = {
    "libpcre2-8": ("BSD-3-Clause", "regular expressions of routes"),
    "libcrypto": ("Apache-2.0", "signatures of tokens, client secrets"),
}
TOOLS = ("ziglang", "cython", "setuptools", "wheel")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def facts_of(wheel: Path) -> dict[str, Any]:
    """Name, version, licence and requirements (without extras), from the wheel's METADATA."""
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        message = message_from_bytes(archive.read(member))
    requires = [Requirement(text) for text in message.get_all("Requires-Dist", [])]
    return {
        "name": message["Name"], "version": message["Version"], "license": message["License-Expression"],
        "requires": [each for each in requires if "extra" not in str(each.marker or "")],
    }


def resolve(requirements: Iterable[Requirement]) -> list[dict[str, Any]]:
    """What pip would install of them here, and of what they need: its report; nothing where it reaches no index."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run",
               "--ignore-installed", "--report", "-", *map(str, requirements)]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        print(f"the SBOM names dependencies without versions: pip found none: {answer.stderr.strip()[-300:]}", file=sys.stderr)
        return []
    return json.loads(answer.stdout)["install"]


def component_of(entry: dict[str, Any]) -> Component:
    """A dependency as pip's report has it. The hash is that of the file it chose here, which the purl names."""
    about = entry["metadata"]
    file_name = unquote(urlsplit(entry["download_info"]["url"]).path.rpartition("/")[2])
    hashes = entry["download_info"].get("archive_info", {}).get("hashes", {})
    name = canonicalize_name(about["name"])
    text = about.get("license_expression") or licence_of(about.get("license"), about.get("classifier", []))
    if not text:
        print(f"the SBOM has no licence of {name}: its METADATA says none", file=sys.stderr)
    licences = [LicenseFactory().make_from_string(text)] if text else []
    return Component(
        name=name, version=about["version"], bom_ref=name, scope=ComponentScope.REQUIRED, licenses=licences,
        purl=PackageURL("pypi", None, name, about["version"], {"file_name": file_name}),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashes["sha256"])] if "sha256" in hashes else [],
    )


def bom_of(wheels: list[Path], resolved: list[dict[str, Any]], moment: int) -> Bom:
    facts = facts_of(wheels[0])
    product = Component(
        name=facts["name"], version=facts["version"], type=ComponentType.APPLICATION, bom_ref=facts["name"],
        licenses=[LicenseFactory().make_from_string(facts["license"])],
        purl=PackageURL("pypi", None, facts["name"], facts["version"]),
        components=[
            Component(name=wheel.name, type=ComponentType.FILE, bom_ref=wheel.name,
                      hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256(wheel))])
            for wheel in wheels
        ],
    )
    bom = Bom()
    bom.metadata.component = product
    bom.metadata.timestamp = datetime.fromtimestamp(moment, timezone.utc)
    for tool in TOOLS:
        bom.metadata.tools.components.add(Component(name=tool, version=metadata.version(tool)))
    found = {component.name: component for component in map(component_of, resolved)}
    for requirement in facts["requires"]:
        name = canonicalize_name(requirement.name)
        component = found.setdefault(name, Component(name=name, bom_ref=name, purl=PackageURL("pypi", None, name)))
        component.properties.add(Property(name="fastgate:requirement", value=str(requirement)))
    for name, (licence, purpose) in SYSTEM.items():
        found[name] = Component(
            name=name, bom_ref=name, description=purpose, scope=ComponentScope.OPTIONAL,
            licenses=[LicenseFactory().make_from_string(licence)],
        )
    bom.components.update(found.values())
    direct = [found[canonicalize_name(each.name)] for each in facts["requires"]]
    bom.register_dependency(product, [*direct, *(found[name] for name in SYSTEM)])
    for entry in resolved:
        needs = [canonicalize_name(Requirement(text).name) for text in entry["metadata"].get("requires_dist", [])
                 if "extra" not in str(Requirement(text).marker or "")]
        bom.register_dependency(found[canonicalize_name(entry["metadata"]["name"])], [found[name] for name in needs if name in found])
    content = " ".join(sorted(f"{wheel.name} {sha256(wheel)}" for wheel in wheels) + sorted(map(str, found)))
    bom.serial_number = uuid5(NAMESPACE_URL, content)
    return bom


def write(dist: Path) -> list[Path]:
    """Writes both for the wheels of the newest build's version."""
    wheels = sorted(dist.glob("fastgate-*.whl"))
    if not wheels:
        sys.exit(f"no wheel of fastgate in {dist}: build them with wheels/build.py, or name the directory they are in")
    newest = max(wheels, key=lambda path: path.stat().st_mtime).name.split("-")[1]
    wheels = [wheel for wheel in wheels if wheel.name.split("-")[1] == newest]
    text = JsonV1Dot6(bom_of(wheels, resolve(facts_of(wheels[0])["requires"]), pack.epoch())).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"the SBOM breaks its schema: {error}")
    bom = dist / f"fastgate-{newest}.cdx.json"
    bom.write_text(text + "\n")
    sums = dist / "SHA256SUMS"
    sums.write_text("".join(f"{sha256(path)}  {path.name}\n" for path in [*wheels, bom]))
    return [sums, bom]


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes SHA256SUMS and an SBOM for all wheels in a directory, and builds none.")
    parser.add_argument("directory", nargs="?", type=Path, default=DIST, metavar="DIRECTORY", help="dist/ unless given")
    for path in write(parser.parse_args().directory):
        print(path)


if __name__ == "__main__":
    main()
