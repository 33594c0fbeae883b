"""Whatever a file holds, loading gives a Model or ConfigErrors, and errors that can be printed."""

import json

from fastgate.config import ConfigErrors, load_text
from fastgate.config.entities import FOREIGN_KEYS, KINDS, REFUSED
from fastgate.config.gateway import GATEWAY, PARTS
from fastgate.plugins.registry import PLUGINS
from hypothesis import given, settings
from hypothesis import strategies as st

words = sorted({key for kind in KINDS.values() for key in (*kind.record.fields, *kind.record.nested)} | {*KINDS, *REFUSED}
               | {*FOREIGN_KEYS, *GATEWAY.fields} | {key for part in PARTS.values() for key in part.fields}
               | {"gateway", "_format_version", "_transform", "_comment", "_ignore", "active", "passive", "healthy"})
texts = st.sampled_from([
    "", "a", "/", "/a/../b", "~/(", "~/a", "~*", "a:80", "10.0.0.1", "[::1]:8", "*.a", "unix:/a", "http://a:1/b", "http:",
    "${X}", "${X:-1}", "{vault://env/x}", "$${", "GET", "none", "header", "stdout", "off", "auto", "\ud800", "\0", "é",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "3.0", "2.1", "10.0.0.0/8", "x" * 5000,
]) | st.text(max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
keys = st.sampled_from(words) | st.text(max_size=5)
trees = st.recursive(scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=6),
                     max_leaves=30)


def entities(name, depth=2):
    """Lists of what looks like entities of a collection, children included."""
    record = KINDS[name].record
    fields = {key: scalars | st.lists(texts, max_size=2) | trees for key in record.fields}
    if depth:
        fields |= {key: entities(key, depth - 1) for key in record.nested if key in KINDS}
    return st.lists(st.fixed_dictionaries({}, optional=fields), max_size=3)


configs = st.fixed_dictionaries({"_format_version": st.sampled_from(["3.0", "2.1"])}, optional={
    **{name: entities(name) for name in ("services", "routes", "upstreams", "targets", "consumers", "plugins")},
    "gateway": st.fixed_dictionaries({}, optional={key: trees for key in GATEWAY.fields})})


plugins = st.sampled_from(sorted(PLUGINS)).flatmap(lambda name: st.fixed_dictionaries(
    {"name": st.just(name)}, optional={"config": st.fixed_dictionaries(
        {}, optional={key: scalars | st.lists(texts, max_size=2) | trees for key in PLUGINS[name].CONFIG.fields})}))


def never_fails(text, form):
    try:
        model = load_text(text, "f", form, environ={"X": "1"}, allow_unknown_plugins=True, check_pattern=lambda _: None,
                          plugins=PLUGINS)
    except ConfigErrors as refused:
        assert refused.errors
        str(refused).encode()
        for error in refused.errors:
            assert error.message and 0 <= error.line <= len(text.splitlines()) + 1
    else:
        for entity in (*model.services, *model.routes, *model.upstreams, *model.consumers, *model.plugins):
            assert entity["id"] and entity["created_at"] is not None
        "\n".join(model.warnings).encode()


@given(trees | configs)
@settings(max_examples=60)
def test_any_json_structure(tree):
    never_fails(json.dumps(tree).replace("NaN", "5").replace("Infinity", "1e999"), "json")


@given(st.lists(plugins, max_size=4))
@settings(max_examples=60)
def test_any_plugins(several):
    never_fails(json.dumps({"_format_version": "3.0", "plugins": several}).replace("NaN", "5").replace("Infinity", "1e999"),
                "json")


@given(trees | configs)
@settings(max_examples=30)
def test_any_structure_as_yaml(tree):
    never_fails(json.dumps(tree, indent=1), "yaml")


@given(st.lists(st.sampled_from(['_format_version: "3.0"', "\n", "services:", "- ", "  ", "host: a", "&a ", "*a", "<<: ",
                                 "{", "}", "[", "]", ",", ": ", "? ", "| ", "> ", "'", '"', "#", "!!str ", "!x ", "---\n",
                                 "...", "%YAML 1.1", "\t", "é", "\0", "${X}", "\r"]), max_size=30).map("".join),
       st.sampled_from(["yaml", "json"]))
@settings(max_examples=400)
def test_any_text(text, form):
    never_fails(text, form)


@given(st.binary(max_size=60))
def test_any_bytes(tmp_path_factory, raw):
    from fastgate.config import load

    path = tmp_path_factory.mktemp("fuzz") / "f.yaml"
    path.write_bytes(raw)
    try:
        load(path, environ={})
    except ConfigErrors as refused:
        str(refused).encode()
