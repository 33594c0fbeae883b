"""Hot swap of plugins in Python: a new version is loaded beside the old one, and follows it between requests."""

from __future__ import annotations

import json
import textwrap
import threading
import time
from collections.abc import Callable

import pytest

from gateway.plugins.python_site import HELD, config_with, plugin
from gateway.plugins.swap_site import PROBE, answers, changing, probe, write_atomically
from support.client import get
from support.origin import Origin, echo
from support.process import SOURCE
from support.site import SETTLE_S, Site

SWAPS = 1000
SETTLED_AFTER = 100         # swaps: by then the allocator and the caches have what they need
MIB = 2**20


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "plugins"
    path.mkdir()
    return path


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SETTLE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def version_of(site: Site) -> str:
    response = site.ask(get("/"))
    return json.loads(response.body) if response.status == 200 else f"status {response.status}"


class Asking(threading.Thread):
    """A client that asks without pause on one connection; what went wrong, and the versions it met."""

    def __init__(self, site: Site) -> None:
        super().__init__(daemon=True)
        self.wrong: list[str] = []
        self.versions: list[int] = []
        self._client = site.connect()
        self._ends = threading.Event()

    def run(self) -> None:
        try:
            while not self._ends.is_set():
                response = self._client.ask(get("/"))
                if response.status != 200:
                    self.wrong.append(f"{response.status} {response.body!r}")
                    continue
                number = json.loads(response.body)
                if self.versions and number < self.versions[-1]:
                    self.wrong.append(f"{number} after {self.versions[-1]}")
                self.versions.append(number)
        except Exception as error:
            self.wrong.append(repr(error))

    def end(self) -> None:
        self._ends.set()
        self.join(SETTLE_S)


def test_a_thousand_swaps_under_load_lose_no_request_and_leak_nothing(open_site, origin, folder):
    """Each version is a package with a module that is imported late, a logger, a cycle, and a thread for its log hook."""
    def write(number: int) -> None:
        write_atomically(folder / "changing" / "part.py", f"NUMBER = {number}\n")
        write_atomically(folder / "changing" / "__init__.py", changing(f"1.0.{number}", """
            async def access(self, context, config):
                from .part import NUMBER
                logging.getLogger(__name__).debug("asked")
                self.me = self
                return Response(200, json=NUMBER)

            def log(self, context, config):
                self.last = config
            """, before="import logging\n"))

    write(0)
    (folder / "probe.py").write_text(PROBE)
    config = config_with(origin, folder, plugin("changing"))
    config["services"][0]["routes"].append({"name": "probe", "paths": ["/probe"], "plugins": [plugin("probe")]})
    site = open_site(config, origin)
    clients = [Asking(site), Asking(site)]
    for client in clients:
        client.start()
    settled = None
    for number in range(1, SWAPS + 1):
        write(number)
        answer = site.process.reload()
        assert answer["ok"], answer
        if number == SETTLED_AFTER:
            settled = alone(site)
    for client in clients:
        client.end()
        assert not client.wrong, client.wrong[:5]
        assert not client.is_alive()
    assert version_of(site) == SWAPS
    assert len({number for client in clients for number in client.versions}) > SWAPS // 4     # they did meet the swaps
    after = alone(site)
    for what in ("named", "lines", "loggers", "threads"):
        assert after[what] == settled[what], (what, settled, after)
    assert after["files"] <= settled["files"]       # the clients have gone
    assert after["objects"] - settled["objects"] < 500
    assert after["resident"] - settled["resident"] < 4 * MIB


def alone(site: Site) -> dict:
    """What the probe finds once only the running version is there."""
    found = probe(site)
    end = time.monotonic() + SETTLE_S
    while len(found["modules"]) != 2 or len(found["threads"]) != len(set(found["threads"])):
        assert time.monotonic() < end, f"old versions stay: {found}"
        time.sleep(0.01)
        found = probe(site)
    # As many as it needed of the running version's own, each there once; and asyncio's.
    found["threads"] = [name for name in found["threads"] if not name.startswith(("fastgate-changing-", "uvloop_"))]
    return found


