"""request-termination in plain Python, as Kong describes it, and configurations and requests to try it with."""

from __future__ import annotations

import random
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_plus

from support.paths import normal_form

KONGS_TEXTS = {404: "Not found", 405: "Method not allowed", 500: "An unexpected error occurred", 503: "Service unavailable"}
STATUSES = [200, 201, 204, 304, 401, 404, 409, 410, 429, 500, 503, 599]
TEXTS = ["gone", 'gone, "for good"', "<b>&amp;</b>", "é\\u0041", "\U0001f512 closed", "x" * 4000]
TRIGGERS = ["X-End", "end", "a_b", "Accept"]
ECHO_ARGUMENTS = 100            # what Kong reads of a query
BODILESS = (204, 304)           # a client reads none (RFC 9112 section 6.3)


@dataclass
class Asked:
    method: str
    host: str
    port: int
    path: bytes
    query: str | None
    fields: list[tuple[str, str]]

    def arguments(self) -> list[tuple[str, str | bool]]:
        found: list[tuple[str, str | bool]] = []
        for piece in (self.query or "").split("&"):
            name, equals, value = piece.partition("=")
            if piece:
                found.append((unquote_plus(name), unquote_plus(value) if equals else True))
        return found


@dataclass
class Told:
    """An answer: a message in the form that the client takes, a whole body, or the echo."""

    status: int
    message: str | None = None
    body: tuple[str, bytes] | None = None
    echo: dict[str, Any] | None = None


def as_kong_has_it(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What comes more than once is a list."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def echo_of(asked: Asked, message: str) -> dict[str, Any]:
    """But for `kong`, which tells of the process, and for route and service."""
    return {"message": message, "request": {
        "method": asked.method, "scheme": "http", "host": asked.host.lower(), "port": asked.port,
        "path": normal_form(asked.path).decode(), "query": as_kong_has_it(asked.arguments()[:ECHO_ARGUMENTS]),
        "headers": as_kong_has_it([(name.lower(), value.strip(" \t")) for name, value in asked.fields]),
    }}


def terminated(config: dict[str, Any], asked: Asked) -> Told | None:
    """None: it goes on to the upstream."""
    trigger = config.get("trigger")
    if trigger is not None:
        names = {name.lower() for name, _ in asked.fields}
        if trigger.lower() not in names and trigger not in {name for name, _ in asked.arguments()}:
            return None
    status = config.get("status_code", 503)
    phrase = KONGS_TEXTS.get(status) or (HTTPStatus(status).phrase if status in list(HTTPStatus) else "")
    message = config.get("message") or phrase
    if config.get("echo"):
        return Told(status, echo=echo_of(asked, message))
    if config.get("body") is not None:
        return Told(status, body=(config.get("content_type") or "text/plain; charset=utf-8", config["body"].encode()))
    return Told(status, message=message)


def config_at_random(chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(["message", "body", "echo", "echo", "plain"])
    config: dict[str, Any] = {}
    if chance.random() < 0.8:
        config["status_code"] = chance.choice(STATUSES)
    if kind == "message" or kind == "echo" and chance.random() < 0.5:
        config["message"] = chance.choice(TEXTS)
    if kind == "body":
        config["body"] = chance.choice([*TEXTS, "a {\n}\n", '{"a": 1}'])
        if chance.random() < 0.5:
            config["content_type"] = chance.choice(["text/css", "application/json", "Text/HTML; charset=x"])
    if kind == "echo":
        config["echo"] = True
    if chance.random() < 0.4:
        config["trigger"] = chance.choice(TRIGGERS)
    return config
