"""docs/configuration.md: every key is there, with its true default."""

import re
from pathlib import Path

import pytest
from fastgate.config import overrides
from fastgate.config.entities import KINDS, REFUSED
from fastgate.config.gateway import GATEWAY, PARTS
from fastgate.config.yaml_tree import TreeBuilder

PAGE = (Path(__file__).parents[2] / "docs/configuration.md").read_text()


def rows(section):
    """{field: the text of its default} of the tables in the section with this heading."""
    text = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M)[1]
    found = {}
    for line in text.split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            for field in re.findall(r"`([^`]+)`", cells[0]):
                found[field] = cells[1].strip("`")
    return found


def check(found, fields, prefix=""):
    for name, field in fields.items():
        shown = found.pop(prefix + name)
        if field.default is not None and not isinstance(field.default, dict):
            assert TreeBuilder(f"x: {shown}").build()["x"] == field.default, name
        elif field.default is None:
            assert shown == "", name


def test_gateway_keys_and_defaults():
    found = rows("The gateway section")
    check(found, GATEWAY.fields)
    for name, part in PARTS.items():
        check(found, part.fields, name + ".")
    assert not found, "the page has keys that do not exist"


@pytest.mark.parametrize("collection", ["services", "routes", "upstreams", "targets"])
def test_entity_fields_and_defaults(collection):
    common = rows("All entities")
    found = rows(collection)
    check({**common, **found}, KINDS[collection].record.fields)
    assert set(found) <= {*KINDS[collection].record.fields, "targets"}


def test_top_level_keys_are_named():
    for name in (*KINDS, "_format_version", "_transform", "_comment", "_ignore", "gateway"):
        assert f"`{name}`" in PAGE, name
    for name in ("certificates", "ca_certificates", "vaults", "keys", "key_sets", "filter_chains", "workspaces"):
        assert name in REFUSED and f"`{name}`" in PAGE


def test_overrides_are_named():
    found = rows("Variables and flags over the file")
    assert set(found) == set(overrides.KEYS)
    for key in overrides.KEYS:
        assert found[key].startswith("FASTGATE_" + key.upper())
        assert f"`--{key.replace('_', '-')}`" in PAGE


def test_links_lead_somewhere():
    headings = {re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-") for line in PAGE.split("\n")
                if line.startswith("## ")}
    assert {link for link in re.findall(r"\]\(#([^)]+)\)", PAGE)} <= headings


def test_shown_errors_are_what_the_loader_says():
    from .support import HEAD, errors_of

    said = {str(error).partition(": ")[2] for error in errors_of(
        HEAD + "services:\n- name: orders\n  host: a\n  prot: 1\n  routes:\n  - paths: [orders]\n")}
    shown = {line.partition(": ")[2] for line in PAGE.split("\n") if line.startswith("fastgate.yaml:")}
    assert shown == said
