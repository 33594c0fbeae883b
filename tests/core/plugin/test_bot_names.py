"""`_core/plugin/bot_names.pyx` against a model that reads its list."""

import re
from pathlib import Path

from fastgate_doors import plugin_access_door as door
from hypothesis import example, given
from hypothesis import strategies as st

SOURCE = Path(__file__).parents[3] / "src/fastgate/_core/plugin/bot_names.pyx"


def listed() -> list[str]:
    text = SOURCE.read_text().partition("NAMES[:] = [")[2].partition("]")[0]
    return re.findall(r'b"([^"]+)"', text)


NAMES = listed()
PATTERN = re.compile(f"(?<![a-z])(?:{'|'.join(map(re.escape, NAMES))})|(?:bot|spider|crawler)/[0-9]", re.I | re.A)


def test_the_list_is_sorted_and_has_no_name_twice():
    assert len(NAMES) > 40
    assert sorted(set(NAMES)) == NAMES


def test_each_is_known_in_any_case_and_place():
    for name in NAMES:
        for agent in (name, name.upper(), f"Mozilla/5.0 (compatible; {name})", f"x-{name}"):
            assert door.is_bot(agent.encode()), agent
        assert not door.is_bot(name[:-1].encode()) or PATTERN.search(name[:-1])


@given(st.lists(st.sampled_from([*NAMES, "bot", "spider", "Crawler", "/", "/2", " ", "x", "9", "Mozilla/5.0", "é"]), max_size=6))
@example(["bot", "/2"])
@example(["/", "2"])
def test_any_words(words):
    agent = "".join(words)
    assert door.is_bot(agent.encode()) == bool(PATTERN.search(agent))


@given(st.binary(max_size=40))
def test_any_bytes(agent):
    assert door.is_bot(agent) == bool(PATTERN.search(agent.decode("latin-1")))
