"""Files out of Debian's packages, of any suite and architecture, with nothing installed: apt in a
state directory of its own, from the mirror that this machine uses."""

import fcntl
import subprocess
import sys
import tempfile
from collections.abc import Callable
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
    return _kept(f"{suite}-{architecture}-{package}", _download, package, suite, architecture)


def source(package: str, suite: str) -> Path:
    """A directory with the source as its authors published it: fetched once, then kept."""
    return _kept(f"{suite}-source-{package}", _download_source, package, suite)


def _kept(name: str, download: Callable[..., Path], *what: str) -> Path:
    kept = CACHE / "debian" / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    with open(kept.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)            # several builds may want it at once
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=kept.parent) as directory:
                download(*what, Path(directory)).rename(kept)
    return kept


def _download(package: str, suite: str, architecture: str, directory: Path) -> Path:
    apt = _apt(directory.parent / f"apt-{suite}-{architecture}", f"deb {mirror(suite)} {suite} main", architecture)
    subprocess.run([*apt, "download", package], check=True, cwd=directory)
    (found,) = directory.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(found), str(directory / "files")], check=True)
    return directory / "files"


def _download_source(package: str, suite: str, directory: Path) -> Path:
    apt = _apt(directory.parent / f"apt-{suite}-source", f"deb-src {mirror(suite)} {suite} main", "amd64")
    subprocess.run([*apt, "source", "--download-only", package], check=True, cwd=directory)
    (found,) = directory.glob("*.orig.tar.*[!c]")           # not its signature, .asc
    (directory / "files").mkdir()
    subprocess.run(["tar", "-xf", str(found), "-C", str(directory / "files"), "--strip-components=1"], check=True)
    return directory / "files"


def _apt(state: Path, archive: str, architecture: str) -> list[str]:
    """apt-get in a state directory of its own, that knows one archive, and what is in it now."""
    for part in ("lists/partial", "cache/archives/partial", "etc"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    (state / "etc/sources.list").write_text(f"{archive}\n")
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
    return apt
