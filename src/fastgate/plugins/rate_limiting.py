"""rate-limiting: how often, and how many at a time, each caller may call."""

from __future__ import annotations

from typing import Any

from fastgate.config.errors import shown
from fastgate.config.redis_record import FIELDS, REDIS, is_somewhere
from fastgate.config.schema import Problems, Record, Rule, array, boolean, field, integer, number, one_of, text
from fastgate.config.uri import normalized

from .parts import header_name, plain

NAME = "rate-limiting"
PRIORITY = 910
is_native = True

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "month": 2_592_000, "year": 31_536_000}
WINDOWS = tuple(SECONDS)
IDENTITIES = ("consumer", "credential", "ip", "service", "header", "path")
ALGORITHMS = ("sliding-window", "fixed-window", "token-bucket", "leaky-bucket")
SHARED = ALGORITHMS[:2]         # those that several gateways can count together
SYNC_S = 0.1                    # sync_rate -1: this package's own choice


def _path_problem(value: str) -> str | None:
    return None if value[0] == "/" else f'{shown(value)} must begin with "/"'


def _path(value: Any, problems: Problems) -> Any:
    """In the form that requests are compared in."""
    value = _whole_path(value, problems)
    return None if value is None else normalized(value)


def _limit_by(value: Any, problems: Problems) -> Any:
    """One identity, or a list of them that together make the key."""
    if type(value) is not list:
        return _identity(value, problems)
    several = _identities(value, problems)
    return several[0] if several and len(several) == 1 else several


_whole_path = text(_path_problem)
_identity = one_of(*IDENTITIES, not_yet=("consumer-group",))
_identities = array(_identity, is_set=True, needs_one=True)


def _need_limit(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if config["concurrency"] is None and all(config[window] is None for window in WINDOWS):
        problems.append(((), f"rate-limiting needs a limit: one of {', '.join(WINDOWS)} or concurrency"))


def _grow(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    given = [window for window in WINDOWS if config[window] is not None]
    for shorter, longer in zip(given, given[1:], strict=False):
        if config[longer] < config[shorter]:
            problems.append(((longer,), f"the limit of a {longer} ({config[longer]}) can't be lower than that of a "
                                        f"{shorter} ({config[shorter]})"))


def _need_what_it_is_limited_by(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    by = config["limit_by"]
    by = [by] if isinstance(by, str) else by
    for identity, key in (("header", "header_name"), ("path", "path")):
        if identity in by and config[key] is None:
            problems.append((("limit_by",), f"limit_by {identity} needs {key}"))


def _fit_algorithm(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    algorithm = config["algorithm"]
    if config["burst"] is not None and algorithm != "token-bucket":
        problems.append((("burst",), f"burst is for token-bucket; {algorithm} has none"))
    _fit_burst(config, problems)
    if config["max_delay"] is None and algorithm == "leaky-bucket":
        problems.append((("algorithm",), "leaky-bucket needs max_delay: the longest a call may wait, in milliseconds"))
    elif config["max_delay"] is not None and algorithm != "leaky-bucket":
        problems.append((("max_delay",), f"max_delay is for leaky-bucket; {algorithm} delays nothing"))


def _fit_burst(config: dict[str, Any], problems: Problems) -> None:
    """The core counts buckets in nanoseconds; one that needs decades to fill is a mistake anyway."""
    for window, seconds in SECONDS.items():
        if config["burst"] is not None and config[window] is not None and config["burst"] * seconds > _FILL_S * config[window]:
            problems.append((("burst",), f"a burst of {config['burst']} takes over 50 years to come back at {config[window]} "
                                         f"a {window}"))
            return


def _fold_flat(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    """The older names count where the newer are not set."""
    given = raw.get("redis") or {}
    for key in _FLAT_KEYS:
        value = config.pop(f"redis_{key}", None)
        if value is not None and given.get(key) is None:
            config["redis"] = {**config["redis"], key: value}


def _fit_policy(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    if config["policy"] == "local":
        return
    if not is_somewhere(config["redis"]):
        problems.append((("redis",), "policy redis needs redis.host, or redis.sentinel_nodes, or redis.cluster_nodes"))
    if config["algorithm"] not in SHARED:
        problems.append((("algorithm",), f"{config['algorithm']} is kept by each gateway for itself: use policy local, or "
                                         f"{' or '.join(SHARED)}"))
    if config["redis"]["sentinel_role"] == "slave":
        problems.append((("redis", "sentinel_role"), "counts are written: use master"))
    if config["concurrency"] is not None:
        problems.append((("concurrency",), "places are counted by each gateway for itself: use policy local, and leave the "
                                           "windows to another rate-limiting plugin of another scope"))


_FILL_S = 50 * SECONDS["year"]
_limit = field(integer(1, 2**31 - 1))
_seconds_or_off = number(-1, 2**31)


def _sync_rate(value: Any, problems: Problems) -> Any:
    value = _seconds_or_off(value, problems)
    if value is not None and value not in (-1, 0) and value < 0.02:
        problems.append(((), f"expected -1, 0 or a number of seconds from 0.02, not {shown(value)}"))
    return value


# Kong's older names of what stands in redis now.
_FLAT_KEYS = ("host", "port", "timeout", "username", "password", "database", "ssl", "ssl_verify", "server_name")
_FLAT = {f"redis_{key}": field(FIELDS[key].check) for key in _FLAT_KEYS}

CONFIG = Record("rate-limiting's config", {
    **{window: _limit for window in WINDOWS},
    "concurrency": field(integer(1, 2**31 - 1)),
    "algorithm": field(one_of(*ALGORITHMS), "sliding-window"),
    "burst": field(integer(1, 2**31 - 1)),
    "max_delay": field(integer(1, 600_000)),
    "limit_by": field(_limit_by, "consumer"),
    "header_name": field(header_name),
    "path": field(_path),
    "policy": field(one_of("local", "redis", not_yet=("cluster",)), "local"),
    "fault_tolerant": field(boolean, True),
    "redis": field(REDIS.read, REDIS.defaults()),
    "hide_client_headers": field(boolean, False),
    "error_code": field(integer(200, 599), 429),
    "error_message": field(plain, "API rate limit exceeded"),
    "sync_rate": field(_sync_rate, -1),
    **_FLAT,
}, rules=(
    Rule((*WINDOWS, "concurrency"), _need_limit),
    Rule(WINDOWS, _grow),
    Rule(("limit_by", "header_name", "path"), _need_what_it_is_limited_by),
    Rule(("algorithm", "burst", "max_delay"), _fit_algorithm),
    Rule(("redis", *_FLAT), _fold_flat),
    Rule(("policy", "algorithm", "concurrency", "redis", *_FLAT), _fit_policy),
))
