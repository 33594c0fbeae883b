"""The resolver against a real DNS server on loopback, under asyncio and uvloop."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import pytest
import uvloop
from dns_server import DROP, SERVFAIL, TRUNCATED, DnsServer

from fastgate.control.lookup import NameNotFound, system_lookup
from fastgate.control.resolver import Resolver

SETTINGS = {"timeout": 5000, "min_ttl": 0.02, "max_ttl": 3600, "not_found_ttl": 0.02, "error_ttl": 0.02}
LONG = 3600


class Changes:
    """What on_change reported, awaitable one at a time."""

    def __init__(self):
        self.queue = asyncio.Queue()

    def __call__(self, host, port, addresses):
        self.queue.put_nowait((host, port, addresses))

    async def next(self):
        return await asyncio.wait_for(self.queue.get(), 10)

    def all(self):
        return [self.queue.get_nowait() for _ in range(self.queue.qsize())]


class Bench:
    """A DNS server, a hosts file, and the resolver between them."""

    def __init__(self, tmp_path):
        self.hosts = tmp_path / "hosts"
        self.resolv_conf = tmp_path / "resolv.conf"
        self.hosts.write_text("127.0.0.1 localhost\n::1 localhost\n")
        self.resolv_conf.write_text("search corp.example\n")
        self.dns = DnsServer()
        self.changes = Changes()
        self.system_names = {}

    async def system(self, name):
        if name not in self.system_names:
            raise NameNotFound("not in the test's system")
        return self.system_names[name]

    def start(self, **settings):
        self.resolver = Resolver(
            {"nameservers": [f"127.0.0.1:{self.dns.port}"], **SETTINGS, **settings},
            self.changes,
            asyncio.get_running_loop(),
            hosts_path=str(self.hosts),
            resolv_conf=str(self.resolv_conf),
            hosts_interval_s=0.02,
            system=self.system,
        )
        return self.resolver


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request, tmp_path):
    """Runs `async def scenario(bench)` to its end."""

    def runner(scenario):
        async def whole():
            bench = Bench(tmp_path)
            await bench.dns.start()
            try:
                await scenario(bench)
            finally:
                if hasattr(bench, "resolver"):
                    await bench.resolver.close()
                await bench.dns.close()

        if request.param == "uvloop":
            loop = uvloop.new_event_loop()
            try:
                loop.run_until_complete(whole())
            finally:
                loop.close()
        else:
            asyncio.run(whole())

    return runner


def test_first_answers_are_reported_for_each_port(run):
    async def scenario(bench):
        bench.dns.zone["api.example", "A"] = (LONG, ["192.0.2.2", "192.0.2.1"])
        resolver = bench.start()
        assert await resolver.watch([("api.example", 80), ("api.example", 8080)]) == []
        assert bench.changes.all() == [
            ("api.example", 80, ["192.0.2.1", "192.0.2.2"]),
            ("api.example", 8080, ["192.0.2.1", "192.0.2.2"]),
        ]
        assert resolver.addresses("api.example") == ["192.0.2.1", "192.0.2.2"]
        assert bench.dns.count("api.example") == 1

    run(scenario)


def test_answer_is_looked_up_again_when_its_ttl_ends_and_a_change_reported(run):
    async def scenario(bench):
        bench.dns.zone["api.example", "A"] = (0, ["192.0.2.1"])
        await bench.start().watch([("api.example", 80)])
        await bench.changes.next()
        bench.dns.zone["api.example", "A"] = (0, ["192.0.2.9"])
        assert await bench.changes.next() == ("api.example", 80, ["192.0.2.9"])

    run(scenario)


def test_same_set_in_another_order_is_no_change(run):
    async def scenario(bench):
        bench.dns.zone["api.example", "A"] = (0, ["192.0.2.1", "192.0.2.2"])
        await bench.start().watch([("api.example", 80)])
        await bench.changes.next()
        bench.dns.zone["api.example", "A"] = (0, ["192.0.2.2", "192.0.2.1"])
        await bench.dns.wait_asked("api.example", 4)
        assert bench.changes.all() == []

    run(scenario)


@pytest.mark.parametrize("ttl, settings, expected", [
    (600, {}, 600), (600, {"max_ttl": 60}, 60), (1, {"min_ttl": 30}, 30),
])
def test_ttl_is_kept_within_its_bounds(run, ttl, settings, expected):
    async def scenario(bench):
        bench.dns.zone["api.example", "A"] = (ttl, ["192.0.2.1"])
        resolver = bench.start(**settings)
        await resolver.watch([("api.example", 80)])
        await asyncio.sleep(0)      # the name's task goes to sleep
        assert expected - 5 < resolver.state()["names"]["api.example"]["next_lookup_s"] <= expected

    run(scenario)


def test_cname_is_followed_and_the_shortest_ttl_counts(run):
    async def scenario(bench):
        bench.dns.zone["www.example", "CNAME"] = (40, ["edge.example"])
        bench.dns.zone["edge.example", "A"] = (LONG, ["192.0.2.7"])
        resolver = bench.start()
        await resolver.watch([("www.example", 80)])
        await asyncio.sleep(0)
        assert bench.changes.all() == [("www.example", 80, ["192.0.2.7"])]
        assert resolver.state()["names"]["www.example"]["next_lookup_s"] <= 40

    run(scenario)


def test_ipv6_addresses_are_used_where_there_is_no_ipv4(run):
    async def scenario(bench):
        bench.dns.zone["six.example", "AAAA"] = (LONG, ["2001:db8::2", "2001:db8::1"])
        bench.dns.zone["both.example", "A"] = (LONG, ["192.0.2.1"])
        bench.dns.zone["both.example", "AAAA"] = (LONG, ["2001:db8::3"])
        await bench.start().watch([("six.example", 80), ("both.example", 80)])
        assert sorted(bench.changes.all()) == [
            ("both.example", 80, ["192.0.2.1"]),
            ("six.example", 80, ["2001:db8::1", "2001:db8::2"]),
        ]

    run(scenario)


def test_ipv6_comes_first_on_a_host_without_ipv4(run, monkeypatch):
    monkeypatch.setattr("fastgate.control.lookup.preferred_version", lambda: 6)

    async def scenario(bench):
        bench.dns.zone["both.example", "A"] = (LONG, ["192.0.2.1"])
        bench.dns.zone["both.example", "AAAA"] = (LONG, ["2001:db8::3"])
        await bench.start().watch([("both.example", 80)])
        assert bench.changes.all() == [("both.example", 80, ["2001:db8::3"])]

    run(scenario)


@pytest.mark.parametrize("trouble, state", [(SERVFAIL, "failed"), (DROP, "failed"), (None, "not found")])
def test_last_good_answer_is_kept_through_trouble_and_recovery_is_noticed(run, trouble, state, caplog):
    caplog.set_level(logging.INFO, "fastgate.resolver")

    async def scenario(bench):
        bench.dns.zone["api.example", "A"] = (0, ["192.0.2.1"])
        resolver = bench.start(timeout=50 if trouble == DROP else 5000)
        await resolver.watch([("api.example", 80)])
        await bench.changes.next()
        if trouble is None:
            del bench.dns.zone["api.example", "A"]
        else:
            bench.dns.zone["api.example", "A"] = trouble
        while resolver.state()["names"]["api.example"]["state"] != state:
            await bench.dns.wait_asked("api.example", bench.dns.count("api.example") + 1)
        asked = bench.dns.count("api.example")
        await bench.dns.wait_asked("api.example", asked + 3)
        known = resolver.state()["names"]["api.example"]
        assert known["addresses"] == ["192.0.2.1"] and known["error"]
        assert resolver.state()["failures" if state == "failed" else "not_found"] >= 1
        assert bench.changes.all() == []
        assert sum("using 192.0.2.1 on" in record.message for record in caplog.records) == 1     # not once a try
        bench.dns.zone["api.example", "A"] = (0, ["192.0.2.5"])
        assert await bench.changes.next() == ("api.example", 80, ["192.0.2.5"])
        assert resolver.state()["names"]["api.example"]["state"] == "ok"

    run(scenario)


def test_dead_dns_holds_the_first_answers_up_no_longer_than_asked(run):
    async def scenario(bench):
        bench.dns.zone["dead.example", "A"] = DROP
        bench.dns.zone["api.example", "A"] = (LONG, ["192.0.2.1"])
        resolver = bench.start(timeout=60_000)
        missing = await asyncio.wait_for(resolver.watch([("dead.example", 80), ("api.example", 80)], wait_s=0.1), 10)
        assert missing == [("dead.example", 80)]
        assert bench.changes.all() == [("api.example", 80, ["192.0.2.1"])]
        assert resolver.state()["names"]["dead.example"]["state"] == "waiting"

    run(scenario)


def test_second_name_server_is_asked_when_the_first_is_silent(run):
    async def scenario(bench):
        silent = DnsServer()
        await silent.start()
        silent.zone["api.example", "A"] = DROP
        bench.dns.zone["api.example", "A"] = (LONG, ["192.0.2.1"])
        resolver = bench.start(nameservers=[f"127.0.0.1:{silent.port}", f"127.0.0.1:{bench.dns.port}"], timeout=50)
        await resolver.watch([("api.example", 80)], wait_s=10)
        assert bench.changes.all() == [("api.example", 80, ["192.0.2.1"])]
        assert silent.count("api.example") >= 1
        await silent.close()

    run(scenario)


def test_long_answer_is_fetched_over_tcp(run):
    async def scenario(bench):
        addresses = [f"192.0.2.{i}" for i in range(1, 101)]
        bench.dns.zone["many.example", "A"] = (TRUNCATED, LONG, addresses)
        await bench.start().watch([("many.example", 80)])
        assert bench.changes.all() == [("many.example", 80, addresses)]

    run(scenario)


def test_search_domains_of_resolv_conf_are_honoured(run):
    async def scenario(bench):
        bench.dns.zone["api.corp.example", "A"] = (LONG, ["192.0.2.1"])
        await bench.start().watch([("api", 80)])
        assert bench.changes.all() == [("api", 80, ["192.0.2.1"])]

    run(scenario)


def test_search_domains_are_read_again_when_resolv_conf_changes(run):
    async def scenario(bench):
        bench.dns.zone["api.site.example", "A"] = (LONG, ["192.0.2.1"])
        bench.resolv_conf.unlink()
        resolver = bench.start()
        assert await resolver.watch([("api", 80)]) == [("api", 80)]
        fresh = bench.resolv_conf.with_suffix(".new")
        fresh.write_text("search site.example\n")
        fresh.rename(bench.resolv_conf)
        assert await bench.changes.next() == ("api", 80, ["192.0.2.1"])

    run(scenario)


def test_host_without_name_servers_still_asks_the_system(run):
    async def scenario(bench):
        bench.resolv_conf.unlink()
        bench.system_names["printer.local"] = ("192.0.2.30",)
        resolver = bench.start(nameservers=[])
        await resolver.watch([("printer.local", 631), ("nowhere", 80)])
        assert bench.changes.all() == [("printer.local", 631, ["192.0.2.30"])]
        assert str(bench.resolv_conf) in resolver.state()["names"]["nowhere"]["error"]

    run(scenario)


def test_name_the_dns_does_not_know_is_asked_of_the_system(run):
    async def scenario(bench):
        bench.system_names["printer.local"] = ("192.0.2.30",)
        resolver = bench.start()
        await resolver.watch([("printer.local", 631)])
        assert bench.changes.all() == [("printer.local", 631, ["192.0.2.30"])]
        assert resolver.state()["names"]["printer.local"]["source"] == "system"
        bench.system_names["printer.local"] = ("192.0.2.31",)
        assert await bench.changes.next() == ("printer.local", 631, ["192.0.2.31"])

    run(scenario)


def test_hosts_file_comes_first_and_is_reported_at_once(run):
    async def scenario(bench):
        bench.hosts.write_text("192.0.2.50 DB.example db # the database\nfe80::1%eth0 odd\n")
        bench.dns.zone["db.example", "A"] = (LONG, ["192.0.2.1"])
        bench.start().watch([("db.example", 5432), ("localhost", 80)])
        assert bench.changes.all() == [("db.example", 5432, ["192.0.2.50"]), ("localhost", 80, ["127.0.0.1"])]
        await asyncio.sleep(0)
        assert bench.dns.asked == []

    run(scenario)


def test_edited_hosts_file_is_noticed(run):
    async def scenario(bench):
        bench.hosts.write_text("192.0.2.50 db.example\n")
        bench.dns.zone["db.example", "A"] = (LONG, ["192.0.2.1"])
        bench.start().watch([("db.example", 5432)])
        assert await bench.changes.next() == ("db.example", 5432, ["192.0.2.50"])
        bench.hosts.write_text("192.0.2.51 db.example db.example.\n192.0.2.52 db.example\n")
        assert await bench.changes.next() == ("db.example", 5432, ["192.0.2.51", "192.0.2.52"])
        bench.hosts.unlink()
        assert await bench.changes.next() == ("db.example", 5432, ["192.0.2.1"])

    run(scenario)


def test_replaced_set_keeps_known_names_and_stops_following_the_others(run):
    async def scenario(bench):
        for name in ("old.example", "kept.example", "new.example"):
            bench.dns.zone[name, "A"] = (LONG if name == "kept.example" else 0, ["192.0.2.1"])
        resolver = bench.start()
        await resolver.watch([("old.example", 80), ("kept.example", 80)])
        bench.changes.all()
        await resolver.watch([("kept.example", 80), ("kept.example", 81), ("new.example", 80)])
        assert bench.changes.all() == [("kept.example", 81, ["192.0.2.1"]), ("new.example", 80, ["192.0.2.1"])]
        assert bench.dns.count("kept.example") == 1
        asked = bench.dns.count("old.example")
        await bench.dns.wait_asked("new.example", 4)
        assert bench.dns.count("old.example") == asked
        assert set(resolver.state()["names"]) == {"kept.example", "new.example"}

    run(scenario)


def test_receiver_that_raises_does_not_end_the_following(run, caplog):
    async def scenario(bench):
        bench.dns.zone["api.example", "A"] = (0, ["192.0.2.1"])
        seen = asyncio.Queue()

        def receiver(host, port, addresses):
            seen.put_nowait(addresses)
            raise ZeroDivisionError

        resolver = bench.start()
        resolver._on_change = receiver
        await resolver.watch([("api.example", 80)])
        bench.dns.zone["api.example", "A"] = (0, ["192.0.2.2"])
        assert [await asyncio.wait_for(seen.get(), 10) for _ in range(2)] == [["192.0.2.1"], ["192.0.2.2"]]

    run(scenario)
    assert "could not be used" in caplog.text


def test_defect_in_a_lookup_is_logged_and_tried_again(run, caplog):
    async def scenario(bench):
        async def broken(name):
            raise ZeroDivisionError

        resolver = bench.start()
        resolver._system = broken
        assert await resolver.watch([("gone.example", 80)]) == [("gone.example", 80)]
        bench.dns.zone["gone.example", "A"] = (LONG, ["192.0.2.1"])
        assert await bench.changes.next() == ("gone.example", 80, ["192.0.2.1"])

    run(scenario)
    assert "looking up gone.example failed unexpectedly" in caplog.text


def test_close_ends_all_lookups_and_waits(run):
    async def scenario(bench):
        bench.dns.zone["dead.example", "A"] = DROP
        bench.dns.zone["busy.example", "A"] = (0, ["192.0.2.1"])
        resolver = bench.start(timeout=60_000)
        waiting = resolver.watch([("dead.example", 80), ("busy.example", 80)], wait_s=60)
        await bench.dns.wait_asked("dead.example", 1)
        await resolver.close()
        await asyncio.wait_for(waiting, 10)
        leftover = [task for task in asyncio.all_tasks() if task.get_name().startswith("resolve ")]
        assert leftover == []
        assert resolver.state()["names"] == {}

    run(scenario)


def test_many_names_are_all_resolved(run):
    async def scenario(bench):
        names = [f"n{i}.example" for i in range(300)]
        for i, name in enumerate(names):
            bench.dns.zone[name, "A"] = (LONG, [f"10.0.{i >> 8}.{i & 255}"])
        assert await bench.start(timeout=60_000).watch([(name, 80) for name in names]) == []
        assert len(bench.changes.all()) == 300

    run(scenario)


def test_system_lookup_knows_localhost_and_tells_what_is_unknown():
    assert asyncio.run(system_lookup("localhost"))[0] in ("127.0.0.1", "::1")
    with pytest.raises(NameNotFound):
        asyncio.run(system_lookup("no such name"))


def test_dnspython_is_imported_only_when_a_name_needs_it():
    code = (
        "import asyncio, sys\n"
        "from fastgate.control.resolver import Resolver\n"
        "async def main():\n"
        "    got = []\n"
        "    resolver = Resolver({'nameservers': ['127.0.0.1'], 'timeout': 1, 'min_ttl': 1, 'max_ttl': 1,\n"
        "                         'not_found_ttl': 1, 'error_ttl': 1}, lambda *of: got.append(of), asyncio.get_running_loop())\n"
        "    await resolver.watch([('localhost', 80)])\n"
        "    await resolver.close()\n"
        "    assert got and 'dns' not in sys.modules, got\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
