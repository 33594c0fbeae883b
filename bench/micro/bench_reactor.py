"""Nanoseconds a timer costs that is moved later on every event, as a connection's is: with 1, 1,000 and 50,000 of them.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    PYTHONPATH=src:tests python -m pytest bench/micro/bench_reactor.py

All timers are moved to 60 s from now, time goes on, the wheel runs, again and again without the GIL: nothing ever fires,
and now and then a timer's slot comes up and it is queued anew. `ns_per_move` in the extra info is the figure, of CPU time.
"""

import time

import pytest
from fastgate_doors import reactor_door

MOVES = 2_000_000
SECOND = 10**9


@pytest.mark.parametrize("step_ms", [1, 1000], ids=["1 ms apart", "1 s apart"])
@pytest.mark.parametrize("timers", [1, 1000, 50_000])
def test_rearm(benchmark, timers, step_ms):
    wheel = reactor_door.Wheel(timers, 1000 * SECOND)
    turns = MOVES // timers
    figures = []

    def rearm():
        start = time.thread_time_ns()
        assert wheel.rearm_many(turns, step_ms * 10**6) == 0
        figures.append((time.thread_time_ns() - start) / (turns * timers))

    benchmark.pedantic(rearm, rounds=5, warmup_rounds=1)
    benchmark.extra_info["ns_per_move"] = round(sorted(figures)[len(figures) // 2], 1)
