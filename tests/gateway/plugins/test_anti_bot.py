"""anti-bot: who is banned, for how long, and how that is shared, listed and lifted."""

from __future__ import annotations

import pytest

from support.answers import said
from support.client import get
from support.process import SAID_S
from support.redis_server import RedisBehindSentinel, RedisClusterServers, RedisServer, wait_until
from support.site import Site, config_of, plugin, service

pytestmark = pytest.mark.core

AGENT = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
TRUSTING = {"trusted_ips": ["127.0.0.1"], "real_ip_header": "X-Real-IP"}


@pytest.fixture
def guarded(open_site, open_origin):
    def start(gateway=None, **config) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin, plugins=[plugin("anti-bot", **config)]), gateway=TRUSTING | (gateway or {})), origin)
    return start


def ask(site: Site, path: str = "/", ip: str = "192.0.2.1", agent: str = AGENT) -> int:
    return site.ask(get(path, f"X-Real-IP: {ip}", *([agent] if agent else []))).status


def command(site: Site, name: str, **arguments):
    from fastgate.control.control_client import send_command

    return send_command(site.process.control_path, name, SAID_S, arguments=arguments)


def bans(site: Site) -> dict[str, dict]:
    return {ban["address"]: ban for ban in command(site, "bans list")["bans"]}


def test_probes_lead_to_a_ban_and_nobody_else_notices(guarded):
    site = guarded()
    assert [ask(site, path) for path in ("/", "/.env", "/a/wp-login.php", "/.git/config", "/")] == [200, 200, 200, 403, 403]
    assert ask(site, ip="192.0.2.2") == 200
    answer = site.ask(get("/", "X-Real-IP: 192.0.2.1", AGENT))
    assert said(answer) == (403, "Forbidden")
    found = bans(site)
    assert list(found) == ["192.0.2.1"] and 3500 < found["192.0.2.1"]["seconds"] <= 3600
    assert found["192.0.2.1"]["score"] >= 105 and not found["192.0.2.1"]["shared"]
    metrics = site.metrics()
    assert metrics["fastgate_bot_refusals_total"] == 3
    assert metrics["fastgate_bot_bans_total"] == metrics["fastgate_bot_bans_active"] == 1


def test_rate(guarded):
    site = guarded(full={"requests": 20})
    assert [ask(site) for _ in range(32)].count(403) == 0
    assert [ask(site) for _ in range(30)][-1] == 403


def test_many_misses(open_site, open_origin):
    origin = open_origin(lambda connection: (connection.read(), connection.reply(status="404 Not Found")))
    guard = plugin("anti-bot", weights={"misses": 100}, full={"misses": 5})
    site = open_site(config_of(service(origin, plugins=[guard]), gateway=TRUSTING), origin)
    assert [ask(site) for _ in range(5)] == [404] * 5
    site.wait_metric("fastgate_requests_active", 0)
    assert ask(site) == 403


def test_no_agent_and_robots_add_up_with_a_sequence(guarded):
    site = guarded(weights={"agents": 60, "sequence": 40}, full={"sequence": 4})
    assert [ask(site, f"/item/{n}", agent="") for n in range(5)] == [200, 200, 200, 200, 403]
    assert [ask(site, f"/item/{n}", ip="192.0.2.9") for n in range(8)] == [200] * 8


def test_own_probes_status_and_message(guarded):
    site = guarded(probes=["/secret[0-9]"], weights={"probe": 100}, status=429, message="Go away")
    answer = site.ask(get("/secret7", "X-Real-IP: 192.0.2.1", AGENT))
    assert said(answer) == (429, "Go away")


def test_dry_run_only_counts(guarded):
    site = guarded(dry_run=True, weights={"probe": 100})
    assert [ask(site, "/.env") for _ in range(3)] == [200] * 3
    assert site.metrics()["fastgate_bot_suspicions_total"] == 3 and bans(site) == {}


def test_who_is_exempt_is_never_scored(guarded):
    site = guarded(exempt=["192.0.2.0/28", "2001:db8::/32"], weights={"probe": 100})
    assert [ask(site, "/.env", ip=ip) for ip in ("192.0.2.1", "2001:db8::1", "192.0.2.99")] == [200, 200, 403]


