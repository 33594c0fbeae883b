"""Every way a configuration file changes is noticed once; a change of nothing isn't."""

import asyncio
import os

import pytest

from fastgate.control.source import file_identity
from fastgate.control.watch import Watch


class Watched:
    def __init__(self, path, folder=None, **options):
        self.calls = 0
        self.watch = Watch(str(path), self.changed, interval_s=0.001, folder=lambda: folder and str(folder), **options)

    async def changed(self):
        self.calls += 1

    def look(self):
        return asyncio.run(self.watch.look())


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "fastgate.yaml"
    path.write_text("one")
    return path


def test_nothing_changed(file):
    watched = Watched(file)
    assert not watched.look() and not watched.look()


def test_written_in_place(file):
    watched = Watched(file)
    file.write_text("two, longer")
    assert watched.look() and not watched.look()
    assert watched.calls == 1


def test_renamed_over(file, tmp_path):
    watched = Watched(file)
    (tmp_path / "new").write_text("two")
    os.replace(tmp_path / "new", file)
    assert watched.look() and not watched.look()


def test_touched_only(file):
    watched = Watched(file)
    os.utime(file, ns=(1, 1))
    assert not watched.look()


def test_changed_between_the_reading_of_it_and_the_first_look(file):
    """A start takes a while: names, plugins and applications are waited for."""
    read_as = file_identity(str(file))
    watched = Watched(file, read_as=read_as)
    assert not watched.look()
    file.write_text("two, longer")
    watched = Watched(file, read_as=read_as)
    assert watched.look() and not watched.look()
    file.unlink()
    watched = Watched(file, read_as=read_as)
    assert not watched.look()
    file.write_text("three")
    assert watched.look()


def test_gone_and_back(file):
    watched = Watched(file)
    file.unlink()
    assert not watched.look()
    file.write_text("one")
    assert not watched.look()
    file.unlink()
    file.write_text("two")
    assert watched.look()


def test_not_there_at_first(tmp_path):
    watched = Watched(tmp_path / "late.yaml")
    assert not watched.look()
    (tmp_path / "late.yaml").write_text("one")
    assert watched.look()


def test_configmap(tmp_path):
    """Kubernetes: the file is a link into ..data, itself a link that is switched by a rename."""
    for name in ("..1", "..2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fastgate.yaml").write_text(name)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "fastgate.yaml").symlink_to("..data/fastgate.yaml")
    watched = Watched(tmp_path / "fastgate.yaml")
    (tmp_path / "..tmp").symlink_to("..2")
    os.replace(tmp_path / "..tmp", tmp_path / "..data")
    assert watched.look() and not watched.look()


@pytest.mark.parametrize("name, is_seen", [
    ("one.py", True), ("one.py.sig", True), ("pack/__init__.py", True), ("pack/deep/part.py", True), ("pack/fastgate-plugin.sig", True),
    ("_one.py", False), (".one.py", False), ("notes.txt", False), ("pack/__pycache__/part.py", False), ("pack/.git/part.py", False),
    ("no_pack/part.py", False), ("__pycache__/one.py", False),
])
def test_a_folder_of_plugins(file, tmp_path, name, is_seen):
    folder = tmp_path / "plugins"
    path = folder / name
    path.parent.mkdir(parents=True)
    (folder / "pack").mkdir(exist_ok=True)
    (folder / "pack" / "__init__.py").write_text("")
    watched = Watched(file, folder)
    for text in ("new", "changed, and longer"):
        path.write_text(text)
        assert watched.look() is is_seen and watched.look() is False
    os.utime(path, ns=(1, 1))
    assert not watched.look()
    path.unlink()
    assert watched.look() is is_seen
    assert watched.calls == 3 * is_seen


def test_a_folder_that_is_not_there(file, tmp_path):
    watched = Watched(file, tmp_path / "none")
    assert not watched.look()


def test_run_goes_on_looking(file):
    watched = Watched(file)
    seen = asyncio.Event()

    async def changed():
        seen.set()

    async def scenario():
        watched.watch._on_change = changed
        task = asyncio.ensure_future(watched.watch.run())
        for text in ("two", "three"):
            file.write_text(text)
            await asyncio.wait_for(seen.wait(), 5)
            seen.clear()
        task.cancel()

    asyncio.run(scenario())
