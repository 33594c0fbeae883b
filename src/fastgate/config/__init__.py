"""The declarative configuration: Kong's 3.0 format and a `gateway:` section.

`load(path)` gives a `Model`, plain dicts with every field present, or raises
`ConfigErrors` with all that is wrong, each with file, line, path and what to do.
No sockets and nothing of the core here. Reading order: loader, reader, schema,
services and its siblings, references, ids.
"""

from .errors import ConfigError, ConfigErrors
from .loader import load, load_text
from .model import Model

__all__ = ["ConfigError", "ConfigErrors", "Model", "load", "load_text"]