def test_an_ipv6_network_is_banned_whole(guarded):
    site = guarded(weights={"probe": 100})
    assert [ask(site, path, ip=ip) for path, ip in (
        ("/.env", "2001:db8:1:2::1"), ("/", "2001:db8:1:2:ffff::9"), ("/", "2001:db8:1:3::1"))] == [403, 403, 200]
    assert list(bans(site)) == ["2001:db8:1:2::/64"]
    assert command(site, "bans lift", address="2001:db8:1:2::77")["ok"]
    assert ask(site, ip="2001:db8:1:2::1") == 200


def test_bans_by_hand(guarded):
    site = guarded()
    assert command(site, "bans add", address="192.0.2.1", seconds=60)["address"] == "192.0.2.1"
    assert ask(site) == 403 and bans(site)["192.0.2.1"]["score"] == 0
    assert command(site, "bans lift", address="192.0.2.1")["ok"] and ask(site) == 200
    assert command(site, "bans lift", address="192.0.2.1")["errors"] == ["192.0.2.1 is not banned"]


@pytest.mark.parametrize(("name", "arguments", "error"), [
    ("bans add", {"address": "host"}, '"host" is no IP address: write 192.0.2.1, 2001:db8::1 or 2001:db8::/64'),
    ("bans add", {"address": "10.0.0.0/8"}, '"10.0.0.0/8" is no IP address: write 192.0.2.1, 2001:db8::1 or 2001:db8::/64'),
    ("bans add", {"address": "10.0.0.1", "seconds": 0}, "a ban of 0 seconds: give 1 to 31536000"),
    ("bans lift", {"address": 7}, '"7" is no IP address: write 192.0.2.1, 2001:db8::1 or 2001:db8::/64')])
def test_commands_that_can_not_be_carried_out(guarded, name, arguments, error):
    assert command(guarded(), name, **arguments)["errors"] == [error]


def test_bans_outlive_a_reload(guarded):
    site = guarded(weights={"probe": 100})
    assert ask(site, "/.env") == 403
    site.process.reload(config_of(service(site.origin, plugins=[plugin("anti-bot")]), gateway=TRUSTING))
    assert ask(site) == 403


# --- Redis

def shared(redis, timeout=20_000, **config):
    """Patient, unless told otherwise: the machine may have other work."""
    return {"gateway": {"redis": redis.record(timeout=timeout), "bans": {"sync_rate": 0.1}}, "weights": {"probe": 100}, **config}


@pytest.fixture(params=[RedisServer, RedisBehindSentinel, RedisClusterServers], ids=["alone", "sentinel", "cluster"])
def redis(request):
    with request.param() as server:
        yield server


def test_a_ban_is_shared_and_lifted_everywhere(redis, guarded):
    one, two = guarded(**shared(redis)), guarded(**shared(redis))
    assert ask(one, "/.env") == 403
    wait_until(lambda: ask(two) == 403)
    wait_until(lambda: bans(one)["192.0.2.1"]["shared"])
    assert command(two, "bans lift", address="192.0.2.1")["ok"]
    wait_until(lambda: ask(one) == 200)
    assert ask(two) == 200


def test_other_tools_write_and_delete(guarded):
    with RedisServer() as redis, redis.client() as client:
        site = guarded(**shared(redis))
        client.set("blacklist:198.51.100.7", "1", ex=120)
        client.set("blacklist:2001:db8::5", "1")
        client.set("blacklist:nobody", "1")
        wait_until(lambda: len(bans(site)) == 2)
        found = bans(site)
        assert found["198.51.100.7"]["seconds"] <= 120 and found["198.51.100.7"]["shared"]
        assert found["2001:db8::/64"]["seconds"] > 10**6
        assert ask(site, ip="198.51.100.7") == ask(site, ip="2001:db8::99") == 403
        assert ask(site, "/.env") == 403
        wait_until(lambda: client.exists("blacklist:192.0.2.1"))
        assert 3_500_000 < client.pttl("blacklist:192.0.2.1") <= 3_600_000
        client.delete("blacklist:192.0.2.1", "blacklist:198.51.100.7")
        wait_until(lambda: list(bans(site)) == ["2001:db8::/64"])
        assert ask(site) == ask(site, ip="198.51.100.7") == 200


