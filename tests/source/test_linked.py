"""One shared object holds every module of the core, each under a name of its own."""

import importlib
from collections import Counter
from importlib.machinery import EXTENSION_SUFFIXES

import fastgate._core
import pytest
from tree import CORE, module

SOURCES = sorted(CORE.rglob("*.pyx"))


def test_no_two_modules_have_one_name_in_it():
    """PyInit_<room>_<file>: a_b/c.pyx and a/b_c.pyx would be the same."""
    names = Counter("_".join(module(path).split(".")[-2:]) for path in SOURCES)
    assert [name for name, count in names.items() if count > 1] == [], "rename one: the linker refuses both"


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_each_comes_out_of_the_one_file(path):
    imported = importlib.import_module(module(path))
    assert imported.__name__ == imported.__spec__.name == module(path)
    assert imported.__package__ == module(path).rpartition(".")[0]
    assert imported.__doc__.split()[0] == path.read_text().lstrip('"').split()[0]
    assert imported.__file__ == imported.__spec__.origin == fastgate._core.found.origin
    assert imported.__file__.endswith(tuple(f"_linked{suffix}" for suffix in EXTENSION_SUFFIXES))


def test_what_it_does_not_hold_is_an_import_error():
    with pytest.raises(ImportError):
        importlib.import_module("fastgate._core.base.nothing")
