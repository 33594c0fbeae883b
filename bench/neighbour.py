"""What one tenant notices of another that asks for ten times its limit: a table.

    python bench/neighbour.py [--seconds 3] [--rounds 3]

Both share a gateway and an upstream that takes a request at a time, SERVICE_MS each. The quiet tenant asks QUIET times a
second; the noisy one 10 * LIMIT times, on CLIENTS connections. Measured is the quiet one's latency and success: alone,
beside the noisy one without any limit, and beside it with rate-limiting (LIMIT a second and AT_ONCE at a time for each
consumer), in turn.
The clients share a core with the upstream, the gateway has the other.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import machine
from process import Program, free_port, required

LIMIT = 100         # requests a second
QUIET = 50
CLIENTS = 20
AT_ONCE = 2
SERVICE_MS = 1
WAYS = ("alone", "noisy, no limit", "noisy, limited")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def upstream(ready: Connection) -> None:
    """One request at a time, whoever asks: what a tenant takes of it, the others wait for."""
    turn = asyncio.Lock()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                async with turn:
                    await asyncio.sleep(SERVICE_MS / 1000)
                writer.write(ANSWER)

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def request(key: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: bench\r\napikey: {key}\r\n\r\n".encode()


def noisy(port: int, seconds: float, found: Connection) -> None:
    """10 * LIMIT a second over all connections, each waiting for its answer: how often which status came."""
    statuses: Counter[int] = Counter()
    pause = CLIENTS / (10 * LIMIT)

    async def ask(offset: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        at = time.monotonic() + offset
        end = time.monotonic() + seconds
        while at < end:
            await asyncio.sleep(max(0, at - time.monotonic()))
            writer.write(request("noisy"))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
            statuses[int(head.split(b" ")[1])] += 1
            at = max(at + pause, time.monotonic())

    async def run() -> None:
        await asyncio.gather(*(ask(pause * at / CLIENTS) for at in range(CLIENTS)))

    asyncio.run(run())
    found.send(statuses)


def quiet(port: int, seconds: float) -> tuple[list[float], Counter[int]]:
    """Milliseconds each request took from when it was due, and how often which status came."""
    took, statuses = [], Counter[int]()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        due = time.monotonic()
        end = due + seconds
        while due < end:
            time.sleep(max(0, due - time.monotonic()))
            connection.sendall(request("quiet"))
            data = b""
            while not data.endswith(b"\r\n\r\nok") and b"\"request_id\"" not in data:
                data += connection.recv(65536) or sys.exit("neighbour: the gateway closed the connection")
            took.append((time.monotonic() - due) * 1000)
            statuses[int(data.split(b" ", 2)[1])] += 1
            due = max(due + 1 / QUIET, time.monotonic())        # who catches up asks for more than it may
    return took, statuses


def configuration(way: str, port: int, origin: int) -> dict:
    plugins: list[dict] = [{"name": "key-auth"}]
    if way == WAYS[2]:
        plugins.append({"name": "rate-limiting", "config": {"second": LIMIT, "concurrency": AT_ONCE, "limit_by": "consumer"}})
    return {"_format_version": "3.0", "plugins": plugins,
            "gateway": {"proxy_listen": f"127.0.0.1:{port}", "status_listen": "off", "workers": 1, "access_log": "off",
                        "log_level": "error"},
            "services": [{"url": f"http://127.0.0.1:{origin}", "routes": [{"paths": ["/"]}]}],
            "consumers": [{"username": name, "keyauth_credentials": [{"key": name}]} for name in ("noisy", "quiet")]}


def take(way: str, port: int, seconds: float) -> dict:
    ours, theirs = multiprocessing.Pipe()
    other = multiprocessing.Process(target=noisy, args=(port, seconds + 1, theirs))
    if way != WAYS[0]:
        other.start()
        time.sleep(0.5)
    took, answers = quiet(port, seconds)
    statuses = ours.recv() if way != WAYS[0] else Counter()
    if way != WAYS[0]:
        other.join()
    asked = statuses.total()
    return {"p50": statistics.median(took), "p99": statistics.quantiles(took, n=100)[98], "answers": answers,
            "noisy": asked / (seconds + 1), "refused": statuses[429] / asked if asked else 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    required("taskset")
    gateways, clients = machine.cores()
    os.sched_setaffinity(0, {clients})          # and those of the processes made here
    ours, theirs = multiprocessing.Pipe()
    origin = multiprocessing.Process(target=upstream, args=(theirs,), daemon=True)
    origin.start()
    behind = ours.recv()
    samples: dict[str, list[dict]] = {way: [] for way in WAYS}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastgate-bench-")))
        running = {}
        for way in WAYS:
            running[way] = port = free_port()
            (folder / f"{port}.json").write_text(json.dumps(configuration(way, port, behind)))
            process = stack.enter_context(Program([sys.executable, "-m", "fastgate", "run", "-c", str(folder / f"{port}.json")],
                                                  gateways))
            process.wait_ready(port, headers=["apikey: quiet"])
        for _ in range(given.rounds):
            for way in WAYS:
                samples[way].append(take(way, running[way], given.seconds))
    origin.terminate()
    for way, taken in samples.items():
        p50, p99, rate, refused = (statistics.median(one[key] for one in taken) for key in ("p50", "p99", "noisy", "refused"))
        answers = sum((one["answers"] for one in taken), Counter())
        print(f"{way:<16} quiet: p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  answers {dict(answers)}"
              f"   noisy: {rate:5.0f}/s, {refused:4.0%} refused")


if __name__ == "__main__":
    main()
