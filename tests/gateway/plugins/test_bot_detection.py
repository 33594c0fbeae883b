"""bot-detection: known robots, and the lists of a configuration."""

from __future__ import annotations

import pytest

from support.answers import said
from support.client import get
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture
def guarded(open_site, open_origin):
    def start(gateway=None, **config) -> Site:
        origin = open_origin()
        guard = plugin("bot-detection", **config)
        return open_site(config_of(service(origin, plugins=[guard]), gateway=gateway), origin)
    return start


def status(site: Site, *agents: str) -> int:
    return site.ask(get("/", *(f"User-Agent: {agent}" for agent in agents))).status


def test_robots_are_refused_and_others_are_not(guarded):
    site = guarded()
    for robot in ("Googlebot/2.1 (+http://www.google.com/bot.html)", "facebookexternalhit/1.1", "Mozilla/5.0 (compatible; bingbot/2.0)",
                  "Mozilla/5.0 (compatible; Yahoo! Slurp)", "BAIDUSPIDER", "examplebot/0.1", "Example-Crawler/2", "x spider/1"):
        assert status(site, robot) == 403, robot
    for other in (BROWSER, "curl/8.5.0", "Robot", "CUBOT X18", "bot", "bot/x", "Bottle/1", "", "x" * 9000):
        assert status(site, other) == 200, other


def test_the_refusal(guarded):
    answer = guarded().ask(get("/", "User-Agent: Twitterbot/1.0"))
    assert said(answer) == (403, "Forbidden")


def test_no_user_agent_passes_and_two_are_bad(guarded):
    site = guarded(deny=["."])
    assert status(site) == 200
    answer = site.ask(get("/", f"User-Agent: {BROWSER}", f"User-Agent: {BROWSER}"))
    assert said(answer) == (400, "Only one User-Agent header allowed")


def test_allow_goes_before_deny_and_before_the_known(guarded):
    site = guarded(allow=["Googlebot/2", "^inner "], deny=["curl/[1-7]\\.", "inner"])
    assert [status(site, agent) for agent in ("Googlebot/2.1", "Googlebot/1.0", "inner curl/7.1", "an inner", "curl/7.1", "curl/8.1")] \
        == [200, 403, 200, 403, 403, 200]


def test_patterns_mind_case_and_match_anywhere(guarded):
    site = guarded(deny=["evil$", "(?i)worse"])
    assert [status(site, agent) for agent in ("very evil", "Evil", "evil one", "the WORSE one")] == [403, 200, 200, 403]


def test_what_a_limit_leaves_open_is_not_let_in(guarded):
    hard = "a" * 4000 + "!"
    assert status(guarded(gateway={"limits": {"regex_match_limit": 1000}}, deny=["(a+)+$"]), hard) == 403
    assert status(guarded(gateway={"limits": {"regex_match_limit": 1000}}, allow=["(a+)+$"]), hard + " Googlebot/2.1") == 403


def test_length_hides_nobody(guarded):
    site = guarded(deny=["^bad"])
    assert status(site, "bad" + "x" * 9000) == 403
    assert status(site, "x" * 9000 + " Googlebot/2.1") == 403


def test_a_reload_closes_the_patterns(guarded):
    """What the sanitizers look at: the patterns of the old configuration are freed once, those of the new work."""
    site = guarded(deny=["first"])
    config = config_of(service(site.origin, plugins=[plugin("bot-detection", deny=["second"])]))
    assert status(site, "first") == 403
    site.process.reload(config)
    assert [status(site, agent) for agent in ("first", "second")] == [200, 403]
