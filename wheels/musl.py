"""A root file system with musl and a CPython for it. Debian has musl and no Python for it, so that is
cross-built by zig from Debian's source, with the C library's calls that Debian's musl 1.2.3 has.

All modules that anybody asks for are compiled into the program; OpenSSL, PCRE2, zlib and libffi are built
from Debian's sources too. Made once, then kept.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import debian
import headers
from targets import CACHE, TABLE, Target

# Modules that need nothing but the C library, as Modules/Setup has them.
MODULES = """
array arraymodule.c
_asyncio _asynciomodule.c
_bisect _bisectmodule.c
_blake2 _blake2/blake2module.c _blake2/blake2b_impl.c _blake2/blake2s_impl.c
_contextvars _contextvarsmodule.c
_csv _csv.c
_datetime _datetimemodule.c
_elementtree _elementtree.c
_heapq _heapqmodule.c
_json _json.c
_lsprof _lsprof.c rotatingtree.c
_md5 md5module.c
_multiprocessing -I$(srcdir)/Modules/_multiprocessing _multiprocessing/multiprocessing.c _multiprocessing/semaphore.c
_opcode _opcode.c
_pickle _pickle.c
_posixsubprocess _posixsubprocess.c
_queue _queuemodule.c
_random _randommodule.c
_sha1 sha1module.c
_sha256 sha256module.c
_sha3 _sha3/sha3module.c
_sha512 sha512module.c
_socket socketmodule.c
_statistics _statisticsmodule.c
_struct _struct.c
_zoneinfo _zoneinfo.c
cmath cmathmodule.c
fcntl fcntlmodule.c
grp grpmodule.c
math mathmodule.c
mmap mmapmodule.c
pyexpat pyexpat.c
resource resource.c
select selectmodule.c
termios termios.c
unicodedata unicodedata.c
"""
# And those that need a library of ours.
LINKED = """
binascii binascii.c -I{own}/include {own}/lib/libz.a
zlib zlibmodule.c -I{own}/include {own}/lib/libz.a
_ctypes _ctypes/_ctypes.c _ctypes/callbacks.c _ctypes/callproc.c _ctypes/stgdict.c _ctypes/cfield.c -I{own}/include {own}/lib/libffi.a
_hashlib _hashopenssl.c -I{own}/include -L{own}/lib -lcrypto
_ssl _ssl.c -I{own}/include -L{own}/lib -lssl -lcrypto
"""
ZLIB = "adler32 compress crc32 deflate inffast inflate inftrees trees uncompr zutil".split()
PCRE2 = """
    auto_possess chartables compile config context convert dfa_match error extuni find_bracket jit_compile maketables match
    match_data newline ord2utf pattern_info script_run serialize string_utils study substitute substring tables
    ucd valid_utf xclass
