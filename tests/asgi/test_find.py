"""From a name to an application: what is found, and what is said when it can't be used."""

import colorsys
import sys
from importlib import import_module

import pytest

from fastgate.asgi import find as finding
from fastgate.asgi.find import NotFound, find, problem_of

MODULE = """
value = 5
def create_app():
    return app
async def app(scope, receive, send):
    pass
class Deep:
    async def __call__(self, scope, receive, send):
        pass
class Holder:
    app = Deep()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of modules that are forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    (tmp_path / "found_here.py").write_text(MODULE)
    (tmp_path / "breaks.py").write_text("import not_there_at_all\n")
    (tmp_path / "exits.py").write_text("raise SystemExit(3)\n")
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["found_here:app", "found_here:create_app()", "found_here:Holder.app"])
def test_found(folder, name):
    assert problem_of(name, str(folder)) is None
    assert callable(find(name))


@pytest.mark.parametrize("name, expected", [
    ("nowhere_at_all:app", "importing nowhere_at_all raised ModuleNotFoundError: No module named 'nowhere_at_all'; "
                           "gateway.asgi.path names the folder it is in"),
    ("breaks:app", "importing breaks raised ModuleNotFoundError: No module named 'not_there_at_all'"),
    ("exits:app", "importing exits raised SystemExit: 3"),
    ("found_here:missing", "found_here has no missing; it is {folder}/found_here.py"),
    ("found_here:Holder.missing", "found_here has no Holder.missing; it is {folder}/found_here.py"),
    ("colorsys:app", "colorsys has no app; it is the standard library's "
                     f"({colorsys.__file__}): give your own module another name"),
    ("sys:app", "sys has no app; it is the standard library's (built in): give your own module another name"),
    ("found_here:value", "found_here:value is int, which can't be called: an ASGI application can"),
    ("found_here:create_app", "found_here:create_app is a function that is not async, no ASGI 3 application; if it makes "
                              "one, write found_here:create_app()"),
])
def test_not_found(folder, name, expected):
    assert problem_of(name, str(folder)) == expected.format(folder=folder)
    with pytest.raises(NotFound):
        find(name)


def test_a_folder_that_is_none(tmp_path):
    assert problem_of("x:app", str(tmp_path / "no")) == f"gateway.asgi.path: {tmp_path / 'no'} is not a folder"


def test_without_uvicorn(monkeypatch):
    monkeypatch.setattr(finding, "NEEDED", ("uvicorn", "no_such_package"))
    assert problem_of("x:app", None) == "an ASGI application needs no_such_package: pip install 'fastgate[asgi]'"


def test_the_folder_hides_no_module_of_others(folder):
    (folder / "mailbox.py").write_text("raise RuntimeError('not the standard library')\n")
    assert problem_of("found_here:app", str(folder)) is None
    sys.modules.pop("mailbox", None)
    assert hasattr(import_module("mailbox"), "Maildir")


def test_a_module_that_was_mended_is_found(folder):
    assert "SystemExit" in problem_of("exits:app", str(folder))
    (folder / "exits.py").write_text(MODULE)
    assert problem_of("exits:app", str(folder)) is None
