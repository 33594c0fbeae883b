"""What is not a cost per request: memory, start, publishing a changed configuration."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Iterator

import machine
from peers import PYTHON, PYTHON_PATH, Peer, Setup, policy_headers, route_path
from process import Memory, Program, free_port, get_status
from sample import Load, Origin, gateway

IDLE_CONNECTIONS = 10_000
LOADED_CONNECTIONS = 5_000
LOADED_S = 5.0
ROUTES = 10_000
REST_WORKERS = 2
FLEET = 15
SETTLE_S = 1.0              # for memory: what start-up gives back late
NEW_PATH = "/new/"
PUBLISH_S = 60.0
PYTHON_S = 2.0              # of each load with and without a plugin in Python
PYTHON_CONNECTIONS = 64
LOAD_CONNECTIONS = 16       # beside a publish: enough to see a lost request, few enough to leave CPU


@contextlib.contextmanager
def started(peer: Peer, body_bytes: int = 13, **settings: int | str) -> Iterator[tuple[Program, Setup, Origin]]:
    """A gateway that has answered once, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="fastgate-bench-") as folder, Origin(body_bytes) as origin:
        setup = Setup(Path(folder), free_port(), origin.port, **settings)  # type: ignore[arg-type]
        with gateway(peer, setup) as running:
            running.wait_ready(setup.port, route_path(0) if setup.routes else "/", policy_headers(setup.policy))
            yield running, setup, origin


def idle(peer: Peer) -> dict:
    """Bytes of the gateway's memory for each of 10,000 kept-alive clients that have asked once.

    Taken from what it has after a load of 128 connections, so that its buffers and pools stand.
    """
    with started(peer, connections=IDLE_CONNECTIONS) as (running, setup, _):
        with Load(setup.port, ["-c", "128", "-t", "500"]) as load:
            load.begin()
            load.result()
        time.sleep(SETTLE_S)
        before = running.memory()
        with Load(setup.port, ["-i", "-c", str(IDLE_CONNECTIONS)]) as load:
            time.sleep(SETTLE_S)
            after = running.memory()
            load.begin()
            closed = load.result()["closed"]
        if closed:
            raise running.fail(f"idle: {closed} of {IDLE_CONNECTIONS} connections were closed")
    each = (after.pss - before.pss) / IDLE_CONNECTIONS
    return {"bytes": each, "bytes_rss": (after.rss - before.rss) / IDLE_CONNECTIONS,
            "before": before._asdict(), "after": after._asdict()}


def rest(peer: Peer) -> dict:
    """Memory with two workers, one request after the start."""
    with started(peer, workers=REST_WORKERS) as (running, _, _):
        time.sleep(SETTLE_S)
        memory: Memory = running.memory()
        processes = len(running.pids())
    return {**memory._asdict(), "processes": processes}


def fleet(peer: Peer) -> dict:
    """Memory of fifteen gateways on one machine, each with jwt, rate-limiting and an access log, after one request."""
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(Origin(13))
        running = []
        for _ in range(FLEET):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastgate-bench-")))
            setup = Setup(folder, free_port(), origin.port, policy="jwt")
            running.append(stack.enter_context(gateway(peer, setup)))
            running[-1].wait_ready(setup.port, "/", policy_headers("jwt"))
        time.sleep(SETTLE_S)
        taken = [each.memory() for each in running]
    return {"pss": sum(each.pss for each in taken), "rss": statistics.median(each.rss for each in taken)}


def loaded(peer: Peer) -> dict:
    """The most it had resident since its start, after 5,000 kept-alive clients asked as fast as they could for some seconds,
    each request with a token (jwt), a rate limit, counters and a line of JSON in the access log."""
    with started(peer, connections=LOADED_CONNECTIONS, workers=REST_WORKERS, policy="jwt") as (running, setup, _):
        time.sleep(SETTLE_S)
        before = running.memory()
        arguments = ["-c", str(LOADED_CONNECTIONS), "-t", str(int(LOADED_S * 1000))]
        for header in policy_headers(setup.policy):
            arguments += ["-H", header]
        with Load(setup.port, arguments) as load:
            load.begin()
            result = load.result()
            after = running.memory()
        peak = running.peak()
    if result["errors"]:
        raise running.fail(f"loaded: {result['errors']} of {result['requests']} requests failed")
    return {"rss": peak, "before": before._asdict(), "after": after._asdict(), "requests": result["requests"],
            "reconnects": result["reconnects"], "p99_us": result["p99_us"]}