def test_an_old_version_goes_at_once_however_long_its_calls_may_take(open_site, origin, folder):
    """Its calls are watched by a timer, which must not keep it."""
    def write(number: int) -> None:
        body = "module = sys.modules[__name__]      # which lives as long as the class\n\n" + answers(str(number))
        write_atomically(folder / "changing.py", changing(f"1.0.{number}", body, before="import sys\n"))

    write(0)
    (folder / "probe.py").write_text(PROBE)
    config = config_with(origin, folder, plugin("changing"), python={"timeout": 3_600_000})
    config["services"][0]["routes"].append({"name": "probe", "paths": ["/probe"], "plugins": [plugin("probe")]})
    site = open_site(config, origin)
    assert version_of(site) == 0
    before = probe(site)["modules"]
    write(1)
    assert site.process.reload()["ok"] and version_of(site) == 1
    wait_for(lambda: len(found := probe(site)["modules"]) == 1 and found != before, "the old version stays")


CONFIG = "text: str = 'a'"
REFUSED = {
    "no Python": ("def", "importing it raised SyntaxError"),
    "raises": ("1 / 0", "importing it raised ZeroDivisionError"),
    "no plugin": ("x = 1", "must define one subclass of fastgate.Plugin; it defines none"),
    "the same version": (changing("1.0.0", answers("'other'"), config=CONFIG), "its version is still 1.0.0: raise `version`"),
    "a lower version": (changing("1.0.0-rc1", answers("'other'"), config=CONFIG), "is version 1.0.0-rc1, and 1.0.0 runs"),
    "another name": (changing("1.0.1", answers("'other'"), config=CONFIG, name="other"), "defines other now"),
    "a hook that is none": (changing("1.0.1", "async def access(self):\n    pass", config=CONFIG), "must take (self, context, config)"),
    "a configuration it can't have": (changing("1.0.1", answers("'other'"), config="count: int = 1"), 'unknown key "text"'),
    "a configuration it refuses": (changing("1.0.1", "def configure(self, configs):\n    raise ValueError('no')", config=CONFIG),
                                   "configure raised ValueError: no"),
    "no init": (changing("1.0.1", "async def init(self):\n    raise ValueError('not today')", config=CONFIG),
                "init raised ValueError: not today"),
    "no object": (changing("1.0.1", "def __init__(self):\n    raise ValueError('never')\n\n" + answers("1"), config=CONFIG),
                  "making it raised ValueError"),
}


@pytest.fixture(scope="module")
def refusing(request, tmp_path_factory):
    """One site for all refusals: each must leave it as it was."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "changing.py").write_text(changing("1.0.0", answers("'first'"), config=CONFIG))
    upstream = Origin(echo)
    site = Site(config_with(upstream, folder, plugin("changing", text="b")), upstream)
    yield site, folder
    site.settle()
    site.close()


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_follow_is_refused_and_the_old_goes_on(refusing, what):
    site, folder = refusing
    text, reason = REFUSED[what]
    good = (folder / "changing.py").read_text()
    write_atomically(folder / "changing.py", text)
    try:
        answer = site.process.reload()
        assert not answer["ok"] and any(reason in error for error in answer["errors"]), answer
        assert version_of(site) == "first"
        status = json.loads(site.status("/status")[1])["gateway"]
        assert status["reloads"]["last_errors"] == answer["errors"]
        assert status["plugins"]["changing"]["version"] == "1.0.0"
        site.process.wait_for_log(reason)
        assert not site.process.reload()["ok"]          # it is looked at again, and still refused
    finally:
        write_atomically(folder / "changing.py", good)
    assert site.process.reload()["ok"] and version_of(site) == "first"


def test_only_what_has_changed_is_loaded_and_it_begins_afresh(open_site, origin, folder, tmp_path):
    seen = tmp_path / "seen"
    note = "with open({!r}, 'a') as file:\n    file.write('{}\\n')\ncount = 0\n"
    body = """
        async def access(self, context, config):
            global count
            count += 1
            return Response(200, json=[self.version, count])
        """
    (folder / "changing.py").write_text(changing("1.0.0", body, before=note.format(str(seen), "first")))
    config = config_with(origin, folder, plugin("changing"))
    site = open_site(config, origin)
    assert version_of(site) == ["1.0.0", 1]
    assert site.process.reload()["ok"] and site.process.reload()["ok"]
    assert version_of(site) == ["1.0.0", 2] and seen.read_text() == "first\n"
    write_atomically(folder / "changing.py", changing("1.1.0", body, before=note.format(str(seen), "second")))
    assert version_of(site) == ["1.0.0", 3]
    assert site.process.reload()["ok"]
    assert version_of(site) == ["1.1.0", 1] and seen.read_text() == "first\nsecond\n"
    site.process.wait_for_log("version 1.1.0 follows 1.0.0")


def test_the_old_one_is_closed_when_its_last_request_has_ended(open_site, origin, folder, tmp_path):
    gates = [tmp_path / "gate0", tmp_path / "gate1"]
    closed = tmp_path / "closed"

    def write(number: int) -> None:
        write_atomically(folder / "changing.py", changing(f"1.0.{number}", HELD.replace("config.gate", repr(str(gates[number]))) + f"""
    async def close(self):
        with open({str(closed)!r}, "a") as file:
            file.write("{number}")
