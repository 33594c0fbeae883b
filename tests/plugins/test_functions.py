"""pre-function and post-function: how snippets are compiled, and what is said of those that can't be."""

from __future__ import annotations

import asyncio
import json
import traceback

import pytest
from fastgate.config import ConfigErrors, load
from fastgate.plugins.functions import PostFunction, PreFunction, compiled, reads_body
from fastgate.plugins.registry import PLUGINS, find_python
from fastgate.sdk import Contract


def run(source: str, context: object = None, config: object = None):
    return asyncio.run(compiled(source, "access[0]")(context, config))


@pytest.mark.parametrize("source, result", [
    ("return context + config", 3), ("pass", None), ("", None), ("# nothing\n", None), ("x = 1\nif x:\n    return x\nreturn 2", 1),
    ("import asyncio\nawait asyncio.sleep(0)\nreturn 'later'", "later"), ("return '''a\n b'''", "a\n b"),
    ("def double(n):\n    return n * 2\nreturn double(context)", 2),
    ("return type(Response(403)).__name__", "Response"), ("'a docstring'\nreturn 1", 1),
])
def test_a_snippet_is_the_body_of_a_function(source, result):
    assert run(source, 1, 2) == result


@pytest.mark.parametrize("source, message", [
    ("return (", r"access\[0\], line 1: "), ("x = 1\n  y = 2", r"access\[0\], line 2: unexpected indent"),
    ("x = 1\ny = 2\nnonlocal x", r"line 3: "), ("yield 1", "can't yield"), ("from os import *", "line 1: "),
    ("local x = 1\n", "line 1: .*; it looks like Lua: snippets are Python here"),
    ("-- a comment\nreturn 1", "it looks like Lua"), ("\nif a then\n  b()\nend", "line 2: .*looks like Lua"),
    ("x = 1\nkong.response.exit(403)", "line 2: kong is there in Lua"), ("ngx.say('a')", "ngx is there in Lua"),
    ("(" * 5000 + ")" * 5000, r"access\[0\]"), ("x = 1\0", r"null byte"),
])
def test_what_is_refused(source, message):
    with pytest.raises(ValueError, match=message):
        compiled(source, "access[0]")


def test_tracebacks_name_the_snippet_and_its_line():
    with pytest.raises(ZeroDivisionError) as raised:
        run("x = 1\n\n1 / 0")
    last = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == ("<access[0]>", 3)


@pytest.mark.parametrize("source, reads", [
    ("context.request.body", True), ("r = context.request\nr.set_body(b'')", True), ("context.request.json()", True),
    ("return context.request.form()['a']", True), ("context.request.header('body')", False), ("x.json()", False), ("", False),
])
def test_bodies_are_collected_for_snippets_that_ask_for_them(source, reads):
    assert reads_body(source) is reads


def model_of(tmp_path, **config):
    file = tmp_path / "gateway.json"
    file.write_text(json.dumps({"_format_version": "3.0", "plugins": [{"name": "pre-function", "config": config}]}, indent=1))
    return load(file, plugins=PLUGINS, find_plugins=find_python)


def test_a_configuration_says_what_it_needs(tmp_path):
    model = model_of(tmp_path, access=["return"], log=["pass", "context.log.info('x')"])
    assert model.plugins[0]["priority"] == PreFunction.priority == 1_000_000 and PostFunction.priority == -1000
    schema = Contract(PreFunction).schema
    config = schema.make(schema.read({"access": ["context.request.body"], "log": ["pass"]}, []))
    assert PreFunction.uses(config) == ({"access", "log"}, True)
    config = schema.make(schema.read({"rewrite": ["pass"]}, []))
    assert PreFunction.uses(config) == ({"rewrite"}, False)


@pytest.mark.parametrize("config, message", [
    ({"access": ["return 1", "x = 1\nreturn ("]}, r"plugins\[0\].config: .*access\[1\], line 2"),
    ({"certificate": ["pass"]}, "certificate: that phase is not in this version"),
    ({"acces": ["pass"]}, 'did you mean "access"'), ({"access": "return 1"}, r"config.access: expected a list"),
])
def test_a_wrong_configuration(tmp_path, config, message):
    with pytest.raises(ConfigErrors, match=message):
        model_of(tmp_path, **config)
