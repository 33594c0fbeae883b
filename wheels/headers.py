"""CPython's headers for a target: those of any CPython of that version for x86-64, whose pyconfig.h
is changed to the target's word sizes. All other headers are the same on every CPU."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import debian
from targets import CACHE, TABLE, Target

ASK = "import json, sysconfig; print(json.dumps([sysconfig.get_path(name) for name in ('include', 'platinclude')]))"


def version_of(python: str) -> str:
    """3.12 for cp312. The Limited API is in the headers of every version: this interpreter's do."""
    return "%d.%d" % sys.version_info[:2] if python == "abi3" else f"3.{python.removeprefix('cp3')}"


def patch_pyconfig(text: str, changes: dict[str, str]) -> str:
    for name, value in changes.items():
        line = f"#define {name} {value}" if value else f"/* #undef {name} */"
        text = re.sub(rf"^(#define {name}\b.*|/\* #undef {name} \*/)$", line, text, flags=re.M)
    return text


def interpreters(version: str) -> list[Path]:
    """Where a CPython of this version may stand: this one, PATH, pyenv."""
    found = [Path(sys.executable)] if version == version_of("abi3") else []
    if on_path := shutil.which(f"python{version}"):
        found.append(Path(on_path))
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    return found + sorted(pyenv.glob(f"versions/{version}.*/bin/python"))


def sources(version: str) -> list[Path]:
    """The directories that together are the headers of this version, from where they are found first."""
    looked = []
    for interpreter in interpreters(version):
        answer = subprocess.run([interpreter, "-c", ASK], capture_output=True, text=True)
        looked.append(str(interpreter))
        if answer.returncode == 0:
            found = [Path(path) for path in dict.fromkeys(json.loads(answer.stdout))]
            if _complete(found, version):
                return found
    if suite := TABLE["headers"].get(version):
        files = debian.unpacked(f"libpython{version}-dev", suite, "amd64")
        found = [files / f"usr/include/python{version}"]
        if _complete(found, version):
            return found
        looked.append(f"libpython{version}-dev of Debian {suite}")
    looked = looked or [f"python{version} in PATH", f"pyenv's versions/{version}.*"]
    sys.exit(f"no headers of CPython {version}: looked at {', '.join(looked)}. Install that CPython with its headers "
             "(pyenv install does), or build the other targets")


def _complete(directories: list[Path], version: str) -> bool:
    """A distribution's interpreter may stand there without its headers."""
    major, minor = version.split(".")
    for directory in directories:
        if (directory / "patchlevel.h").exists() and (directory / "pyconfig.h").exists():
            text = (directory / "patchlevel.h").read_text()
            numbers = [re.search(rf"#define PY_{part}_VERSION\s+(\d+)", text)[1] for part in ("MAJOR", "MINOR")]
            return numbers == [major, minor]
    return False


def pyconfig(directory: Path) -> str:
    text = (directory / "pyconfig.h").read_text()
    # Debian's is a switch between the architectures' own.
    if found := re.search(r"defined\(__x86_64__\).*?# *include <([^>]+)>", text, re.S):
        (usr,) = [parent for parent in directory.parents if parent.name == "include"]
        text = (usr / found[1]).read_text()
    return text


def include(target: Target) -> Path:
    """The directory with the target's headers. Its name tells its content: it is written once, and the
    compiler's cache finds the same path again."""
    origins = sources(version_of(target.python))
    config = patch_pyconfig(pyconfig(origins[0]), target.facts["pyconfig"])
    digest = hashlib.sha256(config.encode() + (origins[0] / "patchlevel.h").read_bytes()).hexdigest()[:12]
    kept = CACHE / "headers" / f"{version_of(target.python)}-{target.arch}-{target.libc}-{digest}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=kept.parent))
        for origin in origins:
            shutil.copytree(origin, fresh, dirs_exist_ok=True)
        (fresh / "pyconfig.h").write_text(config)
        try:
            fresh.rename(kept)
        except OSError:                 # another build was there first
            shutil.rmtree(fresh)
    return kept
