"""Habits of the Cython core that a machine can see (CONTRIBUTING.md says why)."""

import re
from collections import Counter

import pytest
from tree import CORE, ROOT, code, core_files, functions, lines, name

SMELLS = {
    r"\bDEF\b": "DEF is deprecated: use `cdef enum:`",
    r"\binclude\s+[\"']": "include makes one compile unit of many: cimport names",
    r"\bfor\s+\w+\s+from\b": "old loop syntax: use range on a C int",
    r"\bc(p?)def\b[^(=]*\b__(?!\w+__\b)\w+": "a double underscore is mangled: use a single one",
    r"\b__int128\b": "__int128 is not there on armv7",
    r"\t": "a tab: four spaces",
    r"\b(PyBytes_AS_STRING|PyBytes_GET_SIZE|PyByteArray_AS_STRING|PyList_GET_ITEM|PyList_SET_ITEM|PyList_GET_SIZE"
    r"|PyTuple_GET_ITEM|PyTuple_SET_ITEM|PyTuple_GET_SIZE|PyUnicode_DATA|PyUnicode_KIND|PyFloat_AS_DOUBLE)\b":
        "a macro the Limited API has not: use the function of that name",
    r"\bcpython\.(datetime|array)\b": "not in the Limited API",
    r"\bpacked struct\b": "take the header's struct by `cdef extern`: its padding differs between CPUs",
}


