#!/usr/bin/env python3
"""Runs the core's unit tests on another CPU: wheels/test.py [TARGET ...] [-- pytest's arguments]

The wheel and the test doors of wheels/build.py --doors are unpacked beside a Debian root file
system of that architecture, and its Python runs tests/core under qemu-user. Needs the Debian
packages mmdebstrap and qemu-user-static. Tells function, not speed, and nothing about memory
ordering: qemu runs on this machine's.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from build import build_wheel
from debian import mirror
from targets import CACHE, DIST, ROOT, TABLE, Target, chosen

TIMEOUT_S = 1200


def need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        sys.exit(f"{program} not found: apt-get install {package}")


def root_of(target: Target) -> Path:
    """The root file system: unpacked once, then kept."""
    suite, debian = TABLE["root"]["suite"], target.facts["debian"]
    root = CACHE / f"root-{suite}-{debian}"
    if not root.exists():
        need("mmdebstrap", "mmdebstrap")
        root.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=root.parent, prefix="root-"))
        subprocess.run(
            ["mmdebstrap", "--quiet", "--mode=root" if os.geteuid() == 0 else "--mode=unshare", "--variant=extract",
             f"--arch={debian}", f"--include={','.join(TABLE['root']['packages'])}", "--skip=check/qemu",
             suite, str(fresh), mirror(suite)],
            check=True,
        )
        fresh.rename(root)
    return root


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, "-q"], check=True)


def wheelhouse(target: Target) -> Path:
    """Wheels that no registry has for this architecture, built from their sources."""
    native = Target(target.arch, "cp" + TABLE["root"]["python"].replace(".", ""))
    house = CACHE / f"wheelhouse-{native}"
    for requirement in TABLE["tests"]["cross_build"].get(target.arch, []):
        if any(house.glob(f"{requirement.split('>')[0]}-*")):
            continue
        with tempfile.TemporaryDirectory() as name:
            pip("download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", name, requirement)
            (sdist,) = Path(name).iterdir()
            build_wheel(native, sdist, house)
    return house


def site_of(target: Target) -> Path:
    """What the tests import, but fastgate itself. Wheels of the target are installed as they are."""
    python = TABLE["root"]["python"]
    site = CACHE / f"site-{target.arch}-{python}"
    if not site.exists():
        fresh = Path(tempfile.mkdtemp(dir=CACHE, prefix="site-"))
        tag = target.facts["platform"].removeprefix("manylinux_2_17_")
        platforms = [f"manylinux_2_{minor}_{tag}" for minor in (36, 34, 31, 28, 27, 17)] + [f"manylinux2014_{tag}"]
        pip("install", "--target", str(fresh), "--only-binary=:all:", "--implementation", "cp",
            "--python-version", python, "--find-links", str(wheelhouse(target)),
            *(word for abi in (f"cp{python.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)),
            *(word for platform in platforms for word in ("--platform", platform)),
            *TABLE["tests"]["requires"])
        fresh.rename(site)
    return site


def prepare(target: Target) -> list[str]:
    """What starts the tests' Python; everything it needs is there then."""
    need(target.facts["qemu"], "qemu-user-static")
    root, site = root_of(target), site_of(target)
    if not target.doors.exists():
        sys.exit(f"no test doors for {target}: build them with wheels/build.py --doors {target}")
    unpacked = DIST / f"unpacked-{target}"
    shutil.rmtree(unpacked, ignore_errors=True)
    zipfile.ZipFile(target.wheel()).extractall(unpacked)
    path = os.pathsep.join(map(str, (unpacked, target.doors, site)))
    return ["env", f"PYTHONPATH={path}", f"QEMU_CPU={target.facts['qemu_cpu']}", "PYTHONDONTWRITEBYTECODE=1",
            target.facts["qemu"], "-L", str(root), f"{root}/usr/bin/python{TABLE['root']['python']}"]


def test(target: Target, python: list[str], arguments: list[str]) -> bool:
    started = time.monotonic()
    outcome = subprocess.run(
        [*python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=slow",
         *(f"--deselect={name}" for name in TABLE["tests"]["deselect"]), *arguments, "tests/core"],
        cwd=ROOT, timeout=TIMEOUT_S, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    good = outcome.returncode == 0
    verdict = f"{'passed' if good else 'FAILED'} in {time.monotonic() - started:.0f} s"
    print(f"{outcome.stdout}{target} on {target.facts['qemu_cpu']}: {verdict}", flush=True)
    return good


def main() -> None:
    words, _, rest = " ".join(sys.argv[1:]).partition("-- ")
    parser = argparse.ArgumentParser(description="Runs tests/core on wheels of other architectures under qemu-user.")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    targets = chosen(parser.parse_args(words.split()).targets)
    pythons = [prepare(target) for target in targets]
    with ThreadPoolExecutor(os.cpu_count()) as pool:        # emulated, each takes a core
        results = list(pool.map(lambda target, python: test(target, python, rest.split()), targets, pythons))
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
