"""What of Python and of the packages a gateway never runs, and a bundle leaves out."""

import shutil
from fnmatch import fnmatch
from pathlib import Path

# Of the standard library. Tools for programmers, windows and terminals, data bases and old formats:
# what a plugin would want of these, it would want from a full Python. unittest stays: packages import it.
STDLIB = """
    test idlelib tkinter turtle.py turtledemo ensurepip venv lib2to3 distutils pydoc.py pydoc_data doctest.py
    pdb.py cProfile.py profile.py pstats.py trace.py pickletools.py __phello__ antigravity.py this.py
    curses dbm sqlite3 crypt.py aifc.py sunau.py chunk.py audioop.py sndhdr.py nntplib.py telnetlib.py
    cgi.py cgitb.py imaplib.py poplib.py smtpd.py mailbox.py msilib xdrlib.py config-3* sitecustomize.py __pycache__
""".split()

# Compiled modules: those of the above, tests of Python itself, and the tables of East Asian encodings.
DYNLOAD = """
    _codecs_* _multibytecodec* _crypt.* _ctypes_test* _curses* _dbm* _gdbm* _lsprof* _sqlite3* _test* _xx* xx*
    audioop* nis* ossaudiodev* readline*
""".split()

# Encodings that need those tables.
ENCODINGS = """
    big5*.py cp932.py cp949.py cp950.py euc_*.py gb*.py hz.py iso2022_*.py johab.py shift_jis*.py
""".split()

# Of packages: their tests, sources that were compiled, and pip's notes about where it put what.
# METADATA and entry_points.txt stay: plugins are found by them; licences stay too.
PACKAGE = "tests test *.pyx *.pxd *.pyi *.c *.h *.hpp __pycache__".split()
NOTES = "RECORD INSTALLER REQUESTED WHEEL direct_url.json top_level.txt".split()


def prune_stdlib(stdlib: Path) -> None:
    _remove(stdlib, STDLIB)
    _remove(stdlib / "lib-dynload", DYNLOAD)
    _remove(stdlib / "encodings", ENCODINGS)


def prune_packages(site: Path) -> None:
    _remove(site, ["bin"])
    for folder in sorted(path for path in site.rglob("*") if path.is_dir()):
        _remove(folder, NOTES if folder.name.endswith(".dist-info") else PACKAGE)


def _remove(folder: Path, patterns: list[str]) -> None:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if any(fnmatch(path.name, pattern) for pattern in patterns):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
