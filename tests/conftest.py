"""What every test may use. `support` (tests/support) is importable whatever pytest's import mode."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

# Emulated CPUs and sanitizers are slow, a machine may have other work, and no test is about time.
settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# What one of them is to see is what breaks there; the many examples are for the fast build.
settings.register_profile("slow", settings.get_profile("usual"), max_examples=25)
settings.load_profile("usual")


def pytest_addoption(parser):
    parser.addoption("--few", type=int, metavar="N", help="of each test's parameters N at most, from all over the list")


def pytest_collection_modifyitems(config, items):
    few = config.getoption("--few")
    if few is None:
        return
    cases = Counter(item.nodeid.partition("[")[0] for item in items)
    seen, kept, left = Counter(), [], []
    for item in items:
        name = item.nodeid.partition("[")[0]
        at, seen[name] = seen[name], seen[name] + 1
        # The at-th of n is taken when another of `few` equal parts begins with it.
        is_taken = at == 0 or at * few // cases[name] != (at - 1) * few // cases[name]
        (kept if is_taken else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


@pytest.fixture
def gateway():
    """`support.process.start_gateway` as a factory: what a test starts, its end stops."""
    from support.process import start_gateway

    started = []

    def start(config, **options):
        process = start_gateway(config, **options)
        started.append(process)
        return process

    yield start
    for process in reversed(started):
        process.close()
