"""From the arguments of `fastgate bundle` to the finished file."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fastgate._version import __version__
from fastgate.bundle import BundleError
from fastgate.bundle.archive import date, write_archive
from fastgate.bundle.debian import need
from fastgate.bundle.image import write_image
from fastgate.bundle.machines import MACHINES, this_machine
from fastgate.bundle.sbom import place_of, write_sbom
from fastgate.bundle.tree import build

FORMATS = ("tar.zst", "tar.gz", "oci")
ELSEWHERE = "$TMPDIR names another folder"
TOP = "fastgate"            # the folder an archive unpacks to


def make(out: Path, arch: str | None, form: str | None, wheels: Sequence[str], extra: Sequence[str], mirror: str | None) -> int:
    """Writes the bundle, all or nothing, and beside it what it is made of; its size in bytes."""
    form = form or form_of(out)
    machine = MACHINES[arch] if arch else this_machine()
    for place in wheels:
        if not os.path.isdir(place):
            raise BundleError(f"--wheels {place}: no such folder")
    if form == "tar.zst":
        need("zstd")
    if out.is_dir() or not os.access(out.parent, os.W_OK | os.X_OK):
        raise BundleError(f"{out} can't be written: " + ("a folder has that name" if out.is_dir() else f"no folder {out.parent} to write to"))
    date()      # or its mistake would be told after minutes of work
    # As wheels/build.py and wheels/wheelhouse.py leave them.
    places = list(wheels) or [place for place in ("dist", f"dist/wheelhouse-{machine.name}") if os.path.isdir(place)]
    with _scratch() as scratch:
        tree = Path(scratch, "tree")
        try:
            tree.mkdir()
            parts = build(machine, [f"fastgate=={__version__}", *extra], [os.path.abspath(place) for place in places], tree, mirror)
        except OSError as error:
            raise BundleError(f"it can't be put together in {tempfile.gettempdir()}: {error.strerror or error}; {ELSEWHERE}") from None
        unfinished, place = out.with_name(f".{out.name}.new"), out
        try:
            if form == "oci":
                write_image(tree, unfinished, machine)
            else:
                write_archive(tree, unfinished, TOP, form.removeprefix("tar."))
            os.replace(unfinished, out)
            place = place_of(out)
            write_sbom(out, parts, form)
        except OSError as error:
            raise BundleError(f"{place} can't be written: {error.strerror or error}") from None
        finally:
            unfinished.unlink(missing_ok=True)
    return out.stat().st_size


def _scratch() -> tempfile.TemporaryDirectory:
    try:
        return tempfile.TemporaryDirectory(prefix="fastgate-bundle-")
    except OSError as error:
        raise BundleError(f"{error.strerror}; {ELSEWHERE}") from None


def form_of(out: Path) -> str:
    """The format, by the file's name. Raises BundleError when that tells nothing."""
    for ending, form in ((".tar.zst", "tar.zst"), (".tar.gz", "tar.gz"), (".tgz", "tar.gz"), (".oci.tar", "oci"), (".oci", "oci")):
        if out.name.endswith(ending):
            return form
    raise BundleError(f"{out}: name it .tar.zst, .tar.gz or .oci.tar, or say what it shall be with --format {'|'.join(FORMATS)}")
