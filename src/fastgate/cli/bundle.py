"""`fastgate bundle`."""

import argparse
import sys
from pathlib import Path

HELP = "make a self-contained archive or container image, for this or another kind of machine"
DESCRIPTION = """\
Puts fastgate, its packages, Python and every library they need into one file: an archive that unpacks and
runs on a Linux that has none of them, or an OCI image. No container engine is needed, nor an emulator; for
an ARM board it is made on any Debian or Ubuntu machine with mmdebstrap (and zstd). fastgate itself is taken from
wheels of this version for that machine: --wheels, else ./dist, else where pip gets packages from."""
EXAMPLES = (
    "fastgate bundle --arch arm64 -o fastgate-arm64.tar.zst",
    "fastgate bundle --arch armhf --wheels dist --wheels dist/wheelhouse-armv7l -o fastgate-armhf.tar.gz",
    "fastgate bundle --arch amd64 --format oci -o fastgate-amd64.oci.tar",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", required=True, type=Path,
                        help="what to write; .tar.zst, .tar.gz and .oci.tar say the format too")
    parser.add_argument("--arch", choices=("amd64", "arm64", "armhf"), help="the kind of machine (default: this one)")
    parser.add_argument("--format", choices=("tar.zst", "tar.gz", "oci"), help="an archive, or a container image (default: by FILE's name)")
    parser.add_argument("--wheels", metavar="DIR", action="append", default=[],
                        help="a folder of wheels to take first; may be repeated (default: ./dist and, in it, the machine's wheelhouse, if they are there)")
    parser.add_argument("--with", metavar="PACKAGE", action="append", default=[], dest="extra",
                        help="a package to add, as pip takes it: a plugin, or 'fastgate[asgi]'; may be repeated")
    parser.add_argument("--mirror", metavar="URL", help="the Debian mirror (default: the one apt uses here)")


def run(args: argparse.Namespace) -> int:
    from fastgate.bundle import BundleError
    from fastgate.bundle.make import make

    try:
        size = make(args.output, args.arch, args.format, args.wheels, args.extra, args.mirror)
    except BundleError as error:
        print(f"fastgate bundle: {error}", file=sys.stderr)
        return 1
    print(f"{args.output}: {size / 1e6:.1f} MB")
    return 0
