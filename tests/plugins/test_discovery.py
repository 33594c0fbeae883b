"""Plugins in Python: where they are found, and what is said of those that can't be used."""

import json
import subprocess
import sys

import pytest
from fastgate.config import ConfigErrors, load
from fastgate.plugins import discovery, shipped
from fastgate.plugins.registry import PLUGINS, find_python

SOURCE = """
from fastgate import Plugin

class One(Plugin):
    name = "{name}"
    version = "1.0.0"
    priority = {priority}

    class Config:
        count: int = 1
        anonymous: str | None = None

        def __post_init__(self):
            if self.count == 13:
                raise ValueError("not thirteen")
            if self.count == 14:
                raise KeyError("fourteen")
            if self.count == 15:
                raise SystemExit(15)

    def log(self, context, config): ...
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    for name in ("_latest", "_running", "_known"):
        monkeypatch.setattr(discovery, name, {})
    monkeypatch.setattr(discovery, "_alive", [])
    monkeypatch.setattr(shipped, "SHIPPED", {})


def write(path, name, priority=500):
    path.parent.mkdir(exist_ok=True)
    path.write_text(SOURCE.format(name=name, priority=priority))


def loaded(tmp_path, *plugins, **options):
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"_format_version": "3.0", "gateway": {"plugin_path": str(tmp_path / "plugins")},
                                "plugins": list(plugins)}))
    return load(file, plugins=PLUGINS, find_plugins=find_python, **{"environ": {}, **options})


def errors(tmp_path, *plugins):
    with pytest.raises(ConfigErrors) as raised:
        loaded(tmp_path, *plugins)
    return str(raised.value)


def test_files_and_packages_of_a_folder(tmp_path):
    folder = tmp_path / "plugins"
    write(folder / "one.py", "one")
    write(folder / "two" / "__init__.py", "two")
    (folder / "two" / "part.py").write_text("VALUE = 1")
    (folder / "two" / "__init__.py").open("a").write("\nfrom .part import VALUE\n")
    write(folder / "_helper.py", "helper")
    write(folder / ".hidden.py", "hidden")
    (folder / "notes.txt").write_text("no Python")
    (folder / "empty").mkdir()
    found, wrong = find_python(str(folder))
    assert sorted(found) == ["one", "two"] and not wrong
    assert found["one"].PRIORITY == 500 and not found["one"].is_native
    assert discovery.plugin("one") is found["one"]


def test_entry_points(tmp_path, monkeypatch):
    write(tmp_path / "site" / "my_package_of_one.py", "installed")
    info = tmp_path / "site" / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[fastgate.plugins]\nby-class = my_package_of_one:One\nwrong = my_package_of_one:SOURCE\nnone = nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    found, wrong = find_python(None)
    assert list(found) == ["installed"] and len(wrong) == 2
    assert any("nowhere_to_be_found" in one for one in wrong)


def test_a_module_is_loaded_once_and_a_failed_one_again(tmp_path):
    folder = tmp_path / "plugins"
    write(folder / "one.py", "one")
    (folder / "bad.py").write_text("1 / 0")
    found, wrong = find_python(str(folder))
    assert wrong == [f"{folder}/bad.py: importing it raised ZeroDivisionError: division by zero ({folder}/bad.py:1)"]
    write(folder / "bad.py", "better")
    again, wrong = find_python(str(folder))
    assert again["one"] is found["one"] and "better" in again and not wrong


def test_names_that_are_taken(tmp_path):
    folder = tmp_path / "plugins"
    write(folder / "a.py", "same")
    write(folder / "b.py", "same")
    write(folder / "c.py", "cors")
    found, wrong = find_python(str(folder))
    assert list(found) == ["same"]
    assert wrong == [f"{folder}/b.py: the name same is taken by {folder}/a.py",
                     f"{folder}/c.py: the name cors is a native plugin's"]


def test_a_configuration_uses_them(tmp_path):
    write(tmp_path / "plugins" / "one.py", "one", priority=77)
    (tmp_path / "plugins" / "bad.py").write_text("import nowhere_at_all")
    model = loaded(tmp_path, {"name": "one", "config": {"count": "${COUNT}", "on_error": "continue", "anonymous": "me"}},
                   {"name": "cors"}, environ={"COUNT": "5"})
    one, cors = model.plugins
    assert one["config"] == {"count": 5, "anonymous": "me", "on_error": "continue", "phase_timeout": None, "body_limit": None}
    assert one["priority"] == 77 and one["is_native"] is False and cors["is_native"] is True
    assert any("a plugin can't be used" in one and "nowhere_at_all" in one for one in model.warnings)


def test_what_is_wrong_with_a_configuration(tmp_path):
    write(tmp_path / "plugins" / "one.py", "one")
    said = errors(tmp_path, {"name": "one", "config": {"count": "x", "on_error": "maybe", "phase_timeout": 0, "no": 1}})
    for part in ("plugins[0].config.count: expected an integer", "plugins[0].config.on_error: expected one of fail, continue",
                 "plugins[0].config.phase_timeout: expected an integer from 1", 'plugins[0].config.no: unknown key "no"'):
        assert part in said
    assert "one's config: not thirteen" in errors(tmp_path, {"name": "one", "config": {"count": 13}})
    for count, error in ((14, "KeyError: 'fourteen'"), (15, "SystemExit: 15")):
        assert f"plugins[0].config: one's config: making it raised {error}" in errors(
            tmp_path, {"name": "one", "config": {"count": count}})
    assert 'the plugin "ones" is neither native nor found' in errors(tmp_path, {"name": "ones"})


def test_the_reason_is_said_when_a_wanted_plugin_is_broken(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad.py").write_text("import nowhere_at_all")
    said = errors(tmp_path, {"name": "bad"})
    assert "gateway.plugin_path: " in said and "nowhere_at_all" in said and 'the plugin "bad" is neither native nor found' in said


def test_with_unknown_plugins_allowed_a_broken_one_is_a_warning(tmp_path):
    write(tmp_path / "plugins" / "one.py", "one")
    (tmp_path / "plugins" / "bad.py").write_text("import nowhere_at_all")
    model = loaded(tmp_path, {"name": "one"}, {"name": "bad"}, allow_unknown_plugins=True)
    assert [plugin["name"] for plugin in model.plugins] == ["one"]
    assert any("a plugin can't be used" in one and "nowhere_at_all" in one for one in model.warnings)
    assert model.left_out == ["bad (plugins[1])"]


def test_a_folder_that_is_not_there(tmp_path):
    assert errors(tmp_path, {"name": "one"}).count("gateway.plugin_path: ") == 1


def test_native_plugins_need_neither_sdk_nor_search(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "never.py").write_text("raise SystemExit('imported')")
    config = tmp_path / "a.json"
    config.write_text(json.dumps({"_format_version": "3.0", "plugins": [{"name": "request-termination"}],
                                  "gateway": {"plugin_path": str(tmp_path / "plugins"), "access_log": "off"}}))
    code = ("import sys; from fastgate.control.source import file_source, check; import fastgate.control.lifecycle;"
            "print(check(file_source(sys.argv[1], {})).errors,"
            "[name for name in sys.modules if name.startswith('fastgate.sdk') or name == 'importlib.metadata'])")
    found = subprocess.run([sys.executable, "-c", code, config], capture_output=True, text=True,
                           env={"PYTHONPATH": ":".join(sys.path)}, check=True)
    assert found.stdout.strip() == "[] []"
