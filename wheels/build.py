#!/usr/bin/env python3
"""Cross-builds wheels: wheels/build.py [--doors] [TARGET ...]

Nothing of the target is needed: zig (from wheels/requirements.txt) brings compiler and libc,
headers.py CPython's headers; one interpreter builds the wheels of all CPythons. They come out in
dist/, the same to the byte from the same commit, with SHA256SUMS and a list of what they are made
of and need (SBOM); with --doors the test doors too.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import headers
import pack
import release
from targets import ABI3, CACHE, DIST, ROOT, Target, chosen

# setuptools puts the host's headers on the command line: a header that the target's copy lacks
# would be taken from there without a word. So the wrapper drops them.
WRAPPER = """#!/bin/sh
n=$#
while [ $n -gt 0 ]; do
  word=$1; shift; n=$((n-1))
  case "$word" in {host}) ;; *) set -- "$@" "$word";; esac
done
exec {compiler} "$@"
"""


def write_compiler(target: Target, directory: Path) -> Path:
    host = {sysconfig.get_path("include"), sysconfig.get_path("platinclude"), f"{sys.prefix}/include"}
    include = headers.include(target)
    # Where it was built is nobody's business: __FILE__ of a header in the cache, or of the tree.
    private = [f"-ffile-prefix-map={include}=include", f"-ffile-prefix-map={ROOT}=."]
    wrapper = directory / "cc"
    wrapper.write_text(WRAPPER.format(
        host="|".join(shlex.quote(f"-I{path}") for path in sorted(host)),
        compiler=shlex.join([sys.executable, "-m", "ziglang", "cc", *target.compiler, *private, f"-I{include}"]),
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
        "LDSHARED": f"{compiler} -shared -Wl,-s",        # no path of this machine in debug information
        "CFLAGS": "-O2 -DNDEBUG -fwrapv -g0",
        "LDFLAGS": "",
        "DIST_EXTRA_CONFIG": str(directory / "dist.cfg"),
        "SETUPTOOLS_EXT_SUFFIX": target.suffix,
        "FASTGATE_ABI3": ABI3 if target.python == "abi3" else "",
        "FASTGATE_WERROR": "all",
        "SOURCE_DATE_EPOCH": str(pack.epoch()),
        "ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig"),
        "ZIG_LOCAL_CACHE_DIR": os.environ.get("ZIG_LOCAL_CACHE_DIR", str(CACHE / "zig/local")),
    }


def build_wheel(target: Target, source: Path, out: Path) -> Path:
    """Builds the project in `source` for the target; the wheel, in `out`."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps",
                   "--no-build-isolation", "--wheel-dir", str(directory / "out"), str(source)]
        subprocess.run(command, env=environment(target, directory), check=True)
        (built,) = (directory / "out").glob("*.whl")
        return pack.repack(built, target, out, pack.epoch())


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
    parser.add_argument("targets", nargs="*", metavar="TARGET",
                        help="such as aarch64-abi3 or armv7l-musl-cp312; aarch64, musl or cp312 for all of that; all")
    parser.add_argument("--doors", action="store_true", help="the test doors too, for wheels/test.py")
    parser.add_argument("--no-release", action="store_true", help="no SHA256SUMS and no SBOM, for which pip asks its index")
    arguments = parser.parse_args()
    os.umask(0o022)
    for target in chosen(arguments.targets):
        started = time.monotonic()
        wheel = build_wheel(target, ROOT, DIST)
        print(f"{wheel.relative_to(ROOT)}  {wheel.stat().st_size:,} bytes  {time.monotonic() - started:.1f} s", flush=True)
        if arguments.doors:
            build_doors(target)
    for path in [] if arguments.no_release else release.write(DIST):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
