"""The command line itself: help, exit codes, what is loaded for it."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from fastgate.cli import main, options, version

ROOT = Path(__file__).parents[2]


def run(*args, env=None, cwd=None):
    """As a user runs it; nothing of the environment's FASTGATE_ variables."""
    import os

    environ = {k: v for k, v in os.environ.items() if not k.startswith("FASTGATE_")} | (env or {})
    done = subprocess.run([sys.executable, "-m", "fastgate", *args], capture_output=True, text=True, timeout=30,
                          env=environ, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(autouse=True)
def import_path(monkeypatch):
    from support.process import SOURCE

    monkeypatch.setenv("PYTHONPATH", str(SOURCE))


def test_version():
    code, out, err = run("version")
    assert (code, err) == (0, "") and out.splitlines() == [version.text(), *version.extras()]
    assert out.startswith("fastgate ") and "cpython" in out
    assert run("--version")[1].strip() == version.text()


def test_version_knows_every_extra():
    section = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    extras = {name: set(re.findall(r'"([\w-]+)', lines)) for name, lines in re.findall(r"^(\w+) = \[(.*?)\]", section, re.M | re.S)}
    del extras["test"]
    assert {name: set(modules) for name, (modules, _) in version.EXTRAS.items()} == extras


def test_version_says_what_an_extra_that_is_not_there_would_bring(monkeypatch):
    monkeypatch.setattr(version, "find_spec", lambda name: None if name in ("uvloop", "uvicorn", "websockets") else name)
    assert version.extras() == [
        "fast: without uvloop: asyncio's event loop is used; pip install 'fastgate[fast]'",
        "validator: jsonschema",
        "trust: cryptography",
        "asgi: without uvicorn and websockets: no services that are ASGI applications; pip install 'fastgate[asgi]'",
    ]


@pytest.mark.parametrize("command", main.COMMANDS)
def test_every_command_has_help_with_examples(command, capsys):
    with pytest.raises(SystemExit) as end:
        main.main([command, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: fastgate {command}" in out and "examples:\n  " in out


@pytest.mark.parametrize("command", main.COMMANDS)
def test_examples_are_understood(command):
    """Each example in the help parses, environment and what follows a shell operator aside."""
    parser, module = main.build_parser(), import_module(f"fastgate.cli.{command}")
    for example in module.EXAMPLES:
        words = example.split("&&")[0].split()
        while words[0] != "fastgate":
            assert "=" in words.pop(0)
        assert parser.parse_args(words[1:]).run is module.run


@pytest.mark.parametrize("args", [[], ["fly"], ["run", "--workers", "0"], ["run", "--workers", "many"],
                                  ["run", "--log-level", "loud"], ["reload", "--timeout", "soon"], ["version", "x"]])
def test_wrong_usage_is_2_on_standard_error(args, capsys):
    with pytest.raises(SystemExit) as end:
        main.main(args)
    assert end.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "usage: fastgate" in captured.err


@pytest.mark.parametrize("command", ["run", "check"])
def test_no_configuration(command, tmp_path):
    code, out, err = run(command, cwd=tmp_path)
    assert (code, out) == (1, "") and "no fastgate.yaml here" in err and "fastgate demo" in err
    code, out, err = run(command, "-c", "missing.yaml", cwd=tmp_path)
    assert (code, out) == (1, "") and "missing.yaml: no such file" in err


@pytest.mark.parametrize("command", ["reload", "stop"])
def test_no_running_gateway(command, tmp_path):
    code, out, err = run(command, "-c", "x.yaml", env={"RUNTIME_DIRECTORY": str(tmp_path)}, cwd=tmp_path)
    assert (code, out) == (1, "") and f"fastgate {command}: no running gateway found for x.yaml" in err
    code, out, err = run(command, "--control-socket", str(tmp_path / "none.sock"))
    assert (code, out) == (1, "") and "no gateway answers at" in err


def test_configuration_from_the_environment(tmp_path):
    code, _, err = run("run", env={"FASTGATE_CONFIG": "/nowhere/f.yaml"})
    assert code == 1 and "/nowhere/f.yaml: no such file" in err
    code, _, err = run("run", "-c", "/else/f.yaml", env={"FASTGATE_CONFIG": "/nowhere/f.yaml"})
    assert code == 1 and "/else/f.yaml: no such file" in err


def test_flags_become_overrides():
    parse = main.build_parser().parse_args
    assert options.flags(parse(["run"])) == {}
    given = options.flags(parse(["run", "--listen", "a:1", "--proxy-listen", "unix:/b", "--status-listen", "off",
                                     "--workers", "2", "--log-level", "debug", "--access-log", "off"]))
    assert given == {"proxy_listen": ["a:1", "unix:/b"], "status_listen": "off", "workers": 2, "log_level": "debug",
                     "access_log": "off"}
    assert options.flags(parse(["run", "--workers", "auto"])) == {"workers": "auto"}


@pytest.mark.parametrize("args", [["version"], ["--help"], ["run", "--help"]])
def test_little_is_loaded_for_little(args):
    code = ("import sys\nfrom fastgate.cli.main import main\n"
            f"try: main({args!r})\nexcept SystemExit: pass\n"
            "print([m for m in ('asyncio', 'logging', 'uvloop', 'yaml', 'fastgate.config', 'fastgate.control',"
            " 'fastgate._core') if m in sys.modules])")
    out = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_public_names():
    import fastgate

    assert set(fastgate.__all__) <= set(dir(fastgate))
    assert fastgate.load_config.__module__.startswith("fastgate.config")
    with pytest.raises(AttributeError, match="no attribute 'fly'"):
        fastgate.fly
