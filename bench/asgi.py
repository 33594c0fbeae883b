"""What the gateway adds to an ASGI application: CPU time per request, served three ways.

    python bench/asgi.py [--seconds 3] [--rounds 3]

The same Starlette application under uvicorn alone, behind the gateway as a process of its own, and in
the gateway's process (`url: asgi:…`). CPU time of all processes that serve; the load's is not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from process import Program, free_port
from programs import program

CONNECTIONS = 16
APPLICATION = '''
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def hello(request):
    return PlainTextResponse("Hello, world!")

app = Starlette(routes=[Route("/", hello)])
'''


def uvicorn(folder: Path) -> tuple[list[Program], int]:
    port = free_port()
    alone = Program([sys.executable, "-m", "uvicorn", "bench_app:app", "--app-dir", str(folder), "--port", str(port),
                     "--no-access-log", "--log-level", "warning"], None)
    alone.wait_ready(port)
    return [alone], port


def gateway(folder: Path, url: str) -> tuple[list[Program], int]:
    port = free_port()
    config = folder / f"{port}.json"
    config.write_text(json.dumps({"_format_version": "3.0", "gateway": {
        "proxy_listen": f"127.0.0.1:{port}", "status_listen": "off", "workers": 1, "access_log": "off",
        "asgi": {"path": str(folder)}}, "services": [{"url": url, "routes": [{"paths": ["/"]}]}]}))
    running = Program([sys.executable, "-m", "fastgate", "run", "-c", str(config)], None)
    running.wait_ready(port)
    return [running], port


def take(programs: list[Program], port: int, seconds: float) -> tuple[float, float]:
    """Microseconds of CPU time per request, requests per second."""
    load = Program([str(program("load")), str(port), "-c", str(CONNECTIONS), "-t", str(int(seconds * 1000))], None, pipes=True)
    with load:
        assert load.popen.stdout is not None and load.popen.stdin is not None
        if load.popen.stdout.readline().strip() != "ready":
            raise load.fail("the load did not get ready")
        before = sum(one.cpu().ran for one in programs)
        load.popen.stdin.write("\n")
        load.popen.stdin.flush()
        result = json.loads(load.popen.stdout.readline())
        ran = sum(one.cpu().ran for one in programs) - before
    return ran / 1000 / result["requests"], result["requests"] / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bench_app.py").write_text(APPLICATION)
        behind, behind_port = uvicorn(folder)
        before, port = gateway(folder, f"http://127.0.0.1:{behind_port}")
        ways = {"uvicorn alone": uvicorn(folder), "the gateway before uvicorn": (before + behind, port),
                "in the gateway": gateway(folder, "asgi:bench_app:app")}
        samples: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        try:
            for _ in range(arguments.rounds):
                for way, (programs, port) in ways.items():
                    samples[way].append(take(programs, port, arguments.seconds))
        finally:
            for one in {id(one): one for programs, _ in ways.values() for one in programs}.values():
                one.stop()
    for way, taken in samples.items():
        cpu, rate = (statistics.median(column) for column in zip(*taken))
        print(f"{way:<28} {cpu:7.1f} µs CPU per request  {rate:8.0f} requests/s")


if __name__ == "__main__":
    main()
