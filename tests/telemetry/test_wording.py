"""How messages put counts into words."""

import pytest

from fastgate.telemetry.wording import counted


@pytest.mark.parametrize("count, text", [(0, "0 routes"), (1, "1 route"), (2, "2 routes")])
def test_counted(count, text):
    assert counted(count, "routes") == text
