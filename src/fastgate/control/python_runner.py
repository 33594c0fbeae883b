"""One plugin in Python at work: its calls run, timed, counted, and kept from harming others."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastgate._core.bridge.python_phase import ANSWER_ADD
from fastgate.control.python_plugins import PluginFailed
from fastgate.control.workers import Workers
from fastgate.plugins.raised import raised
from fastgate.sdk import Context, Contract, PhaseError, PluginError, Response, Store, Tools, Unavailable
from fastgate.sdk.answer import FILTERS, let_go
from fastgate.sdk.breaker import Breaker
from fastgate.sdk.metrics import Registry
from fastgate.sdk.plugin import PHASES, RESERVED
from fastgate.sdk.response import checked
from fastgate.sdk.turn import Turn

if TYPE_CHECKING:
    from fastgate._core.bridge.python_phase import PythonCall

UNEXPECTED = b"An unexpected error occurred"
OVERLOADED = b"The gateway is out of resources"
UNAVAILABLE = b"The service is unavailable"
FLUSH_S = 2.0               # for calls still under way at the plugin's end
SET_UP_S = 10.0             # for init, configure and close
THREADS_END_S = 1.0         # for threads to end with their plugin; one that hangs is left behind
SAY_EVERY_S = 1.0           # how often a plugin's failures are logged
_STARTS_EAGERLY = sys.version_info >= (3, 12)


class Configured:
    """One configuration of a plugin, and the calls it has under way. `handle`: what the reactors call it by."""

    def __init__(self, handle: int, runner: Runner, plain: dict[str, Any], timeout_ms: int) -> None:
        self.handle = handle
        self.runner = runner
        self.plain = plain
        own = {key: value for key, value in plain.items() if key not in RESERVED}
        self.config = runner.contract.schema.make(own)
        self.phases, self._reads_body = runner.contract.plugin_class.uses(self.config)
        self.secret_args = _texts(runner.contract.plugin_class.secret_args(self.config))
        self.goes_on = plain["on_error"] == "continue"
        self.default_ms = timeout_ms
        self.timeout_s = (plain["phase_timeout"] or timeout_ms) / 1000
        self.runs: dict[Run, None] = {}         # in the order they began, so the first has the next deadline
        self._watch: asyncio.TimerHandle | None = None
        self._is_forgotten = False

    def body_limit(self, default: int) -> int | None:
        """None: it reads no bodies."""
        if not self._reads_body:
            return None
        return self.plain["body_limit"] or self.runner.contract.plugin_class.body_limit or default

    def begin(self, run: Run) -> None:
        self.runs[run] = self.runner.runs[run] = None
        if self._watch is None:
            self._watch = self.runner.loop.call_at(run.deadline, self._on_watch)

    def end(self, run: Run) -> None:
        self.runs.pop(run, None)
        self.runner.runs.pop(run, None)
        if self._is_forgotten:
            self._end_watch()

    def forget(self) -> None:
        """No snapshot names it any more: only what is under way is watched on."""
        self._is_forgotten = True
        self._end_watch()

    def _end_watch(self) -> None:
        """The timer would hold this, and with it the plugin's version, for as long as a call may take."""
        if self._watch is not None and not self.runs:
            self._watch.cancel()
            self._watch = None

    def _on_watch(self) -> None:
        self._watch = None
        now = self.runner.loop.time()
        for run in list(self.runs):
            if run.deadline > now:
                self._watch = self.runner.loop.call_at(run.deadline, self._on_watch)
                return
            run.time_out()


def _texts(found: Any) -> list[str]:
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, str) for one in found):
        raise PluginError(f"secret_args gives a list of names, not {found!r}")
    return list(found)


