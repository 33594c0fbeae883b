"""Plugins: what all of them have, and how each one's own configuration is checked.

Which plugins there are is the caller's to say (`fastgate.plugins.registry`): a
mapping from names to modules with NAME, PRIORITY, CONFIG and is_native, and
what `fastgate.plugins` says may come with these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import fields
from .errors import did_you_mean, path_text, shown
from .patterns import check_pattern_at
from .schema import Problems, Record, any_mapping, array, boolean, field, one_of, text

Plugins = Mapping[str, Any]
# gateway.plugin_path, plugin_trust → the plugins that are not native, and what is wrong with those that can't be used
FindPlugins = Callable[["str | None", "list[str] | None"], "tuple[Plugins, list[str]]"]

PLUGIN = Record("a plugin", {
    **fields.common(),
    "name": field(text(longest=128), is_required=True),
    "instance_name": field(text(fields.name_problem)),
    "route": field(fields.reference),
    "service": field(fields.reference),
    "consumer": field(fields.reference),
    "config": field(any_mapping),
    "protocols": field(array(one_of("grpc", "grpcs", "http", "https", "tcp", "tls", "tls_passthrough", "udp", "ws",
                                    "wss"), is_set=True), ["grpc", "grpcs", "http", "https"]),
    "enabled": field(boolean, True),
    "ordering": field(any_mapping),
}, computed={"priority": None, "is_native": True, "targets": [], "references": ()}, hints={"consumer_group": "consumer_groups are not in this version; remove the key"})

_AUTHENTICATION = 1450     # the first plugin that may know the consumer has this priority


def all_known(rows: dict[str, list], native: Plugins, find: FindPlugins | None, gateway: dict[str, Any],
              allow_unknown: bool, problems: Problems) -> tuple[Plugins, list[str]]:
    """The plugins there are, those that are not native looked for only if the file names one; and warnings."""
    named = {plugin["name"] for plugin, _ in rows["plugins"]}
    if find is None or all(name in native for name in named):
        return native, []
    from collections import ChainMap

    trust = gateway["plugin_trust"]
    found, wrong = find(gateway["plugin_path"], trust)
    # What may not be trusted is not left out: a policy would be missing.
    if (allow_unknown and (trust is None or not wrong)) or all(name in native or name in found for name in named):
        return ChainMap(dict(found), native), [f"a plugin can't be used: {one}" for one in wrong]
    problems += [(("gateway", "plugin_path"), message) for message in wrong]
    return ChainMap(dict(found), native), []


def check(rows: dict[str, list], known: Plugins, gateway: dict[str, Any], allow_unknown: bool,
          check_pattern: Callable[[str], str | None] | None, problems: Problems) -> list[str]:
    """Validates every plugin's own configuration; the unknown ones, which are left out, if they may be."""
    left_out = []
    kept = []
    indexes: dict[str, dict[str, Any]] = {}
    failed = {path for path, _ in problems}
    for plugin, path in rows["plugins"]:
        name = plugin["name"]
        if name in known:
            module = known[name]
            plugin["priority"] = module.PRIORITY
            plugin["is_native"] = module.is_native
            _check_scope(plugin, path, module, problems)
            if plugin["enabled"] and gateway["redis"] is None and getattr(module, "needs_redis", False):
                problems.append(((*path, "name"), f"{name} needs gateway.redis: say where Redis is"))
            start = len(problems)
            if (*path, "config") in failed:
                continue
            _read_config(plugin, module, check_pattern, problems)
            if module.is_native and plugin["config"].get("anonymous") is not None:
                _find_anonymous(plugin["config"], _index(rows, "consumers", indexes), problems)
            if hasattr(module, "references") and len(problems) == start:
                _find_references(plugin, module, rows, indexes, problems)
            for at in range(start, len(problems)):
                below, message = problems[at]
                problems[at] = ((*path, "config", *below), message)
            if hasattr(module, "targets") and len(problems) == start:
                plugin["targets"] = module.targets(plugin["config"])
            kept.append((plugin, path))
        elif allow_unknown and name is not None:
            left_out.append(f"{name} ({path_text(path)})")
        elif name is not None:
            near = did_you_mean(name, known, len(problems))
            problems.append(((*path, "name"), f"the plugin {shown(name)} is neither native nor found as a plugin in Python "
                                              "(gateway.plugin_path, installed packages); correct the name or the "
                                              "path, remove it, or load the rest with --allow-unknown-plugins"
                                              f"{near}"))
    rows["plugins"] = kept
    return left_out


