"""From an author's Config class to a dataclass."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from typing import Any, ClassVar, get_origin, get_type_hints

from .errors import PluginError


class _Copy:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> Any:
        return copy.deepcopy(self.value)


def hints_of(config_class: type, place: str) -> dict[str, Any]:
    """The annotations of the class and of those it derives from, theirs first."""
    names = {name: value for one in reversed(config_class.__mro__) for name, value in vars(one).items()}
    try:
        return get_type_hints(config_class, localns=names, include_extras=True)
    except Exception as error:
        raise PluginError(f"{place}: its annotations can't be read: {error}") from None


def is_dataclass_itself(one: type) -> bool:
    """dataclasses.is_dataclass is true of what derives from one, too."""
    return "__dataclass_fields__" in vars(one)


def is_field(hint: Any) -> bool:
    return hint is not ClassVar and get_origin(hint) is not ClassVar and not isinstance(hint, dataclasses.InitVar)


def _is_made_by_names(one: type) -> bool:
    """Not by a `__init__` or `__new__` of its own, as a NamedTuple's or a pydantic model's."""
    maker = next(base for base in one.__mro__ if "__init__" in vars(base))
    return (maker is object or is_dataclass_itself(maker)) and not any("__new__" in vars(base) for base in one.__mro__[:-1])


def make_dataclass(config_class: type, hints: dict[str, Any], place: str) -> None:
    """In place. What it derives from is left as it is: it may be others' too."""
    if not _is_made_by_names(config_class):
        raise PluginError(f"{place}: {config_class.__name__} makes its objects in its own way, so it can't be a Config: "
                          "write a plain class or a dataclass, and checks in __post_init__")
    plain_classes = [one for one in config_class.__mro__[:-1] if not is_dataclass_itself(one)]
    unannotated = [name for one in reversed(plain_classes) for name, value in vars(one).items()
                   if name[0] != "_" and name not in hints and not callable(value)
                   and not isinstance(value, (property, classmethod, staticmethod, type))]
    if unannotated:
        raise PluginError(f"{place}: {', '.join(unannotated)} needs a type: `{unannotated[0]}: … = …`")
    own = {}
    for name, hint in hints.items():
        owner = next(one for one in config_class.__mro__
                     if name in vars(one) or name in inspect.get_annotations(one))
        if is_dataclass_itself(owner):     # what it derives from hands its field down
            continue
        own[name] = hint
        default = getattr(config_class, name, None)
        if isinstance(default, dataclasses.Field):
            setattr(config_class, name, copy.copy(default))
        elif not isinstance(default, (str, int, float, type(None))):
            # What may be changed; and objects whose class has been made a dataclass since: they can't even be shown.
            setattr(config_class, name, dataclasses.field(default_factory=_Copy(default)))
    config_class.__annotations__ = own
    # A frozen dataclass can't derive from one that is not.
    is_frozen = all(one.__dataclass_params__.frozen for one in config_class.__mro__ if is_dataclass_itself(one))   # type: ignore[attr-defined]
    try:
        dataclasses.dataclass(frozen=is_frozen, kw_only=True)(config_class)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{place}: {error}") from None
