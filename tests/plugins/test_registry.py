"""The registry imports what is asked for, and nothing else."""

import subprocess
import sys

import pytest
from fastgate.plugins.registry import PLUGINS


def test_unknown_names():
    assert "prometheus" not in PLUGINS and None not in PLUGINS
    with pytest.raises(KeyError):
        PLUGINS["prometheus"]


def test_only_what_a_file_names_is_imported(tmp_path):
    (tmp_path / "a.json").write_text('{"_format_version": "3.0", "plugins": [{"name": "cors"}]}')
    code = ("import sys; from fastgate.config import load; from fastgate.plugins.registry import PLUGINS;"
            "load(sys.argv[1], environ={}, plugins=PLUGINS);"
            "print(sorted(name for name in sys.modules if name.startswith('fastgate.plugins.')), 'ipaddress' in sys.modules)")
    found = subprocess.run([sys.executable, "-S", "-c", code, tmp_path / "a.json"], capture_output=True, text=True,
                           env={"PYTHONPATH": ":".join(sys.path)}, check=True)
    assert found.stdout.strip() == "['fastgate.plugins.cors', 'fastgate.plugins.parts', 'fastgate.plugins.registry'] False"
