"""What a plugin raised, in a line that says where in its own code."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .module_loader import PREFIX


def raised(error: BaseException, plugin_class: type[Any] | None = None) -> str:
    """`raised KeyError: 'b' (plugins/quota/part.py:5)`. plugin_class: of a plugin that may have been imported as any other
    module is. Without a place where no code of a plugin's had a part."""
    text = f"raised {type(error).__name__}"
    if str(error):
        text += f": {error}"
    place = _place(error, plugin_class.__module__.partition(".")[0] if plugin_class is not None else "")
    return f"{text} ({place})" if place else text


def _place(error: BaseException, top: str) -> str:
    """Of the innermost frame in a plugin's code: what it calls is seldom to blame."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno and not error.filename.startswith("<"):
        return f"{error.filename}:{error.lineno}"
    place = ""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        owner = str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if owner.startswith(PREFIX) or (owner == top and top != "fastgate"):        # fastgate's own says what the operator can do
            place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
