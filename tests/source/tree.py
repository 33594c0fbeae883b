"""The source tree as the source checks see it: files, Cython declarations, imports."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "src/fastgate/_core"


@cache
def committed() -> list[Path]:
    """Every file git tracks or would track: new files count before their commit, ignored ones never."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout
    paths = [ROOT / name for name in listing.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def core_files(*suffixes: str) -> list[Path]:
    """The core's files with these suffixes that have content."""
    return sorted(path for path in CORE.rglob("*") if path.suffix in suffixes and path.stat().st_size > 0)


def name(path: Path) -> str:
    """How a message names a file."""
    return str(path.relative_to(ROOT))


def module(path: Path) -> str:
    """fastgate._core.base.arena, for its .pyx as for its .pxd."""
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(path: Path) -> str:
    """The room of a core file: base, http, upstream …"""
    return path.relative_to(CORE).parts[0]


@cache
def code(path: Path) -> str:
    """The text without comments and the insides of strings, with every line where it was."""
    def blank(found: re.Match) -> str:
        text = found.group()
        if text.startswith("#"):
            return ""
        quote = re.search(r"\"\"\"|'''|\"|'", text).group()
        return quote + quote + "\n" * text.count("\n")

    return re.sub(
        r'#[^\n]*|"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
        blank, path.read_text(), flags=re.S,
    )


class Line(NamedTuple):
    """A logical line: what stands between brackets is joined."""
    number: int
    text: str           # with its indentation, without trailing blanks

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip())


def lines(path: Path) -> Iterator[Line]:
    number, parts, depth = 0, [], 0
    for current, text in enumerate(code(path).split("\n"), 1):
        number = number if parts else current
        parts.append(text.rstrip() if not parts else text.strip())
        depth += sum(text.count(c) for c in "([{") - sum(text.count(c) for c in ")]}")
        if depth <= 0 and not text.endswith("\\"):
            if (joined := " ".join(parts)).strip():
                yield Line(number, joined)
            parts, depth = [], 0


class Function(NamedTuple):
    path: Path
    line: int
    type: str           # return type
    name: str
    clause: str         # what follows the arguments: "noexcept nogil"

    def __str__(self) -> str:
        return f"{name(self.path)}:{self.line}: {self.name}(…) {self.clause}"


FUNCTION = re.compile(
    r"\s*(?:cdef|cpdef|ctypedef)\s+(?!class\b)(?:inline\s+|api\s+|public\s+)*"
    r"(?P<type>[\w.\[\], ]+?[\s*]+)"
    r"(?:(?P<name>\w+)|\(\s*\*+\s*(?P<pointer>\w+)\s*\))\s*"
    r"\((?P<arguments>.*)\)(?P<clause>[^()]*?):?\s*$"
)
POINTER_FIELD = re.compile(r"\s+(?P<type>[\w.]+[\s*]+)\(\s*\*+\s*(?P<name>\w+)\s*\)\s*\(.*\)(?P<clause>[^()]*)$")


def functions(path: Path) -> Iterator[Function]:
    """The C functions a file declares or defines, and the function types (ctypedefs, pointer fields)."""
    extern = None
    for line in lines(path):
        if extern is not None and line.indent > extern:
            continue                                    # the body of a `cdef extern` block
        extern = line.indent if re.match(r"\s*cdef (?:public )?extern\b", line.text) else None
        found = FUNCTION.match(line.text)
        if found and "=" not in found["type"]:
            yield Function(path, line.number, found["type"].strip(), found["name"] or found["pointer"],
                           found["clause"].strip())
        elif found := POINTER_FIELD.match(line.text):
            yield Function(path, line.number, found["type"].strip(), found["name"], found["clause"].strip())


CIMPORT = re.compile(r"\s*from\s+(\S+)\s+(c?import)\s+(.*)|\s*(c?import)\s+(.*)")


def cython_imports(path: Path, kind: str = "cimport") -> Iterator[tuple[int, str]]:
    """(line, module) for each cimport (or import) of a .pyx or .pxd; `from . cimport x` names both."""
    package = module(path) if path.stem == "__init__" else module(path).rpartition(".")[0]
    for line in lines(path):
        found = CIMPORT.match(line.text)
        if not found or kind not in (found[2], found[4]):
            continue
        if found[4]:
            yield from ((line.number, target.split()[0]) for target in found[5].split(","))
            continue
        dots = len(found[1]) - len(found[1].lstrip("."))
        base = package.rsplit(".", dots - 1)[0] if dots > 1 else package
        target = f"{base}.{found[1][dots:]}".rstrip(".") if dots else found[1]
        yield line.number, target
        for each in found[3].strip("() ").split(","):
            if each.strip() and _is_module(f"{target}.{each.split()[0]}"):
                yield line.number, f"{target}.{each.split()[0]}"


def _is_module(dotted: str) -> bool:
    path = ROOT / "src" / Path(*dotted.split("."))
    return path.is_dir() or any(path.with_suffix(suffix).exists() for suffix in (".pyx", ".pxd", ".py"))


def python_imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) for each import of a .py file, those inside functions included."""
    package = module(path) if path.stem == "__init__" else module(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            target = f"{base}.{node.module or ''}".rstrip(".") if node.level else node.module
            yield node.lineno, target
            for alias in node.names:
                if _is_module(f"{target}.{alias.name}"):
                    yield node.lineno, f"{target}.{alias.name}"
