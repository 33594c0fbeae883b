"""What it is worth to verify tokens in the gateway, and to remember the verdicts: a table, as an article has it.

    python bench/tokens.py [--seconds 3] [--rounds 3]

The article (on a Lua gateway) puts a check at a remote service for each request, 1,200 requests/s at
18.7 ms, beside a local cache of verdicts that is hit 96.4 % of the time, 9,800 requests/s at 2.3 ms: 22 clients
in both, by Little's law. Here the same 22 clients ask fastgate with RS256 tokens, 96.4 % of the
requests with one of HOT tokens and the rest with one that the cache cannot hold:

- the plugin `external` asks a service that takes REMOTE_MS to answer,
- `jwt` with its keys from a `jwks_uri` and no cache: each signature is verified,
- the same with the default cache, 1,000 verdicts.

The rates are the load generator's bound and this machine's; the ratios are what to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import machine
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from process import Program, free_port, required
from sample import Origin

CONNECTIONS = 22
HOT, COLD = 500, 4000       # COLD in turn: more than the cache keeps
HIT = 0.964
ASKED = 20_000              # requests before the order repeats
REMOTE_MS = 15
WAYS = ("remote check", "verified each time", "verdicts cached")

SCRIPT = """
local tokens = {}
for line in io.lines("%s") do tokens[#tokens + 1] = line end
local at = 0
request = function()
    at = at %% #tokens + 1
    return "GET / HTTP/1.1\\r\\nHost: bench\\r\\nAuthorization: Bearer " .. tokens[at] .. "\\r\\n\\r\\n"
end
done = function(summary, latency)
    io.write(string.format("DONE %%d %%d %%f %%f %%d\\n", summary.requests, summary.duration, latency.mean,
                           latency:percentile(99), summary.errors.status + summary.errors.read + summary.errors.timeout))
end
"""


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def token(key: rsa.RSAPrivateKey, subject: int) -> str:
    parts = ({"alg": "RS256", "typ": "JWT", "kid": "bench"}, {"sub": "reader", "jti": f"{subject:08d}", "exp": 4102444800})
    signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{encoded(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def order(key: rsa.RSAPrivateKey) -> list[str]:
    """The tokens of ASKED requests."""
    chance = random.Random(1)
    hot = [token(key, at) for at in range(HOT)]
    cold = [token(key, HOT + at) for at in range(COLD)]
    asked, at = [], 0
    for _ in range(ASKED):
        if chance.random() < HIT:
            asked.append(chance.choice(hot))
        else:
            asked.append(cold[at % COLD])
            at += 1
    return asked


@contextlib.contextmanager
def remote(key_set: bytes) -> Iterator[int]:
    """On a thread of its own: GET answers the published keys at once, POST agrees after REMOTE_MS. Its port."""
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if found := re.search(rb"content-length: (\d+)", head.lower()):
                    await reader.readexactly(int(found[1]))
                if head.startswith(b"GET"):
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                                 % (len(key_set), key_set))
                else:
                    await asyncio.sleep(REMOTE_MS / 1000)
                    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def configuration(way: str, origin: int, source: int) -> tuple[dict, int, int]:
    port, status = free_port(), free_port()
    plugin = ({"name": "external", "config": {"url": f"http://127.0.0.1:{source}/"}} if way == WAYS[0] else
              {"name": "jwt", "config": {"jwks_uri": f"http://127.0.0.1:{source}/", "consumer_by": "username"}})
    gateway = {"proxy_listen": f"127.0.0.1:{port}", "status_listen": f"127.0.0.1:{status}", "workers": 1, "access_log": "off",
               "log_level": "error", "limits": {"token_cache": 1000 if way == WAYS[2] else 0}}
    service = {"url": f"http://127.0.0.1:{origin}", "routes": [{"paths": ["/"]}], "plugins": [plugin]}
    return {"_format_version": "3.0", "gateway": gateway, "services": [service], "consumers": [{"username": "reader"}]}, port, status


def counts(status: int) -> tuple[float, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{status}/metrics") as answer:
        text = answer.read().decode()
    found = [re.search(rf"^fastgate_token_cache_{what}_total (\S+)", text, re.M) for what in ("hits", "misses")]
    return tuple(float(one[1]) if one else 0.0 for one in found)     # type: ignore[return-value]


def take(script: Path, port: int, status: int, seconds: int) -> dict[str, float]:
    hits, misses = counts(status)
    beside = ["taskset", "-c", str(machine.cores()[1]), "chrt", "-b", "0"]
    load = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    said = subprocess.run([*beside, *load], capture_output=True, text=True, check=True).stdout
    requests, duration_us, mean_us, p99_us, errors = map(float, re.search(r"^DONE (.+)$", said, re.M)[1].split())
    if errors:
        raise SystemExit(f"tokens: {errors:.0f} requests failed:\n{said}")
    hits, misses = (after - before for after, before in zip(counts(status), (hits, misses), strict=True))
    return {"rps": requests / duration_us * 1e6, "mean_ms": mean_us / 1000, "p99_ms": p99_us / 1000,
            "hit": hits / (hits + misses) if hits + misses else 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    required("wrk", "taskset", "chrt")
    key = rsa.generate_private_key(65537, 2048)
    public = key.public_key().public_numbers()
    key_set = json.dumps({"keys": [{"kty": "RSA", "kid": "bench", "alg": "RS256", "n": number(public.n), "e": number(public.e)}]})
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastgate-bench-")))
        tokens = order(key)
        (folder / "tokens").write_text("\n".join(tokens) + "\n")
        (folder / "load.lua").write_text(SCRIPT % (folder / "tokens"))
        origin = stack.enter_context(Origin(13))
        source = stack.enter_context(remote(key_set.encode()))
        running: dict[str, tuple[int, int]] = {}
        for way in WAYS:
            model, port, status = configuration(way, origin.port, source)
            (folder / f"{port}.json").write_text(json.dumps(model))
            process = stack.enter_context(Program([sys.executable, "-m", "fastgate", "run", "-c", str(folder / f"{port}.json")],
                                                  machine.cores()[0]))
            process.wait_ready(port, headers=[f"Authorization: Bearer {tokens[0]}"])
            running[way] = port, status
        for port, status in running.values():
            take(folder / "load.lua", port, status, 1)      # the hot tokens' first time
        samples: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(given.rounds):
            for way, (port, status) in running.items():
                samples[way].append(take(folder / "load.lua", port, status, given.seconds))
    for way, taken in samples.items():
        rps, mean, p99, hit = (statistics.median(one[key] for one in taken) for key in ("rps", "mean_ms", "p99_ms", "hit"))
        print(f"{way:<20} {rps:8.0f} requests/s  mean {mean:7.2f} ms  p99 {p99:7.2f} ms  hit rate {hit:6.1%}")


if __name__ == "__main__":
    main()