""".split()
# What configure can't try on another machine; and two calls that zig's musl has and 1.2.3 has not.
KNOWN = {
    "ac_cv_file__dev_ptmx": "yes", "ac_cv_file__dev_ptc": "no", "ac_cv_buggy_getaddrinfo": "no",
    "ac_cv_func_preadv2": "no", "ac_cv_func_pwritev2": "no",
}
JOBS = f"-j{os.environ.get('FASTGATE_BUILD_JOBS') or os.cpu_count()}"
LEFT_OUT = shutil.ignore_patterns("test", "tests", "idlelib", "tkinter", "turtledemo", "__pycache__", "*.exe")


class Builder:
    """The libraries and the program, for one target, in a scratch directory."""

    def __init__(self, target: Target, scratch: Path) -> None:
        self.target = target
        self.scratch = scratch
        self.own = scratch / "own"
        (self.own / "lib").mkdir(parents=True)
        (self.own / "include").mkdir()
        zig = [sys.executable, "-m", "ziglang"]
        for name, words in {"cc": ["cc", *target.compiler, "-w"], "ar": ["ar"], "ranlib": ["ranlib"]}.items():
            (scratch / name).write_text(f'#!/bin/sh\nexec {shlex.join([*zig, *words])} "$@"\n')
            (scratch / name).chmod(0o755)
        self.cc = str(scratch / "cc")
        self.tools = {"CC": self.cc, "AR": str(scratch / "ar"), "RANLIB": str(scratch / "ranlib")}

    def run(self, *command: str, place: Path | None = None, **settings: str) -> None:
        zig = {"ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig"), "ZIG_LOCAL_CACHE_DIR": str(CACHE / "zig/local")}
        done = subprocess.run(command, cwd=place or self.scratch, env=os.environ | zig | settings,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit("\n".join([*done.stdout.splitlines()[-40:], f"{shlex.join(command)} failed"]))

    def source(self, package: str) -> Path:
        return debian.source(package, TABLE["musl"]["suite"])

    def configure(self, source: Path, place: Path, *words: str, **settings: str) -> None:
        place.mkdir()
        # The vendor in the middle makes it another machine, which nothing is run on; the end of it tells CPython the C library.
        self.run(f"{source}/configure", "--build=x86_64-build-linux-musl", f"--host={self.target.facts['zig']}", *words,
                 place=place, **self.tools, **settings)

    def zlib(self) -> None:
        source, place = self.source("zlib"), self.scratch / "zlib"
        place.mkdir()
        self.run(self.cc, "-O2", "-fPIC", "-DHAVE_UNISTD_H", "-c", *(f"{source}/{name}.c" for name in ZLIB), place=place)
        self.run(self.tools["AR"], "rcs", f"{self.own}/lib/libz.a", *map(str, place.glob("*.o")))
        for name in ("zlib.h", "zconf.h"):
            shutil.copy(source / name, self.own / "include")

    def libffi(self) -> None:
        place = self.scratch / "libffi"
        self.configure(self.source("libffi"), place, f"--prefix={self.own}", "--disable-shared", "--with-pic", "--disable-docs",
                       "--disable-multi-os-directory", "--disable-exec-static-tramp", CFLAGS="-O2")
        self.run("make", "install", place=place)

    def pcre2(self) -> None:
        source, place = self.source("pcre2") / "src", self.scratch / "pcre2"
        place.mkdir()
        for name in ("config.h", "pcre2.h"):
            shutil.copy(source / f"{name}.generic", place / name)
        shutil.copy(source / "pcre2_chartables.c.dist", place / "pcre2_chartables.c")
        files = [place / "pcre2_chartables.c" if name == "chartables" else source / f"pcre2_{name}.c" for name in PCRE2]
        self.run(self.cc, "-O2", "-fPIC", "-shared", "-Wl,-soname,libpcre2-8.so.0", "-DHAVE_CONFIG_H", "-DPCRE2_CODE_UNIT_WIDTH=8",
                 "-DSUPPORT_PCRE2_8", "-DSUPPORT_UNICODE", f"-I{place}", f"-I{source}", *map(str, files),
                 "-o", f"{self.own}/lib/libpcre2-8.so.0")

    def openssl(self) -> None:
        """In C alone: which instructions a CPU has would be asked with ones it may not have. No static libraries: those would
        have every file compiled twice."""
        source, place = self.source("openssl"), self.scratch / "openssl"
        place.mkdir()
        word = 32 if self.target.facts["pyconfig"].get("SIZEOF_VOID_P") == "4" else 64
        self.run("perl", f"{source}/Configure", f"linux-generic{word}", "--prefix=/usr", "--libdir=lib", "--openssldir=/etc/ssl",
                 "no-asm", "no-comp", "no-engine", "no-tests",
                 place=place, **self.tools, CFLAGS="-O1", LDFLAGS="-Wl,-s")
        self.run("make", JOBS, "build_generated", "libcrypto.so", "libssl.so", place=place)
        # The program is linked with copies under other names: whether fastgate finds a libcrypto.so.3 is then fastgate's
        # alone, as beside Debian's CPython, which loads one with its modules and not with itself.
        for name in ("libcrypto", "libssl"):
            renamed = (place / f"{name}.so.3").read_bytes().replace(b"libcrypto.so.3", b"libcrypto.py.3").replace(b"libssl.so.3", b"libssl.py.3")
            (self.own / f"lib/{name}.py.3").write_bytes(renamed)
            (self.own / f"lib/{name}.so").symlink_to(f"{name}.py.3")
        shutil.copy(place / "libcrypto.so.3", self.own / "lib")
        for origin in (source, place):
            shutil.copytree(origin / "include/openssl", self.own / "include/openssl", dirs_exist_ok=True)

    def python(self) -> Path:
        version, place = TABLE["musl"]["python"], self.scratch / "python"
        found = headers.interpreters(version)
        if not found:
            sys.exit(f"CPython for musl is built with the help of this machine's CPython {version}, which is not in PATH and not pyenv's")
        source = self.source(f"python{version}")
        self.configure(source, place, f"--with-build-python={found[0]}", "--prefix=/usr", "--without-ensurepip", "--disable-test-modules",
                       # Position-independent: zig's libc.so to link with has its variables all in one place, and a
                       # program with copies of them (environ, stderr) would have them mixed up.
                       OPT="-O1 -DNDEBUG -fwrapv -fPIC", LDFLAGS="-dynamic -pie -Wl,-s", READELF=shutil.which("readelf") or "readelf", **KNOWN)
        (place / "Modules/Setup.local").write_text("*static*" + MODULES + LINKED.format(own=self.own).lstrip())
        self.run("make", JOBS, "python", place=place)
        self.run("make", "pybuilddir.txt", place=place)
        return place


def fill(target: Target, root: Path) -> None:
    """Puts everything into the empty root."""
    with tempfile.TemporaryDirectory() as scratch:
        builder = Builder(target, Path(scratch))
        for step in (builder.zlib, builder.libffi, builder.pcre2, builder.openssl):
            step()
        built = builder.python()
        version, multiarch = TABLE["musl"]["python"], target.facts["multiarch"]
        for name in ("bin", "lib"):
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
        for package in ("musl", "busybox-static"):
            files = debian.unpacked(package, TABLE["musl"]["board"], target.facts["debian"])
            shutil.copytree(files, root, symlinks=True, dirs_exist_ok=True)
        for name in ("sh", "env"):
            (root / "usr/bin" / name).symlink_to("busybox")
        shutil.copy(built / "python", root / f"usr/bin/python{version}")
        (root / "usr/bin/python3").symlink_to(f"python{version}")
        library = root / f"usr/lib/python{version}"
        shutil.copytree(builder.source(f"python{version}") / "Lib", library, ignore=LEFT_OUT)
        (library / "lib-dynload").mkdir()
        (about,) = (built / (built / "pybuilddir.txt").read_text()).glob("_sysconfigdata_*.py")
        shutil.copy(about, library)
        shutil.copytree(builder.own / "lib", root / "usr/lib" / multiarch, symlinks=True, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("*.a", "*.la", "pkgconfig"))
        # pip's module is as wheelhouse.py uses it; imported late, as that imports what tests do.
        from wheelhouse import pip
        pip("download", "--no-deps", "--only-binary=:all:", "--dest", str(root / "usr/share/python-wheels"), "pip")
