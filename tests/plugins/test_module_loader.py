"""Versions of modules beside each other, and nothing left of those that are over."""

from __future__ import annotations

import gc
import importlib.resources
import inspect
import linecache
import logging
import sys
import traceback
import weakref

import pytest

from fastgate.plugins.bundle import read_file, read_package
from fastgate.plugins.module_loader import PREFIX, Modules


def write(folder, **files):
    """`__` in a name stands for `/`."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def load(folder):
    modules = Modules(read_file(folder / "__init__.py"))
    return modules, modules.load(folder.name)


def own_names():
    return [name for name in sys.modules if name.startswith(PREFIX)]


@pytest.fixture(autouse=True)
def nothing_stays():
    before = own_names()
    yield
    assert own_names() == before


def package(path):
    path.mkdir()
    (path / "__init__.py").write_text("def late():\n    from . import part\n    return part\n")
    return path


def test_two_versions_each_import_their_own(tmp_path):
    folder = package(tmp_path / "pack")
    write(folder, part="VALUE = 1\nfrom .deep.below import OTHER\n", deep__below="OTHER = 1\n")
    first, one = load(folder)
    write(folder, part="VALUE = 2\nfrom .deep.below import OTHER\n", deep__below="OTHER = 2\n")
    second, two = load(folder)
    assert (two.late().VALUE, two.late().OTHER) == (2, 2)
    assert (one.late().VALUE, one.late().OTHER) == (1, 1)       # though it was imported after the change
    assert first.bundle.digest != second.bundle.digest
    first.unload()
    assert two.late().VALUE == 2
    second.unload()


def test_nothing_is_left_of_what_is_over(tmp_path):
    folder = package(tmp_path / "pack")
    write(folder, part="import logging\nlog = logging.getLogger(__name__)\ndef fails():\n    1 / 0\n")
    modules, module = load(folder)
    part = module.late()
    with pytest.raises(ZeroDivisionError) as raised:
        part.fails()
    assert "1 / 0" in "".join(traceback.format_exception(raised.value))
    assert "1 / 0" in inspect.getsource(part.fails)
    loggers = logging.getLogger().manager.loggerDict
    assert part.__name__ in loggers and part.__file__ in linecache.cache
    ends = [weakref.ref(one) for one in (module, part, modules, part.fails)]
    names = [module.__name__, part.__name__, part.__file__]
    del raised
    modules.unload()
    with pytest.raises(ZeroDivisionError):          # what still runs goes on
        part.fails()
    del modules, module, part
    gc.collect()
    assert [end() for end in ends] == [None] * 4
    assert names[0] not in loggers and names[1] not in loggers and names[2] not in linecache.cache


def test_no_bytecode_is_written(tmp_path):
    folder = package(tmp_path / "pack")
    write(folder, part="")
    modules, module = load(folder)
    module.late()
    assert not list(tmp_path.rglob("*.pyc"))
    modules.unload()


def test_data_files(tmp_path):
    folder = package(tmp_path / "pack")
    (folder / "text").write_text("data")
    modules, module = load(folder)
    assert importlib.resources.files(module.__name__).joinpath("text").read_text() == "data"
    assert __import__("pkgutil").get_data(module.__name__, "text") == b"data"
    modules.unload()


def test_a_failed_import_names_file_and_line(tmp_path):
    folder = package(tmp_path / "pack")
    write(folder, part="\nno Python\n")
    modules, module = load(folder)
    with pytest.raises(SyntaxError) as raised:
        module.late()
    assert (raised.value.filename, raised.value.lineno) == (str(folder / "part.py"), 2)
    modules.unload()


def test_an_installed_package_finds_itself(tmp_path, monkeypatch):
    """However it is imported; and what is not its own is everybody's."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "a_pack").mkdir()
    (tmp_path / "a_pack" / "__init__.py").write_text("import a_pack.one\n")
    write(tmp_path, a_pack__one="""
import json as theirs
import a_pack
import a_pack.two as two
from a_pack import two as again
from a_pack.two import VALUE
def late():
    import a_pack.two
    return a_pack.two
""".lstrip(), a_pack__two="VALUE = object()\n")
    modules = Modules(read_package("a_pack", None))
    one = modules.load("a_pack.one")
    assert one.two is one.again is one.late() is one.a_pack.two and one.VALUE is one.two.VALUE
    assert one.theirs is __import__("json")
    assert "a_pack" not in sys.modules and one.two.__name__.startswith(PREFIX)
    modules.unload()


def test_what_cannot_be_read_apart(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path, a_space__part="")
    assert read_package("a_space", None) is None            # a namespace package
    assert read_package("not_there_at_all", None) is None
    assert read_package("sys", None) is None


def test_others_import_while_a_version_is_unloaded(tmp_path, monkeypatch):
    """In threads of their own, between any two names that are looked at."""
    modules, _ = load(package(tmp_path / "pack"))
    late: list[str] = []
    with monkeypatch.context() as patch:
        class Name(str):
            def startswith(self, *prefix):
                late.append(f"imported_meanwhile_{len(late)}")
                patch.setitem(sys.modules, late[-1], sys)
                patch.setitem(logging.getLogger().manager.loggerDict, late[-1], logging.getLogger())
                return False

        patch.setitem(sys.modules, Name("another"), sys)
        patch.setitem(logging.getLogger().manager.loggerDict, Name("another"), logging.getLogger())
        modules.unload()
    assert len(late) == 2
