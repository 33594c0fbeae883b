"""What the tests of wheels/ share: its modules, its compiler, and wheels made to measure."""

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

WHEELS = Path(__file__).resolve().parents[2] / "wheels"
sys.path.insert(0, str(WHEELS))         # they are run as scripts from there

# These run where wheels are built: where wheels/requirements.txt is installed, which is 400 MB of compiler.
collect_ignore_glob = [] if find_spec("ziglang") else ["test_*.py"]


@pytest.fixture
def compiled(tmp_path):
    """A shared object of the target from C source, as wheels/build.py's compiler makes it."""
    from targets import CACHE

    def compile_c(target, source: str, *flags: str, compiler: list[str] | None = None) -> bytes:
        (tmp_path / "planted.c").write_text(source)
        out = tmp_path / "planted.so"
        subprocess.run(
            [sys.executable, "-m", "ziglang", "cc", *(compiler or target.compiler), "-O2", "-g0", "-shared", "-fPIC",
             "-Wl,-s", *flags, "-o", str(out), str(tmp_path / "planted.c")],
            check=True, cwd=tmp_path,
            env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig"), "ZIG_LOCAL_CACHE_DIR": str(CACHE / "zig/local")},
        )
        return out.read_bytes()

    return compile_c


@pytest.fixture
def raw_wheel(tmp_path):
    """A wheel as setuptools leaves it: the running interpreter's tag, no RECORD worth the name."""
    def write(members: dict[str, bytes], tag: str, name: str = "fastgate-9.9.9", requires: tuple[str, ...] = (),
              date=(2020, 2, 2, 2, 2, 2), mode: int = 0o644) -> Path:
        info = f"{name}.dist-info"
        metadata = [f"Name: {name.split('-')[0]}", f"Version: {name.split('-')[1]}", "License-Expression: Apache-2.0"]
        every = members | {
            f"{info}/METADATA": "\n".join([*metadata, *(f"Requires-Dist: {each}" for each in requires), ""]).encode(),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
            f"{info}/RECORD": b"",
        }
        path = tmp_path / f"{name}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in every.items():
                entry = zipfile.ZipInfo(member, date)
                entry.external_attr = (0o100000 | mode) << 16
                archive.writestr(entry, data)
        return path

    return write


@pytest.fixture
def wheel_of(raw_wheel, tmp_path):
    """A finished wheel of the target with one shared object and other files, opened for the gates."""
    import gates
    import pack

    def make(target, library: bytes, **others: bytes):
        own = f"{'cp311-abi3' if target.python == 'abi3' else f'{target.python}-{target.python}'}-{target.facts['platform']}"
        raw = raw_wheel({f"fastgate/_core/core{target.suffix}": library} | others, own)
        return gates.opened(pack.repack(raw, target, tmp_path / "dist", 0), target)

    return make