@pytest.mark.parametrize(("spelt", "address"), [
    (("2001:db8:77::7", "2001:DB8:77:0::8"), "2001:db8:77::/64"), (("::ffff:198.51.100.9", "198.51.100.9"), "198.51.100.9")])
def test_a_lifted_ban_is_gone_however_another_tool_spelt_it(guarded, spelt, address):
    with RedisServer() as redis, redis.client() as client:
        site = guarded(**shared(redis))
        for name in spelt:
            client.set(f"blacklist:{name}", "1", ex=600)
        client.set("blacklist:192.0.2.9", "1", ex=600)
        exchanges = site.scrape()["fastgate_bot_exchanges_total"]
        wait_until(lambda: site.scrape()["fastgate_bot_exchanges_total"] >= exchanges + 2 and address in bans(site))
        assert command(site, "bans lift", address=spelt[0])["address"] == address
        wait_until(lambda: not any(client.exists(f"blacklist:{name}") for name in spelt))
        exchanges = site.scrape()["fastgate_bot_exchanges_total"]
        wait_until(lambda: site.scrape()["fastgate_bot_exchanges_total"] >= exchanges + 2)
        assert list(bans(site)) == ["192.0.2.9"]


def test_without_redis_bans_go_on_and_are_told_later(guarded):
    with RedisServer() as redis:
        site = guarded(**shared(redis, timeout=500))
        wait_until(lambda: site.scrape()["fastgate_bot_exchanges_total"] >= 1)
        redis.pause()
        assert ask(site, "/.env") == 403 and ask(site) == 403
        site.process.wait_for_log("Redis can't be asked, bans go on by themselves")
        assert ask(site, ip="192.0.2.3") == 200
        redis.resume()
        site.process.wait_for_log("Redis is back")
        with redis.client() as client:
            wait_until(lambda: client.exists("blacklist:192.0.2.1"))
        assert ask(site) == 403


def test_what_was_banned_last_is_told_at_the_end(guarded):
    with RedisServer() as redis, redis.client() as client:
        site = guarded(**shared(redis, gateway={"redis": redis.record(), "bans": {"sync_rate": 3600}}))
        wait_until(lambda: site.scrape()["fastgate_bot_exchanges_total"] >= 1)
        assert ask(site, "/.env") == 403
        site.process.stop()
        assert client.exists("blacklist:192.0.2.1")


def test_another_redis_is_told_of_all_bans_and_the_same_one_of_none_again(guarded):
    with RedisServer() as first, RedisServer() as second, second.client() as client:
        site = guarded(**shared(first))
        assert ask(site, "/.env") == 403
        wait_until(lambda: bans(site)["192.0.2.1"]["shared"])

        def move(redis, **more) -> None:
            gateway = TRUSTING | shared(redis, **more)["gateway"]
            assert site.process.reload(config_of(service(site.origin, plugins=[plugin("anti-bot")]), gateway=gateway))["ok"]

        move(second)
        wait_until(lambda: client.exists("blacklist:192.0.2.1"))
        wait_until(lambda: bans(site)["192.0.2.1"]["shared"])
        assert ask(site) == 403
        client.delete("blacklist:192.0.2.1")
        move(second, timeout=19_000)
        wait_until(lambda: ask(site) == 200)
        assert not client.exists("blacklist:192.0.2.1")


def test_a_redis_that_was_started_anew_is_told_of_all_bans(guarded):
    """It keeps nothing on its disk, and has forgotten them: that lifts none."""
    with RedisServer() as redis:
        site = guarded(**shared(redis))
        assert ask(site, "/.env") == 403
        wait_until(lambda: bans(site)["192.0.2.1"]["shared"])
        redis.stop()
        redis.start()
        with redis.client() as client:
            wait_until(lambda: client.exists("blacklist:192.0.2.1"))
            wait_until(lambda: bans(site)["192.0.2.1"]["shared"])
            assert ask(site) == 403
            client.delete("blacklist:192.0.2.1")
            wait_until(lambda: ask(site) == 200)