class Run:
    """A call being worked on."""

    __slots__ = ("call", "configured", "context", "deadline", "has_thread", "phase", "task", "turn")

    def __init__(self, call: PythonCall, configured: Configured, context: Context, deadline: float) -> None:
        self.call = call
        self.configured = configured
        self.context = context
        self.phase = context.phase
        self.deadline = deadline
        self.has_thread = False         # written by the thread
        self.task: asyncio.Task[None] | None = None
        self.turn = Turn()              # the thread's

    def time_out(self) -> None:
        runner = self.configured.runner
        runner.timeouts += 1
        self.turn.end()
        if self.task is None and not self.has_thread:
            self.turn_away(f"{self.phase} had no thread for {self.configured.timeout_s:g} s: all are busy, or hang")
            return
        self.fail(f"{self.phase} took longer than {self.configured.timeout_s:g} s")
        if self.task is not None:
            self.task.cancel()
            runner.keep(self.task)

    def fail(self, what: str, error: BaseException | None = None) -> None:
        if self.call.is_open():
            self.configured.runner.note_failure(what, error)
            self.configured.runner.count_failure(self)
            self.skip()

    def turn_away(self, what: str, status: int = 500, text: bytes = UNEXPECTED) -> None:
        """A failure that is not its code's, which did not run, or says so."""
        if self.call.is_open():
            self.configured.runner.note_failure(what, None)
            self.configured.runner.breakers[self.phase].undecided(self)
            self.skip(status, text)

    def refuse(self, what: str) -> None:
        """Too many before it have not ended: it is counted with those that the core refuses for the same, not as a failure."""
        runner = self.configured.runner
        if self.call.is_log:
            runner.logs_dropped += 1
        else:
            runner.refused += 1
        runner.say(what, None)
        runner.breakers[self.phase].undecided(self)
        self.skip()

    def skip(self, status: int = 500, text: bytes = UNEXPECTED) -> None:
        """The answer of a plugin that gave none."""
        self.configured.end(self)
        if self.call.is_log:
            self.call.end()
        elif self.configured.goes_on:
            self.call.go_on(None)
        else:
            try:
                self.call.refuse(status, text, None)
            except MemoryError:
                self.call.refuse(503, b"", None)        # which takes none

    def finish(self, answer: Any) -> None:
        if not self.call.is_open():
            return              # too late: it was told to have failed
        try:
            self._give(answer)
        except MemoryError:
            self.turn_away(f"{self.phase}: no memory for its answer", 503, OVERLOADED)
            return
        except BaseException as error:      # what a plugin makes of a Response may raise anything
            self.fail(f"{self.phase} gave an answer that can't be sent: {type(error).__name__}: {error}", error)
            return
        runner = self.configured.runner
        runner.breakers[self.phase].succeeded(self)
        runner.done += 1
        self.configured.end(self)

    def _give(self, answer: Any) -> None:
        call = self.call
        if call.is_log:
            call.end()
        elif self.phase in FILTERS:
            if answer is not None:
                raise PhaseError(f"{type(answer).__name__}; there is an answer already: change context.response, return None")
            let_go(self.context.response)
        elif answer is None:
            call.go_on(self.context.request._changes)
        elif isinstance(answer, Response):
            status, is_message, body, content_type, headers = checked(answer)
            changes = [*(self.context.request._changes or ()), *((ANSWER_ADD, *pair) for pair in headers)]
            if is_message:
                call.refuse(status, body, changes)
            else:
                call.answer(status, content_type, body, changes)
        else:
            raise TypeError(f"{type(answer).__name__}; return None or a Response")


