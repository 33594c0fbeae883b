"""The last step of a wheel: its tags, and an archive that depends on its content alone."""

import base64
import hashlib
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from targets import ROOT, Target

# What a zip file can tell begins here; also the date of what is no checkout and sets no other.
EARLIEST = 315532800


def epoch() -> int:
    """SOURCE_DATE_EPOCH, or the time of the last commit."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-c", "safe.directory=*", "log", "-1", "--format=%ct"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return int(answer.stdout) if answer.returncode == 0 and answer.stdout.strip() else EARLIEST


def retagged(tag: str, target: Target) -> str:
    """The tag that the target's wheel has, for the one that the interpreter which built it gave.
    Projects that make a wheel for any platform, or for the stable ABI, keep what they say."""
    python, abi, platform = tag.split("-")
    own = "cp%d%d" % sys.version_info[:2]
    if target.python != "abi3" and python == abi == own:
        python = abi = target.python
    if platform == target.facts["platform"]:
        platform = ".".join(target.platforms)
    return "-".join((python, abi, platform))


def expanded(tag: str) -> list[str]:
    """The single tags of a compressed set."""
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    return [f"{python}-{abi}-{platform}" for python in pythons for abi in abis for platform in platforms]


def digest(data: bytes) -> str:
    """As RECORD has it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def repack(wheel: Path, target: Target, out: Path, moment: int) -> Path:
    """The wheel with the target's tags, in `out`. Order, times and modes are the same for whoever
    packs, whenever and from wherever."""
    name, version, *build, python, abi, platform = wheel.name.removesuffix(".whl").split("-")
    tag = retagged(f"{python}-{abi}-{platform}", target)
    with zipfile.ZipFile(wheel) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
        executable = {info.filename for info in archive.infolist() if info.external_attr >> 16 & 0o100}
    (record,) = [member for member in members if member.endswith(".dist-info/RECORD")]
    about = record.removesuffix("RECORD") + "WHEEL"
    lines = [line for line in members[about].decode().splitlines() if line and not line.startswith("Tag:")]
    members[about] = "\n".join([*lines, *(f"Tag: {each}" for each in expanded(tag)), ""]).encode()
    del members[record]
    order = sorted(members, key=lambda member: (".dist-info/" in member, member))
    rows = [f"{_quoted(member)},{digest(members[member])},{len(members[member])}\n" for member in order]
    members[record] = "".join([*rows, f"{record},,\n"]).encode()

    out.mkdir(parents=True, exist_ok=True)
    packed = out / ("-".join([name, version, *build, tag]) + ".whl")
    date = time.gmtime(max(moment, EARLIEST))[:6]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for member in [*order, record]:
            info = zipfile.ZipInfo(member, date)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if member in executable else 0o100644) << 16
            archive.writestr(info, members[member], compresslevel=9)
    packed.chmod(0o644)
    return packed


def _quoted(member: str) -> str:
    return f'"{member}"' if "," in member else member
