"""Files out of Debian's packages, of any suite and architecture, with nothing installed: apt in a
state directory of its own, from the mirror that this machine uses."""

import fcntl
import subprocess
import sys
import tempfile
from pathlib import Path

from common import BundleError, mirror_of
from targets import CACHE


def mirror(suite: str) -> str:
    """Where this machine gets Debian from."""
    try:
        return mirror_of(suite)
    except BundleError as error:
        sys.exit(str(error))


def unpacked(package: str, suite: str, architecture: str) -> Path:
    """A directory with the package's files: fetched once, then kept."""
    kept = CACHE / "debian" / f"{suite}-{architecture}-{package}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with open(kept.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)            # several builds may want it at once
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=kept.parent) as name:
                _download(package, suite, architecture, Path(name))
                (Path(name) / "files").rename(kept)
    return kept


def _download(package: str, suite: str, architecture: str, directory: Path) -> None:
    state = directory.parent / f"apt-{suite}-{architecture}"
    for part in ("lists/partial", "cache/archives/partial", "etc"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    (state / "etc/sources.list").write_text(f"deb {mirror(suite)} {suite} main\n")
    apt = ["apt-get", "-qq"]
    for setting in (
        f"Dir::State={state}", f"Dir::State::Lists={state}/lists", f"Dir::State::Status={state}/status",
        f"Dir::Cache={state}/cache", f"Dir::Etc::SourceList={state}/etc/sources.list", "Dir::Etc::SourceParts=/dev/null",
        "Dir::Etc::PreferencesParts=/dev/null", f"APT::Architecture={architecture}", f"APT::Architectures={architecture}",
        "Acquire::Languages=none", "APT::Sandbox::User=root",
        # A mirror that stands still has indices that are signed, and older than apt likes.
        "Acquire::Check-Valid-Until=false",
    ):
        apt += ["-o", setting]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "download", package], check=True, cwd=directory)
    (found,) = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(found), str(directory / "files")], check=True)
