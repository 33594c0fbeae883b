"""`_core/base/clock.pxd` is Python's monotonic clock."""

import time

from fastgate_doors import base_door as door


def test_clock_lies_between_two_readings_of_pythons():
    before = time.monotonic_ns()
    now = door.now_ns()
    assert before <= now <= time.monotonic_ns()
