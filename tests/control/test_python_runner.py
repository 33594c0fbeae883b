"""One plugin in Python at work, with calls made by hand on a loop of the test's."""

from __future__ import annotations

import asyncio
import threading

import pytest
from control.python_calls import Call, Clock, configured, run_with, runner_of, until
from fastgate.control import python_runner
from fastgate.control.python_plugins import PluginFailed
from fastgate.control.python_runner import Configured, Runner
from fastgate.sdk import Plugin, Response, Unavailable


class Base(Plugin):
    name = "tested"
    version = "1.0.0"


@pytest.mark.parametrize("hook", ["init", "configure"])
def test_a_hook_that_does_not_let_itself_be_cancelled_holds_nobody(monkeypatch, hook):
    monkeypatch.setattr(python_runner, "SET_UP_S", 0.02)

    async def stays(self, *ignored):
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                pass

    async def talk():
        gate = asyncio.Event()
        runner = runner_of(type("Stays", (Base,), {hook: stays, "gate": gate}))
        if hook == "configure":
            await runner.init()
        with pytest.raises(PluginFailed, match=f"{hook} took longer than 0.02 s"):
            await (runner.init() if hook == "init" else runner.configure([]))
        gate.set()

    run_with(talk)


def test_who_cancels_the_caller_of_a_hook_does_cancel_it():
    async def talk():
        started = asyncio.Event()

        class Waits(Base):
            async def init(self):
                started.set()
                await asyncio.Event().wait()

        task = asyncio.ensure_future(runner_of(Waits).init())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_with(talk)


def begin(runner: Runner, setting: Configured, is_log: bool = False) -> Call:
    call = Call(is_log)
    runner.begin(call, setting)
    return call


class Hangs(Base):
    """In threads, until its gate opens."""

    def __init__(self):
        self.gate = threading.Event()
        self.entered = 0

    def access(self, context, config):
        self.entered += 1
        self.gate.wait(30)


def test_hanging_threads_hold_a_bounded_number_of_calls():
    async def talk():
        runner = runner_of(Hangs, threads=1, calls=4, failures=100)
        await runner.init()
        setting = configured(runner, timeout_ms=10)
        calls = [begin(runner, setting) for _ in range(4)]
        await until(lambda: not any(call.is_open() for call in calls))
        assert [call.verdict for call in calls] == [500] * 4 and runner.timeouts == 4
        for _ in range(50):
            assert begin(runner, setting).verdict == 500            # at once, and queued nowhere
        assert runner._threads._jobs.qsize() == 3
        assert begin(runner, configured(runner, on_error="continue")).verdict == "on"
        assert begin(runner, setting, is_log=True).verdict == "end"
        figures = runner.figures()
        assert (figures["failures"], figures["refused"], figures["logs_dropped"]) == (4, 51, 1)
        runner.plugin.gate.set()
        await until(lambda: not runner._in_threads)
        assert runner.plugin.entered == 1
        late = begin(runner, configured(runner))
        await until(lambda: not late.is_open())
        assert late.verdict == "on"
        await runner.close()

    run_with(talk)


class Waits(Base):
    """For what never comes."""

    async def forever(self):
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    def __init__(self):
        self.began = threading.Event()
        self.cancelled = False
        self.errors = []

    def wait(self):
        for _ in range(2):                  # one that will not hear of it
            try:
                self.tools.wait(self.forever())
            except Exception as error:
                self.errors.append(error)


def test_what_a_thread_waits_for_ends_with_its_time():
    class Asks(Waits):
        def access(self, context, config):
            self.wait()

    async def talk():
        runner = runner_of(Asks, threads=1)
        await runner.init()
        call = begin(runner, configured(runner, timeout_ms=20))
        await until(lambda: not call.is_open() and not runner._in_threads)
        plugin = runner.plugin
        assert call.verdict == 500 and runner.timeouts == 1
        assert [type(error) for error in plugin.errors] == [TimeoutError] * 2
        await until(lambda: plugin.cancelled)
        await runner.close()

    run_with(talk)


def test_what_a_thread_waits_for_ends_with_its_plugin(monkeypatch):
    monkeypatch.setattr(python_runner, "FLUSH_S", 0.02)

    class Asks(Waits):
        def access(self, context, config):
            self.wait()

    async def talk():
        runner = runner_of(Asks, threads=1)
        await runner.init()
        begin(runner, configured(runner))
        await until(runner.plugin.began.is_set)
        await runner.close()
        await until(lambda: runner.plugin.cancelled and runner._threads.is_over())

    run_with(talk)


def test_what_init_waits_for_ends_with_its_time(monkeypatch):
    monkeypatch.setattr(python_runner, "SET_UP_S", 0.02)

    class Asks(Waits):
        def init(self):
            self.wait()

    async def talk():
        runner = runner_of(Asks, threads=1)
        with pytest.raises(PluginFailed, match="init took longer than 0.02 s"):
            await runner.init()
        await until(lambda: runner.plugin.cancelled and runner._threads.is_over())

    run_with(talk)


def test_tasks_that_do_not_let_themselves_be_cancelled_are_bounded_too():
    async def talk():
        gate = asyncio.Event()

        class Stays(Base):
            async def access(self, context, config):
                while not gate.is_set():
                    try:
                        await gate.wait()
                    except asyncio.CancelledError:
                        pass

        runner = runner_of(Stays, calls=2, failures=100)
        await runner.init()
        setting = configured(runner, timeout_ms=10)
        calls = [begin(runner, setting) for _ in range(2)]
        await until(lambda: not any(call.is_open() for call in calls))
        assert [call.verdict for call in calls] == [500, 500]
        assert begin(runner, setting).verdict == 500 and runner.refused == 1
        gate.set()
        await until(lambda: not runner._tasks)
        late = begin(runner, setting)
        await until(lambda: not late.is_open())
        assert late.verdict == "on"
        await runner.close()

    run_with(talk)


