"""An application's life: started before it is published, kept over reloads, ended after its last request; and what may go wrong."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect as websocket_connect

from gateway.asgi_site import STARLETTE, config_with, events, write_application
from gateway.plugins.python_site import write_plugin
from support.client import Client, get
from support.process import GatewayFailed
from support.site import Config

SECOND = STARLETTE.replace('note("', 'note("second ')
FAILS = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette

@asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database")
    yield

app = Starlette(lifespan=lifespan)
"""
HANGS = """
import {module}

async def app(scope, receive, send):
    {wait}
"""
PLAIN = """
async def app(scope, receive, send):
    assert scope["type"] == "http"          # knows no lifespan
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"plain"})
"""
FACTORY = """
import shop

def create_app():
    shop.note("made")
    return shop.app

def breaks():
    raise RuntimeError("no settings")
"""
BLOCKS = """
import os, time
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError
    while not os.path.exists({gate!r}):
        time.sleep(0.005)
    await send({{"type": "http.response.start", "status": 204, "headers": []}})
    await send({{"type": "http.response.body"}})
"""


def wait_events(folder: Path, expected: list[str]) -> None:
    end = time.monotonic() + 45
    while events(folder) != expected:
        assert time.monotonic() < end, events(folder)
        time.sleep(0.005)


def test_an_application_that_stays_goes_on(open_site, tmp_path):
    config = config_with(tmp_path, write_application(tmp_path, "shop"))
    site = open_site(config)
    with websocket_connect(f"ws://127.0.0.1:{site.process.port}/echo") as socket:
        config["services"].append(dict(config["services"][0], name="again", routes=[{"paths": ["/again"]}]))
        assert site.process.reload(config)["ok"]
        assert site.ask(get("/again/scope")).status == 200
        socket.send("still there")
        assert socket.recv(30).endswith("still there")
    assert events(tmp_path)[0] == "startup" and "shutdown" not in events(tmp_path)
    assert site.process.stop() == 0
    assert events(tmp_path) == ["startup", "websocket", "ended", "shutdown"]


def test_one_that_is_removed_ends_after_its_last_request(open_site, tmp_path):
    shop, other = write_application(tmp_path, "shop"), write_application(tmp_path, "other", PLAIN)
    site = open_site(config_with(tmp_path, shop, other))
    assert site.ask(get("/1")).body == b"plain"
    client = site.connect()
    client.send(get("/hang"))
    client.until(b"begun")
    with websocket_connect(f"ws://127.0.0.1:{site.process.port}/echo") as socket:
        assert site.process.reload(config_with(tmp_path, other))["ok"]
        assert site.ask(get("/scope")).body == b"plain"
        socket.send("x")
        assert socket.recv(30).endswith(" x")
        assert events(tmp_path) == ["startup"]
        client.close()
    wait_events(tmp_path, ["startup", "websocket", "ended", "shutdown"])
    assert site.process.reload(config_with(tmp_path, shop, other))["ok"]
    assert events(tmp_path)[-1] == "startup"
    assert site.ask(get("/scope")).status == 200


def test_it_has_started_when_its_configuration_is_published(open_site, tmp_path):
    site = open_site(config_with(tmp_path, write_application(tmp_path, "other", PLAIN)))
    late = STARLETTE.replace('note("startup")', 'await asyncio.sleep(0.3); note("startup")')
    shop = write_application(tmp_path, "shop", late)
    assert site.process.reload(config_with(tmp_path, shop))["ok"]
    assert events(tmp_path) == ["startup"]
    assert site.ask(get("/scope")).status == 200


def test_plugins_are_told_of_their_configurations_when_it_has_started(open_site, tmp_path):
    """Until then requests come with those that were there before: at a start, at a reload, and when it is refused."""
    (tmp_path / "plugins").mkdir()
    write_plugin(tmp_path / "plugins", "told", f"""
        def configure(self, configs):
            with open({str(tmp_path / "events")!r}, "a") as file:
                file.write("".join(f"configure-{{one.n}}\\n" for one in configs))
        """, config="n: int = 0")

    def config_of_number(number: int, url: str) -> Config:
        config = config_with(tmp_path, url, gateway={"plugin_path": str(tmp_path / "plugins")})
        return config | {"plugins": [{"name": "told", "config": {"n": number}}]}

    site = open_site(config_of_number(1, write_application(tmp_path, "shop")))
    assert events(tmp_path) == ["startup", "configure-1"]
    other = write_application(tmp_path, "other", STARLETTE.replace('note("', 'note("other-'))
    assert site.process.reload(config_of_number(2, other))["ok"]
    assert events(tmp_path)[2:4] == ["other-startup", "configure-2"]
    assert not site.process.reload(config_of_number(3, write_application(tmp_path, "bad", FAILS)))["ok"]
    assert "configure-3" not in events(tmp_path)


