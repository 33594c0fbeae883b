"""Nanoseconds to take an idle upstream connection out of its pool and to give it back.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    PYTHONPATH=src:tests python -m pytest bench/micro/bench_pool.py

`ns_per_use` in the extra info is the figure, of CPU time: a take and a give, their counters and timers included.
"""

import socket
import struct
import time

import pytest
from fastgate_doors import reactor_door, upstream_door

TIMES = 500_000


@pytest.mark.parametrize("idle", [1, 256])
def test_take_and_give(benchmark, idle):
    reactor = reactor_door.Reactor()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        host, port = server.getsockname()
        raw = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)
        peer = upstream_door.Peer(reactor, raw)
        ends = []
        for _ in range(idle):
            connection = peer.open()
            ends.append(server.accept()[0])
            while not connection.events:
                reactor.step(1000)
            assert connection.give()
        figures = []

        def use():
            start = time.thread_time_ns()
            assert peer.take_and_give(TIMES) == TIMES
            figures.append((time.thread_time_ns() - start) / TIMES)

        benchmark.pedantic(use, rounds=7, warmup_rounds=1)
        benchmark.extra_info["ns_per_use"] = round(sorted(figures)[len(figures) // 2], 1)
        peer.drain()
        reactor.step()
        for end in ends:
            end.close()
