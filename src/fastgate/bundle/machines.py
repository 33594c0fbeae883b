"""The kinds of machine a bundle can be for, by Debian's names."""

import os
from dataclasses import dataclass

from fastgate.bundle import BundleError

SUITE = "bookworm"          # Debian 12: where Python and the C library are taken from
DISTRIBUTION = "debian-12"  # as package URLs call it
PYTHON = "3.11"             # its Python
GLIBC = 36                  # its C library is 2.36: what newer ones need is not for it
OLDEST_GLIBC = 17


@dataclass(frozen=True)
class Machine:
    debian: str             # what --arch takes
    name: str               # as uname -m and wheels' tags have it
    multiarch: str          # the folder of its libraries
    interpreter: str        # the program loader's path, which every program names
    oci: tuple[str, str]    # architecture and variant of an image

    @property
    def loader(self) -> str:
        """Where the program loader is in the tree: among the libraries."""
        return f"lib/{self.multiarch}/{os.path.basename(self.interpreter)}"

    @property
    def platforms(self) -> list[str]:
        """Tags of the wheels it takes, the best first. linux_…: built on such a machine, for itself."""
        versions = [f"manylinux_2_{minor}_{self.name}" for minor in range(GLIBC, OLDEST_GLIBC - 1, -1)]
        return [*versions, f"manylinux2014_{self.name}", f"linux_{self.name}"]


MACHINES = {machine.debian: machine for machine in (
    Machine("amd64", "x86_64", "x86_64-linux-gnu", "lib64/ld-linux-x86-64.so.2", ("amd64", "")),
    Machine("arm64", "aarch64", "aarch64-linux-gnu", "lib/ld-linux-aarch64.so.1", ("arm64", "v8")),
    Machine("armhf", "armv7l", "arm-linux-gnueabihf", "lib/ld-linux-armhf.so.3", ("arm", "v7")),
)}


def this_machine() -> Machine:
    """Raises BundleError on one that no bundle is for."""
    name = os.uname().machine
    for machine in MACHINES.values():
        if machine.name == name:
            return machine
    raise BundleError(f"bundles are made on {', '.join(machine.name for machine in MACHINES.values())}; this is {name}")
