"""Model, errors, and what loading leaves behind."""

import gc
import hashlib
import subprocess
import sys

import pytest
from fastgate.config import ConfigError, ConfigErrors
from fastgate.config.errors import path_text, shown

from .support import HEAD, errors_of, loaded


@pytest.mark.parametrize("version, is_taken", [
    ('"3.0"', True), ("3.0", True), ('"2.1"', True), ("1.1", True), ('"3.1"', False), ("3", False), ("[]", False),
    ("{}", False), ("~", False), ("true", False), (".nan", False),
])
def test_format_version(version, is_taken):
    text = f"_format_version: {version}\n"
    if is_taken:
        assert loaded(text).services == []
    else:
        (error,) = errors_of(text)
        assert '"3.0"' in error.message


def test_hash_is_the_md5_of_the_text():
    text = HEAD + "# ü\n"
    assert loaded(text).hash == hashlib.md5(text.encode()).hexdigest()


def test_model_is_read_only_and_compares_by_content():
    model = loaded(HEAD)
    for change in (lambda: setattr(model, "routes", []), lambda: delattr(model, "routes"), lambda: setattr(model, "x", 1)):
        with pytest.raises(AttributeError):
            change()
    assert model == loaded(HEAD) and model != loaded(HEAD + "\n") and model != 5
    assert repr(model) == "<Model of gw.yaml: 0 services, 0 routes, 0 upstreams>"


def test_yaml_and_json_give_the_same_model():
    yaml = HEAD + "services:\n- name: s\n  url: http://a:1/b\n  routes: [{name: r, paths: [/x], headers: {x-a: [b]}}]\n"
    json = ('{"_format_version": "3.0", "services": [{"name": "s", "url": "http://a:1/b",'
            ' "routes": [{"name": "r", "paths": ["/x"], "headers": {"x-a": ["b"]}}]}]}')
    one, other = loaded(yaml), loaded(json, "json")
    assert (one.services, one.routes, one.gateway) == (other.services, other.routes, other.gateway)


def test_errors_print_a_line_each():
    error = ConfigError("a.yaml", 3, "services[0].host", "must not be empty")
    assert str(error) == "a.yaml:3: services[0].host: must not be empty"
    assert str(ConfigError("a.yaml", 0, "", "can't be read")) == "a.yaml: can't be read"
    assert str(ConfigErrors([error, error])) == f"{error}\n{error}"


@pytest.mark.parametrize("path, expected", [
    (("services", 2, "routes", 0, "paths", 1), "services[2].routes[0].paths[1]"), ((), ""),
    (("a", "x.y", "b"), 'a["x.y"].b'), (("", 0), '[""][0]'), (("a\nb",), '["a\\x0ab"]'),
])
def test_path_text(path, expected):
    assert path_text(path) == expected


@pytest.mark.parametrize("value, expected", [
    ("a", '"a"'), ("x" * 100, '"' + "x" * 77 + '..."'), ("\ud800\x1b", '"\\ud800\\x1b"'), (True, "true"), (5, "5"),
    (2**300, "a very long number"),
])
def test_shown_values_can_be_printed(value, expected):
    assert shown(value) == expected
    shown(value).encode()


def test_equal_defaults_are_shared():
    one, other = loaded(HEAD + "routes: [{paths: [/a]}, {paths: [/b]}]").routes
    assert one["protocols"] is other["protocols"]


def test_reloads_leave_nothing_behind():
    text = HEAD + "services:\n" + "".join(f"- {{name: s{n}, host: a, routes: [{{paths: [/{n}]}}]}}\n" for n in range(50))
    broken = text + "routes: [{service: nope, paths: [x]}]\n"

    def once():
        loaded(text)
        errors_of(broken)

    once()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(20):
        once()
    gc.collect()
    assert len(gc.get_objects()) - before < 50


def test_loading_keeps_the_collectors_state():
    for is_on in (True, False):
        (gc.enable if is_on else gc.disable)()
        try:
            loaded(HEAD)
            errors_of("")
            assert gc.isenabled() is is_on
        finally:
            gc.enable()


def test_json_needs_no_yaml_and_a_good_file_none_of_the_error_modules(tmp_path):
    (tmp_path / "a.json").write_text('{"_format_version": "3.0", "services": [{"url": "http://10.0.0.1"}]}')
    code = ("import sys; from fastgate.config import load; load(sys.argv[1], environ={});"
            "print(sorted({'yaml', 'difflib', 'ipaddress', 'dataclasses', 'inspect', 'fastgate.config.positions',"
            " 'fastgate._core', 'socket'} & set(sys.modules)))")
    found = subprocess.run([sys.executable, "-S", "-c", code, tmp_path / "a.json"], capture_output=True, text=True,
                           env={"PYTHONPATH": ":".join(sys.path)}, check=True)
    assert found.stdout.strip() == "[]"
