"""device-auth in whole gateways, before a real Redis: who is let in, and what happens while Redis is away."""

from __future__ import annotations

import hashlib

import pytest
from fastgate.plugins.device_auth import REDIS_FAILURES

from gateway.plugins.python_site import PATIENT
from support.client import get
from support.origin import echo, wait_until
from support.process import GatewayFailed
from support.site import config_of, plugin, service

LOOKUPS = "fastgate_plugin_device_auth_lookups_total"
REFUSED = b'{"status":"unauthorized","reason":"invalid token"}'


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


def device_auth(**config):
    """Patient, unless told otherwise: the machine may have other work."""
    return plugin("device-auth", **{"timeout": 20_000} | config)


def before(redis, *, trusted=()):
    return {"redis": redis.record(timeout=20_000), "trusted_ips": list(trusted), "python": PATIENT}


def site_with(open_site, origin, redis, *, trusted=(), **config):
    return open_site(config_of(service(origin), plugins=[device_auth(**config)], gateway=before(redis, trusted=trusted)), origin)


def put(redis, **devices):
    with redis.client() as client:
        for device, value in devices.items():
            client.set(f"device:{device}:auth", value)


def looked_up(site, result):
    return site.metrics().get(f'{LOOKUPS}{{result="{result}"}}', 0)


def test_devices_that_redis_knows_are_let_in(open_site, origin, redis):
    put(redis, d1="1", d0="0", dt="t0ken", dh="sha256:" + hashlib.sha256(b"t0ken").hexdigest())
    site = site_with(open_site, origin, redis)
    client = site.connect()
    for path, fields, status in (
            ("/x?device_id=d1", [], 200), ("/x", ["X-Device-Id: d1"], 200), ("/x?device_id=d0", [], 403),
            ("/x?device_id=none", [], 403), ("/x", [], 403), ("/x?device_id=d1%0d%0a", [], 403),
            ("/x?device_id=dt", [], 403), ("/x?device_id=dt", ["X-Device-Token: t0ken"], 200),
            ("/x?device_id=dt", ["X-Device-Token: wrong"], 403), ("/x?device_id=dh", ["X-Device-Token: t0ken"], 200)):
        answer = client.ask(get(path, *fields))
        assert answer.status == status, (path, fields)
        if status == 403:
            assert answer.body == REFUSED and answer.get("Content-Type").startswith("application/json")
    assert len(origin.requests) == 4
    assert site.metrics()["fastgate_plugin_device_auth_refusals_total"] == 6


def test_the_upstream_learns_the_true_id_and_no_secret(open_site, origin, redis):
    put(redis, d1="t0ken")
    site = site_with(open_site, origin, redis, hide_credentials=True, sources=["query"])
    answer = site.ask(get("/x?a=1&device_id=d1", "X-Device-Id: spoofed", "X-Device-Token: t0ken"))
    assert answer.status == 200
    seen = origin.requests[-1]
    assert seen.all("X-Device-Id") == ["d1"] and seen.get("X-Device-Token") is None and seen.target == "/x?a=1"
    assert "t0ken" not in site.process.log()


def test_a_certificate_counts_from_a_trusted_proxy_alone(open_site, origin, redis):
    put(redis, d1="t0ken")
    asked = get("/x", "X-Client-Cert-Subject: CN=d1,O=factory")
    trusted = site_with(open_site, origin, redis, trusted=["127.0.0.1"], sources=["certificate"])
    assert trusted.ask(asked).status == 200
    assert origin.requests[-1].get("X-Device-Id") == "d1"
    anybody = site_with(open_site, origin, redis, sources=["certificate"])
    assert anybody.ask(asked).status == 403
    put(redis, d2="1")
    either = site_with(open_site, origin, redis, sources=["certificate", "query"])
    assert either.ask(get("/x?device_id=d2", "X-Client-Cert-Subject: CN=d1")).status == 200
    assert origin.requests[-1].get("X-Client-Cert-Subject") is None


def test_an_answer_is_used_again_until_it_is_old(open_site, origin, redis):
    put(redis, d1="1", d2="1")
    site = site_with(open_site, origin, redis, ttl=3600)
    client = site.connect()
    for _ in range(5):
        assert client.ask(get("/x?device_id=d1")).status == 200
        assert client.ask(get("/x?device_id=none")).status == 403
    assert looked_up(site, "asked") == 2 and looked_up(site, "cached") == 8
    assert site.process.reload(config_of(service(origin), plugins=[device_auth(ttl=0)], gateway=before(redis)))["ok"]
    assert client.ask(get("/x?device_id=d1")).status == 200
    put(redis, d1="0")
    assert client.ask(get("/x?device_id=d1")).status == 403


