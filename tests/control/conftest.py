"""What the process tests share."""

import pytest
from support.held_upstream import HeldUpstream


@pytest.fixture
def upstream():
    made = HeldUpstream()
    yield made
    made.close()
