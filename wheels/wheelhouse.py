#!/usr/bin/env python3
"""Everything a board installs besides fastgate, as wheels: wheels/wheelhouse.py [--python 3.11] [ARCH ...]

    pip install --no-index --find-links dist --find-links dist/wheelhouse-armv7l fastgate

What no registry has a wheel of for an architecture ([wheelhouse.build] in targets.toml) is cross-built
from its source, whose hash is pinned, with build.py's compiler and must pass check.py's gates; the
rest is fetched, so that the directory is enough by itself, with all of fastgate's extras and some
packages that plugins are likely to import. SHA256SUMS says what is in it. Built wheels are kept in
the cache, by their exact version.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import check
import debian
import elf
from build import build_wheel
from common import MACHINES, PYTHON, SUITE, choice
from targets import CACHE, DIST, ROOT, TABLE, Target

EXTRAS = ("fast", "validator", "trust", "asgi")

# cffi asks pkg-config where libffi is. Its answer here: the archive, so that the wheel needs no library.
PKG_CONFIG = """#!/bin/sh
case $1 in
  --cflags-only-I) echo -I{include};;
  --libs-only-L) echo -L{library};;
  --libs-only-l) echo -lffi;;
esac
"""


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, "-q"], check=True)


def house_of(arch: str, libc: str = "gnu") -> Path:
    return DIST / f"wheelhouse-{arch}{'-musl' * (libc == 'musl')}"


def listing_of(house: Path, python: str) -> Path:
    """Names the wheels that are there for one CPython."""
    return house / f".cp{python.replace('.', '')}"


def foreign(arch: str, python: str, libc: str = "gnu") -> list[str]:
    """pip's words for wheels of another machine: of any glibc up to that of Debian's release, of any musl up to 1.2."""
    musl = [f"musllinux_1_{minor}_{arch}" for minor in (2, 1)]
    return choice(musl if libc == "musl" else MACHINES[TABLE["arch"][arch]["debian"]].platforms, python)


def static_libffi(target: Target, directory: Path) -> Path:
    """A pkg-config that knows only Debian's libffi for the target, the archive without the shared one."""
    files = debian.unpacked("libffi-dev", SUITE, target.facts["debian"]) / "usr"
    archive = files / "lib" / target.facts["multiarch"] / "libffi_pic.a"
    if any(elf.read(data).attributes.get("TAG_ADVANCED_SIMD_ARCH") for data in members(archive.read_bytes())):
        sys.exit(f"{archive}: compiled for NEON")
    (directory / "lib").mkdir()
    shutil.copy(archive, directory / "lib/libffi.a")
    program = directory / "pkg-config"
    program.write_text(PKG_CONFIG.format(include=files / "include" / target.facts["multiarch"], library=directory / "lib"))
    program.chmod(0o755)
    return program


def problems_of(wheel: Path) -> list[str]:
    problems = [f"{gate}: {problem}" for gate, found in check.judge(wheel).items() for problem in found]
    if wheel.name.startswith("cffi-"):
        # Debian's libffi is Thumb code, whose halfwords may look like anything; members() sees its objects.
        problems = [problem for problem in problems if "instructions that only a CPU with NEON has" not in problem]
    return problems


def members(archive: bytes) -> Iterator[bytes]:
    """The objects in a static library."""
    at = len(b"!<arch>\n")
    while at < len(archive):
        size = int(archive[at + 48 : at + 58])
        if (data := archive[at + 60 : at + 60 + size]).startswith(b"\x7fELF"):
            yield data
        at += 60 + size + size % 2


def builder_of(requirement: str, directory: Path) -> str:
    """Where the package is that builds it besides those of requirements.txt, for PYTHONPATH; nowhere, if it needs none."""
    builder = TABLE["wheelhouse"]["builders"].get(requirement.partition("==")[0])
    if not builder:
        return ""
    pip("install", "--no-deps", "--target", str(directory / "builder"), builder)
    return str(directory / "builder")


def fetched(requirement: str, sha256: str, directory: Path) -> Path:
    """The source distribution, which is that one and no other of its name."""
    asked = directory / "source.txt"
    asked.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    pip("download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes",
        "--dest", str(directory / "source"), "--requirement", str(asked))
    (source,) = (directory / "source").iterdir()
    return source


