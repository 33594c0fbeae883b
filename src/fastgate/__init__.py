"""fastgate: an API gateway with Kong's interface, a compiled core and plugins in Python.

Public names, loaded when first used:

`load_config(path)` reads and validates a declarative file and returns its `Model`; raises `ConfigErrors`.
`run_gateway(source)` runs a gateway in this process, as `fastgate run` does; `Source` says where its
configuration comes from.
`Plugin`, `Context` and `Response` are for plugins: see `fastgate.sdk`.
"""

from typing import TYPE_CHECKING

from fastgate._version import __version__

if TYPE_CHECKING:     # for editors
    from fastgate.config import ConfigErrors, Model
    from fastgate.config import load as load_config
    from fastgate.control.run import run_gateway
    from fastgate.control.source import Source
    from fastgate.sdk import Context, Plugin, Response

__all__ = ["ConfigErrors", "Context", "Model", "Plugin", "Response", "Source", "__version__", "load_config", "run_gateway"]

_PLACES = {
    "ConfigErrors": ("fastgate.config", "ConfigErrors"),
    "Context": ("fastgate.sdk", "Context"),
    "Model": ("fastgate.config", "Model"),
    "Plugin": ("fastgate.sdk", "Plugin"),
    "Response": ("fastgate.sdk", "Response"),
    "Source": ("fastgate.control.source", "Source"),
    "load_config": ("fastgate.config", "load"),
    "run_gateway": ("fastgate.control.run", "run_gateway"),
}


def __getattr__(name: str) -> object:
    try:
        module, attribute = _PLACES[name]
    except KeyError:
        raise AttributeError(f"module 'fastgate' has no attribute {name!r}") from None
    from importlib import import_module

    value = globals()[name] = getattr(import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
