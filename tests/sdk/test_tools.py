"""What a plugin has in hand: HTTP from both kinds of hooks, on the right loop, with the settings there are."""

import asyncio
import re
import threading

import pytest
from fastgate.sdk import Context, HttpError, PluginError
from sdk.calls import Call, tools_of
from support.origin import Origin


def run(talk):
    return asyncio.run(asyncio.wait_for(talk(), 60))


@pytest.fixture
def origin():
    with Origin() as one:
        yield one
        one.check()


def test_a_context_hands_out_the_tools():
    tools = tools_of("greeting")
    context = Context(Call(), "access", tools)
    assert context.http is tools.http and context.store is tools.store and context.metrics is tools.metrics
    assert context.log.name == "fastgate.plugin.greeting"


def test_a_thread_waits_for_what_the_loop_does(origin):
    async def talk():
        tools = tools_of(loop=asyncio.get_running_loop())
        answer = await asyncio.to_thread(lambda: tools.wait(tools.http.get(origin.url + "/x")))
        with pytest.raises(HttpError):
            await asyncio.to_thread(lambda: tools.wait(tools.http.get("ftp://nowhere/")))
        await tools.close()
        return answer

    assert run(talk).json()["target"] == "/x"


def test_wait_on_the_loop_itself_is_refused_since_it_would_never_end():
    async def talk():
        tools = tools_of(loop=asyncio.get_running_loop())
        with pytest.raises(PluginError, match="use await"):
            tools.wait(tools.http.get("http://127.0.0.1:1/"))

    run(talk)


def test_a_loop_of_the_plugins_own_is_refused():
    async def talk():
        tools = tools_of(loop=asyncio.get_running_loop())
        with pytest.raises(HttpError, match="control loop"):
            await asyncio.to_thread(lambda: asyncio.run(tools.http.get("http://127.0.0.1:1/")))

    run(talk)


def test_there_is_no_redis_unless_the_configuration_names_one():
    with pytest.raises(PluginError, match=re.escape("gateway.redis")):
        _ = tools_of().redis


def test_other_settings_are_used_and_what_is_under_way_ends_well(origin):
    gate = threading.Event()

    def held(connection):
        connection.read()
        gate.wait(30)
        connection.reply(b"0123456789")

    async def talk():
        origin.script = held
        tools = tools_of(loop=asyncio.get_running_loop())
        old = tools.http
        under_way = asyncio.ensure_future(old.get(origin.url))
        await asyncio.to_thread(origin.next_request)
        tools.apply({"http": tools._http_settings | {"answer_bytes": 5}})
        assert tools.http is not old
        gate.set()
        assert (await under_way).body == b"0123456789"
        with pytest.raises(HttpError, match="more than 5 bytes"):
            await tools.http.get(origin.url)
        while tools._old:
            await asyncio.sleep(0)
        with pytest.raises(HttpError, match="closed"):
            await old.get(origin.url)
        same = tools.http
        tools.apply({"http": dict(tools._http_settings)})
        assert tools.http is same
        await tools.close()

    run(talk)
