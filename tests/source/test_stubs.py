"""Each `.pyi` in the core says exactly what its module offers."""

import ast
import importlib
import inspect

import pytest
from tree import CORE, module, name, python_imports

STUBS = sorted(CORE.rglob("*.pyi"))


def stubbed(path) -> dict[str, set[str] | None]:
    """Public names of a stub: for a class the set of its public members, else None."""
    names = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            names[node.name] = {member for each in node.body if (member := _name(each)) and member[0] != "_"}
        elif (found := _name(node)) and found[0] != "_":
            names[found] = None
    return names


def _name(node) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return None


def offered(extension) -> dict[str, set[str] | None]:
    names = {}
    for key, value in vars(extension).items():
        if key[0] == "_" or inspect.ismodule(value):
            continue
        if getattr(value, "__module__", extension.__name__) != extension.__name__:
            continue                                    # imported from elsewhere
        names[key] = {member for member in vars(value) if member[0] != "_"} if inspect.isclass(value) else None
    return names


@pytest.mark.parametrize("path", STUBS, ids=name)
def test_stub_and_extension_agree(path):
    assert stubbed(path) == offered(importlib.import_module(module(path)))


def test_what_python_imports_has_a_stub():
    source = CORE.parent
    imported = {target for path in source.rglob("*.py") for _, target in python_imports(path)}
    bare = [
        name(path)
        for path in sorted((CORE / "bridge").glob("*.pyx"))
        if module(path) in imported and not path.with_suffix(".pyi").exists()
    ]
    assert not bare, "the Python layer imports it: write its .pyi"
