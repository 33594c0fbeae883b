"""Builds the Cython core: one extension for each .pyx file under src/fastgate/_core.

Environment, all optional:
  FASTGATE_BUILD_JOBS=N    Cython processes and C compilers at a time (default: one per core)
  FASTGATE_WERROR=all|0    every C warning is an error (as in CI) | none is (default: those in ERRORS)
  FASTGATE_ABI3=cp311      Limited API of that CPython: one wheel serves it and all later ones
  FASTGATE_SANITIZE=LIST   address, thread, undefined (comma between): instrumented, with symbols
  FASTGATE_DEBUG=1         defines FASTGATE_DEBUG: leak ledgers and validate functions
  FASTGATE_DOORS=1|only    also (or only) tests/doors/*.pyx, as package fastgate_doors
  FASTGATE_CFLAGS, FASTGATE_LDFLAGS    put last on the compiler's and the linker's command line

Each flavour has a directory build/<flavour>/ of its own. The generated C is the same for
all of them and lies in build/cython-<version>/: never in the source tree.
"""

import fcntl
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

os.chdir(Path(__file__).resolve().parent)

JOBS = int(os.environ.get("FASTGATE_BUILD_JOBS") or os.cpu_count() or 1)
WERROR = os.environ.get("FASTGATE_WERROR", "")
ABI3 = os.environ.get("FASTGATE_ABI3", "")
SANITIZE = [name for name in os.environ.get("FASTGATE_SANITIZE", "").split(",") if name]
DEBUG = os.environ.get("FASTGATE_DEBUG", "0") not in ("", "0")
DOORS = os.environ.get("FASTGATE_DOORS", "0")

# Warnings that mean a bug, known by these names to gcc 10 and later, clang and zig.
ERRORS = """
    array-bounds format implicit-fallthrough implicit-function-declaration implicit-int
    incompatible-pointer-types int-conversion overflow pointer-sign return-type sign-compare
    strict-aliasing switch type-limits uninitialized unused-label unused-value unused-variable
""".split()
# What Cython's own output triggers, and no more. (unused-function: clang, for the inline C
# functions of a .pxd; tests/source/test_dead_code.py looks for ours.)
SILENCED = ["unused-parameter", "missing-field-initializers", "cast-function-type", "unused-function"]

CYTHON_DIR = Path(f"build/cython-{Cython.__version__}")
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
}


def flavour() -> str:
    """The directory under build/: compiled for one interpreter (or ABI) in one way."""
    parts = ["abi3" if ABI3 else "cp%d%d" % sys.version_info[:2], *SANITIZE]
    return "-".join(parts + ["debug"] * DEBUG)


def compile_flags() -> list[str]:
    flags = ["-O2", "-g0", "-fvisibility=hidden", "-Wall", "-Wextra"]
    flags += [f"-Wno-{name}" for name in SILENCED]
    if WERROR == "all":
        flags.append("-Werror")
    elif WERROR != "0":
        flags += [f"-Werror={name}" for name in ERRORS]
    if SANITIZE:
        flags += ["-O1", "-g1", "-fno-omit-frame-pointer", f"-fsanitize={','.join(SANITIZE)}"]
        flags += ["-fno-sanitize-recover=undefined"] * ("undefined" in SANITIZE)
    return flags + os.environ.get("FASTGATE_CFLAGS", "").split()


def link_flags() -> list[str]:
    flags = [f"-fsanitize={','.join(SANITIZE)}"] if SANITIZE else ["-Wl,-s"]
    return flags + os.environ.get("FASTGATE_LDFLAGS", "").split()


def macros() -> list[tuple[str, str]]:
    version = re.search(r'"(.+)"', Path("src/fastgate/_version.py").read_text()).group(1)
    found = [("FASTGATE_VERSION", f'"{version}"')]      # for Via and Server
    found += [("Py_LIMITED_API", f"0x03{int(ABI3.removeprefix('cp3')):02X}0000")] if ABI3 else []
    return found + [("FASTGATE_DEBUG", "1")] * DEBUG


