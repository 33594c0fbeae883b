"""Root file systems of Debian for other CPUs, and how a program of theirs is run here.

`emulated(target)` goes before a command: in a user and mount namespace of its own, where the
kernel hands programs of that CPU to qemu-user (binfmt_misc is one per user namespace since Linux
6.7), it becomes the root's command. Nothing outside sees it, no rights are needed, process id,
signals and loopback are the caller's. The tree, the cache and /tmp are where they are outside.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import debian
from common import SUITE, extraction
from targets import CACHE, ROOT, TABLE, Target

# Of an ELF header, what the kernel compares to tell whose program it is, and which bits of it:
# class, byte order, and of the type that it is a program or a shared one; the machine.
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
MAGIC = r"\x7fELF{bits}\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00{machine}\x00"
MACHINES = {"aarch64": (r"\x02", r"\xb7"), "armv7l": (r"\x01", r"\x28")}

# $1 the rule for binfmt_misc, $2 the root; directories to be seen in it; --; the command. The
# last word replaces the shell: signals reach the command itself.
ENTER = """set -e
mount --make-rprivate /
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc ||
  { echo "no binfmt_misc of one's own: emulation needs Linux 6.7" >&2; exit 1; }
printf %s "$1" >/proc/sys/fs/binfmt_misc/register
root=$2; shift 2
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root$(dirname "$1")"; touch "$root$1"; fi
  mount --rbind "$1" "$root$1"; shift
done
shift
here=$PWD
exec chroot "$root" /usr/bin/env --chdir="$here" "$@"
"""


def need(program: str, package: str) -> str:
    if found := shutil.which(program):
        return found
    sys.exit(f"{program} not found: apt-get install {package}")


def root_of(target: Target) -> Path:
    """The board: a root file system of this architecture, its packages unpacked and nothing of them
    configured, with the Python of its distribution. Made once, and again for other packages."""
    packages, architecture = TABLE["root"]["packages"], target.facts["debian"]
    root = CACHE / f"root-{SUITE}-{architecture}"
    listed = root / ".packages"
    wanted = " ".join(packages) + "\n"
    if not listed.exists() or listed.read_text() != wanted:
        need("mmdebstrap", "mmdebstrap")
        root.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=root.parent, prefix="root-"))
        subprocess.run(extraction(SUITE, architecture, packages, fresh, debian.mirror(SUITE)), check=True)
        (fresh / ".packages").write_text(wanted)
        if root.exists():
            shutil.rmtree(root)
        fresh.rename(root)
    return root


def emulated(target: Target) -> list[str]:
    """What goes before a command for it to be that of the target's root, on the target's CPU."""
    qemu = need(target.facts["qemu"], "qemu-user-static")
    bits, machine = MACHINES[target.arch]
    rule = f":fastgate-{target.arch}:M::{MAGIC.format(bits=bits, machine=machine)}:{MASK}:{qemu}:F"
    shown = ["/proc", "/dev", "/tmp", "/etc/hosts", str(ROOT)]
    if not CACHE.is_relative_to(ROOT):
        shown.append(str(CACHE))
    return ["env", f"QEMU_CPU={target.facts['qemu_cpu']}", "unshare", "--user", "--map-root-user", "--mount",
            "sh", "-c", ENTER, "sh", rule, str(root_of(target)), *shown, "--"]
