"""Builds the Cython core: one extension per .pyx file under src/fastgate/_core."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
SOURCES = sorted((ROOT / "src/fastgate/_core").rglob("*.pyx"))

C_FLAGS = ["-O2", "-g0", "-fvisibility=hidden", "-Wall", "-Werror=implicit-function-declaration"]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)


extensions = [
    Extension(
        module_name(path),
        [str(path.relative_to(ROOT))],
        extra_compile_args=C_FLAGS + os.environ.get("FASTGATE_CFLAGS", "").split(),
        extra_link_args=os.environ.get("FASTGATE_LDFLAGS", "").split(),
    )
    for path in SOURCES
]

setup(
    ext_modules=cythonize(
        extensions,
        build_dir="build/cython",
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
        },
        nthreads=int(os.environ.get("FASTGATE_BUILD_JOBS", "0")),
    ),
)