def test_what_was_known_goes_on_while_redis_is_away(open_site, origin, redis):
    put(redis, d1="1")
    site = site_with(open_site, origin, redis, ttl=0)
    client = site.connect()
    assert client.ask(get("/x?device_id=d1")).status == 200
    assert client.ask(get("/x?device_id=d2")).status == 403
    redis.stop()
    for _ in range(5):
        assert client.ask(get("/x?device_id=d1")).status == 200
        assert client.ask(get("/x?device_id=d2")).status == 403
        assert client.ask(get("/x?device_id=d3")).status == 503      # never seen
    assert looked_up(site, "stale") == 10 and looked_up(site, "unknown") == 5
    redis.start()                                                   # empty
    while client.ask(get("/x?device_id=d1")).status == 200:
        pass
    assert client.ask(get("/x?device_id=d1")).status == 403


def test_tokens_are_stars_in_the_access_log(open_site, origin, redis):
    put(redis, d1="t0ken")
    config = config_of(service(origin), plugins=[device_auth(token_arg="tok")], gateway=before(redis))
    site = open_site(config, origin, access_log="stdout", workers=1)
    assert site.ask(get("/x?device_id=d1&tok=t0ken")).status == 200
    assert site.ask(get("/x?device_id=d1&%74ok=wrong")).status == 403
    assert site.ask(get("/the-last")).status == 403
    log = site.process.wait_for_access_log("/the-last")
    assert "/x?device_id=d1&tok=*****" in log and "&%74ok=*****" in log and "t0ken" not in log
    assert site.process.reload(config_of(service(origin), plugins=[device_auth()], gateway=before(redis)))["ok"]
    site.ask(get("/y?tok=plain"))
    assert "/y?tok=plain" in site.process.wait_for_access_log("/y?")


def test_what_was_known_outlives_changes_of_the_configuration(open_site, origin, redis):
    put(redis, d1="1")
    site = site_with(open_site, origin, redis, ttl=0)
    client = site.connect()
    assert [client.ask(get(f"/x?device_id={device}")).status for device in ("d1", "d2")] == [200, 403]
    redis.stop()
    for changed in (device_auth(ttl=0, stale_ttl=86_400), device_auth(ttl=0, hide_credentials=True), device_auth(ttl=0, phase_timeout=9999)):
        assert site.process.reload(config_of(service(origin), plugins=[changed], gateway=before(redis)))["ok"]
        assert [client.ask(get(f"/x?device_id={device}")).status for device in ("d1", "d2")] == [200, 403]
    other = device_auth(ttl=0, key="other:{id}")
    assert site.process.reload(config_of(service(origin), plugins=[other], gateway=before(redis)))["ok"]
    assert client.ask(get("/x?device_id=d1")).status == 503


def test_a_key_that_is_no_text_shuts_out_its_device_alone(open_site, origin, redis):
    put(redis, d1="1")
    with redis.client() as client:
        client.hset("device:odd:auth", "token", "1")
    site = site_with(open_site, origin, redis, ttl=0)
    client = site.connect()
    for _ in range(REDIS_FAILURES + 1):
        assert client.ask(get("/x?device_id=odd")).status == 403
    assert client.ask(get("/x?device_id=d1")).status == 200
    assert looked_up(site, "asked") == REDIS_FAILURES + 2


def test_a_redis_that_hangs_costs_its_time_and_no_more(open_site, origin, redis):
    put(redis, d1="1")
    site = site_with(open_site, origin, redis, ttl=0, timeout=50)
    client = site.connect()
    wait_until(lambda: client.ask(get("/x?device_id=d1")).status == 200, "Redis never answered within 50 ms")
    redis.pause()
    try:
        for _ in range(10):
            assert client.ask(get("/x?device_id=d1")).status == 200
        assert client.ask(get("/x?device_id=d2")).status == 503
    finally:
        redis.resume()


def test_on_error_continue_lets_the_unknown_in_while_redis_is_away(open_site, origin, redis):
    site = site_with(open_site, origin, redis, on_error="continue")
    redis.stop()
    assert site.ask(get("/x?device_id=d3")).status == 200
    site.process.wait_for_log("nothing is known of the device")


def test_it_does_not_start_without_redis(open_site, origin):
    with pytest.raises(GatewayFailed, match="device-auth needs gateway.redis"):
        open_site(config_of(service(origin), plugins=[plugin("device-auth")]), origin)


def test_redis_is_not_taken_away_from_under_it(open_site, origin, redis):
    put(redis, d1="1")
    site = site_with(open_site, origin, redis, ttl=0)
    result = site.process.reload(config_of(service(origin), plugins=[plugin("device-auth", ttl=0)]))
    assert not result["ok"] and "device-auth needs gateway.redis" in result["errors"][0]
    assert site.ask(get("/x?device_id=d1")).status == 200
