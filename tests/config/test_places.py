"""Where what the core found wrong stands in the file."""

import pytest
from fastgate.config import load
from fastgate.config.places import place_of
from fastgate.plugins.registry import PLUGINS

TEXT = """\
_format_version: "3.0"
services:
- url: http://a
  plugins:
  - name: cors
    config:
      methods:
      - GET
      max_age: 5
consumers:
- username: a
  keyauth_credentials:
  - key: k
    id: 6b1ad1d6-6d4f-4b0f-8a55-3c7a4c9be001
"""
CREDENTIAL = "6b1ad1d6-6d4f-4b0f-8a55-3c7a4c9be001"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "fastgate.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def model(file):
    return load(file, environ={}, plugins=PLUGINS)


@pytest.mark.parametrize("field, place", [
    ("max_age", "9: services[0].plugins[0].config.max_age"), ("config.max_age", "9: services[0].plugins[0].config.max_age"),
    ("methods[0]", "8: services[0].plugins[0].config.methods[0]"), ("origins", "6: services[0].plugins[0].config.origins"),
    ("name", "5: services[0].plugins[0].name"), ("(a[", "5: services[0].plugins[0]"),
])
def test_a_plugins_field(file, model, field, place):
    (plugin,) = model.plugins
    assert place_of(model, plugin["id"], field) == f"{file}:{place}"


def test_a_credentials_field(file, model):
    assert place_of(model, CREDENTIAL, "key") == f"{file}:13: consumers[0].keyauth_credentials[0].key"


def test_what_has_no_place(model):
    assert place_of(model, None, "key") is None and place_of(model, model.services[0]["id"], "url") is None


def test_a_file_that_has_changed_since_has_no_lines(file, model):
    file.write_text(TEXT + "\n")
    assert place_of(model, CREDENTIAL, "key") == f"{file}: consumers[0].keyauth_credentials[0].key"
    file.unlink()
    assert place_of(model, CREDENTIAL, "key") == f"{file}: consumers[0].keyauth_credentials[0].key"
