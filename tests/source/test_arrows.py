"""Who may know whom: the rooms' arrows point one way, and no import goes round in a circle."""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tree import CORE, ROOT, core_files, cython_imports, module, name, python_imports, room

SRC = ROOT / "src/fastgate"

# Rooms of the core: who may cimport whom. `includes` (C headers) is open to all.
# A star: types and inline functions only, that is, a file which has no .pyx.
ROOMS = {
    "includes": "",
    "base": "",
    "observe": "base",
    "http": "base",
    "limit": "base",
    "guard": "base",
    "reactor": "base observe",
    "route": "base http",
    "auth": "base http",
    "net": "reactor base observe",
    "upstream": "net reactor http base observe",
    "snapshot": "route upstream net http base observe",
    "proxy": "route snapshot auth limit guard upstream net http reactor base observe",
    "plugin": "proxy snapshot auth limit guard route upstream net http reactor base observe",
    "bridge": "plugin proxy snapshot auth limit guard route upstream net http reactor base observe",
}

# Packages of the Python layer: who may import whom. Only the core's `bridge` is open to any.
PACKAGES = {
    "config": "",
    "clients": "config",
    "sdk": "_core.bridge clients",
    "asgi": "",
    "plugins": "config sdk clients",
    "telemetry": "_core.bridge",
    "control": "asgi config plugins sdk telemetry clients _core.bridge",
    "bundle": "",
    "cli": "bundle control config plugins sdk telemetry clients",
    "_core": "",
}


def as_sets(table: dict[str, str]) -> dict[str, set[str]]:
    return {key: set(value.split()) for key, value in table.items()}


def test_the_tables_have_no_circle():
    for table in (ROOMS, PACKAGES):
        tuple(TopologicalSorter(as_sets(table)).static_order())     # raises CycleError


def test_every_room_and_package_is_in_its_table():
    assert {path.name for path in CORE.iterdir() if path.is_dir() and path.name != "__pycache__"} <= set(ROOMS)
    packages = {path.name for path in SRC.iterdir() if (path / "__init__.py").exists()}
    assert packages <= set(PACKAGES)


def test_cimports_follow_the_rooms():
    wrong = []
    for path in core_files(".pyx", ".pxd"):
        may = as_sets(ROOMS)[room(path)] | {room(path), "includes"}
        for line, target in cython_imports(path):
            parts = target.split(".")
            if parts[:2] == ["fastgate", "_core"] and len(parts) > 2 and parts[2] not in may:
                wrong.append(f"{name(path)}:{line}: {room(path)} may not cimport {target}")
    assert not wrong, "\n".join(wrong)


def test_python_imports_follow_the_packages():
    wrong = []
    for path in sorted(SRC.rglob("*.py")):
        package = path.relative_to(SRC).parts[0]
        if package not in PACKAGES:
            continue                                    # fastgate/__init__.py and its like
        may = as_sets(PACKAGES)[package] | {package}
        wrong += [
            f"{name(path)}:{line}: {package} may not import {target}"
            for line, target in python_imports(path)
            if not _is_open(target, may)
        ]
    for path in core_files(".pyx", ".pxd"):
        wrong += [
            f"{name(path)}:{line}: the core may not import {target}"
            for line, target in cython_imports(path, "import")
            if not _is_open(target, {"_core"})
        ]
    assert not wrong, "\n".join(wrong)


def _is_open(target: str, may: set[str]) -> bool:
    parts = target.split(".")
    if parts[0] != "fastgate" or len(parts) == 1 or not (SRC / parts[1]).is_dir():
        return True                                     # not ours, or fastgate itself
    return any(parts[1 : 1 + len(allowed.split("."))] == allowed.split(".") for allowed in may)


def test_no_two_declarations_need_each_other():
    """Within a room too, what a file declares may not need what another declares, and the other way round."""
    needs: dict[str, set[str]] = {}
    for path in core_files(".pxd"):
        needs[module(path)] = {target for _, target in cython_imports(path) if _is_file(target)} - {module(path)}
    try:
        tuple(TopologicalSorter(needs).static_order())
    except CycleError as circle:
        raise AssertionError("a circle of cimports: " + " → ".join(circle.args[1])) from None


def _is_file(target: str) -> bool:
    return (SRC.parent / Path(*target.split("."))).with_suffix(".pxd").exists()