def build(target: Target, requirement: str, sha256: str, out: Path) -> Path:
    """Builds one source distribution, pinned by version and hash, or finds it built before; the wheel. It passes the gates
    that fastgate's own must, one kept from older gates too."""
    prefix = requirement.replace("==", "-")
    for found in out.glob(f"{prefix}-*.whl"):
        if not problems_of(found):
            return found
        found.unlink()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        os.environ["PYTHONPATH"] = builder_of(requirement, directory)
        source = fetched(requirement, sha256, directory)
        os.environ |= {
            "LIBUV_CONFIGURE_HOST": target.facts["multiarch"],      # uvloop: configure may not run what it compiles
            "PYYAML_FORCE_LIBYAML": "0",
            "PKG_CONFIG": str(static_libffi(target, directory)) if prefix.startswith("cffi-") else "false",
        }
        wheel = build_wheel(target, source, directory / "built")
        if not any(name.endswith(".so") for name in zipfile.ZipFile(wheel).namelist()):
            subprocess.run([sys.executable, "-m", "wheel", "tags", "--remove", "--python-tag", "py3", "--abi-tag", "none",
                            "--platform-tag", "any", str(wheel)], check=True, stdout=subprocess.DEVNULL)
            (wheel,) = (directory / "built").iterdir()
        if problems := problems_of(wheel):
            sys.exit("\n".join([f"{wheel.name} cannot be handed out:", *problems]))
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, out))


def extras_of(target: Target) -> list[str]:
    """Those that can be had there."""
    return [extra for extra in EXTRAS if extra not in lacks_of(target)["extras"]]


def lacks_of(target: Target) -> dict[str, list[str]]:
    """What nobody has a wheel of for that machine, nor can it be built here: see targets.toml."""
    lacks: dict[str, dict[str, list[str]]] = TABLE["wheelhouse"]["lacks"]
    return lacks.get(f"{target.arch}-{target.libc}", {"extras": [], "builds": []})


def for_plugins(target: Target) -> list[str]:
    """Packages that are there for plugins: built ones which fastgate itself does not need."""
    built = {requirement.partition("==")[0] for requirement in TABLE["wheelhouse"]["build"].get(target.arch, {})}
    return [name for name in TABLE["wheelhouse"]["plugins"] if name in built]


def requirements(extras: Sequence[str] = EXTRAS) -> list[str]:
    """What fastgate needs, and each of these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]


def write_sums(house: Path) -> None:
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(house.glob("*.whl"))]
    (house / "SHA256SUMS").write_text("".join(lines))


def renew(house: Path, fresh: Path, python: str) -> None:
    """Puts in the wheels of one CPython. Those it had before go, unless another one has them: `.cp311` lists whose are whose."""
    names = sorted(path.name for path in fresh.glob("*.whl"))
    (house / f".{python}").write_text("".join(f"{name}\n" for name in names))
    listed = {name for file in house.glob(".cp*") for name in file.read_text().split()}
    for path in house.glob("*.whl"):
        if path.name not in listed:
            path.unlink()
    for name in names:
        shutil.copy(fresh / name, house)


def fill(arch: str, python: str, libc: str = "gnu") -> Path:
    """The directory of an architecture, with everything in it that one CPython needs."""
    target, house = Target(arch, f"cp{python.replace('.', '')}", libc), house_of(arch, libc)
    house.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        for requirement, sha256 in TABLE["wheelhouse"]["build"].get(arch, {}).items():
            if requirement.partition("==")[0] in lacks_of(target)["builds"]:
                continue
            started = time.monotonic()
            wheel = build(target, requirement, sha256, CACHE / f"wheelhouse-{target}")
            shutil.copy(wheel, fresh)
            print(f"{wheel.name}  {wheel.stat().st_size:,} bytes  {time.monotonic() - started:.1f} s", flush=True)
        pip("download", "--dest", str(fresh), "--find-links", str(fresh), *foreign(arch, python, libc),
            *TABLE["wheelhouse"]["also"], *requirements(extras_of(target)))
        renew(house, fresh, target.python)
    write_sums(house)
    return house


def main() -> None:
    parser = argparse.ArgumentParser(description="Fills dist/wheelhouse-ARCH with what fastgate needs on a board.")
    parser.add_argument("archs", nargs="*", metavar="ARCH", help="armv7l, which is the default, another of targets.toml, or one for musl: armv7l-musl")
    parser.add_argument("--python", default=PYTHON, metavar="3.X",
                        help="the board's CPython; one directory can hold the wheels of several (%(default)s)")
    arguments = parser.parse_args()
    for name in arguments.archs or TABLE["wheelhouse"]["default"]:
        arch = name.removesuffix("-musl")
        if arch not in TABLE["arch"]:
            sys.exit(f"no architecture {arch!r}: there are {', '.join(TABLE['arch'])}")
        house = fill(arch, arguments.python, "gnu" if name == arch else "musl")
        wheels = list(house.glob("*.whl"))
        print(f"{house.relative_to(ROOT)}  {len(wheels)} wheels  {sum(wheel.stat().st_size for wheel in wheels):,} bytes")


if __name__ == "__main__":
    main()
