"""`fastgate plugins`: list, check, new."""

import asyncio
import json

import pytest

from fastgate.cli.main import main
from fastgate.plugins.discovery import load_file
from fastgate.sdk import Contract


PLUGIN = """
from fastgate import Plugin

class A(Plugin):
    name = "{}"
    version = "1.0.0"
    """


def test_new_then_check_then_list(tmp_path, capsys):
    file = tmp_path / "my_first.py"
    assert main(["plugins", "new", str(file)]) == 0
    assert main(["plugins", "check", str(file)]) == 0
    assert "OK: my-first 0.0.1, priority 700: async access\n" in capsys.readouterr().out
    config = tmp_path / "a.json"
    config.write_text(json.dumps({"_format_version": "3.0", "gateway": {"plugin_path": str(tmp_path)}}))
    assert main(["plugins", "list", "-c", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    places = {line.split()[1]: at for at, line in enumerate(lines)}
    assert places["cors"] < places["jwt"] < places["my-first"] < places["request-termination"]
    assert "0.0.1" in lines[places["my-first"]] and str(file) in lines[places["my-first"]]


def test_schema(tmp_path, capsys):
    file = tmp_path / "one.py"
    assert main(["plugins", "new", str(file)]) == 0
    capsys.readouterr()
    assert main(["plugins", "check", "--schema", str(file)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "type": "object", "additionalProperties": False, "properties": {"text": {"type": "string", "default": "hello"}}}


@pytest.mark.parametrize("text, expected", [
    ("import nowhere_at_all", "importing it raised ModuleNotFoundError"),
    ("x = 1", "must define one subclass of fastgate.Plugin; it defines none"),
    ("from fastgate import Plugin\nclass A(Plugin):\n    name = 'A b'", "A.name must be lower case"),
    (PLUGIN.format("a") + "def acess(self, context, config): ...", "A has none of the hooks"),
    (PLUGIN.format("key-auth") + "def log(self, context, config): ...", "the name key-auth is a native plugin's"),
    (PLUGIN.format("http-log") + "def log(self, context, config): ...", "the name http-log is taken by"),
])
def test_what_is_wrong_is_said(tmp_path, capsys, text, expected):
    file = tmp_path / "bad.py"
    file.write_text(text)
    assert main(["plugins", "check", str(file)]) == 1
    assert expected in capsys.readouterr().err
    assert main(["plugins", "list", "--path", str(tmp_path)]) == 1
    assert expected in capsys.readouterr().err


def test_a_name_near_a_hooks_is_warned_of(tmp_path, capsys):
    file = tmp_path / "one.py"
    file.write_text(PLUGIN.format("a") + "def log(self, context, config): ...\n    def acess(self, context, config): ...")
    assert main(["plugins", "check", str(file)]) == 0
    said = capsys.readouterr()
    assert said.out == "OK: a 1.0.0, priority 1000: log\n"
    assert said.err == f"{file}: warning: A.acess is no hook; did you mean access?\n"


def test_new_overwrites_nothing(tmp_path, capsys):
    file = tmp_path / "one.py"
    file.write_text("mine")
    assert main(["plugins", "new", str(file)]) == 1 and file.read_text() == "mine"
    assert main(["plugins", "new", str(tmp_path / "1 x.py")]) == 1
    assert "name it like" in capsys.readouterr().err


@pytest.mark.parametrize("stem", ["response", "plugin", "context", "none", "true", "class", "config", "a__b"])
def test_what_new_writes_works_whatever_it_is_called(tmp_path, stem):
    file = tmp_path / f"{stem}.py"
    assert main(["plugins", "new", str(file)]) == 0
    plugin = load_file(file)
    config = Contract(plugin).schema.make({"text": "no"})

    class Asked:
        class request:
            header = staticmethod(lambda name: "1")

    assert asyncio.run(plugin().access(Asked, config)).body == b'{"message":"no"}'


@pytest.mark.parametrize("stem, expected", [("jwt", "is taken"), ("http_log", "is taken"), ("\xe9", "name it like"), ("\u0663", "name it like")])
def test_new_writes_nothing_that_check_would_refuse(tmp_path, capsys, stem, expected):
    file = tmp_path / f"{stem}.py"
    assert main(["plugins", "new", str(file)]) == 1 and not file.exists()
    assert expected in capsys.readouterr().err


def test_list_needs_a_file_that_is_one(tmp_path, capsys):
    assert main(["plugins", "list", "-c", str(tmp_path / "none.yaml")]) == 1
    (tmp_path / "bad.yaml").write_text("gateway: 1")
    assert main(["plugins", "list", "-c", str(tmp_path / "bad.yaml")]) == 1
    assert "_format_version is missing" in capsys.readouterr().err
