"""rate-limiting: what the schema and the core must agree on."""

from fastgate._core.plugin.rate_limiting import ALGORITHMS, IDENTITIES, SECONDS
from fastgate.plugins import rate_limiting


def test_the_core_knows_the_schemas_words():
    assert SECONDS == rate_limiting.SECONDS
    assert list(IDENTITIES) == list(rate_limiting.IDENTITIES)
    assert list(ALGORITHMS) == list(rate_limiting.ALGORITHMS)
