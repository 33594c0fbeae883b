"""From "package.module:app" to the application, and what is wrong when there is none."""

import asyncio
import inspect
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

CALL = "()"                 # after a name: the function is called, and what it returns is the application
NEEDED = ("uvicorn", "websockets")


class NotFound(Exception):
    """The message says what can't be used, and why."""


def problem_of(name: str, folder: str | None) -> str | None:
    """Why the application can't be used, or None. Imports its module, which stays imported if it could be."""
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        return f"an ASGI application needs {' and '.join(missing)}: pip install 'fastgate[asgi]'"
    if folder is not None:
        if not os.path.isdir(folder):
            return f"gateway.asgi.path: {folder} is not a folder"
        _look_into(folder)
    try:
        find(name)
    except NotFound as error:
        return str(error)
    return None


def find(name: str) -> Any:
    """The application, or the function that makes it. Raises NotFound."""
    module_name, _, attribute = name.partition(":")
    found = module = _import(module_name)
    for part in attribute.removesuffix(CALL).split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise NotFound(f"{module_name} has no {attribute.removesuffix(CALL)}; {_origin(module)}") from None
    if not callable(found):
        raise NotFound(f"{name} is {type(found).__name__}, which can't be called: an ASGI application can")
    if not attribute.endswith(CALL) and inspect.isfunction(found) and not asyncio.iscoroutinefunction(found):
        raise NotFound(f"{name} is a function that is not async, no ASGI 3 application; if it makes one, "
                       f"write {name}{CALL}")
    return found


def _import(module_name: str) -> Any:
    try:
        return import_module(module_name)
    except BaseException as error:      # SystemExit and the like would end the gateway
        hint = ""
        if isinstance(error, ModuleNotFoundError) and module_name.split(".")[0] == error.name:
            hint = "; gateway.asgi.path names the folder it is in"
        raise NotFound(f"importing {module_name} raised {type(error).__name__}: {error}{hint}") from error


def _origin(module: ModuleType) -> str:
    """A module of the standard library hides the one that was meant."""
    file = getattr(module, "__file__", None) or "built in"
    if module.__name__.split(".")[0] in sys.stdlib_module_names:
        return f"it is the standard library's ({file}): give your own module another name"
    return f"it is {file}"


def _look_into(folder: str) -> None:
    """Behind everything else: a file there called json.py must not be the gateway's json."""
    path = os.path.abspath(folder)
    if path not in sys.path:
        sys.path.append(path)