@pytest.mark.parametrize("text, expected", [
    (FAILS, "asgi:bad:app: its startup failed: RuntimeError: no database"),
    (HANGS.format(module="asyncio", wait="await asyncio.sleep(600)"),
     "asgi:bad:app: not started within 1.5 s (gateway.asgi.startup_timeout)"),
    (HANGS.format(module="time", wait="time.sleep(3)"), "asgi:bad:app: not started within 1.5 s"),
    (HANGS.format(module="asyncio", wait="asyncio.get_running_loop().call_soon(exit, 4); await asyncio.sleep(600)"),
     "asgi:bad:app: its startup was cut off (SystemExit: 4)"),
], ids=["fails", "hangs", "blocks", "exits"])
def test_one_that_does_not_start_is_refused(open_site, tmp_path, text, expected):
    shop, bad = write_application(tmp_path, "shop"), write_application(tmp_path, "bad", text)
    other = write_application(tmp_path, "other", SECOND.replace("HERE /", "HERE / 'second' /"))
    (tmp_path / "second").mkdir()
    site = open_site(config_with(tmp_path, shop))
    answer = site.process.reload(config_with(tmp_path, other, bad, asgi={"startup_timeout": 1500, "shutdown_timeout": 300}))
    assert not answer["ok"] and len(answer["errors"]) == 1 and answer["errors"][0].startswith(expected)
    assert events(tmp_path / "second") == ["second", "startup", "second", "shutdown"]
    assert site.ask(get("/scope")).status == 200 and events(tmp_path) == ["startup"]
    assert site.process.reload(config_with(tmp_path, shop))["ok"] and events(tmp_path) == ["startup"]
    with pytest.raises(GatewayFailed, match="asgi:bad:app") as failed:
        open_site(config_with(tmp_path, bad, asgi={"startup_timeout": 1500}))
    assert failed.value.returncode == 1 and expected in failed.value.log


def test_what_is_refused_with_its_place(open_site, tmp_path):
    good = config_with(tmp_path, write_application(tmp_path, "shop"))
    site = open_site(good)
    write_application(tmp_path, "broken", "import nothing_like_this")
    cases = {"asgi:nowhere:app": "importing nowhere raised ModuleNotFoundError", "asgi:broken:app": "No module named 'nothing_like",
             "asgi:shop:missing": "shop has no missing", "asgi:shop:HERE": "which can't be called",
             "asgi:shop:note": "write shop:note()"}
    for url, expected in cases.items():
        answer = site.process.reload(config_with(tmp_path, "asgi:shop:app", url))
        (error,) = answer["errors"]
        line = 1 + next(at for at, text in enumerate(site.process.config_path.read_text().split("\n")) if url in text)
        assert error.startswith(f"{site.process.config_path}:{line}: services[1].url: ") and expected in error
    answer = site.process.reload(config_with(tmp_path, "asgi:shop:app", asgi={"path": str(tmp_path / "no")}))
    assert not answer["ok"] and "is not a folder" in answer["errors"][0]
    assert site.ask(get("/scope")).status == 200
    assert site.process.reload(good)["ok"]


def test_one_made_by_a_function_and_one_without_a_lifespan(open_site, tmp_path):
    write_application(tmp_path, "shop")
    write_application(tmp_path, "made", FACTORY)
    site = open_site(config_with(tmp_path, "asgi:made:create_app()", write_application(tmp_path, "plain", PLAIN)))
    assert site.ask(get("/scope")).status == 200 and site.ask(get("/1")).body == b"plain"
    assert events(tmp_path) == ["made", "startup"]
    answer = site.process.reload(config_with(tmp_path, "asgi:made:breaks()"))
    assert answer["errors"] == ["asgi:made:breaks(): RuntimeError: no settings"]


