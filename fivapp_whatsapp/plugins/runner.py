"""Calls one function of a plugin, so that whatever it does stays its own: it may fail, be late, hang, or block.

Each call has a Task of its own, as `asyncio.timeout` and anyio inside it expect, and nothing else that costs: no
timer (one look each few milliseconds finds all that are late) and no second task that waits. A function that is
late is cancelled and left behind, for one that swallows its cancel would hold up whoever waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Literal

import msgspec

from fivapp_whatsapp.errors import Hold, OverBudget
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Clock, Metrics

from .calls import Call, Job, abandon, drop, trace_of
from .health import EVERY, EVERYBODY, Place, PluginHealth, Reason, in_one_process
from .records import Records
from .registry import Hook, Plugins
from .stalls import Stall, StallWatch
from .threads import PluginThreads

__all__ = ["DEADLINE", "DEADLINES", "EVERY", "EVERYBODY", "Place", "PluginHealth", "Result", "Runner", "UnfitResult"]

_log = get_logger(__name__)

Outcome = Literal["ok", "failed", "late", "paused", "held"]
DEADLINE = 10.0
DEADLINES: Mapping[str, float] = {"startup": 30.0, "shutdown": 30.0, "outgoing_message": 0.5}
# How late a deadline may be found.
_LOOK_EVERY = 0.02
_CLOSE_SECONDS = 2.0


class Result(msgspec.Struct, frozen=True):
    """How a call ended: with a `value`, or with an `error` (for `held` the Hold, for `late` a TimeoutError)."""

    outcome: Outcome
    value: Any = None
    error: BaseException | None = None
    seconds: float = 0.0


class UnfitResult(TypeError):
    """What a function returned is not what its hook takes; the words are ours and hold no values."""


class Runner:
    """Calls the functions of plugins; use one for each gateway, in its event loop."""

    def __init__(self, plugins: Plugins, *, clock: Clock, metrics: Metrics, stall_seconds: float = 1.0) -> None:
        self._plugins = plugins
        self._metrics = metrics
        self._records = Records(clock, metrics)
        # Of each hook by itself: what hangs in one leaves the others theirs.
        self._threads: dict[tuple[str, str], PluginThreads] = {}
        # Calls that somebody waits for, and those that nobody waits for any more; by task, for the watchdog.
        self._calls: dict[object, Call] = {}
        self._left: dict[object, Call] = {}
        self._look: asyncio.TimerHandle | None = None
        self._told: set[asyncio.Task[None]] = set()
        self._closed = False
        # What was mended is not to wait for the end of a pause.
        plugins.replaced.append(self._renewed)
        self._watch = StallWatch(self._blocking, self._stalled, seconds=stall_seconds)

    # --- calling -------------------------------------------------------------------------------

    async def call(
        self,
        hook: Hook,
        arguments: Mapping[str, Any],
        *,
        tenant_id: str = EVERYBODY,
        timeout: float | None = None,
        check: Callable[[Any], Any] | None = None,
        again: bool = False,
        rehearsed: bool = False,
    ) -> Result:
        """Call a function with those of the arguments that it names; raises nothing but CancelledError.

        `tenant_id` is whose event it is: a failure pauses the hook for that tenant alone. `timeout` in seconds wins
        over the function's own deadline and its hook's. `check` makes the result's value of what the function
        returned, and raises TypeError for what it may not return: that is its failure. `again` marks another try of
        what failed already, which does not count towards a pause; `rehearsed` one that somebody only tries: it does
        not either, and nobody is told of its failure. A hook that is paused is not called.
        """
        if self._records.paused(tenant_id, hook.plugin, hook.name) is not None:
            self._metrics.count("plugin_calls_total", plugin=hook.plugin, hook=hook.name, outcome="paused")
            return _PAUSED
        started = time.perf_counter()
        call = self._begin(Place(tenant_id, hook.plugin, hook.name), hook, arguments, timeout)
        try:
            await call.waiter
        except asyncio.CancelledError:
            if not call.in_thread:  # a thread cannot be cancelled: it has its time, like any other
                self._leave(call)
            raise
        seconds = time.perf_counter() - started
        if check is not None and call.error is None and not call.late and not call.paused:
            try:
                call.value = check(call.value)
            except TypeError as exc:
                call.error = exc
        outcome = _outcome_of(call)
        self._metrics.count("plugin_calls_total", plugin=hook.plugin, hook=hook.name, outcome=outcome)
        if outcome == "paused":
            return _PAUSED
        self._metrics.observe("plugin_call_seconds", seconds, hook=hook.name)
        if outcome == "ok":
            return Result("ok", call.value, None, seconds)
        if outcome != "held" and not self._closed:
            self._failed(call, outcome, pauses=not (again or rehearsed), tell=not rehearsed)
        return Result(outcome, None, call.error, seconds)

    def _begin(self, place: Place, hook: Hook, arguments: Mapping[str, Any], timeout: float | None) -> Call:
        loop = asyncio.get_running_loop()
        call = Call(place, hook, loop)
        given = hook.options.timeout if timeout is None else timeout
        call.deadline = loop.time() + (DEADLINES.get(hook.name, DEADLINE) if given is None else given)
        if hook.threaded:
            self._calls[call] = call
            call.threads = self._threads_of(hook)
            call.threads.submit(Job(call, arguments, self._returned))
        else:
            self._start(call, self._run(call, arguments))
        if self._look is None:
            self._look = loop.call_later(_LOOK_EVERY, self._find_late)
        return call

    def _start(self, call: Call, work: Coroutine[Any, Any, None]) -> None:
        call.task = call.key = call.loop.create_task(work, name=call.hook.location)
        self._calls[call.key] = call

    async def _run(self, call: Call, arguments: Mapping[str, Any]) -> None:
        hook = call.hook
        # Of several that begin in one turn of the loop the first ones may have led to a pause.
        if self._records.paused(*call.place) is not None:
            call.paused = True
            self._ended(call)
            return
        try:
            call.value = await hook.function(**{name: arguments[name] for name in hook.arguments})
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exc:  # also SystemExit, which would end the loop, and a cancel of its own making
            call.error = exc
        finally:
            self._ended(call)

    async def _wait_for(self, call: Call, value: Awaitable[Any]) -> None:
        try:
            call.value = await value
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exc:
            call.error = exc
        finally:
            self._ended(call)

    def _returned(self, call: Call, value: Any, error: BaseException | None) -> None:
        """Take what a thread brought; a plain function may still return something to be awaited."""
        call.running = False
        if call.threads is not None:
            call.threads.returned()
        if error is None and inspect.isawaitable(value):
            if call.late or call.waiter.done():
                drop(value)
            else:
                self._calls.pop(call.key, None)
                self._start(call, self._wait_for(call, value))
                return
        call.value, call.error = value, error
        self._ended(call)

    def _ended(self, call: Call) -> None:
        if call.late:
            if self._left.pop(call.key, None) is not None:
                self._records.left(call.place.tenant_id, call.place.plugin, -1)
                self._hangs(call, -1)
            return
        self._calls.pop(call.key, None)
        if not call.waiter.done():
            call.waiter.set_result(None)

    # --- deadlines -----------------------------------------------------------------------------

    def _find_late(self) -> None:
        self._look = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for call in list(self._calls.values()):
            if now >= call.deadline:
                self._give_up(call)
        if self._calls:
            self._look = loop.call_later(_LOOK_EVERY, self._find_late)

    def _give_up(self, call: Call) -> None:
        """Answer whoever waits for a call that it came too late."""
        self._leave(call)
        if call.in_thread and not self._closed:
            self._hangs(call, 1)
        call.error = TimeoutError(f"{call.hook.name} of {call.hook.plugin} did not end in time")
        if not call.waiter.done():
            call.waiter.set_result(None)

    def _leave(self, call: Call) -> None:
        """Go on without a call: cancelled, it may end or not, and nobody waits for it."""
        if self._calls.pop(call.key, None) is None:
            return  # it has just ended
        call.late = True
        self._left[call.key] = call
        self._records.left(call.place.tenant_id, call.place.plugin, 1)
        if call.task is not None:
            # One that is cancelled before its first step never comes to its own end.
            call.task.add_done_callback(lambda _: self._ended(call))
            call.task.cancel()

    def _hangs(self, call: Call, change: int) -> None:
        """Count the thread of a call that hangs (1), or that came back at last (-1)."""
        if call.threads is None or call.hangs == (change > 0):
            return
        call.hangs = change > 0
        call.threads.hangs(change)
        # What a plugin that was loaded again left behind is not held against the new one.
        if self._threads.get((call.place.plugin, call.place.hook)) is call.threads:
            self._records.hung(call.place, change)

    # --- failures, pauses ----------------------------------------------------------------------

    def paused(self, plugin: str, hook: str, tenant_id: str = EVERYBODY) -> Reason | None:
        """Say why a hook is not called for a tenant now; None if it is.

        `failing`: too many failures; `blocking`: stalls; `hanging`: too many threads that do not come back.
        """
        return self._records.paused(tenant_id, plugin, hook)

    def pauses(self) -> list[Place]:
        """List what is paused."""
        return self._records.pauses()

    def resume(self, plugin: str, tenant_id: str | None = None) -> None:
        """Lift the pauses of a plugin at a person's word, one tenant's or all; what led to them is forgotten."""
        self._records.resume(plugin, tenant_id)

    def healths(self) -> dict[tuple[str, str], PluginHealth]:
        """Tell how plugins do in this process, by tenant and plugin, of whom there is something to tell."""
        found = {key: self._records.health(*key) for key in self._records.known()}
        return {key: health for key, health in found.items() if health != PluginHealth()}

    def health(self, plugin: str, tenant_id: str = EVERYBODY) -> PluginHealth:
        """Tell how a plugin does for a tenant in this process."""
        return in_one_process([self._records.health(whose, plugin) for whose in dict.fromkeys((tenant_id, EVERYBODY))])

    def _renewed(self, plugin: str) -> None:
        for key in [key for key in self._threads if key[0] == plugin]:
            self._threads.pop(key).close()
        self._records.renewed(plugin)

    def _failed(self, call: Call, outcome: Outcome, *, pauses: bool, tell: bool) -> None:
        hook, error = call.hook, call.error or RuntimeError("no error")
        trace = trace_of(error.__traceback__, __file__)
        kind = type(error).__name__
        _log.warning(
            "plugin_hook_failed",
            plugin=hook.plugin,
            hook=hook.name,
            tenant_id=call.place.tenant_id or None,
            outcome=outcome,
            error=kind,
            location=hook.location,
            trace=trace,
        )
        # What a listener to failures does wrong would go round in a circle.
        listens = hook.name == "plugin_failed"
        where = f"{kind} at {trace[-1] if trace else hook.location}"
        # Nor is a hook paused because one conversation has had its share of automatic messages, because one
        # event fails again and again, or because somebody tries a text.
        pauses = pauses and not listens and not isinstance(error, Hold)
        self._records.failed(call.place, where, late=outcome == "late", pauses=pauses)
        if tell and not listens:
            self._tell(hook.plugin, hook.name, error)

    def _tell(self, plugin: str, hook: str, error: BaseException) -> None:
        """Let plugins hear of a failure, beside whatever goes on."""
        for listener in self._plugins.hooks("plugin_failed"):
            told = self.call(listener, {"plugin": plugin, "hook": hook, "error": error})
            task = asyncio.get_running_loop().create_task(_forget_result(told), name="plugin_failed")
            self._told.add(task)
            task.add_done_callback(self._told.discard)

    # --- stalls: called in the watchdog's thread -------------------------------------------------

    def _blocking(self, task: object, modules: list[str]) -> Place | None:
        """Say whose function it is that the loop's thread is in: by its task, else by the modules on the stack."""
        call = self._calls.get(task) or self._left.get(task)
        if call is not None:
            return call.place
        for plugin in self._plugins.items:
            root = plugin.module.__name__
            if any(module == root or module.startswith(f"{root}.") for module in modules):
                return Place(EVERYBODY, plugin.name, "other")
        return None

    def _stalled(self, stall: Stall) -> None:
        _log.warning(
            "plugin_blocks_event_loop",
            plugin=stall.plugin,
            hook=stall.hook,
            tenant_id=stall.tenant_id or None,
            seconds=round(stall.seconds, 1),
            trace=stall.trace,
        )
        if not stall.first:
            return
        where = stall.trace[-1] if stall.trace else stall.hook
        self._records.stalled(stall.tenant_id, stall.plugin, f"blocked the event loop at {where}")
        error = TimeoutError(f"{stall.hook} of {stall.plugin} blocks the event loop")
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            stall.loop.call_soon_threadsafe(self._tell, stall.plugin, stall.hook, error)

    # --- running -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Watch over the event loop until cancelled: name what blocks it, also while it still does."""
        if not self._plugins.items:  # nobody to blame
            await asyncio.Event().wait()
        await self._watch.run()

    async def close(self) -> None:
        """Cancel what still runs and wait for it a little; what does not end then holds up nobody."""
        self._closed = True
        for call in list(self._calls.values()):
            self._give_up(call)
        if self._look is not None:
            self._look.cancel()
            self._look = None
        tasks = [call.task for call in self._left.values() if call.task is not None]
        tasks += self._told
        for task in tasks:
            task.cancel()
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)
            for task in stubborn:
                abandon(task)
        for threads in self._threads.values():
            threads.close()

    def _threads_of(self, hook: Hook) -> PluginThreads:
        threads = self._threads.get((hook.plugin, hook.name))
        if threads is None:
            threads = self._threads[hook.plugin, hook.name] = PluginThreads(hook.plugin, hook.name)
        return threads


_PAUSED = Result("paused")


def _outcome_of(call: Call) -> Outcome:
    if call.late:
        return "late"
    if call.paused:
        return "paused"
    if call.error is None:
        return "ok"
    # What such a function may not send itself holds back nobody's message.
    holds = isinstance(call.error, Hold) and not isinstance(call.error, OverBudget)
    return "held" if holds and call.hook.name == "outgoing_message" else "failed"


async def _forget_result(told: Awaitable[Result]) -> None:
    await told
