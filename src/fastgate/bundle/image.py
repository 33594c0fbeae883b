"""An OCI image written by hand: two layers, a configuration, a manifest, an index, in one tar file.

https://github.com/opencontainers/image-spec says what each is. Beside them lies what Docker's older image store reads
instead, `manifest.json`: the same blobs by their paths. The lower layer is Python and its
libraries, the upper one fastgate with its packages: a new version of fastgate changes only that.
"""

import gzip
import hashlib
import json
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from fastgate._version import __version__
from fastgate.bundle.archive import date, entries, write_tar
from fastgate.bundle.files import USER
from fastgate.bundle.machines import PYTHON, Machine
from fastgate.bundle.tree import SITE

NAME = "fastgate"
REFERENCE = f"localhost/{NAME}:{__version__}"
CONFIG_FILE = "/etc/fastgate/fastgate.yaml"
RUNTIME = "run/fastgate"
SECOND = 1_000_000_000
NOT_IN_IMAGES = ("fastgate", "fastgate-bundle.service")
LABELS = {
    "org.opencontainers.image.title": NAME,
    "org.opencontainers.image.description": "API gateway for the edge",
    "org.opencontainers.image.version": __version__,
    "org.opencontainers.image.licenses": "Apache-2.0",
}


def write_image(tree: Path, out: Path, machine: Machine) -> None:
    """The tree as an OCI layout, packed into a tar file."""
    with tempfile.TemporaryDirectory(prefix="fastgate-bundle-") as scratch:
        layout = Path(scratch)
        (layout / "blobs/sha256").mkdir(parents=True)
        lower = entries(tree, lambda name: name not in NOT_IN_IMAGES and not _is_upper(name))
        layers = [_add_layer(layout, tree, lower), _add_layer(layout, tree, entries(tree, _is_upper))]
        config = _add_json(layout, "application/vnd.oci.image.config.v1+json",
                           configuration(machine, [uncompressed for _, uncompressed in layers]))
        (layout / "manifest.json").write_bytes(_json([{
            "Config": _blob(config), "RepoTags": [REFERENCE], "Layers": [_blob(layer) for layer, _ in layers]}]))
        manifest = _add_json(layout, "application/vnd.oci.image.manifest.v1+json", {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
            "layers": [layer for layer, _ in layers], "annotations": LABELS})
        manifest |= {"platform": _platform(machine), "annotations": {
            "org.opencontainers.image.ref.name": __version__,
            "io.containerd.image.name": REFERENCE}}     # what K3s and Docker call it
        (layout / "index.json").write_bytes(_json({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]}))
        (layout / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
        with out.open("wb") as file:
            write_tar(layout, entries(layout), file)


def configuration(machine: Machine, layers: list[str]) -> dict:
    """How it is run: as nobody in particular, without a shell, on a root file system that may be read-only."""
    return _platform(machine) | {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(date())),
        "config": {
            "User": f"{USER}:{USER}",
            "Entrypoint": [f"/usr/bin/python{PYTHON}", "-I", "-m", "fastgate"],
            "Cmd": ["run", "-c", CONFIG_FILE],
            # The control socket's folder, the one place that is written to: a volume or tmpfs where / is read-only.
            "Env": ["PATH=/usr/bin", f"RUNTIME_DIRECTORY=/{RUNTIME}", f"FASTGATE_CONFIG={CONFIG_FILE}"],
            "ExposedPorts": {"8000/tcp": {}, "8007/tcp": {}},
            "Volumes": {f"/{RUNTIME}": {}},
            "WorkingDir": "/",
            "StopSignal": "SIGTERM",
            "Labels": LABELS,
            # Docker's; OCI has none, Kubernetes takes its own probes.
            "Healthcheck": {"Test": ["CMD", "/usr/bin/fastgate", "health"], "Interval": 30 * SECOND,
                            "Timeout": 10 * SECOND, "StartPeriod": 10 * SECOND, "Retries": 3},
        },
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [{"created_by": f"fastgate bundle: Debian's Python {PYTHON}"}, {"created_by": f"fastgate bundle: fastgate {__version__}"}],
    }


def _is_upper(name: str) -> bool:
    return name == SITE or name.startswith((f"{SITE}/", "etc/fastgate/"))


def _platform(machine: Machine) -> dict:
    architecture, variant = machine.oci
    return {"architecture": architecture, "os": "linux"} | ({"variant": variant} if variant else {})


def _add_layer(layout: Path, tree: Path, names: list[str]) -> tuple[dict, str]:
    """Its descriptor, and the digest of what is in it, uncompressed."""
    fresh = layout / "layer"
    with fresh.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        counted = _Digest(packed)
        write_tar(tree, names, counted, owners={RUNTIME: USER})
    return _add(layout, fresh, "application/vnd.oci.image.layer.v1.tar+gzip"), counted.name()


def _add_json(layout: Path, kind: str, value: dict) -> dict:
    fresh = layout / "json"
    fresh.write_bytes(_json(value))
    return _add(layout, fresh, kind)


def _add(layout: Path, fresh: Path, kind: str) -> dict:
    """Names a file by its digest; its descriptor."""
    digest, size = hashlib.sha256(fresh.read_bytes()).hexdigest(), fresh.stat().st_size
    fresh.rename(layout / "blobs/sha256" / digest)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": size}


def _blob(descriptor: dict) -> str:
    """Where in the layout it leads to."""
    return "blobs/" + descriptor["digest"].replace(":", "/")


def _json(value: dict | list) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class _Digest:
    """A file that passes on what is written to it, and knows its digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        return self._file.write(data)

    def name(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"
