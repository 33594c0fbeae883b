"""What plugins find out by text: whether a User-Agent is a robot's, whether an origin may call.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    PYTHONPATH=src:tests python -m pytest bench/micro/bench_plugin_access.py

A call through the door is in the figures, some 50 ns: `nothing` is that alone.
"""

import pytest
from fastgate_doors import plugin_access_door as door

BROWSER = (b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
           b" Chrome/126.0.0.0 Safari/537.36")
ORIGINS = door.Origins(["https://a.example", "https://b.example", r"https://.*\.c\.example"])


@pytest.mark.parametrize("agent", [b"", BROWSER, b"Mozilla/5.0 (compatible; Googlebot/2.1)"], ids=["nothing", "browser", "robot"])
def test_user_agent(benchmark, agent):
    assert benchmark.pedantic(door.is_bot, (agent,), rounds=20, iterations=10_000) == (b"bot" in agent)


@pytest.mark.parametrize("origin, expected", [
    (b"https://b.example", True), (b"https://x.c.example", True), (b"https://x.d.example", False),
], ids=["literal", "pattern", "none"])
def test_origin(benchmark, origin, expected):
    assert benchmark.pedantic(ORIGINS.has, (origin,), rounds=20, iterations=10_000) == expected
