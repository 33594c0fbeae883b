"""Builds the Cython core: each .pyx file under src/fastgate/_core is a module, compiled on its
own, and all are linked into one shared object, which fastgate/_core/__init__.py imports from.

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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

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
# functions of a .pxd; tests/source/test_habits.py looks for ours.)
SILENCED = ["unused-parameter", "missing-field-initializers", "cast-function-type", "unused-function"]

LINKED = "fastgate._core._linked"
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


def module_name(source: str) -> str:
    path = Path(source)
    if path.parts[0] == "src":
        return ".".join(path.relative_to("src").with_suffix("").parts)
    return f"fastgate_doors.{path.stem}"


def extensions() -> list[Extension]:
    found = {}
    if DOORS != "only":
        found[LINKED] = sorted(map(str, Path("src/fastgate/_core").rglob("*.pyx")))
    if DOORS in ("1", "only"):
        found |= {module_name(path): [path] for path in sorted(map(str, Path("tests/doors").glob("*.pyx")))}
    return [
        Extension(
            name,
            sources,
            define_macros=macros(),
            extra_compile_args=compile_flags(),
            extra_link_args=link_flags(),
            py_limited_api=bool(ABI3),
        )
        for name, sources in found.items()
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


def generate_c(sources: list[str]) -> dict[str, Extension]:
    """Compile each .pyx to C and fail on any performance hint or warning: a hint means that
    a nogil function takes the GIL after all, and no compiler flag of Cython's stops there."""
    CYTHON_DIR.mkdir(parents=True, exist_ok=True)
    # Only name and source go in: flags would be written into the C and make it differ by flavour.
    bare = [Extension(module_name(source), [source]) for source in sources]
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
    return dict(zip(sources, done, strict=True))


class build_core(build_ext):
    def build_extensions(self) -> None:
        modules = generate_c([source for extension in self.extensions for source in extension.sources])
        for extension in self.extensions:
            compiled = [modules[source] for source in extension.sources]
            if extension.name == LINKED:
                # Nothing is left to compile for it then: it is linked if an object is newer.
                extension.sources, extension.extra_objects = [], self.compile_core(extension, compiled)
                extension.depends = [*extension.extra_objects, "setup.py"]
            else:
                extension.sources = compiled[0].sources
                extension.depends = [*compiled[0].depends, "setup.py"]
        super().build_extensions()
        if DOORS != "only":
            self.forget_the_gone()

    def compile_core(self, extension: Extension, modules: list[Extension]) -> list[str]:
        """The object files, those compiled anew whose source is newer."""
        def compile_module(module: Extension) -> str:
            (source,), (_, room, name) = module.sources, module.name.rsplit(".", 2)
            (made,) = self.compiler.object_filenames([source], output_dir=self.build_temp)
            if self.force or newer_group([source, *module.depends, "setup.py", "src/fastgate/_version.py"], made, "newer"):
                self.compiler.compile(
                    [source],
                    output_dir=self.build_temp,
                    # Two rooms may have a file of the same name.
                    macros=[*extension.define_macros, (f"PyInit_{name}", f"PyInit_{room}_{name}")],
                    debug=self.debug,
                    extra_postargs=extension.extra_compile_args,
                )
            return made

        with ThreadPoolExecutor(JOBS) as pool:
            return list(pool.map(compile_module, modules))

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
        # Python would prefer a module's own file, of a build before there was one for all.
        linked = Path(self.get_ext_filename(LINKED)).name
        for path in Path("src/fastgate/_core").rglob("*" + linked.removeprefix("_linked")):
            if path.name != linked:
                path.unlink()


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
