"""What is left out of a bundle, and what must not be."""

import sys
from pathlib import Path

from fastgate.bundle.prune import prune_packages, prune_stdlib


def make(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def left(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_standard_library(tmp_path):
    keep = {"os.py", "asyncio/events.py", "unittest/mock.py", "encodings/idna.py", "encodings/cp1252.py", "encodings/utf_8.py",
            "lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so", "lib-dynload/_ctypes.cpython-311-x86_64-linux-gnu.so"}
    make(tmp_path, keep | {"test/support/__init__.py", "turtle.py", "idlelib/run.py", "ensurepip/__init__.py", "lib2to3/main.py",
                           "encodings/shift_jisx0213.py", "encodings/gbk.py", "config-3.11-x86_64-linux-gnu/Makefile",
                           "lib-dynload/_ctypes_test.cpython-311-x86_64-linux-gnu.so", "lib-dynload/_testcapi.cpython-311.so",
                           "lib-dynload/_codecs_jp.cpython-311.so", "__pycache__/os.cpython-311.pyc"})
    prune_stdlib(tmp_path)
    assert left(tmp_path) == keep


def test_packages_keep_what_they_are_found_by_and_their_licences(tmp_path):
    keep = {"dns/__init__.py", "httptools/parser/parser.cpython-311.so", "dns-1.dist-info/METADATA", "dns-1.dist-info/entry_points.txt",
            "dns-1.dist-info/licenses/LICENSE"}
    make(tmp_path, keep | {"bin/httpx", "httptools/parser/parser.pyx", "httptools/parser/cparser.pxd", "dns/tests/test_name.py",
                           "dns-1.dist-info/RECORD", "dns-1.dist-info/INSTALLER", "dns-1.dist-info/direct_url.json"})
    prune_packages(tmp_path)
    assert left(tmp_path) == keep


def test_nothing_that_a_gateway_loads_is_left_out(tmp_path):
    """Every module of the standard library that fastgate has loaded, demo and plugins included, stays."""
    import subprocess

    loads = "import sys, fastgate.cli.demo, fastgate.control.run, fastgate.control.lifecycle, fastgate.sdk.testing, httpx, redis, dns.asyncresolver; " \
            "print(*(m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)), sep='\\n')"
    from support.process import SOURCE

    out = subprocess.run([sys.executable, "-c", loads], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=True).stdout
    stdlib = Path(subprocess.__file__).parent
    used = {str(path.relative_to(stdlib)) for path in map(Path, out.split()) if path.is_relative_to(stdlib)}
    used = {name for name in used if not name.startswith("site-packages/")}
    make(tmp_path, used)
    prune_stdlib(tmp_path)
    assert used and left(tmp_path) == used
