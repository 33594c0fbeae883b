"""A bundle for this machine, made for real, runs: as a tree somewhere, and as an image's root, read-only.

Made once, of the fastgate under test and of what apt and pip give; its ARM sisters differ in their parts, not in the way.
"""

import importlib.metadata
import json
import re
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
import requests
from fastgate._version import __version__
from fastgate.bundle.image import write_image
from fastgate.bundle.machines import PYTHON, this_machine
from fastgate.bundle.tree import SITE, build
from support.origin import Origin, echo
from support.process import SOURCE, start_gateway

# As a container engine without root does it: a root file system that can't be written to, but for its temporary folder.
IN_ROOT = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", """set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount --rbind "$2" "$1$2"
root=$1; shift 2
exec chroot "$root" "$@"
""", "sh")


def own_wheel(folder):
    """The fastgate under test as a wheel: built or installed, its files are there already."""
    tag = f"cp{PYTHON.replace('.', '')}-cp{PYTHON.replace('.', '')}-linux_{this_machine().name}"
    info = f"fastgate-{__version__}.dist-info"
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    required = re.findall(r'^    "([^"]+)",$', text.partition("\ndependencies = [")[2].partition("\n]")[0], re.M)
    assert len(required) >= 5
    with zipfile.ZipFile(folder / f"fastgate-{__version__}-{tag}.whl", "w") as wheel:
        for path in sorted((SOURCE / "fastgate").rglob("*")):
            if path.suffix in (".py", ".so", ".pyi", ".typed"):
                wheel.write(path, path.relative_to(SOURCE))
        wheel.writestr(f"{info}/METADATA", "\n".join(["Metadata-Version: 2.1", "Name: fastgate", f"Version: {__version__}",
                                                      *(f"Requires-Dist: {one}" for one in required), ""]))
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    house, tree = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("bundle") / "tree"
    own_wheel(house)
    tree.mkdir()
    return tree, build(this_machine(), [f"fastgate=={__version__}"], [str(house)], tree)


@pytest.fixture
def tree(made):
    return made[0]


def test_it_runs_wherever_it_lies(tree, tmp_path):
    place = tmp_path / "somewhere else"
    tree.rename(place)
    try:
        link = tmp_path / "fastgate"
        link.symlink_to(place / "fastgate")
        said = subprocess.run([link, "version"], capture_output=True, text=True, env={"PATH": "/bin", "PYTHONPATH": "/nowhere"})
        assert said.stdout.startswith(f"fastgate {__version__} (cpython {PYTHON}."), said.stderr
        assert proxies((str(place / "fastgate"),)) == 0
    finally:
        place.rename(tree)


def test_the_image_runs_read_only_and_tells_its_health(tree, tmp_path):
    image, layout, unpacked = tmp_path / "image.tar", tmp_path / "layout", tmp_path / "unpacked"
    write_image(tree, image, this_machine())
    assert image.stat().st_size < 30e6
    seen = json.loads(command("skopeo", "inspect", "--config", f"oci-archive:{image}"))
    assert seen["config"]["User"] == "65532:65532" and seen["os"] == "linux"
    with tarfile.open(image) as tar:
        tar.extractall(layout)
    command("umoci", "unpack", "--rootless", "--image", f"{layout}:{__version__}", unpacked)
    runs = json.loads((unpacked / "config.json").read_text())["process"]
    assert runs["args"] == [*seen["config"]["Entrypoint"], *seen["config"]["Cmd"]] and runs["user"]["uid"] == 65532
    root, temporary = unpacked / "rootfs", tempfile.gettempdir()
    (root / temporary.lstrip("/")).mkdir(parents=True, exist_ok=True)
    enter = (*IN_ROOT, str(root), temporary)

    def is_well(gateway):
        said = command(*enter, "/usr/bin/fastgate", "health", "-c", gateway.config_path, env=gateway.environ)
        assert said.startswith("ready: "), said

    assert proxies((*enter, *seen["config"]["Entrypoint"]), is_well) == 0
    assert "Read-only file system" in command(
        *enter, f"/usr/bin/python{PYTHON}", "-c", "try: open('/etc/new', 'w')\nexcept OSError as error: print(error)")


def test_it_has_what_is_declared_and_nothing_to_build_with(tree):
    found = {one.metadata["Name"].lower() for one in importlib.metadata.distributions(path=[str(tree / SITE)])}
    assert {"fastgate", "httptools", "pyyaml", "dnspython", "httpx", "redis"} <= found and "pip" not in found
    assert not [path for path in tree.rglob("*") if path.is_symlink() and not path.exists()]


def test_its_parts_are_known_by_version(made):
    parts = {part["name"]: part["version"] for part in made[1]}
    assert {"libc6", "libssl3", "libpcre2-8-0", f"libpython{PYTHON}-stdlib", "httptools", "pyyaml", "certifi"} <= set(parts)
    assert all(parts.values()) and parts["libpcre2-8-0"].startswith("10.")
    assert "gcc-12-base" not in parts         # unpacked, and nothing of it taken but its terms


def test_every_module_is_compiled_and_its_date_never_looked_at(tree):
    """Or the first starts would be slow, on a read-only file system every one."""
    for source in (tree / "usr/lib").rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-{PYTHON.replace('.', '')}.pyc"
        unchecked_hash = compiled.read_bytes()[4:8] == b"\1\0\0\0"
        assert unchecked_hash, source


def command(*words, env=None):
    done = subprocess.run([str(word) for word in words], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def proxies(program, look=lambda gateway: None):
    """One request through the gateway that the program starts; its exit code after SIGTERM."""
    with Origin(echo) as origin:
        service = {"name": "one", "url": origin.url, "routes": [{"name": "all", "paths": ["/"]}]}
        with start_gateway({"services": [service]}, program=program) as gateway:
            assert requests.get(f"{gateway.url}/orders", timeout=10).status_code == 200
            look(gateway)
            return gateway.stop()
