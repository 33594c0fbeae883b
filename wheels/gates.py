"""What a wheel must be before anybody gets it. Each gate gives the problems it finds: none is good."""

import csv
import io
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import debian
import elf
import pack
from targets import CACHE, ROOT, TABLE, Target, matrix

# Of the 32-bit glibc 2.17: their time_t ends in January 2038. The clock that counts from the start
# of the machine does not, and time of day comes from Python.
WALL_CLOCKS = re.compile(
    r"(time|stime|ftime|gettimeofday|settimeofday|clock_settime|localtime(_r)?|gmtime(_r)?|mktime|timegm|ctime(_r)?"
    r"|utimes?|futimens|futimes|utimensat)$"
)

# Where builds happen on this machine.
TEMPORARY = tempfile.gettempdir()
PLACES = [str(ROOT), str(CACHE), f"{Path.home()}/", f"{TEMPORARY}/tmp", f"{TEMPORARY}/pip-"]


@dataclass
class Wheel:
    path: Path
    target: Target
    members: dict[str, bytes]
    libraries: dict[str, elf.Library]

    @property
    def is_ours(self) -> bool:
        return self.path.name.startswith("fastgate-")


def target_of(path: Path) -> Target | None:
    """Which target a wheel's name is for; None for a wheel of no platform."""
    python, abi, platform = path.name.removesuffix(".whl").split("-")[-3:]
    if platform == "any":
        return None
    for target in matrix():
        if target.python == (abi if abi == "abi3" else python) and set(platform.split(".")) & set(target.platforms):
            return target
    sys.exit(f"{path.name}: no target of wheels/targets.toml has such a tag")


def opened(path: Path, target: Target) -> Wheel:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    libraries = {name: elf.read(data) for name, data in members.items() if data.startswith(b"\x7fELF")}
    return Wheel(path, target, members, libraries)


def tags(wheel: Wheel) -> Iterator[str]:
    """The name says what the metadata says, and what the target's wheels are called."""
    tag = "-".join(wheel.path.name.removesuffix(".whl").split("-")[-3:])
    (about,) = [data for name, data in wheel.members.items() if name.endswith(".dist-info/WHEEL")]
    inside = re.findall(r"^Tag: (\S+)$", about.decode(), re.M)
    if sorted(inside) != sorted(pack.expanded(tag)):
        yield f"the name says {tag}, the metadata {', '.join(inside)}"
    if wheel.is_ours and tag != wheel.target.tag:
        yield f"the tag is {tag}, not {wheel.target.tag}"
    for name in wheel.libraries:
        if wheel.is_ours and not name.endswith(wheel.target.suffix):
            yield f"{name}: no import finds it: it does not end with {wheel.target.suffix}"
    if wheel.is_ours and not wheel.libraries:
        yield "nothing compiled is in it"


def record(wheel: Wheel) -> Iterator[str]:
    """RECORD lists each file with its hash."""
    (own,) = [name for name in wheel.members if name.endswith(".dist-info/RECORD")]
    listed = {row[0]: row[1] for row in csv.reader(io.StringIO(wheel.members[own].decode())) if row}
    for name in sorted(listed.keys() ^ wheel.members.keys()):
        yield f"{name}: in RECORD or in the wheel, not in both"
    for name in sorted(listed.keys() & wheel.members.keys() - {own}):
        if listed[name] != pack.digest(wheel.members[name]):
            yield f"{name}: its hash is not the one in RECORD"


def content(wheel: Wheel) -> Iterator[str]:
    """Nothing of the machine that built it, and no test."""
    for name, data in wheel.members.items():
        if wheel.is_ours and ("fastgate_doors" in name or name.startswith("tests/") or name.endswith((".pyx", ".c"))):
            yield f"{name}: not to be shipped"
        for place in PLACES:
            if name in wheel.libraries and place.encode() in data:
                yield f"{name}: holds {place}, a path of the machine that built it"


def size(wheel: Wheel) -> Iterator[str]:
    limit = TABLE["limits"]["wheel_bytes"]
    if wheel.is_ours and (found := wheel.path.stat().st_size) > limit:
        yield f"{found:,} bytes, more than {limit:,}"


