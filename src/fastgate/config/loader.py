"""A configuration file into a Model: parse → substitute → validate and flatten →
references → ids and defaults → uniqueness. Every step runs as far as it can, so
that all errors come out at once."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Mapping
from typing import Any, Callable

from . import applications, memory_budget, overrides, patterns, plugins as plugin_rows, reader, references, substitution
from .consumers import CREDENTIALS, check_hashed_passwords
from .errors import ConfigError, ConfigErrors, path_text, shown
from .gateway import GATEWAY
from .model import Model
from .scalars import type_problem
from .schema import Problems, prefix
from .services import default_name
from .upstreams import checks_health

_SMALL_MACHINE = memory_budget.Machine(workers=1, descriptors=20_000)
_VERSIONS = ("1.1", "2.1", "3.0")


def load(path: str | os.PathLike[str], *, allow_unknown_plugins: bool = False,
         environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None,
         check_pattern: Callable[[str], str | None] | None = None,
         plugins: plugin_rows.Plugins | None = None, find_plugins: plugin_rows.FindPlugins | None = None,
         find_application: applications.FindApplication | None = None,
         machine: memory_budget.Machine | None = None) -> Model:
    """The Model of the file at `path` (JSON when it ends in .json, else YAML).

    `environ` (default: the process's): for substitutions and FASTGATE_*
    overrides. `flags`: the command line's, over both: keys of overrides.KEYS,
    values as typed, None where not given. `check_pattern`: the core's regular
    expression compiler, giving what is wrong with a pattern or None. `plugins`:
    the native plugins (fastgate.plugins.registry's PLUGINS); without, none.
    `find_plugins`: the others, asked for when the file names one (its find_python).
    `find_application`: imports an ASGI application (fastgate.asgi.find's problem_of).
    `machine`: what memory_budget reckons with; without, a small one.

    Raises ConfigErrors with everything that is wrong.
    """
    text = reader.read_text(path)
    name = os.fspath(path)
    return load_text(text, name, reader.form_of(name), allow_unknown_plugins=allow_unknown_plugins, environ=environ,
                     flags=flags, check_pattern=check_pattern, plugins=plugins, find_plugins=find_plugins,
                     find_application=find_application, machine=machine)


def load_text(text: str, name: str, format: str = "yaml", *, allow_unknown_plugins: bool = False,
              environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None,
              check_pattern: Callable[[str], str | None] | None = None,
              plugins: plugin_rows.Plugins | None = None, find_plugins: plugin_rows.FindPlugins | None = None,
              find_application: applications.FindApplication | None = None,
              machine: memory_budget.Machine | None = None, now: int | None = None) -> Model:
    """As `load`, of text in `format` ("yaml" or "json") that messages call `name`.
    `now`: what entities without created_at get, in seconds."""
    if format not in ("yaml", "json"):
        raise ValueError(f'format is "yaml" or "json", not {format!r}')
    environ = os.environ if environ is None else environ
    # A large file makes 100,000 containers and no cycles: looking for cycles
    # among them takes longer than reading it.
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        return _load(text, name, format, environ, flags or {}, allow_unknown_plugins, check_pattern,
                     plugins or {}, find_plugins, find_application, machine or _SMALL_MACHINE,
                     int(time.time()) if now is None else now)
    finally:
        if is_collecting:
            gc.enable()


def _load(text: str, name: str, format: str, environ: Mapping[str, str], flags: Mapping[str, object],
          allow_unknown_plugins: bool, check_pattern: Callable[[str], str | None] | None,
          plugins: plugin_rows.Plugins, find_plugins: plugin_rows.FindPlugins | None,
          find_application: applications.FindApplication | None, machine: memory_budget.Machine, now: int) -> Model:
    tree, findings = reader.parse(text, name, format)
    problems: Problems = []
    if type(tree) is not dict:
        problems.append(((), type_problem("a mapping with _format_version, services, routes …", tree)))
        raise ConfigErrors(_errors(text, name, format, findings, problems, {}))
    if substitution.is_needed(text):
        substitution.substitute(tree, environ, problems)
    unresolved = {path for path, _ in problems}
    _check_version(tree, problems)
    gateway, origins = _read_gateway(tree.get("gateway"), environ, flags, machine, problems)
    rows = references.flatten(tree, problems)
    references.resolve(rows, problems)
    if tree.get("_transform") is False:
        check_hashed_passwords(rows["basicauth_credentials"], problems)
    if check_pattern is not None:
        patterns.check_patterns(rows["routes"], check_pattern, problems)
    references.check_unique(rows, problems)
    if "plugin_trust" in text and (findings or any(path[:2] in (("gateway",), ("gateway", "plugin_trust")) for path, _ in problems)):
        gateway["plugin_trust"] = []        # whom to trust is not clear: no plugin's code is run
    plugins, warnings = plugin_rows.all_known(rows, plugins, find_plugins, gateway, allow_unknown_plugins, problems)
    if find_application is not None:
        applications.check_applications(rows["services"], find_application, gateway["asgi"], problems)
    left_out = plugin_rows.check(rows, plugins, gateway, allow_unknown_plugins, check_pattern, problems)
    warnings = warnings + _ttl_warnings(rows)
    if not problems and not findings:
        references.give_ids(rows, now, problems)
    if problems or findings:
        if unresolved:
            problems = _without_echoes(problems, unresolved)
        raise ConfigErrors(_errors(text, name, format, findings, problems, origins))
    return _model(rows, gateway, left_out, text, name, warnings)


def _check_version(tree: dict[str, Any], problems: Problems) -> None:
    version = tree.get("_format_version")
    if type(version) is float:
        version = str(version)  # written without quotes
    if version is None:
        problems.append(((), '_format_version is missing; write _format_version: "3.0" at the top'))
    elif version not in _VERSIONS:
        problems.append((("_format_version",), f'expected "3.0" (or the older "1.1" or "2.1"), not {_brief(version)}'))
    elif version in patterns.OLD_VERSIONS:
        patterns.migrate_paths(tree)
    for key, kind, expected in (("_transform", bool, "true or false"), ("_comment", str, "text"),
                                ("_ignore", list, "a list")):
        value = tree.get(key)
        if value is not None and not isinstance(value, kind):
            problems.append(((key,), type_problem(expected, value)))


def _brief(value: object) -> str:
    return "a list or mapping" if isinstance(value, (list, dict)) else shown(value)


def _read_gateway(section: Any, environ: Mapping[str, str], flags: Mapping[str, object],
                  machine: memory_budget.Machine, problems: Problems) -> tuple[dict[str, Any], dict[str, str]]:
    if section is None:
        section = {}
    start = len(problems)
    if type(section) is not dict:
        problems.append(((), type_problem("a mapping", section)))
        section = {}
    merged, origins = overrides.apply(section, environ, flags)
    gateway = GATEWAY.read(merged, problems)
    if gateway["memory_budget"] is not None and len(problems) == start:
        memory_budget.apply(gateway, merged, machine, problems)
    prefix(problems, start, "gateway")
    return gateway, origins


def _without_echoes(problems: Problems, unresolved: set[tuple[str | int, ...]]) -> Problems:
    """Without what follows only from a substitution that failed: one problem a place."""
    seen = set()
    kept = []
    for path, message in problems:
        if path in unresolved:
            if path in seen:
                continue
            seen.add(path)
        kept.append((path, message))
    return kept


def _errors(text: str, name: str, form: str, findings: reader.Findings, problems: Problems,
            origins: dict[str, str]) -> list[ConfigError]:
    from .positions import find_lines

    lines = find_lines(text, form, [path for path, _ in problems])
    errors = [ConfigError(name, line, path_text(path), message) for path, line, message in findings]
    for path, message in problems:
        origin = origins.get(path[1]) if len(path) > 1 and path[0] == "gateway" else None
        errors.append(ConfigError(origin or name, 0 if origin else lines[path], path_text(path), message))
    return sorted(errors, key=lambda error: error.line)


def _model(rows: references.Rows, gateway: dict[str, Any], left_out: list[str], text: str, name: str,
           warnings: list[str]) -> Model:
    from hashlib import md5

    disabled = {service["id"] for service, _ in rows["services"] if not service["enabled"]}
    upstreams = {upstream["id"]: upstream for upstream, _ in rows["upstreams"]}
    for upstream in upstreams.values():
        upstream["targets"] = []
    for target, _ in rows["targets"]:
        upstreams[target["upstream"]]["targets"].append(target)
    services = [service for service, _ in rows["services"] if service["id"] not in disabled]
    routes = [route for route, _ in rows["routes"] if not disabled or route["service"] not in disabled]
    applications.keep_hosts(services, routes)
    warnings = warnings + _warnings(rows, gateway)
    return Model(
        gateway=gateway,
        services=services,
        routes=routes,
        upstreams=list(upstreams.values()),
        consumers=_with_credentials(rows),
        plugins=plugin_rows.finished(rows, routes, services, warnings),
        warnings=warnings,
        left_out=left_out,
        places={entity["id"]: path for kind in ("plugins", *CREDENTIALS) for entity, path in rows[kind]},
        source=name,
        hash=md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest(),
    )


def _with_credentials(rows: references.Rows) -> list[dict[str, Any]]:
    consumers = {consumer["id"]: consumer for consumer, _ in rows["consumers"]}
    for name in CREDENTIALS:
        if name == "oauth2_credentials":
            continue
        for consumer in consumers.values():
            consumer[name] = []
        for credential, _ in rows[name]:
            consumers[credential["consumer"]][name].append(credential)
    return list(consumers.values())


def _ttl_warnings(rows: references.Rows) -> list[str]:
    """Before there are times for those that have none."""
    return [f"{path_text(path)}: ttl counts from created_at, which is not given: each load begins it anew"
            for credential, path in rows["keyauth_credentials"] if credential["ttl"] and credential["created_at"] is None]


def _warnings(rows: references.Rows, gateway: dict[str, Any]) -> list[str]:
    warnings = patterns.plain_lookalikes(rows["routes"])
    for upstream, path in rows["upstreams"]:
        place = f"{path_text(path)}: the upstream {shown(upstream['name'])}"
        if not any(target["weight"] for target in upstream["targets"]):
            warnings.append(f"{place} has no target with a weight: its requests are answered with 503")
        if checks_health(upstream):
            warnings.append(f"{place} asks for health checks, which are not in this version: they are ignored")
        if upstream["algorithm"] == "consistent-hashing" and upstream["hash_on"] == "none":
            warnings.append(f"{place} has consistent-hashing but no hash_on: nothing is hashed")
    for service, path in rows["services"]:
        if not service["enabled"]:
            warnings.append(f"{path_text(path)}: the service {shown(default_name(service))} is disabled: it and its "
                            "routes are left out")
    count = len(rows["oauth2_credentials"])
    if count:
        warnings.append(f"{count} {'oauth2_credentials' if count > 1 else 'oauth2_credential'}: read and checked, but "
                        "nothing in this version uses them")
    if "h2c" in gateway["allowed_upgrades"]:
        warnings.append("gateway.allowed_upgrades: h2c lets clients pass requests this gateway does not see")
    return warnings