"""))

    write(0)
    site = open_site(config_with(origin, folder, plugin("changing", phase_timeout=60_000)), origin)
    held = site.connect()
    held.send(get("/"))
    site.wait_metric('fastgate_plugin_calls_active{plugin="changing"}', 1)
    write(1)
    assert site.process.reload()["ok"]
    gates[1].touch()
    assert site.ask(get("/")).status == 200             # the new one's gate is open
    assert not closed.exists()
    gates[0].touch()
    assert held.response().status == 200
    wait_for(lambda: closed.exists() and closed.read_text() == "0", "the old one is not closed")
    assert site.ask(get("/")).status == 200
    assert json.loads(site.status("/status")[1])["gateway"]["plugins"]["changing"]["version"] == "1.0.1"


def test_versions_between_go_though_an_older_one_is_still_in_use(open_site, origin, folder, tmp_path):
    """A request that never ends keeps its own version alive, and no other."""
    gate, closed = tmp_path / "gate", tmp_path / "closed"
    closes = f"""
    async def close(self):
        with open({str(closed)!r}, "a") as file:
            file.write(self.version + " ")
"""
    (folder / "changing.py").write_text(changing("1.0.0", HELD.replace("config.gate", repr(str(gate))) + closes))
    site = open_site(config_with(origin, folder, plugin("changing", phase_timeout=60_000)), origin)
    held = site.connect()
    held.send(get("/"))
    site.wait_metric('fastgate_plugin_calls_active{plugin="changing"}', 1)
    for number in (1, 2, 3):
        write_atomically(folder / "changing.py", changing(f"1.0.{number}", answers("self.version") + textwrap.dedent(closes)))
        assert site.process.reload()["ok"] and version_of(site) == f"1.0.{number}"
    wait_for(lambda: closed.exists() and closed.read_text().split() == ["1.0.1", "1.0.2"], "those between stay")
    gate.touch()
    assert held.response().status == 200
    wait_for(lambda: "1.0.0" in closed.read_text(), "the oldest stays")


def test_a_watched_folder(open_site, origin, folder):
    (folder / "changing.py").write_text(changing("1.0.0", answers("self.version")))
    config = config_with(origin, folder, plugin("changing"))
    config["gateway"]["watch"] = True
    site = open_site(config, origin)
    assert version_of(site) == "1.0.0"
    write_atomically(folder / "changing.py", changing("1.0.1", answers("self.version")))
    wait_for(lambda: version_of(site) == "1.0.1", "the change is not seen")
    write_atomically(folder / "changing.py", "no Python")
    site.process.wait_for_log("importing it raised SyntaxError")
    assert version_of(site) == "1.0.1"


def test_a_new_version_and_its_configuration_together(open_site, origin, folder):
    (folder / "changing.py").write_text(changing("1.0.0", answers("config.text"), config="text: str"))
    site = open_site(config_with(origin, folder, plugin("changing", text="a")), origin)
    write_atomically(folder / "changing.py", changing("2.0.0", answers("config.number"), config="number: int"))
    assert not site.process.reload()["ok"] and version_of(site) == "a"
    assert site.process.reload(config_with(origin, folder, plugin("changing", number=7)))["ok"]
    assert version_of(site) == 7


def test_counts_go_on_and_what_was_tripped_off_runs_again(open_site, origin, folder):
    (folder / "changing.py").write_text(changing("1.0.0", "async def access(self, context, config):\n    raise ValueError"))
    site = open_site(config_with(origin, folder, plugin("changing"), python={"failures": 2, "pause": 3_600_000}), origin)
    assert [site.ask(get("/")).status for _ in range(3)] == [500] * 3
    trips, failures = (f'fastgate_plugin_{what}_total{{plugin="changing"}}' for what in ("trips", "failures"))
    assert site.metrics()[trips] == 1 and site.metrics()[failures] == 2
    write_atomically(folder / "changing.py", changing("1.0.1", answers("self.version")))
    assert site.process.reload()["ok"] and version_of(site) == "1.0.1"
    wait_for(lambda: not json.loads(site.status("/status")[1])["gateway"]["plugins"]["changing"]["leaving"], "the old one stays")
    assert site.metrics()[trips] == 1 and site.metrics()[failures] == 2


def test_all_or_none_of_two(open_site, origin, folder, tmp_path):
    """The first one's new version is ready, and is closed again, when the second one's can't begin."""
    closed = tmp_path / "closed"
    closes = f"\nasync def close(self):\n    with open({str(closed)!r}, 'a') as file:\n        file.write(self.version + ' ')\n"

    def write(version: str, second: str = "") -> None:
        write_atomically(folder / "changing.py", changing(version, answers("self.version") + closes))
        write_atomically(folder / "second.py", changing(version, "async def log(self, context, config):\n    pass\n" + second, name="second"))

    write("1.0.0")
    site = open_site(config_with(origin, folder, plugin("changing"), plugin("second")), origin)
    write("1.0.1", "async def init(self):\n    raise ValueError('not yet')\n")
    answer = site.process.reload()
    line = next(at for at, text in enumerate((folder / "second.py").read_text().splitlines(), 1) if "not yet" in text)
    assert answer["errors"] == [f"the plugin second: init raised ValueError: not yet ({folder}/second.py:{line})"]
    assert version_of(site) == "1.0.0" and closed.read_text() == "1.0.1 "
    write("1.0.2")
    assert site.process.reload()["ok"] and version_of(site) == "1.0.2"
    wait_for(lambda: closed.read_text() == "1.0.1 1.0.0 ", "the old one is not closed")


