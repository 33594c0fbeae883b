"""How these tests load texts: with an empty environment and a fixed time."""

import json

from fastgate.config import ConfigErrors, load_text
from fastgate.plugins.registry import PLUGINS

NOW = 1_700_000_000
HEAD = '_format_version: "3.0"\n'


def loaded(config, form="yaml", **options):
    """The Model of a YAML text, or of a dict written as JSON."""
    if isinstance(config, dict):
        config, form = json.dumps(config), "json"
    return load_text(config, f"gw.{form}", form, **{"environ": {}, "now": NOW, **options})


def errors_of(config, form="yaml", **options):
    """What the text is refused with; fails when it is accepted."""
    try:
        loaded(config, form, **options)
    except ConfigErrors as refused:
        return refused.errors
    raise AssertionError("the configuration was accepted")


def places(config, form="yaml", **options):
    """The refusals as (line, path)."""
    return [(error.line, error.path) for error in errors_of(config, form, **options)]


def the_error(config, form="yaml", **options):
    errors = errors_of(config, form, **options)
    assert len(errors) == 1, "\n".join(map(str, errors))
    return errors[0]


def service_with(**fields):
    """A configuration with one service of these fields."""
    return {"_format_version": "3.0", "services": [{"host": "a", **fields}]}


def route_with(**fields):
    return {"_format_version": "3.0", "routes": [fields]}


def upstream_with(**fields):
    return {"_format_version": "3.0", "upstreams": [{"name": "u", **fields}]}


def gateway_with(**fields):
    return {"_format_version": "3.0", "gateway": fields}


def plugin_with(name, config=None, **fields):
    """A configuration with one plugin, and a consumer "guest"."""
    return {"_format_version": "3.0", "consumers": [{"username": "guest"}],
            "plugins": [{"name": name, "config": config, **fields}]}


def plugin_config(name, config=None):
    """What the Model has as the plugin's config."""
    (plugin,) = loaded(plugin_with(name, config), plugins=PLUGINS).plugins
    return plugin["config"]