def test_one_that_ends_its_thread_takes_nobody_with_it(open_site, tmp_path):
    shop, other = write_application(tmp_path, "shop"), write_application(tmp_path, "other", PLAIN)
    config = config_with(tmp_path, shop, other, retries=0)
    site = open_site(config)
    assert site.ask(get("/exits")).status in (500, 502)
    log = site.process.wait_for_log("the application shop:app has died (SystemExit: 3)")
    assert "[crit]" in log
    for _ in range(3):
        assert site.ask(get("/scope")).status in (502, 503)
        assert site.ask(get("/1")).body == b"plain"
    assert site.metrics()['fastgate_application_up{application="shop:app"}'] == 0
    assert site.process.reload(config)["ok"]
    assert site.ask(get("/scope")).status == 200
    assert site.metrics()['fastgate_application_up{application="shop:app"}'] == 1


def test_one_that_blocks_its_loop_holds_up_itself_only(open_site, tmp_path):
    gate = tmp_path / "gate"
    blocks = write_application(tmp_path, "blocks", BLOCKS.format(gate=str(gate)))
    site = open_site(config_with(tmp_path, write_application(tmp_path, "shop"), blocks))
    waiting = site.connect()
    waiting.send(get("/1"))
    for _ in range(3):
        assert site.ask(get("/scope")).status == 200
    assert site.status("/status/ready")[0] == 200
    gate.touch()
    assert waiting.response().status == 204


def test_requests_are_finished_before_the_end(open_site, tmp_path):
    site = open_site(config_with(tmp_path, write_application(tmp_path, "shop")))
    client = site.connect()
    client.send(get("/hang"))
    client.until(b"begun")
    site.process.signal(signal.SIGTERM)
    site.process.wait_for_log("draining")
    for _ in range(5):
        client.until(b".")              # it goes on
    assert events(tmp_path) == ["startup"]
    client.close()
    assert site.process.wait() == 0
    assert events(tmp_path) == ["startup", "shutdown"]


def test_background_tasks_and_lifespans_that_do_not_end_are_cut_off(open_site, tmp_path):
    stuck = STARLETTE.replace('note("shutdown")', 'await asyncio.sleep(600)')
    site = open_site(config_with(tmp_path, write_application(tmp_path, "shop", stuck), asgi={"shutdown_timeout": 100}))
    assert site.ask(get("/later")).status == 200
    assert site.process.stop() == 0
    assert "the application shop:app did not end in time: it is cut off" in site.process.log()


def test_the_folder_of_sockets_is_private_and_a_crash_leaves_no_trap(gateway, tmp_path):
    config = config_with(tmp_path, write_application(tmp_path, "shop"))
    control = tmp_path / "control.sock"
    config["gateway"]["control_socket"] = str(control)
    first = gateway(config)
    (folder,) = tmp_path.glob("asgi-*")
    assert folder.stat().st_mode & 0o777 == 0o700 and len(list(folder.iterdir())) == 1
    first.signal(signal.SIGKILL)
    first.wait()
    (folder / "trap").mkdir()
    second = gateway(config)
    with Client(("127.0.0.1", second.port)) as client:
        assert client.ask(get("/scope")).status == 200
    assert [one.name for one in folder.iterdir()] == ["1"]
    assert second.stop() == 0 and not folder.exists()


def test_a_folder_that_can_not_be_made(gateway, tmp_path):
    config = config_with(tmp_path, write_application(tmp_path, "shop"))
    deep = tmp_path / ("d" * (100 - len(str(tmp_path))))
    deep.mkdir()
    config["gateway"]["control_socket"] = str(deep / "c")
    with pytest.raises(GatewayFailed, match="too long a path for the sockets of ASGI applications"):
        gateway(config)


def test_coming_and_going_leaves_nothing_behind(open_site, tmp_path):
    shop, plain = write_application(tmp_path, "shop"), write_application(tmp_path, "plain", PLAIN)
    without, both = config_with(tmp_path, plain), config_with(tmp_path, plain, shop)
    site = open_site(without)

    def round_trip() -> tuple[float, int]:
        """Threads and descriptors afterwards."""
        assert site.process.reload(both)["ok"] and site.ask(get("/1/scope")).status == 200
        starts = events(tmp_path).count("startup")
        assert site.process.reload(without)["ok"] and site.ask(get("/")).body == b"plain"
        wait_events(tmp_path, ["startup", "shutdown"] * starts)
        return site.metrics()["fastgate_process_threads"], site.descriptors()

    threads, descriptors = [round_trip() for _ in range(3)][-1]
    more_threads, more_descriptors = [round_trip() for _ in range(8)][-1]
    # Each leaves one at least if it leaves any; the last application's may be about to end.
    assert more_threads <= threads + 7 and more_descriptors <= descriptors + 7