class Runner:
    """One plugin: one object of its class, for all its configurations. All but `_in_thread` on the control loop."""

    def __init__(self, contract: Contract, store: Store, loop: asyncio.AbstractEventLoop, settings: dict[str, Any],
                 metrics: Registry, redis: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.contract = contract
        self.loop = loop
        self.done = self.failures = self.timeouts = self.skipped = self.refused = self.logs_dropped = 0
        self.tools = Tools(contract.name, store, loop, settings, metrics, redis)
        self._clock = clock
        self._log = self.tools.log
        self._threads = Workers(f"fastgate-{contract.name}", settings["threads"])
        self.breakers = {phase: Breaker(clock) for phase in PHASES}     # apart: what works hides nothing that fails
        self.apply(settings, redis)
        self._in_threads = 0                        # calls that wait for a thread or are in one, given up or not
        self._said_at = -SAY_EVERY_S
        self._unsaid = 0
        self.runs: dict[Run, None] = {}             # under way, of all configurations, forgotten ones too
        self._is_async = {hook: contract.is_async(hook) for hook in contract.hooks}
        self._tasks: set[asyncio.Task[Any]] = set()

    def apply(self, settings: dict[str, Any], redis: Any = None) -> None:
        """The `gateway: python:` section, and the client for its `redis:`."""
        self._most_calls = settings["calls"]
        self.tools.apply(settings, redis)
        for breaker in self.breakers.values():
            breaker.most = settings["failures"]
            breaker.pause_s = settings["pause"] / 1000

    # A request's phases.

    def begin(self, call: PythonCall, configured: Configured) -> None:
        phase = call.phase
        context = Context(call, phase, self.tools)
        run = Run(call, configured, context, self.loop.time() + configured.timeout_s)
        breaker = self.breakers[phase]
        if not breaker.admits(run):
            self.skipped += 1
            run.skip()
            return
        if self._in_threads + len(self._tasks) >= self._most_calls:
            # The core counts what waits for a verdict; this is what goes on without one.
            run.refuse(f"{phase} was not called: {self._most_calls} calls before it have not ended")
            return
        if breaker.is_on_trial(run):
            self._log.warning("%s runs again, on trial", phase)
        configured.begin(run)
        if not self._is_async[phase]:
            self._in_threads += 1
            self._threads.run(lambda: self._in_thread(run))
            return
        if _STARTS_EAGERLY:
            run.task = asyncio.Task(self._run(run), loop=self.loop, eager_start=True)
        else:
            run.task = self.loop.create_task(self._run(run))

    async def _run(self, run: Run) -> None:
        try:
            answer = await self._hook(run)
        except asyncio.CancelledError:
            run.fail("was cancelled")       # by itself; after a timeout this says nothing
        except Unavailable as error:
            run.turn_away(str(error), 503, UNAVAILABLE)
        except BaseException as error:      # SystemExit would end the gateway
            run.fail(f"{run.phase} raised {type(error).__name__}: {error}", error)
        else:
            run.finish(answer)

    def _hook(self, run: Run) -> Any:
        return self.contract.hooks[run.phase](self.plugin, run.context, run.configured.config)

    def _in_thread(self, run: Run) -> None:
        answer: Any = None
        error: BaseException | None = None
        if run.call.is_open():              # else it timed out while it waited for a thread
            run.has_thread = True
            try:
                with run.turn:
                    answer = self._hook(run)
            except BaseException as raised:
                error = raised
        try:
            self.loop.call_soon_threadsafe(self._thread_done, run, answer, error)
        except RuntimeError:
            pass                            # the loop is closed: nobody waits any more

    def _thread_done(self, run: Run, answer: Any, error: BaseException | None) -> None:
        self._in_threads -= 1
        if isinstance(error, Unavailable):
            run.turn_away(str(error), 503, UNAVAILABLE)
        elif error is not None:
            run.fail(f"{run.phase} raised {type(error).__name__}: {error}", error)
        else:
            run.finish(answer)

    def keep(self, task: asyncio.Task[Any]) -> None:
        """One that goes on after its run was given up: else it may be collected half-way."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Failures.

    def note_failure(self, what: str, error: BaseException | None) -> None:
        self.failures += 1
        self.say(what, error)

    def say(self, what: str, error: BaseException | None) -> None:
        now = self._clock()
        if now - self._said_at >= SAY_EVERY_S:
            more = f" ({self._unsaid} more since the last such line)" if self._unsaid else ""
            self._log.error("%s%s", what, more, exc_info=error)
            self._said_at = now
            self._unsaid = 0
        else:
            self._unsaid += 1

    def count_failure(self, run: Run) -> None:
        breaker = self.breakers[run.phase]
        if breaker.failed(run):
            self._log.error("%s is off for %g s: it keeps failing", run.phase, breaker.pause_s)

    # Its life.

    async def init(self) -> None:
        try:
            self.plugin = self.contract.plugin_class()
            self.plugin.tools = self.tools
        except BaseException as error:      # SystemExit would end the gateway
            raise self._failed("making it", error) from error
        try:
            await self._set_up("init")
        except BaseException:
            self._threads.close()           # it never comes to `close`
            await self.tools.close()
            raise

    async def configure(self, configs: list[Any]) -> None:
        await self._set_up("configure", configs)

    async def close(self) -> None:
        """Nothing new begins any more. Takes a bounded time, whatever the plugin does."""
        deadline = self.loop.time() + FLUSH_S
        while self.runs and self.loop.time() < deadline:
            await asyncio.sleep(0.005)
        left = {run.task for run in self.runs if run.task is not None} | self._tasks
        for task in left:
            task.cancel()
        for run in self.runs:
            run.turn.end()
        if left:
            await asyncio.wait(left, timeout=THREADS_END_S)
        try:
            await self._set_up("close")
        except PluginFailed as error:
            self._log.error("%s", error)
        await self.tools.close()
        self._threads.close()
        deadline = self.loop.time() + THREADS_END_S
        while not self._threads.is_over() and self.loop.time() < deadline:
            await asyncio.sleep(0.005)

    async def _set_up(self, hook: str, *arguments: Any) -> None:
        """Raises PluginFailed; CancelledError only if the caller is cancelled, whatever the hook raises."""
        if hook not in self.contract.hooks:
            return
        function = self.contract.hooks[hook]
        ended: asyncio.Future[BaseException | None]
        turn = Turn()
        if self._is_async[hook]:
            ended = self.loop.create_task(_outcome(function, self.plugin, *arguments))
        else:
            ended = self._in_thread_of_its(turn, lambda: function(self.plugin, *arguments))
        try:
            # Not wait_for: that waits on for a task that does not let itself be cancelled.
            await asyncio.wait({ended}, timeout=SET_UP_S)
        finally:
            is_over = ended.done()
            turn.end()
            ended.cancel()
            if isinstance(ended, asyncio.Task) and not is_over:
                self.keep(ended)
        if not is_over:
            raise PluginFailed(f"the plugin {self.contract.name}: {hook} took longer than {SET_UP_S:g} s")
        error = ended.result()
        if error is not None:
            raise self._failed(hook, error) from error

    def _failed(self, what: str, error: BaseException) -> PluginFailed:
        return PluginFailed(f"the plugin {self.contract.name}: {what} {raised(error, self.contract.plugin_class)}")

    def _in_thread_of_its(self, turn: Turn, function: Callable[[], Any]) -> asyncio.Future[BaseException | None]:
        """What it raised: as the result, since a future refuses StopIteration, and the loop ends with SystemExit."""
        future: asyncio.Future[BaseException | None] = self.loop.create_future()

        def job() -> None:
            error = None
            try:
                with turn:
                    function()
            except BaseException as raised:
                error = raised
            try:
                self.loop.call_soon_threadsafe(settle, error)
            except RuntimeError:
                pass

        def settle(error: BaseException | None) -> None:
            if not future.done():
                future.set_result(error)

        self._threads.run(job)
        return future

    def figures(self) -> dict[str, int]:
        return {"done": self.done, "failures": self.failures, "timeouts": self.timeouts, "trips": sum(breaker.trips for breaker in self.breakers.values()),
                "skipped": self.skipped, "refused": self.refused, "logs_dropped": self.logs_dropped}


async def _outcome(function: Callable[..., Awaitable[Any]], *arguments: Any) -> BaseException | None:
    """What it raised, in a task of its own: a CancelledError of the plugin's is not its caller's."""
    try:
        await function(*arguments)
    except BaseException as error:
        return error
    return None