def extensions() -> list[Extension]:
    found = []
    if DOORS != "only":
        for path in sorted(Path("src/fastgate/_core").rglob("*.pyx")):
            found.append((".".join(path.relative_to("src").with_suffix("").parts), path))
    if DOORS in ("1", "only"):
        for path in sorted(Path("tests/doors").glob("*.pyx")):
            found.append((f"fastgate_doors.{path.stem}", path))
    return [
        Extension(
            name,
            [str(path)],
            define_macros=macros(),
            extra_compile_args=compile_flags(),
            extra_link_args=link_flags(),
            py_limited_api=bool(ABI3),
        )
        for name, path in found
    ]


@contextmanager
def output_to(file):
    """Everything this process and its children print goes to `file`: Cython's workers have no hook."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, fd)
            os.close(copy)


def generate_c(modules: list[Extension]) -> None:
    """Compile the modules to C and fail on any performance hint or warning: a hint means that
    a nogil function takes the GIL after all, and no compiler flag of Cython's stops there."""
    CYTHON_DIR.mkdir(parents=True, exist_ok=True)
    # Only name and source go in: flags would be written into the C and make it differ by flavour.
    bare = [Extension(module.name, list(module.sources)) for module in modules]
    done = None
    with open(CYTHON_DIR / "lock", "w") as lock, tempfile.TemporaryFile("w+") as output:
        fcntl.flock(lock, fcntl.LOCK_EX)    # flavours may be built at the same time
        try:
            with output_to(output):
                done = cythonize(
                    bare,
                    build_dir=str(CYTHON_DIR),
                    include_path=["src"],
                    compiler_directives=DIRECTIVES,
                    nthreads=JOBS,
                )
        finally:
            output.seek(0)
            said = output.read()
            sys.stderr.write(said)
            has_hints = "performance hint:" in said or "warning:" in said
            if done is None or has_hints:
                # Or the next run would find this run's C up to date, and say nothing.
                for source in re.findall(r"Cythonizing (\S+)", said):
                    (CYTHON_DIR / source).with_suffix(".c").unlink(missing_ok=True)
    if has_hints:
        raise SystemExit("error: Cython gave the hints or warnings above, and the build passes over none")
    for module, compiled in zip(modules, done, strict=True):
        module.sources = compiled.sources
        module.depends = [*compiled.depends, "setup.py"]


class build_core(build_ext):
    def build_extensions(self) -> None:
        generate_c(self.extensions)
        super().build_extensions()
        if DOORS != "only":
            self.forget_the_gone()

    def forget_the_gone(self) -> None:
        """A wheel takes all of build_lib: what an earlier build left there (a module since
        renamed, a test door) must go."""
        kept = [*self.get_outputs(), *self.get_finalized_command("build_py").get_outputs()]
        kept = {os.path.abspath(path) for path in kept}
        for path in Path(self.build_lib).rglob("*"):
            if path.is_file() and os.path.abspath(path) not in kept:
                path.unlink()

    def copy_extensions_to_source(self) -> None:        # --inplace
        Path("tests/fastgate_doors").mkdir(exist_ok=True)
        super().copy_extensions_to_source()


if DOORS in ("1", "only") and {"bdist_wheel", "install"} & set(sys.argv):
    raise SystemExit("error: FASTGATE_DOORS is set, and test doors are never shipped: unset it")

build_dir = f"build/{flavour()}"
options = {
    "build": {"build_base": build_dir, "build_lib": f"{build_dir}/lib", "build_temp": f"{build_dir}/temp"},
    "build_ext": {"parallel": str(JOBS)},
}
if ABI3:
    options["bdist_wheel"] = {"py_limited_api": ABI3}

setup(ext_modules=extensions(), cmdclass={"build_ext": build_core}, options=options)
