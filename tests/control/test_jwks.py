"""When a source of published keys is asked again."""

from types import SimpleNamespace

import pytest
from control.python_calls import run_with
from fastgate.control import jwks
from fastgate.control.jwks import Jwks, Settings, next_s, retry_s
from fastgate.plugins.jwt import CONFIG
from support.jwks import KeyServer


@pytest.mark.parametrize("cache_control, seconds", [
    ("", 300), ("no-cache, no-store", 300), ("max-age=0", 300), ("max-age=60", 60), ("public, max-age=60, must-revalidate", 60),
    ("Max-Age = 60", 60), ('max-age="60"', 60), ("max-age=5", 10), ("max-age=3600", 300), ("s-maxage=60", 300), ("max-age=-1", 300),
    ("max-age=6e1", 300), ("max-age=", 300), ("x-max-age=60", 300), ("max-age=99999999999999", 300),
])
def test_a_source_may_shorten_the_time_within_bounds(cache_control, seconds):
    assert next_s(cache_control, 300, 10) == seconds


def test_failures_are_tried_again_ever_more_rarely():
    assert [retry_s(failed, 300) for failed in (1, 2, 3, 8, 9, 10, 10_000)] == [1, 2, 4, 128, 256, 300, 300]


def test_of_two_plugins_wishes_the_one_that_asks_or_allows_more():
    one = Settings("http://a/", None, 300, 5, 5, 1000, 100)
    other = Settings("http://a/", None, 60, 10, 2, 9000, 10)
    assert one.and_those(other) == other.and_those(one) == Settings("http://a/", None, 60, 5, 5, 9000, 100)


def test_a_source_that_does_not_answer_is_not_waited_for_long(monkeypatch):
    monkeypatch.setattr(jwks, "FIRST_S", 0.01)
    published = []
    gateway = SimpleNamespace(set_remote_keys=published.append, collect_keys=int, wanted_keys=list)

    async def talk(server: KeyServer) -> None:
        config = CONFIG.defaults() | {"jwks_uri": server.uri, "jwks_timeout": 60}
        parts = Jwks(gateway)
        model = SimpleNamespace(plugins=[{"name": "jwt", "config": config}])
        await parts.prepare(model)
        assert parts.figures()["sources"] == 0 and not published
        parts.follow(model)
        assert parts.figures()["sources"] == 1 and published == [{}]
        await parts.close()

    with KeyServer() as server:
        server.answer = lambda _: (server.released.wait(60), (500, {}, b""))[1]
        run_with(lambda: talk(server))
