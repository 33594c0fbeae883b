#!/usr/bin/env python3
"""Cross-builds wheels: wheels/build.py [--doors] [TARGET ...]

Nothing of the target is needed: zig (from wheels/requirements.txt) brings compiler and libc,
and CPython's headers are those of the interpreter that runs this, whose pyconfig.h is changed
to the target's word sizes. The wheels come out in dist/, with --doors the test doors too.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from targets import ABI3, CACHE, DIST, ROOT, Target, chosen

# setuptools puts the host's headers on the command line: a header that the target's copy lacks
# would be taken from there without a word. So the wrapper drops them.
WRAPPER = """#!/bin/sh
n=$#
while [ $n -gt 0 ]; do
  word=$1; shift; n=$((n-1))
  case "$word" in {host}) ;; *) set -- "$@" "$word";; esac
done
exec {compiler} -I{include} "$@"
"""


def patch_pyconfig(text: str, changes: dict[str, str]) -> str:
    for name, value in changes.items():
        line = f"#define {name} {value}" if value else f"/* #undef {name} */"
        text = re.sub(rf"^(#define {name}\b.*|/\* #undef {name} \*/)$", line, text, flags=re.M)
    return text


def write_headers(target: Target, out: Path) -> None:
    """A copy of this interpreter's headers: all but pyconfig.h are the same on every CPU."""
    shutil.copytree(sysconfig.get_path("include"), out)
    if sysconfig.get_path("platinclude") != sysconfig.get_path("include"):
        shutil.copytree(sysconfig.get_path("platinclude"), out, dirs_exist_ok=True)
    config = out / "pyconfig.h"
    # Debian's is a switch between the architectures' own.
    if found := re.search(r"defined\(__x86_64__\).*?# *include <([^>]+)>", config.read_text(), re.S):
        config.write_text(Path("/usr/include", found[1]).read_text())
    config.write_text(patch_pyconfig(config.read_text(), target.facts["pyconfig"]))


def write_compiler(target: Target, directory: Path) -> Path:
    write_headers(target, directory / "include")
    host = {sysconfig.get_path("include"), sysconfig.get_path("platinclude"), f"{sys.prefix}/include"}
    wrapper = directory / "cc"
    wrapper.write_text(WRAPPER.format(
        host="|".join(f"'-I{path}'" for path in sorted(host)),
        compiler=" ".join([sys.executable, "-m", "ziglang", "cc", *target.facts["zig"]]),
        include=directory / "include",
    ))
    wrapper.chmod(0o755)
    return wrapper


def environment(target: Target, directory: Path) -> dict[str, str]:
    """What makes a setuptools project build for the target, with everything it writes in `directory`."""
    compiler = write_compiler(target, directory)
    config = [
        "[build]", f"build_base = {directory}/build", f"build_lib = {directory}/lib", f"build_temp = {directory}/temp",
        "[bdist_wheel]", f"plat_name = {target.facts['platform']}",
    ]
    if target.python == "abi3":
        config.append(f"py_limited_api = {ABI3}")
    (directory / "dist.cfg").write_text("\n".join(config) + "\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FASTGATE_") or name == "FASTGATE_BUILD_JOBS"}
    return kept | {
        "CC": str(compiler),
        "LDSHARED": f"{compiler} -shared",
        "CFLAGS": "-O2 -DNDEBUG -fwrapv -g0",
        "LDFLAGS": "",
        "DIST_EXTRA_CONFIG": str(directory / "dist.cfg"),
        "SETUPTOOLS_EXT_SUFFIX": target.suffix,
        "FASTGATE_ABI3": ABI3 if target.python == "abi3" else "",
        "FASTGATE_WERROR": "all",
        "ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(CACHE / "zig/local"),
    }


def build_wheel(target: Target, source: Path, out: Path) -> Path:
    """Builds the project in `source` for the target; the wheel, in `out`."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps",
                   "--no-build-isolation", "--wheel-dir", str(directory / "out"), str(source)]
        subprocess.run(command, env=environment(target, directory), check=True)
        (built,) = (directory / "out").glob("*.whl")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(built, out))


def build_doors(target: Target) -> None:
    shutil.rmtree(target.doors, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        env = environment(target, Path(name)) | {"FASTGATE_DOORS": "only"}
        subprocess.run(
            [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", str(target.doors)],
            cwd=ROOT, env=env, check=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Cross-builds fastgate's wheels into dist/.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="such as aarch64-abi3, or armv7l for all of that")
    parser.add_argument("--doors", action="store_true", help="the test doors too, for wheels/test.py")
    arguments = parser.parse_args()
    for target in chosen(arguments.targets):
        if target.python not in ("abi3", "cp%d%d" % sys.version_info[:2]):
            sys.exit(f"{target}: run this with CPython {target.python.removeprefix('cp3')}, whose headers it needs")
        started = time.monotonic()
        wheel = build_wheel(target, ROOT, DIST)
        print(f"{wheel.relative_to(ROOT)}  {wheel.stat().st_size:,} bytes  {time.monotonic() - started:.1f} s", flush=True)
        if arguments.doors:
            build_doors(target)


if __name__ == "__main__":
    main()
