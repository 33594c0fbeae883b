"""Debian's packages, unpacked and not installed: nothing of the other machine has to run."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from fastgate.bundle import BundleError

NOT_ROOT = "" if os.geteuid() == 0 else "As another user than root, mmdebstrap needs the package uidmap and a range in /etc/subuid."

# Of each package unpacked: name, version, architecture; its files; an empty line. Only their files tell of them otherwise.
LISTED = ".packages"
LIST = f"""cd "$1" && for deb in var/cache/apt/archives/*.deb; do
dpkg-deb --show --showformat='${{Package}} ${{Version}} ${{Architecture}}\\n' "$deb"
dpkg-deb --fsys-tarfile "$deb" | tar --list
echo
done >{LISTED}"""


def unpack(suite: str, arch: str, packages: list[str], into: Path, mirror: str | None = None) -> None:
    """The packages and what they depend on, as a root file system in `into`, with a list of them. mirror: its address, if not apt's own."""
    need("mmdebstrap")
    with tempfile.TemporaryDirectory(prefix="fastgate-bundle-") as scratch:
        # By way of a tar file: without root, mmdebstrap's files would belong to users of its own.
        archive = Path(scratch, "root.tar")
        mirror = mirror or mirror_of(suite)
        program, *arguments = extraction(suite, arch, packages, archive, mirror)
        origin = f"Debian's packages come from {mirror}: --mirror URL names another."
        run([program, f"--extract-hook={LIST}", *arguments], advice="\n".join(filter(None, [origin, NOT_ROOT])))
        with tarfile.open(archive) as tar:
            tar.extraction_filter = lambda member, _: member        # its absolute links are meant for the tree
            tar.extractall(into, [member for member in tar if member.isreg() or member.issym() or member.islnk()])


def extraction(suite: str, arch: str, packages: list[str], out: Path, mirror: str) -> list[str]:
    """The command for that; out: a folder or a .tar file. Not --quiet, which keeps to itself what apt complains of."""
    return ["mmdebstrap", "--variant=extract", f"--arch={arch}", f"--include={','.join(packages)}",
            "--skip=check/qemu", suite, str(out), f"deb {mirror} {suite} main"]


def mirror_of(suite: str) -> str:
    """Where this machine gets Debian from. Not the security archive: it has no whole suite, and its index
    of the smaller architectures is now and then caught between two states."""
    need("apt-get")
    told = run(["apt-get", "indextargets", "--format", "$(CODENAME) $(ORIGIN) $(SITE)", "Created-By: Packages"])
    rows = [line.split() for line in told.splitlines()]
    rows = [row for row in rows if len(row) == 3 and row[1] == "Debian" and "security" not in row[2]]
    sites = [row[2] for row in rows if row[0] == suite] + [row[2] for row in rows]
    if not sites:
        raise BundleError("apt knows no Debian mirror here: run apt-get update, or give one with --mirror URL")
    return sites[0]


def need(program: str) -> None:
    """Raises BundleError: a program is not there, whose Debian package has its name."""
    if shutil.which(program) is None:
        raise BundleError(f"{program} not found: on Debian or Ubuntu, apt-get install {program}")


def run(command: list[str], env: dict[str, str] | None = None, name: str = "", advice: str = "") -> str:
    """What the command writes. name: what to call it, if not by its first word. Raises BundleError with the end of its complaints, and the advice, when it fails."""
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        said = [line for line in (done.stderr or done.stdout).strip().splitlines() if not line.startswith("I: ")]     # mmdebstrap's progress
        raise BundleError("\n".join([f"{name or command[0]} failed with exit code {done.returncode}:", *said[-15:], *filter(None, [advice])]))
    return done.stdout