def start(peer: Peer, policy: str = "") -> dict:
    """Milliseconds from the command to the first proxied answer, asked for every half millisecond.

    With those of CPU it took and those its core was busy with others.
    """
    with tempfile.TemporaryDirectory(prefix="fastgate-bench-") as folder, Origin(13) as origin:
        setup = Setup(Path(folder), free_port(), origin.port, policy=policy)
        argv = peer.configure(setup)
        begun = time.monotonic()
        with Program(argv, machine.cores()[0], environment=peer.environment) as running:
            seconds = running.wait_ready(setup.port, "/", policy_headers(policy)) - begun
            cpu = running.cpu()
    return {"ms": seconds * 1000, "cpu_ms": cpu.ran / 1e6, "waited_ms": cpu.waited / 1e6}


def publish(peer: Peer, form: str) -> dict:
    """Milliseconds from the reload signal until a route added to 10,000 answers, under load.

    `again` counts requests the load had to send once more because a kept-alive connection
    was closed under them; a request that failed otherwise ends the benchmark. `form`: of
    fastgate's file, which is YAML or JSON.
    """
    with started(peer, routes=ROUTES, extra_path="/old/", form=form or "yaml") as (running, setup, _):
        arguments = ["-g", "-c", str(LOAD_CONNECTIONS), "-t", "4000", "-n", str(ROUTES), "-u", "/r/%05u/"]
        with Load(setup.port, arguments) as load:
            if get_status(setup.port, NEW_PATH) == 200:
                raise running.fail("publish: the new route answers before it is there")
            load.begin()
            time.sleep(0.3)
            peer.configure(dataclasses.replace(setup, extra_path=NEW_PATH))
            begun = time.monotonic()
            os.kill(running.popen.pid, peer.reload_signal)
            while get_status(setup.port, NEW_PATH) != 200:
                if time.monotonic() - begun > PUBLISH_S:
                    raise running.fail(f"publish: the new route does not answer after {PUBLISH_S:.0f} s")
                time.sleep(0.001)
            seconds = time.monotonic() - begun
            result = load.result()
    if result["errors"]:
        raise running.fail(f"publish: {result['errors']} requests failed")
    return {"ms": seconds * 1000, "again": result["lost"], "reconnects": result["reconnects"],
            "max_ms": result["max_us"] / 1000}


def python(peer: Peer) -> dict:
    """Microseconds of CPU that one trivial `async def access` adds to a request, on one gateway, one load after the other.

    And what a route without it notices: 99th percentiles of 16 clients there while 64 others ask, as fast as they can,
    for the same, and then for the path with the plugin.
    """
    with started(peer, policy=PYTHON) as (running, setup, _):
        plain, with_plugin = (_cpu_us(running, setup, path) for path in ("/", PYTHON_PATH))
        beside_plain, beside_plugin = (_p99_beside(running, setup, path) for path in ("/", PYTHON_PATH))
    return {"added_us": with_plugin - plain, "plain_us": plain, "python_us": with_plugin,
            "p99_beside_plain_us": beside_plain, "p99_beside_python_us": beside_plugin}


def _loaded(setup: Setup, path: str, connections: int, seconds: float) -> Load:
    return Load(setup.port, ["-c", str(connections), "-u", path, "-n", "1", "-t", str(int(seconds * 1000))])


def _cpu_us(running: Program, setup: Setup, path: str) -> float:
    with _loaded(setup, path, PYTHON_CONNECTIONS, PYTHON_S) as load:
        before = running.cpu()
        load.begin()
        result = load.result()
        after = running.cpu()
    if result["errors"]:
        raise running.fail(f"python: {result['errors']} requests of {path} failed")
    return (after.ran - before.ran) / 1000 / result["requests"]


def _p99_beside(running: Program, setup: Setup, path: str) -> float:
    with _loaded(setup, path, PYTHON_CONNECTIONS, PYTHON_S + 1) as others, _loaded(setup, "/", LOAD_CONNECTIONS, PYTHON_S) as load:
        others.begin()
        load.begin()
        result, loaded = load.result(), others.result()
    if result["errors"] or loaded["errors"]:
        raise running.fail(f"python: {result['errors'] + loaded['errors']} requests failed")
    return result["p99_us"]
