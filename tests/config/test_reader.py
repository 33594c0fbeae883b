"""Texts that are not configurations: unreadable files, broken YAML and JSON, YAML's traps."""

import pytest
import yaml
from fastgate.config import ConfigErrors, load, reader, yaml_tree

from .support import HEAD, errors_of, loaded, the_error


def refusal(path):
    with pytest.raises(ConfigErrors) as refused:
        load(path, environ={})
    (error,) = refused.value.errors
    return error


def test_missing_file_is_refused(tmp_path):
    error = refusal(tmp_path / "none.yaml")
    assert error.file == str(tmp_path / "none.yaml") and error.line == 0 and "No such file" in error.message


def test_directory_is_refused(tmp_path):
    assert "can't be read" in refusal(tmp_path).message


def test_name_with_nul_is_refused():
    assert "can't be read" in refusal("a\0b").message


def test_file_over_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "LARGEST", 1000)
    (tmp_path / "a.yaml").write_text(HEAD + "#" * 1000)
    assert "larger than" in refusal(tmp_path / "a.yaml").message


def test_bytes_that_are_no_utf8_are_refused_with_their_line(tmp_path):
    (tmp_path / "a.yaml").write_bytes(HEAD.encode() + b"# \xe9\n")
    error = refusal(tmp_path / "a.yaml")
    assert error.line == 2 and "0xe9" in error.message


def test_byte_order_mark_is_skipped(tmp_path):
    for name, text in (("a.yaml", HEAD), ("a.json", '{"_format_version": "3.0"}')):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert load(tmp_path / name, environ={}).source == str(tmp_path / name)


def test_json_is_told_by_its_extension(tmp_path):
    (tmp_path / "a.JSON").write_text(HEAD)
    assert "not valid JSON" in refusal(tmp_path / "a.JSON").message
    (tmp_path / "a.yaml").write_text('{"_format_version": "3.0"}')
    assert load(tmp_path / "a.yaml", environ={})


def test_unknown_format_is_the_callers_mistake():
    with pytest.raises(ValueError, match="yaml"):
        loaded("", "toml")


@pytest.mark.parametrize("text", ["", "   \n# nothing\n", "[]", "a", "5", "---\n"])
def test_text_without_mapping_is_refused(text):
    assert "expected a mapping" in the_error(text).message


@pytest.mark.parametrize("text, line, part", [
    ("a: [1\nb: 2\n", 2, "not valid YAML"),
    ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
    ("a: 'x\n", 1, "not valid YAML"),
    ("a: \x01\n", 0, "not valid YAML"),
    ("a: 1\n---\nb: 2\n", 2, "second document"),
    ("a: !!python/object:os.system x\n", 1, "tag"),
    ("a: !custom {}\n", 1, "tag"),
    ("a: 1\nb: *x\n", 2, "no anchor &x"),
    ("a: &x\n  - *x\n", 2, "refers to what it is part of"),
    ("? [a]\n: 1\n", 1, "plain word"),
    ("a: &x 5\n*x : 1\n", 2, "plain word"),
    ("<<: 5\n", 1, "<< takes a mapping"),
    ("a: " + "[" * 200 + "]" * 200, 1, "levels deep"),
])
def test_yaml_is_refused_with_its_line(text, line, part):
    error = the_error(text)
    assert error.line == line and part in error.message, error


@pytest.mark.parametrize("text, line, part", [
    ('{"a": 1,\n5}', 2, "not valid JSON"),
    ("{'a': 1}", 1, "not valid JSON"),
    ('{"a": NaN}', 0, "NaN"),
    ('{"a": 1} x', 1, "not valid JSON"),
    ("[" * 100000, 0, "nested too deeply"),
    ('{"a": ' + "1" * 5000 + "}", 0, "not valid JSON"),
])
def test_json_is_refused_with_its_line(text, line, part):
    error = the_error(text, "json")
    assert error.line == line and part in error.message, error


@pytest.mark.parametrize("form, text", [
    ("yaml", '_format_version: "3.0"\nservices:\n- host: a\n  host: b\n  port: 99999\ngateway: {}\ngateway: {}\n'),
    ("json", '{"_format_version": "3.0",\n"services": [\n{"host": "a",\n"host": "b",\n"port": 99999}],'
             '"gateway": {},\n"gateway": {}}'),
])
def test_repeated_keys_are_refused_beside_other_errors(form, text):
    errors = errors_of(text, form)
    assert [error.path for error in errors] == ["services[0].host", "services[0].port", "gateway"]
    assert [error.line for error in errors] == ([4, 5, 7] if form == "yaml" else [4, 5, 6])
    assert "twice" in errors[0].message


def test_aliases_and_merges_are_expanded():
    model = loaded(HEAD + """
_ignore: [&base {retries: 1, port: 81}, &more {port: 82, path: /x}]
services:
- <<: *base
  host: a
- <<: [*base, *more]
  host: b
  retries: 7
- {<<: *more, host: &h c}
- host: *h
  name: d
""")
    assert [(s["host"], s["port"], s["retries"], s["path"]) for s in model.services] == \
        [("a", 81, 1, None), ("b", 81, 7, "/x"), ("c", 82, 5, "/x"), ("c", 80, 5, None)]


def test_aliases_can_not_blow_up():
    lines = ["_format_version: '3.0'", "_ignore:", "- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"- &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    error = the_error("\n".join(lines))
    assert "aliases expand to more than" in error.message and error.line > 3


def test_scalars_that_surprise_stay_text():
    model = loaded(HEAD + """
routes:
- name: 2024-01-01
  tags: [0100, 1:30, 1_000, 1.2.3, 2001-12-14t21:59:43.10-05:00, +, ., -, y, n]
  paths: [/]
""")
    assert model.routes[0]["name"] == "2024-01-01"
    assert model.routes[0]["tags"] == ["0100", "1:30", "1_000", "1.2.3", "2001-12-14t21:59:43.10-05:00", "+", ".", "-",
                                       "y", "n"]


@pytest.mark.parametrize("text, message", [
    ("port: 0100", "not the text"), ("port: 1:30", "not the text"), ("port: 1e3", None), ("port: 0x50", None),
    ("port: .inf", "not the number inf"), ("port: .nan", "not the number nan"), ("port: 80.0", None),
    ("port: 2024-01-01", "not the text"), ("enabled: on", None), ("enabled: 1", "not the number"),
    ("enabled: 'yes'", "not the text"), ("name: 5", "put it in quotes"), ("name: !!str 5", None),
    ("port: !!int '80'", None), ("port: '80'", "not the text"), ("path: ~", None), ("retries: " + "9" * 5000, "not the text"),
])
def test_scalars_read_as_yaml_users_expect(text, message):
    text = HEAD + f"services:\n- host: a\n  {text}\n"
    if message is None:
        assert loaded(text).services
    else:
        assert message in the_error(text).message


def test_yaml_without_its_c_library_reads_the_same(monkeypatch):
    text = HEAD + "a: &x {b: [1, yes, 'c', \"d\\n\", !!str 5, ~], <<: {e: f}}\ng: *x\n"
    tree = yaml_tree.TreeBuilder(text).build()
    monkeypatch.setattr(yaml_tree, "_Loader", yaml.SafeLoader)
    assert yaml_tree.TreeBuilder(text).build() == tree == {
        "_format_version": "3.0", "a": {"b": [1, True, "c", "d\n", "5", None], "e": "f"}, "g": tree["a"]}
    for broken in ("a: [1", "a: 1\n---\n", "a: \x01", "a: !x 1", "a: 'x"):
        assert len(errors_of(broken)) == 1
