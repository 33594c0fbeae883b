"""proxy/exchange: what it holds by itself."""

from fastgate_doors import proxy_door as door


def test_a_usual_head_needs_no_memory_of_its_own():
    """A browser's request is some 700 bytes; a struct that grows takes from that room."""
    assert 1024 <= door.head_room() < 4096
