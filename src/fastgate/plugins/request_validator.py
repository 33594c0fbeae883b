"""request-validator: lets requests pass whose body and parameters are as a schema says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

from fastgate.sdk import Context, Plugin, Request, Response

from .json_schema import Checker, NoJson, read_json

BAD_BODY = "request body doesn't conform to schema"
BAD_PARAMETER = "request param doesn't conform to schema"
BAD_TYPE = "specified Content-Type is not allowed"
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\s*;.*)?\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?(?:[eE][+-]?\d+)?\Z")
_SEPARATORS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}


class RequestValidator(Plugin):
    name = "request-validator"
    version = "1.0.0"
    priority = 999
    reads_body = True

    class Config:
        body_schema: Any = None
        parameter_schema: list[dict[str, Any]] = []
        version: Literal["kong", "draft4", "draft6", "draft7", "draft201909", "draft202012"] = "kong"
        allowed_content_types: list[str] = ["application/json"]
        content_type_parameter_validation: bool = True
        verbose_response: bool = False
        path_template: str | None = None

        def __post_init__(self) -> None:
            if self.body_schema is None and not self.parameter_schema:
                raise ValueError("give body_schema, parameter_schema or both")
            for one in self.allowed_content_types:
                if not _MEDIA_TYPE.match(one):
                    raise ValueError(f"allowed_content_types: {one!r} is no type like application/json")
            Rules(self)

    def init(self) -> None:
        self.refusals = self.tools.metrics.counter("refusals", "Requests answered with 400, by what was wrong.", "what")
        self.rules: dict[int, tuple[Any, Rules]] = {}       # by id of the Config, which is held with them

    @classmethod
    def uses(cls, config: Config) -> tuple[set[str], bool]:
        return {"access"}, config.body_schema is not None

    def configure(self, configs: list[Config]) -> None:
        self.rules = {id(config): (config, Rules(config)) for config in configs}

    def access(self, context: Context, config: Config) -> Response | None:
        held = self.rules.get(id(config))       # not there: a request of the configuration before
        rules = held[1] if held is not None else Rules(config)
        for what, message, errors in rules.problems(context.request):
            self.refusals.increase(what=what)
            if not config.verbose_response:
                return Response(400, message=message)
            return Response(400, json={"message": message, "errors": errors})
        return None


Problem = tuple[str, str, list[dict[str, str]]]


class Rules:
    """A configuration, compiled. In any thread."""

    def __init__(self, config: Any) -> None:
        """Raises ValueError."""
        self._config = config
        self._types = [media_type(one) for one in config.allowed_content_types]
        self._body = None
        if config.body_schema is not None:
            try:
                self._body = Checker(config.body_schema, config.version)
            except ValueError as error:
                raise ValueError(f"body_schema: {error}") from None
        self._template = None if config.path_template is None else template_of(config.path_template)
        self._parameters = [ParameterRule(one, f"parameter_schema[{at}]", config.version, self._template)
                            for at, one in enumerate(config.parameter_schema)]

    def problems(self, request: Request) -> Iterable[Problem]:
        """The first ends it."""
        places = {"query": _pairs(request.query), "header": [(name.lower(), value) for name, value in request.headers],
                  "path": [] if self._template is None else captured(self._template, request.path)}
        for rule in self._parameters:
            errors = rule.errors(places[rule.place])
            if errors:
                yield "parameter", BAD_PARAMETER, errors
        if self._body is None:
            return
        given = media_type(request.header("Content-Type") or "")
        if not any(self._allows(one, given) for one in self._types):
            yield "content_type", BAD_TYPE, [{"path": "Content-Type", "message": f"{given[0] or 'none'} is not allowed"}]
        if given[0] == "application/json" or given[0].endswith("+json"):
            try:
                errors = self._body.errors(read_json(request.body))
            except NoJson as error:
                errors = [{"path": "$", "message": str(error)}]
            if errors:
                yield "body", BAD_BODY, errors

    def _allows(self, allowed: tuple[str, dict[str, str]], given: tuple[str, dict[str, str]]) -> bool:
        kind, _, rest = allowed[0].partition("/")
        given_kind, _, given_rest = given[0].partition("/")
        if not given_rest or kind not in ("*", given_kind) or rest not in ("*", given_rest):
            return False
        return not self._config.content_type_parameter_validation or allowed[1].items() <= given[1].items()


class ParameterRule:
    """One entry of `parameter_schema`: Kong's names."""

    def __init__(self, given: dict[str, Any], label: str, version: str, template: list[str] | None) -> None:
        """Raises ValueError."""
        unknown = given.keys() - {"in", "name", "required", "schema", "style", "explode"}
        if unknown:
            raise ValueError(f"{label}: unknown key {min(unknown)!r}")
        self.place, self.name = given.get("in"), given.get("name")
        if self.place not in ("path", "query", "header") or not isinstance(self.name, str) or not self.name:
            raise ValueError(f"{label}: needs name, and in: path, query or header")
        if self.place == "path" and f"{{{self.name}}}" not in (template or []):
            raise ValueError(f"{label}: path_template must have {{{self.name}}} in it, like /users/{{{self.name}}}")
        self.key = self.name.lower() if self.place == "header" else self.name
        self.is_required = bool(given.get("required", False)) or self.place == "path"
        self.style = given.get("style") or ("form" if self.place == "query" else "simple")
        if self.style not in (("form", "spaceDelimited", "pipeDelimited") if self.place == "query" else ("simple",)):
            raise ValueError(f"{label}: the style {self.style!r} is not in this version")
        explode = given.get("explode")
        self.explodes = self.style == "form" if explode is None else bool(explode)
        self._checker = None
        if given.get("schema") is not None:
            try:
                # Kong's parameter schemas are JSON Schema, whatever the body's is.
                self._checker = Checker(given["schema"], "draft4" if version == "kong" else version)
            except ValueError as error:
                raise ValueError(f"{label}.schema: {error}") from None

    def errors(self, pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
        values = [value for name, value in pairs if name == self.key]
        where = f"{self.place}.{self.name}"
        if not values:
            return [{"path": where, "message": "it is missing"}] if self.is_required else []
        if self._checker is None:
            return []
        schema = self._checker.schema if isinstance(self._checker.schema, dict) else {}
        if schema.get("type") == "array":
            items = schema.get("items")
            if not (self.explodes and self.place == "query"):
                values = [part for value in values for part in value.split(_SEPARATORS[self.style])]
            found: Any = [converted(value.strip() if self.place == "header" else value, items) for value in values]
        elif len(values) > 1:
            return [{"path": where, "message": "it is there more than once"}]
        else:
            found = converted(values[0], schema)
        return [one | {"path": where + one["path"][1:]} for one in self._checker.errors(found)]


def converted(value: str, schema: Any) -> Any:
    """A text as the type that the schema asks for, where it can be read so."""
    kinds = schema.get("type") if isinstance(schema, dict) else None
    kinds = kinds if isinstance(kinds, list) else [kinds]
    number = _NUMBER.match(value)
    if number and len(value) <= 64 and ("number" in kinds or "integer" in kinds):
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if "boolean" in kinds and value in ("true", "false"):
        return value == "true"
    return value


def media_type(text: str) -> tuple[str, dict[str, str]]:
    """("application/json", {"charset": "utf-8"}), in lower case."""
    kind, *parameters = (part.strip().lower() for part in text.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters if parameter)
    return kind, {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def template_of(text: str) -> list[str]:
    """ "/users/{id}" in segments. Raises ValueError."""
    if not text.startswith("/"):
        raise ValueError('path_template: begins with "/", like /users/{id}')
    return text.split("/")


def captured(template: list[str], path: str) -> list[tuple[str, str]]:
    """What stands in the path where the template has names; nothing, when the path is another."""
    segments = path.split("/")
    if len(segments) != len(template):
        return []
    found = []
    for wanted, segment in zip(template, segments):
        if wanted[:1] == "{" and wanted[-1:] == "}":
            found.append((wanted[1:-1], unquote(segment)))
        elif wanted != segment:
            return []
    return found


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)