def test_calls_that_got_no_thread_do_not_turn_the_plugin_off():
    async def talk():
        runner = runner_of(Hangs, threads=1, calls=10, failures=2)
        await runner.init()
        begin(runner, configured(runner))
        await until(lambda: runner.plugin.entered)
        waiting = [begin(runner, configured(runner, timeout_ms=5)) for _ in range(5)]
        await until(lambda: not any(call.is_open() for call in waiting))
        assert {call.verdict for call in waiting} == {500} and runner.figures()["trips"] == 0
        assert (runner.failures, runner.timeouts) == (5, 5)
        assert begin(runner, configured(runner)).is_open()
        runner.plugin.gate.set()
        await runner.close()

    run_with(talk)


def test_access_that_works_hides_no_log_that_fails():
    async def talk():
        class Half(Base):
            async def access(self, context, config):
                pass

            async def log(self, context, config):
                raise ValueError

        runner = runner_of(Half, failures=3)
        await runner.init()
        setting = configured(runner)
        for _ in range(5):
            for is_log in (False, True):
                call = begin(runner, setting, is_log)
                await until(lambda call=call: not call.is_open())
                assert call.verdict == ("end" if is_log else "on")
        figures = runner.figures()
        assert (figures["trips"], figures["failures"], figures["skipped"], figures["done"]) == (1, 3, 2, 5)
        await runner.close()

    run_with(talk)


@pytest.mark.parametrize("works", [True, False])
def test_on_trial_one_call_is_let_through_until_it_is_decided(works):
    async def talk():
        clock = Clock()

        class Flaky(Base):
            def __init__(self):
                self.gate = asyncio.Event()
                self.works = False

            async def access(self, context, config):
                if self.works:
                    await self.gate.wait()
                    if works:
                        return
                raise ValueError

        runner = runner_of(Flaky, clock, failures=1, pause=1000)
        await runner.init()
        setting = configured(runner)
        first = begin(runner, setting)
        await until(lambda: not first.is_open())
        assert begin(runner, setting).verdict == 500 and runner.skipped == 1
        clock.now = 1.5
        runner.plugin.works = True
        trial = begin(runner, setting)
        await asyncio.sleep(0)
        assert trial.is_open() and begin(runner, setting).verdict == 500 and runner.skipped == 2
        runner.plugin.gate.set()
        await until(lambda: not trial.is_open())
        assert trial.verdict == ("on" if works else 500) and runner.figures()["trips"] == (1 if works else 2)
        assert begin(runner, setting).is_open() == works
        await runner.close()

    run_with(talk)


def test_close_waits_for_the_calls_under_way():
    async def talk():
        seen = []

        class Notes(Base):
            def __init__(self):
                self.gate = asyncio.Event()

            async def log(self, context, config):
                await self.gate.wait()
                seen.append("logged")

            async def close(self):
                seen.append("closed")

        runner = runner_of(Notes)
        await runner.init()
        call = begin(runner, configured(runner), is_log=True)
        end = asyncio.ensure_future(runner.close())
        await asyncio.sleep(0.02)
        assert not seen and not end.done() and call.is_open()
        runner.plugin.gate.set()
        await end
        assert seen == ["logged", "closed"] and call.verdict == "end"

    run_with(talk)


def test_close_gives_up_calls_that_do_not_end(monkeypatch):
    monkeypatch.setattr(python_runner, "FLUSH_S", 0.01)

    async def talk():
        seen = []

        class Waits(Base):
            async def access(self, context, config):
                try:
                    await asyncio.Event().wait()
                finally:
                    seen.append("cancelled")

            async def close(self):
                seen.append("closed")

        runner = runner_of(Waits)
        await runner.init()
        call = begin(runner, configured(runner))
        await asyncio.sleep(0)
        await runner.close()
        assert seen == ["cancelled", "closed"] and call.verdict == 500 and not runner.runs

    run_with(talk)


@pytest.mark.parametrize("is_async", [True, False])
def test_what_says_that_it_is_unavailable_is_turned_away_and_stays_on(is_async):
    async def talk():
        class Away(Base):
            def access(self, context, config):
                raise Unavailable("the store is away")

        class AwayAsync(Base):
            async def access(self, context, config):
                raise Unavailable("the store is away")

        runner = runner_of(AwayAsync if is_async else Away, failures=1)
        await runner.init()
        for on_error, verdict in (("fail", 503), ("continue", "on"), ("fail", 503)):
            call = begin(runner, configured(runner, on_error=on_error))
            await until(lambda call=call: not call.is_open())
            assert call.verdict == verdict
        assert runner.failures == 3 and runner.figures()["trips"] == 0 and not runner.runs
        await runner.close()

    run_with(talk)


class Poor(Call):
    """Of a gateway without memory: a text takes some."""

    def answer(self, *ignored):
        raise MemoryError

    def refuse(self, status, text, changes):
        if text:
            raise MemoryError
        super().refuse(status, text, changes)


def test_memory_that_is_short_is_not_the_plugins_fault():
    class Answers(Base):
        def access(self, context, config):
            return Response(418, "no")

    async def talk():
        runner = runner_of(Answers, failures=2)
        await runner.init()
        calls = [Poor() for _ in range(10)]
        for call in calls:
            runner.begin(call, configured(runner))
        await until(lambda: not any(call.is_open() for call in calls))
        assert {call.verdict for call in calls} == {503} and runner.figures()["trips"] == 0
        await runner.close()

    run_with(talk)
