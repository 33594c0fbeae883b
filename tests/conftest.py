"""What every test may use. `support` (tests/support) is importable whatever pytest's import mode."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


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
