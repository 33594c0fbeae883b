"""A tree as an archive, the same bytes whenever and by whomever it is packed."""

import gzip
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from fastgate.bundle import BundleError
from fastgate.bundle.debian import need

ZSTD = ["zstd", "-19", "--single-thread", "--quiet", "--stdout"]


def write_archive(tree: Path, out: Path, top: str, compressor: str) -> None:
    """The tree as a folder `top`. compressor: zst or gz."""
    with out.open("wb") as file:
        if compressor == "gz":
            with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
                write_tar(tree, entries(tree), packed, top)
            return
        need("zstd")
        with subprocess.Popen(ZSTD, stdin=subprocess.PIPE, stdout=file) as zstd:
            write_tar(tree, entries(tree), zstd.stdin, top)
            zstd.stdin.close()
            if zstd.wait() != 0:
                raise BundleError(f"zstd failed with exit code {zstd.returncode}")


def entries(tree: Path, wanted: Callable[[str], bool] = lambda name: True) -> list[str]:
    """Names in the tree, sorted, folders too."""
    return [name for path in sorted(tree.rglob("*")) if wanted(name := str(path.relative_to(tree)))]


def write_tar(tree: Path, names: Iterable[str], out: BinaryIO, top: str = "", owners: Mapping[str, int] | None = None) -> None:
    """root owns all but `owners`; everybody may read; the date is $SOURCE_DATE_EPOCH, or 1970."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        if top:
            tar.addfile(_entry(tarfile.TarInfo(top), tarfile.DIRTYPE, 0o755))
        for name in names:
            path = tree / name
            info = tarfile.TarInfo(f"{top}/{name}" if top else name)
            info.uid = info.gid = (owners or {}).get(name, 0)
            if path.is_symlink():
                info.linkname = os.readlink(path)
                tar.addfile(_entry(info, tarfile.SYMTYPE, 0o777))
            elif path.is_dir():
                tar.addfile(_entry(info, tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755))
            else:
                info.size = path.stat().st_size
                with path.open("rb") as file:
                    tar.addfile(_entry(info, tarfile.REGTYPE, 0o755 if path.stat().st_mode & 0o100 else 0o644), file)


def date() -> int:
    """The date of everything in a bundle, in seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH") or "0"
    if not (given.isascii() and given.isdecimal()):
        raise BundleError(f"SOURCE_DATE_EPOCH={given}: expected seconds since 1970")
    return int(given)


def _entry(info: tarfile.TarInfo, kind: bytes, mode: int) -> tarfile.TarInfo:
    info.type, info.mode, info.mtime = kind, mode, date()
    return info