@pytest.mark.parametrize("path", core_files(".pyx", ".pxd"), ids=name)
def test_no_smells(path):
    found = [
        f"{name(path)}:{number}: {advice}"
        for number, line in enumerate(code(path).split("\n"), 1)
        for pattern, advice in SMELLS.items()
        if re.search(pattern, line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", core_files(".pyx", ".pxd"), ids=name)
def test_files_say_what_they_are(path):
    if path.stem != "__init__":
        assert path.read_text().startswith('"""'), f"{name(path)}: begin with a docstring that says what it is"


# Who may call the allocator at run time, and for what. Everything else takes from an arena or
# a slab. `*` stands for every file of the folder.
ALLOCATES = {
    "base/*": "arenas, slabs, rings and buffers are made of it",
    "auth/token_cache.pyx": "the cache, once; an entry: one block, from a verdict to its eviction, at most so many as configured",
    "auth/verify_key.pyx": "a key, at configuration time; a reactor's scratch space for libcrypto, once",
    "bridge/*": "builders, with the GIL",
    "route/pattern.pyx": "a reactor's scratch space for PCRE2, once",
    "plugin/rate_ask.pyx": "a question to Redis: one block, bounded in number",
    "plugin/python.pyx": "a call to the control thread: one block, bounded in number; and a counter for each plugin",
    "plugin/python_told.pyx": "what such a call tells of an answer: one block, freed with the call",
    "proxy/downstream.pyx": "a client connection: one block, from accept to close",
    "proxy/exchange.pyx": "a request: blocks kept on the lane's free list, and heads larger than usual",
    "proxy/lane.pyx": "a reactor's buffers, once; and mail to it",
    "proxy/mirror.pyx": "a copy of a request: one block, at most max_pending of a rule, and a counter for each rule that has any",
    "proxy/request.pyx": "a path that normalising makes larger than its room",
    "http/parser.pyx": "the field table of a head larger than usual, at most MESSAGE_MAX_HEADERS of them",
    "guard/table.pyx": "the table of visitors and bans, once, before any reactor runs",
    "limit/table.pyx": "the limiter's table, once, before any reactor runs; once more, what is shared with other gateways",
    "observe/access_log.pyx": "the log and its rings, once, before any reactor runs",
    "observe/log_ring.pyx": "the log and its rings, once, before any reactor runs",
    "observe/series.pyx": "a series outlives the snapshots that name it; its parts grow at a reactor's first use",
    "reactor/reactor.pyx": "the deferred list, which grows to its high-water mark and stays",
    "upstream/connection.pyx": "an upstream connection: one block, from connect to close",
    "upstream/peer.pyx": "reference counted: outlives the snapshot that made it",
}
ALLOCATION = re.compile(r"(?:(?P<to>[\w.\[\]]+)\s*=\s*)?(?:<[^<>]+>\s*)?\b(?:malloc|calloc|realloc|aligned_alloc|memory_take|memory_take_zeroed|memory_take_unbounded|memory_resize)\s*\(")


def may_allocate(path) -> bool:
    inside = str(path.relative_to(CORE))
    return inside in ALLOCATES or f"{inside.rpartition('/')[0]}/*" in ALLOCATES


@pytest.mark.parametrize("path", core_files(".pyx", ".pxd"), ids=name)
def test_memory_is_asked_for_where_allowed_and_checked(path):
    wrong = []
    text = [line.text for line in lines(path)]
    for at, line in enumerate(lines(path)):
        found = ALLOCATION.search(line.text)
        if not found:
            continue
        if not may_allocate(path):
            wrong.append(f"{name(path)}:{line.number}: allocates, and is not in ALLOCATES")
        following = " ".join(text[at + 1 : at + 5])
        if found["to"] and not re.search(rf"{re.escape(found['to'])} (==|is|!=|is not) NULL", following):
            wrong.append(f"{name(path)}:{line.number}: {found['to']} is not compared with NULL")
    assert not wrong, "\n".join(wrong)


def test_allocates_lists_only_files_that_do():
    idle = [entry for entry in ALLOCATES
            if not any(ALLOCATION.search(code(path)) for path in CORE.glob(entry) if path.suffix in (".pyx", ".pxd"))]
    assert not idle


# Lines between `struct x_t:` and its first field, or above it.
OWNERSHIP = re.compile(r"\b(own(s|er|ed|ers)?|part of|field of|freed by|value|points into|dies with|lives in)\b", re.I)


@pytest.mark.parametrize("path", core_files(".pxd"), ids=name)
def test_structs_say_who_owns_them(path):
    wrong = []
    text = path.read_text().split("\n")
    for line in lines(path):
        found = re.match(r"(?:cdef|ctypedef) (?:struct|union) (\w+):", line.text)
        if not found:
            continue
        comment = []
        for after in text[line.number :]:
            if not after.strip().startswith("#"):
                break
            comment.append(after)
        for before in reversed(text[: line.number - 1]):
            if not before.startswith("#"):
                break
            comment.append(before)
        if not OWNERSHIP.search(" ".join(comment)):
            wrong.append(f"{name(path)}:{line.number}: {found[1]}: who owns it, which thread touches it, when does it die?")
    assert not wrong, "\n".join(wrong)


WITH_DOORS = core_files(".pyx", ".pxd") + sorted((ROOT / "tests/doors").glob("*.pyx"))


def test_no_c_function_is_dead():
    """Each is called or taken from somewhere: the core, or a door that tests what only builds in debug."""
    used = Counter(word for path in WITH_DOORS for word in re.findall(r"\w+", _without_declarations(path)))
    dead = {
        function.name: f"{name(function.path)}:{function.line}: {function.name}"
        for path in core_files(".pyx", ".pxd") for function in functions(path) if not used[function.name]
    }
    assert not dead, "nobody calls:\n" + "\n".join(dead.values())


IMPORT = re.compile(r"(?:from\s+\S+\s+)?c?import\s+(?P<names>[^*]+)$")


@pytest.mark.parametrize("path", WITH_DOORS, ids=name)
def test_what_is_imported_is_used(path):
    """In that very file: what a .pyx takes from its own .pxd it may have unseen."""
    used, imported = Counter(), {}
    for line in lines(path):
        if found := IMPORT.match(line.text):
            for each in filter(None, map(str.strip, found["names"].strip("() ").split(","))):
                imported[re.split(r"\s+as\s+|\.", each)[-1]] = line.number
        else:
            used.update(re.findall(r"\w+", line.text))
    idle = [f"{name(path)}:{number}: {each}" for each, number in imported.items() if not used[each]]
    assert not idle, "imported, and not used:\n" + "\n".join(idle)


def test_no_constant_or_macro_is_dead():
    """Those without a type. In an enum with one a value may stand for a number that comes from elsewhere."""
    used = Counter(word for path in WITH_DOORS for word in re.findall(r"\w+", code(path)))
    dead = [
        f"{name(path)}: {constant}"
        for path in core_files(".pyx", ".pxd")
        for block in re.findall(r"^ *(?:cdef )?enum:\n((?: +.*\n|\n)+)", code(path), re.M)
        for constant in re.findall(r"^ +([A-Z][A-Z0-9_]+)\s*(?:=.*)?$", block, re.M)
        if used[constant] == 1
    ]
    # Of an extern block, what has a name of ours: `code` leaves the quotes of the C name.
    dead += [
        f"{name(path)}: {ours}" for path in core_files(".pxd")
        for ours in re.findall(r'^ +\w[\w *]*\b(\w+) ""(?:\(.*)?$', code(path), re.M) if used[ours] == 1
    ]
    assert not dead, "nobody uses:\n" + "\n".join(dead)


def _without_declarations(path) -> str:
    """The code less cimport lines and the heads of functions: what is left uses a name."""
    heads = {function.line for function in functions(path)}
    return "\n".join(
        line.text for line in lines(path)
        if line.number not in heads and not re.match(r"\s*(from\s+\S+\s+)?cimport\b", line.text)
    )
