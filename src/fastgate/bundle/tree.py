"""Puts a bundle's tree together: Python and libraries from Debian, packages from wheels, byte-compiled."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastgate.bundle import BundleError, files
from fastgate.bundle.debian import run, unpack
from fastgate.bundle.elf import is_elf, needed
from fastgate.bundle.machines import DISTRIBUTION, PYTHON, SUITE, Machine, this_machine
from fastgate.bundle.prune import prune_packages, prune_stdlib
from fastgate.bundle.sbom import debian_parts, python_parts
from fastgate.bundle.wheels import install

COMPILER = ["base-files", f"python{PYTHON}-minimal"]        # what it takes to run compileall
PACKAGES = [*COMPILER, f"libpython{PYTHON}-stdlib", "libssl3", "libpcre2-8-0"]

# Nothing names these, fastgate and the C library open them at run time.
OPENED = ["libcrypto.so.3", "libssl.so.3", "libpcre2-8.so.0", "libgcc_s.so.1"]

STDLIB = f"usr/lib/python{PYTHON}"
SITE = "usr/lib/python3/dist-packages"                      # where Debian's Python looks
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"


def build(machine: Machine, requirements: Sequence[str], find_links: Sequence[str], tree: Path,
          mirror: str | None = None) -> list[dict[str, Any]]:
    """Makes the tree in the folder, which is there and empty; what it is made of."""
    with tempfile.TemporaryDirectory(prefix="fastgate-bundle-") as scratch:
        root = Path(scratch, "root")
        unpack(SUITE, machine.debian, PACKAGES, root, mirror)
        here, own = this_machine(), root
        if here != machine:
            own = Path(scratch, "own")
            unpack(SUITE, here.debian, COMPILER, own, mirror)
        python = _python_of(own, here)
        version = run([*python, "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]).strip()
        (tree / "usr/bin").mkdir(parents=True)
        shutil.copy(root / f"usr/bin/python{PYTHON}", tree / "usr/bin")
        shutil.copytree(root / STDLIB, tree / STDLIB, symlinks=True)
        prune_stdlib(tree / STDLIB)
        install(requirements, machine, version, find_links, tree / SITE)
        prune_packages(tree / SITE)
        _add_libraries(root, tree, machine)
        _add_notices(root, tree)
        _add_authorities(tree)
        parts = [*debian_parts(root, tree, DISTRIBUTION), *python_parts(tree / SITE)]
        files.write(tree, machine)
        _compile(python, tree)
        return parts


def _python_of(root: Path, machine: Machine) -> list[str]:
    """How Debian's Python is run where it lies, as root or not."""
    libraries = [root / "lib" / machine.multiarch, root / "usr/lib" / machine.multiarch]
    return [str(root / machine.interpreter), "--library-path", ":".join(map(str, libraries)), str(root / f"usr/bin/python{PYTHON}"), "-B"]


def _add_libraries(root: Path, tree: Path, machine: Machine) -> None:
    """Every library that something in the tree needs, and the program loader."""
    folder = tree / "lib" / machine.multiarch
    folder.mkdir(parents=True)
    places = [root / "lib" / machine.multiarch, root / "usr/lib" / machine.multiarch]
    asked = {name: "fastgate" for name in OPENED}
    for path in sorted(tree.rglob("*")):
        if path.is_file() and not path.is_symlink() and is_elf(path):
            asked |= dict.fromkeys(needed(path), path.relative_to(tree))
    carried = {path.name for path in (tree / SITE).rglob("*.so*")}          # a wheel may bring its own
    while asked:
        name, by = asked.popitem()
        if name in carried or (folder / name).exists():
            continue
        found = next((place / name for place in places if (place / name).exists()), None)
        if found is None:
            raise BundleError(f"{by} needs {name}, which is in none of the packages {', '.join(PACKAGES)}")
        shutil.copy(found, folder / name)
        asked |= dict.fromkeys(needed(found), name)
    interpreter = tree / machine.interpreter
    if interpreter.parent != folder:
        interpreter.parent.mkdir(exist_ok=True)
        interpreter.symlink_to(f"../{machine.loader}")


def _add_notices(root: Path, tree: Path) -> None:
    """Who wrote it, under which terms; and which Debian it is."""
    for notice in sorted(root.glob("usr/share/doc/*/copyright")):
        place = tree / notice.relative_to(root)
        place.parent.mkdir(parents=True)
        shutil.copy(notice, place)
    shutil.copy(root / "usr/lib/os-release", tree / "usr/lib/os-release")
    (tree / "etc").mkdir()
    (tree / "etc/os-release").symlink_to("../usr/lib/os-release")


def _add_authorities(tree: Path) -> None:
    """The certificate authorities come with certifi. They stand where OpenSSL looks, certifi leads there: a
    file mounted over that one holds for both."""
    (packed,) = tree.glob(f"{SITE}/certifi/cacert.pem")
    place = tree / AUTHORITIES
    place.parent.mkdir(parents=True)
    packed.rename(place)
    packed.symlink_to("../" * len(packed.relative_to(tree).parent.parts) + AUTHORITIES)
    (tree / "usr/lib/ssl").mkdir()
    (tree / "usr/lib/ssl/cert.pem").symlink_to(f"../../../{AUTHORITIES}")


def _compile(python: list[str], tree: Path) -> None:
    """Unchecked: neither the dates of files nor their content are compared at a start. By one process, in the
    order of names, with fixed hashes: the same source is then the same code."""
    run([*python, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(tree), "-p", "/",
         str(tree / "usr/lib")], {"PYTHONHASHSEED": "0"})
