"""The process's end while threads of plugins, applications and libraries still run: nobody waits for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.asgi_site import config_with as config_of_application
from gateway.asgi_site import write_application
from gateway.plugins.python_site import config_with, plugin, write_plugin
from support.client import get
from support.origin import Origin, echo
from support.site import Site

LEFT = "not waiting for threads"
HANGS = {
    "asyncio.to_thread": "await asyncio.to_thread(threading.Event().wait)",
    "a thread of its own": "threading.Thread(target=threading.Event().wait).start()",
}
APPLICATION = """
import asyncio, threading

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})
"""


@pytest.fixture
def open_site(tmp_path):
    sites = []

    def open_one(body: str, **env: str) -> Site:
        write_plugin(tmp_path, "tested", body)
        origin = Origin(echo)
        config = config_with(origin, tmp_path, plugin("tested", phase_timeout=300))
        sites.append(Site(config, origin, env=env))
        return sites[-1]

    yield open_one
    for site in sites:
        site.close()


@pytest.mark.parametrize("how", HANGS)
def test_threads_that_hang(open_site, tmp_path, how):
    file = tmp_path / "registered"
    site = open_site(f"""
        def init(self):
            import atexit
            atexit.register(open, {str(file)!r}, "w")

        async def access(self, context, config):
            {HANGS[how]}
        """)
    clients = [site.connect() for _ in range(40)]       # more than an executor has threads
    for client in clients:
        client.send(get("/"))
    statuses = {client.response().status for client in clients}
    assert statuses == {500 if how == "asyncio.to_thread" else 200}
    assert site.process.reload(site.process.config_path.read_text())["ok"]
    for client in clients:
        client.close()
    control = site.process.control_path
    assert site.process.stop() == 0
    assert LEFT in site.process.log() and file.exists() and not Path(control).exists()


def test_a_look_up_that_hangs(open_site, tmp_path):
    # The C library opens this file for a name without a dot; nobody ever writes into it.
    aliases = tmp_path / "aliases"
    os.mkfifo(aliases)
    site = open_site("""
        async def access(self, context, config):
            await asyncio.get_running_loop().getaddrinfo("nowhere", 80)
        """, HOSTALIASES=str(aliases))
    assert site.ask(get("/")).status == 500             # it took too long
    assert site.process.stop() == 0


def test_threads_without_work_end_as_they_do_anyway(open_site):
    site = open_site("""
        async def access(self, context, config):
            await asyncio.to_thread(time.sleep, 0)
        """)
    assert site.ask(get("/")).status == 200
    assert site.process.stop() == 0 and LEFT not in site.process.log()


def test_an_application_whose_threads_hang(tmp_path):
    site = Site(config_of_application(tmp_path, write_application(tmp_path, "hangs", APPLICATION)))
    try:
        assert site.ask(get("/")).status == 204
        assert site.process.stop() == 0
        log = site.process.log()
        assert LEFT in log and "blocks its thread" not in log and "did not end in time" not in log
    finally:
        site.close()