def _check_scope(plugin: dict[str, Any], path: tuple[str | int, ...], module: Any, problems: Problems) -> None:
    if plugin["ordering"] is not None:
        problems.append(((*path, "ordering"), "ordering is Kong Enterprise's; plugins run by their priorities here"))
    if plugin["consumer"] is not None and not getattr(module, "TAKES_CONSUMER", True):
        at = "name" if path[0] == "consumers" else "consumer"
        problems.append(((*path, at), f"{plugin['name']} can't be a consumer's: it runs for whoever calls; put it on a "
                                      "route or service, or at the top level"))


def _read_config(plugin: dict[str, Any], module: Any, check_pattern: Callable[[str], str | None] | None,
                 problems: Problems) -> None:
    start = len(problems)
    plugin["config"] = config = module.CONFIG.read(plugin["config"] or {}, problems)
    if check_pattern is not None and len(problems) == start and hasattr(module, "patterns"):
        for path, pattern in module.patterns(config):
            check_pattern_at(check_pattern, pattern, path, problems)


# What entities are called besides their ids.
_KEYS = {"consumers": "username", "services": "name", "upstreams": "name"}


def _index(rows: dict[str, list], kind: str, indexes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The entities of a kind by name and by id, made once."""
    if kind not in indexes:
        key = _KEYS[kind]
        index = indexes[kind] = {entity[key]: entity for entity, _ in rows[kind] if entity[key] is not None}
        index.update((entity["id"], entity) for entity, _ in rows[kind] if entity["id"] is not None)
    return indexes[kind]


def _found(index: dict[str, Any], wanted: str, kind: str, path: tuple[str | int, ...], problems: Problems) -> Any:
    found = index.get(wanted) or index.get(wanted.lower() if "-" in wanted else wanted)
    if found is None:
        problems.append((path, f"no {kind.removesuffix('s')} in this file has the id or {_KEYS[kind]} {shown(wanted)}"
                               f"{did_you_mean(wanted, index, len(problems))}"))
    return found


def _find_anonymous(config: dict[str, Any], consumers: dict[str, Any], problems: Problems) -> None:
    config["anonymous"] = _found(consumers, config["anonymous"], "consumers", ("anonymous",), problems)


def _find_references(plugin: dict[str, Any], module: Any, rows: dict[str, list], indexes: dict[str, dict[str, Any]],
                     problems: Problems) -> None:
    """Names become entities, and once there are ids (`finished`) what the Model knows them by."""
    plugin["references"] = list(module.references(plugin["config"]))
    for kind, holder, key, path in plugin["references"]:
        found = _found(_index(rows, kind, indexes), holder[key], kind, path, problems)
        if found is not None and not found.get("enabled", True):
            problems.append((path, f"the service {shown(holder[key])} is disabled; enable it, or take it out here"))
        holder[key] = found


def finished(rows: dict[str, list], routes: list[dict[str, Any]], services: list[dict[str, Any]],
             warnings: list[str]) -> list[dict[str, Any]]:
    """The plugins that run, once there are ids: not the disabled, nor those of what is disabled."""
    alive: dict[str, set] = {"route": {one["id"] for one in routes}, "service": {one["id"] for one in services}}
    kept = []
    for plugin, path in rows["plugins"]:
        anonymous = plugin["config"].get("anonymous")
        if plugin["is_native"] and anonymous is not None:
            plugin["config"]["anonymous"] = anonymous["id"]
        for kind, holder, key, _ in plugin.pop("references"):
            if kind == "upstreams":
                plugin["targets"] = [*plugin["targets"], (holder[key]["name"], 0)]
            holder[key] = holder[key]["name" if kind == "upstreams" else "id"]
        if not plugin["enabled"]:
            continue
        if any(plugin[back] is not None and plugin[back] not in alive[back] for back in alive):
            continue
        place = f"{path_text(path)}: the plugin {plugin['name']}"
        protocols = plugin["protocols"]
        if protocols is not None and "http" not in protocols and "https" not in protocols:
            warnings.append(f"{place} is for {', '.join(protocols)} only, which are not in this version: it is left out")
            continue
        if plugin["consumer"] is not None and plugin["priority"] > _AUTHENTICATION:
            warnings.append(f"{place} is a consumer's but runs before any consumer is known: it never applies")
        kept.append(plugin)
    return kept
