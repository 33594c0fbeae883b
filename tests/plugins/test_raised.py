"""Where in its own code a plugin raised something."""

from pathlib import Path

import pytest

from fastgate.plugins import discovery
from fastgate.plugins.external import External
from fastgate.plugins.raised import raised
from fastgate.sdk.fields import field_name

CLASS = "from fastgate import Plugin\nclass Deep(Plugin):\n    name = 'deep'\n    version = '1.0.0'\n"


def package(folder: Path, part: str, rest: str = "") -> Path:
    (folder / "deep").mkdir()
    (folder / "deep" / "__init__.py").write_text(f"from .part import table\n{CLASS}{rest}")
    (folder / "deep" / "part.py").write_text(part)
    return folder / "deep" / "part.py"


@pytest.mark.parametrize("part, said", [
    ("table = 1\n\ndef build(d):\n    return d['b']\n\nbuild({})\n", "raised KeyError: 'b' ({}:4)"),
    ("import json\ntable = json.loads('x')\n", "raised JSONDecodeError: Expecting value: line 1 column 1 (char 0) ({}:2)"),
    ("x = 1\nraise SystemExit\n", "raised SystemExit ({}:2)"),
])
def test_an_import(tmp_path, part, said):
    file = package(tmp_path, part)
    with pytest.raises(BaseException) as caught:
        discovery.load_file(file.parent / "__init__.py")
    assert raised(caught.value) == said.format(file)
    _, wrong = discovery.find(str(tmp_path))
    assert wrong == [f"{file.parent}/__init__.py: importing it {said.format(file)}"]


def test_what_is_no_python(tmp_path):
    file = package(tmp_path, "\n\ndef  broken(:\n")
    with pytest.raises(SyntaxError) as caught:
        discovery.load_file(file.parent / "__init__.py")
    assert raised(caught.value).endswith(f" ({file}:3)")


def test_a_hook(tmp_path):
    file = package(tmp_path, "def table(d):\n    return d['path']\n", "    def init(self):\n        table({})\n")
    plugin_class = discovery.load_file(file.parent / "__init__.py")
    with pytest.raises(KeyError) as caught:
        plugin_class().init()
    assert raised(caught.value, plugin_class) == f"raised KeyError: 'path' ({file}:2)"


def test_a_plugin_that_was_imported_as_any_other_module_is():
    class Here:
        def init(self):
            raise OSError

    with pytest.raises(OSError) as caught:
        Here().init()
    assert raised(caught.value, Here) == f"raised OSError ({__file__}:{Here.init.__code__.co_firstlineno + 1})"
    assert raised(caught.value) == "raised OSError"


def test_fastgates_own_plugins_say_what_the_operator_can_do():
    with pytest.raises(ValueError) as caught:
        field_name("a b")
    assert raised(caught.value, External) == f"raised ValueError: {caught.value}"