def test_what_is_refused_again_and_again_leaves_nothing(open_site, origin, folder):
    """Also not what no configuration names: it is imported, since its name is not known before."""
    (folder / "probe.py").write_text(PROBE)
    (folder / "changing.py").write_text(changing("1.0.0", answers("config.text"), config="text: str"))
    config = config_with(origin, folder, plugin("changing", text="a"))
    config["services"][0]["routes"].append({"name": "probe", "paths": ["/probe"], "plugins": [plugin("probe")]})
    site = open_site(config, origin)
    for number in range(5):
        write_atomically(folder / "changing.py", changing(f"1.1.{number}", answers("1"), config="count: int"))
        write_atomically(folder / "idle.py", changing(f"1.1.{number}", answers("1"), name="idle"))
        assert not site.process.reload()["ok"]
    assert len(probe(site)["modules"]) == 3             # the one that runs, and the last that were tried
    assert version_of(site) == "a"


def test_an_installed_package(open_site, origin, tmp_path):
    """What runs imports its own version's modules, however it names them, after another version was installed."""
    installed, gate = tmp_path / "site", tmp_path / "gate"
    (installed / "a_gate_package").mkdir(parents=True)

    def install(version: str, body: str) -> None:
        for old in installed.glob("*.dist-info"):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        info = installed / f"a_gate_package-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: a-gate-package\nVersion: {version}\n")
        (info / "entry_points.txt").write_text("[fastgate.plugins]\nchanging = a_gate_package.plugin:Changing\n")
        write_atomically(installed / "a_gate_package" / "__init__.py", f"VERSION = {version!r}\n")
        write_atomically(installed / "a_gate_package" / "late.py", f"VERSION = {version!r}\n")
        write_atomically(installed / "a_gate_package" / "plugin.py",
                         changing("1.0.0", body, before="import a_gate_package\n"))

    tells = """
    async def access(self, context, config):
        while not __import__("os").path.exists(%r):
            await asyncio.sleep(0.002)
        import a_gate_package.late as late
        from a_gate_package import late as again
        return Response(200, json=[a_gate_package.VERSION, late.VERSION, again.VERSION])
    """
    install("1.0", tells % str(gate))
    site = open_site(config_with(origin, tmp_path / "site", plugin("changing", phase_timeout=60_000)), origin,
                     env={"PYTHONPATH": f"{installed}:{SOURCE}"})
    held = site.connect()
    held.send(get("/"))
    site.wait_metric('fastgate_plugin_calls_active{plugin="changing"}', 1)
    install("1.1", tells % "/")
    assert site.process.reload()["ok"]
    assert version_of(site) == ["1.1"] * 3
    gate.touch()
    assert json.loads(held.response().body) == ["1.0"] * 3
    install("1.0.5", tells % "/tmp")
    answer = site.process.reload()
    assert not answer["ok"] and "its version is still 1.0.0" in answer["errors"][0], answer
    assert version_of(site) == ["1.1"] * 3