def machine(wheel: Wheel) -> Iterator[str]:
    """For this CPU, loadable with its largest pages and by old loaders, without a stack or code that can be both written and run."""
    facts = wheel.target.facts
    for name, library in wheel.libraries.items():
        if library.machine != facts["machine"]:
            yield f"{name}: for {library.machine}, not {facts['machine']}"
        if library.alignment < facts.get("page_bytes", 4096):
            yield f"{name}: segments aligned to {library.alignment} bytes: a kernel with pages of {facts['page_bytes']} loads none of it"
        if library.executable_stack:
            yield f"{name}: wants an executable stack"
        if library.text_relocations:
            yield f"{name}: relocations in code, which must be written then"
        if library.packed_relocations:
            yield f"{name}: packed relocations, which glibc reads from 2.36 on and musl from 1.2.4: it would crash before"


def cpu(wheel: Wheel) -> Iterator[str]:
    """armv7: VFPv3-D16 registers for arguments, and no NEON. Others have one baseline."""
    if wheel.target.arch != "armv7l":
        return
    for name, library in wheel.libraries.items():
        found = library.attributes
        if found.get("TAG_ABI_VFP_ARGS") != 1:
            yield f"{name}: not for the hard-float ABI (Tag_ABI_VFP_args)"
        if found.get("TAG_ADVANCED_SIMD_ARCH"):
            yield f"{name}: compiled for NEON (Tag_Advanced_SIMD_arch)"
        if library.neon_words:
            yield f"{name}: {library.neon_words} instructions that only a CPU with NEON has"
        # 4: VFPv3-D16; 3, 5 and above have more registers or instructions.
        if found.get("TAG_FP_ARCH", 0) not in (0, 1, 2, 4):
            yield f"{name}: needs more than VFPv3-D16 (Tag_FP_arch {found['TAG_FP_ARCH']})"


def needed(wheel: Wheel) -> Iterator[str]:
    """Nothing but the C library."""
    allowed = TABLE["limits"][f"{wheel.target.libc}_needs"]
    for name, library in wheel.libraries.items():
        for need in library.needed:
            if not any(fnmatchcase(need, pattern) for pattern in allowed):
                yield f"{name}: needs {need}"


def run_path(wheel: Wheel) -> Iterator[str]:
    for name, library in wheel.libraries.items():
        for path in library.run_paths:
            yield f"{name}: looks for libraries in {path}"


def symbols(wheel: Wheel) -> Iterator[str]:
    """Each symbol is CPython's, or the oldest C library of the tag has it. auditwheel sees versions of
    glibc's symbols only: not what has none (musl, UBSan's, glibc's own time64 functions)."""
    for name, library in wheel.libraries.items():
        for symbol in library.undefined:
            if symbol.weak or re.match(r"_?Py", symbol.name):
                continue
            if wheel.target.libc == "musl":
                if symbol.name not in musl_exports(wheel.target):
                    yield f"{name}: musl 1.2.3 has no {symbol.name}"
            elif not symbol.version:
                yield f"{name}: {symbol.name} has no version: it is none of glibc's of old, and not CPython's"
            elif newer(symbol.version, wheel.target.facts["platform"]):
                yield f"{name}: {symbol.name}@{symbol.version} is newer than {wheel.target.facts['platform']}"


def clocks(wheel: Wheel) -> Iterator[str]:
    """No time of day in 32 bits."""
    if (wheel.target.arch, wheel.target.libc) != ("armv7l", "gnu") or not wheel.is_ours:
        return
    for name, library in wheel.libraries.items():
        for symbol in library.undefined:
            if WALL_CLOCKS.match(symbol.name):
                yield f"{name}: {symbol.name} has a time_t of 32 bits here, which ends in 2038: take time of day from Python"


def newer(version: str, platform: str) -> bool:
    """Whether GLIBC_2.34 is more than manylinux_2_17_... promises."""
    family, _, number = version.partition("_")
    limit = tuple(map(int, platform.split("_")[1:3]))
    return family == "GLIBC" and (not number[:1].isdigit() or tuple(map(int, number.split("."))) > limit)


@cache
def musl_exports(target: Target) -> set[str]:
    files = debian.unpacked("musl", TABLE["musl"]["suite"], target.facts["debian"])
    (library,) = files.rglob("libc.so")
    return elf.read(library.read_bytes()).exported


GATES: dict[str, Callable[[Wheel], Iterator[str]]] = {
    "tags": tags, "record": record, "content": content, "size": size, "machine": machine, "cpu": cpu,
    "needed": needed, "run path": run_path, "symbols": symbols, "clocks": clocks,
}
