"""Root file systems, also for other CPUs, and how a program of theirs is run here.

`inside(target, root)` goes before a command: in a user and mount namespace of its own, where the
kernel hands programs of that CPU to qemu-user (binfmt_misc is one per user namespace since Linux
6.7), it becomes the root's command. Nothing outside sees it, no rights are needed, process id,
signals and loopback are the caller's. The tree, the cache and /tmp are where they are outside.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import debian
import musl
from common import SUITE, extraction
from targets import CACHE, ROOT, TABLE, Target

# Of an ELF header, what the kernel compares to tell whose program it is, and which bits of it:
# class, byte order, and of the type that it is a program or a shared one; the machine.
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
MAGIC = r"\x7fELF{bits}\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00{machine}\x00"
MACHINES = {"aarch64": (r"\x02", r"\xb7"), "armv7l": (r"\x01", r"\x28")}

# $1 the rule for binfmt_misc, or nothing; $2 the root; directories to be seen in it; --; the command.
# The last word replaces the shell: signals reach the command itself.
ENTER = """set -e
mount --make-rprivate /
if [ "$1" ]; then
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc ||
    { echo "no binfmt_misc of one's own: emulation needs Linux 6.7" >&2; exit 1; }
  printf %s "$1" >/proc/sys/fs/binfmt_misc/register
fi
root=$2; shift 2
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")"; touch "$root$1"; fi
  mount --rbind "$1" "$root$1"; shift
done
shift
here=$PWD
exec chroot "$root" /bin/sh -c 'cd "$0" && exec env "$@"' "$here" "$@"
"""


def need(program: str, package: str) -> str:
    if found := shutil.which(program):
        return found
    sys.exit(f"{program} not found: apt-get install {package}")


def root_of(target: Target, suite: str = SUITE) -> Path:
    """A root file system of this architecture, made once, and again for other packages: Debian's packages
    unpacked and nothing of them configured, with a Python of its release; for musl, the one of musl.py."""
    architecture = target.facts["debian"]
    if target.libc == "musl":
        return _kept(f"root-musl-{architecture}", json.dumps(TABLE["musl"]), partial(musl.fill, target))
    packages = TABLE["root"]["packages"]
    return _kept(f"root-{suite}-{architecture}", " ".join(packages), partial(_unpack, suite, architecture, packages))


def _kept(name: str, wanted: str, fill: Callable[[Path], object]) -> Path:
    root = CACHE / name
    listed = root / ".packages"
    if not listed.exists() or listed.read_text() != wanted + "\n":
        root.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=root.parent, prefix="root-"))
        fill(fresh)
        (fresh / ".packages").write_text(wanted + "\n")
        if root.exists():
            shutil.rmtree(root)
        fresh.rename(root)
    return root


def _unpack(suite: str, architecture: str, packages: list[str], root: Path) -> None:
    need("mmdebstrap", "mmdebstrap")
    command, *arguments = extraction(suite, architecture, packages, root, debian.mirror(suite))
    # A mirror that stands still has indices that are signed, and older than apt likes.
    subprocess.run([command, "--quiet", '--aptopt=Acquire::Check-Valid-Until "false"', *arguments], check=True)
    # What configuring would do: Debian's pip does not start without.
    certificates = root / "etc/ssl/certs/ca-certificates.crt"
    certificates.parent.mkdir(parents=True, exist_ok=True)
    certificates.write_bytes(b"".join(path.read_bytes() for path in sorted(root.glob("usr/share/ca-certificates/mozilla/*.crt"))))


def inside(target: Target, root: Path) -> list[str]:
    """What goes before a command for it to be that root's, on the target's CPU."""
    rule, cpu = "", []
    if target.arch in MACHINES:
        qemu = need(target.facts["qemu"], "qemu-user-static")
        bits, machine = MACHINES[target.arch]
        rule = f":fastgate-{target.arch}:M::{MAGIC.format(bits=bits, machine=machine)}:{MASK}:{qemu}:F"
        cpu = [f"QEMU_CPU={target.facts['qemu_cpu']}"]
    shown = ["/proc", "/dev", "/tmp", "/etc/hosts", str(ROOT)]
    if not CACHE.is_relative_to(ROOT):
        shown.append(str(CACHE))
    return ["env", *cpu, "unshare", "--user", "--map-root-user", "--mount",
            "sh", "-c", ENTER, "sh", rule, str(root), *shown, "--"]
