"""The runner: whatever a plugin's function does, whoever called it goes on in time."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from structlog.testing import capture_logs

from fivapp_whatsapp import Hold, hookimpl
from fivapp_whatsapp.metrics import PrometheusMetrics
from fivapp_whatsapp.plugins.records import HUNG, HUNG_OF_TENANT
from fivapp_whatsapp.plugins.registry import Hook, Plugins
from fivapp_whatsapp.plugins.runner import DEADLINE, DEADLINES, Runner
from fivapp_whatsapp.plugins.threads import AT_MOST
from tests.test_metrics import values

pytestmark = pytest.mark.anyio
CONTEXT: contextvars.ContextVar[str] = contextvars.ContextVar("context", default="")


class SteppedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Bench:
    """A runner over one plugin, `bot`, made of these functions, and perhaps others."""

    def __init__(
        self, *functions: Callable[..., Any], stall_seconds: float = 1.0, **others: Callable[..., Any]
    ) -> None:
        modules = {"bot": made_of("bot_module", *functions)}
        modules |= {name: made_of(f"{name}_module", function) for name, function in others.items()}
        self.plugins = Plugins.load(modules=modules, installed=False)
        assert self.plugins.broken == ()
        self.clock = SteppedClock()
        self.metrics = PrometheusMetrics()
        self.runner = Runner(self.plugins, clock=self.clock, metrics=self.metrics, stall_seconds=stall_seconds)

    def hook(self, name: str) -> Hook:
        return self.plugins.get("bot").hooks[name][0]

    async def call(self, name: str, timeout: float | None = None, **arguments: Any) -> Any:
        return await self.runner.call(self.hook(name), arguments, timeout=timeout)

    def counted(self, outcome: str, hook: str = "reply_to") -> float:
        return values(self.metrics).get(f"fivapp_plugin_calls_total{{hook={hook},outcome={outcome},plugin=bot}}", 0.0)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.runner.run())
        await asyncio.sleep(0.05)
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def made_of(name: str, *functions: Callable[..., Any]) -> ModuleType:
    module = ModuleType(name)
    for function in functions:
        function.__globals__.setdefault("__name__", name)
        setattr(module, function.__name__, function)
    return module


async def until(happened: Callable[[], Any], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


async def test_a_function_gets_the_arguments_that_it_names_and_its_result_comes_back() -> None:
    @hookimpl
    async def reply_to(message: str, attempt: int) -> Any:
        return f"{message}{attempt}"

    bench = Bench(reply_to)
    result = await bench.call("reply_to", message="a", attempt=2, gateway=object())
    assert (result.outcome, result.value, result.error) == ("ok", "a2", None)
    assert 0 < result.seconds < 5
    assert bench.counted("ok") == 1
    assert values(bench.metrics)["fivapp_plugin_call_seconds_count{hook=reply_to}"] == 1


async def test_a_plain_function_runs_in_a_daemon_thread_with_a_copy_of_the_context() -> None:
    @hookimpl
    def reply_to(message: str) -> Any:
        seen = CONTEXT.get()
        CONTEXT.set("changed")
        return seen, threading.current_thread()

    CONTEXT.set("mine")
    bench = Bench(reply_to)
    seen, thread = (await bench.call("reply_to", message="a")).value
    assert (seen, CONTEXT.get()) == ("mine", "mine")
    assert thread is not threading.main_thread()
    assert thread.daemon
    await bench.runner.close()


async def test_a_plain_function_may_return_something_to_be_awaited() -> None:
    async def answer() -> str:
        await asyncio.sleep(0)
        return f"in {threading.current_thread() is threading.main_thread()}"

    @hookimpl
    def reply_to() -> Any:
        return answer()

    bench = Bench(reply_to)
    assert (await bench.call("reply_to")).value == "in True"
    await bench.runner.close()


@pytest.mark.parametrize("error", [ValueError, StopIteration, SystemExit, asyncio.CancelledError, TimeoutError])
@pytest.mark.parametrize("plain", [False, True])
async def test_what_a_function_raises_is_a_failed_result(error: type[BaseException], plain: bool) -> None:
    if plain:

        @hookimpl
        def reply_to() -> Any:
            raise error

    else:

        @hookimpl
        async def reply_to() -> Any:
            raise error

    bench = Bench(reply_to)
    result = await bench.call("reply_to")
    assert result.outcome == "failed"
    # An async function cannot raise StopIteration: the interpreter makes another error of it.
    assert isinstance(result.error, error if plain or error is not StopIteration else RuntimeError)
    assert bench.counted("failed") == 1
    await bench.runner.close()


async def test_an_argument_that_nobody_gave_is_a_failure_and_no_error_of_the_caller() -> None:
    @hookimpl
    async def reply_to(message: str) -> Any:
        return message

    assert isinstance((await Bench(reply_to).call("reply_to")).error, KeyError)


async def test_a_failure_is_a_line_with_its_place_and_without_what_people_wrote() -> None:
    text = "CANARY-" + secrets.token_hex(8)

    @hookimpl
    async def reply_to(message: str) -> Any:
        raise ValueError(message)

    bench = Bench(reply_to)
    with capture_logs() as lines:
        await bench.call("reply_to", message=text)
    (line,) = lines
    assert line["event"] == "plugin_hook_failed"
    assert (line["plugin"], line["hook"], line["error"]) == ("bot", "reply_to", "ValueError")
    assert line["location"].startswith("test_runner.py:")
    assert line["trace"][-1].startswith("test_runner.py:")
    assert line["trace"][-1].endswith(":reply_to")
    assert text not in repr(line)
    health = bench.runner.health("bot")
    assert (health.failures, health.late, health.reason) == (1, 0, None)
    assert health.last_error is not None
    assert text not in health.last_error
    assert "ValueError at test_runner.py:" in health.last_error


async def test_a_message_that_is_held_is_no_failure_and_only_outgoing_message_holds() -> None:
    @hookimpl
    async def outgoing_message() -> Any:
        raise Hold("ask Ana first")

    @hookimpl
    async def reply_to() -> Any:
        raise Hold("no")

    bench = Bench(outgoing_message, reply_to)
    held = await bench.call("outgoing_message")
    assert held.outcome == "held"
    assert held.error.detail == "ask Ana first"
    assert bench.runner.health("bot").failures == 0
    assert (await bench.call("reply_to")).outcome == "failed"


async def test_a_function_that_swallows_its_cancel_is_left_behind_in_time_and_counted() -> None:
    cancels = []
    end = asyncio.Event()

    @hookimpl(timeout=0.1)
    async def reply_to() -> Any:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                cancels.append(1)

    bench = Bench(reply_to)
    started = time.monotonic()
    result = await bench.call("reply_to")
    assert result.outcome == "late"
    assert isinstance(result.error, TimeoutError)
    assert 0.1 <= time.monotonic() - started < 2
    await until(lambda: cancels)
    health = bench.runner.health("bot")
    assert (health.failures, health.late, health.left) == (1, 1, 1)
    assert values(bench.metrics)["fivapp_plugin_calls_left{plugin=bot}"] == 1
    end.set()
    await until(lambda: bench.runner.health("bot").left == 0)
    assert values(bench.metrics)["fivapp_plugin_calls_left{plugin=bot}"] == 0


async def test_a_plain_function_that_hangs_is_left_behind_in_time_and_counted() -> None:
    end = threading.Event()

    @hookimpl(timeout=0.1)
    def reply_to() -> Any:
        end.wait(20)

    bench = Bench(reply_to)
    assert (await bench.call("reply_to")).outcome == "late"
    assert bench.runner.health("bot").left == 1
    end.set()
    await until(lambda: bench.runner.health("bot").left == 0)
    await bench.runner.close()


async def test_what_is_to_be_awaited_and_comes_too_late_is_dropped() -> None:
    end = threading.Event()

    async def answer() -> str:
        return "late"

    @hookimpl(timeout=0.05)
    def reply_to() -> Any:
        end.wait(20)
        return answer()

    bench = Bench(reply_to)
    assert (await bench.call("reply_to")).outcome == "late"
    end.set()
    await until(lambda: bench.runner.health("bot").left == 0)
    await bench.runner.close()
    gc.collect()  # a coroutine that nobody closed complains here, and a warning is an error


async def test_a_hook_has_a_few_threads_of_its_own_and_what_waited_in_vain_for_one_never_runs() -> None:
    end, running = threading.Event(), []

    @hookimpl
    def reply_to(message: Any) -> Any:
        running.append(message)
        end.wait(20)

    @hookimpl
    def message_received() -> str:
        return "heard"

    bench = Bench(reply_to, message_received)
    hanging = [asyncio.create_task(bench.call("reply_to", message=1)) for _ in range(AT_MOST)]
    await until(lambda: len(running) == AT_MOST)
    assert (await bench.call("reply_to", 0.1, message=2)).outcome == "late"
    assert (await bench.call("message_received")).value == "heard"
    end.set()
    assert {result.outcome for result in await asyncio.gather(*hanging)} == {"ok"}
    await until(lambda: bench.runner.health("bot").left == 0)
    assert running == [1] * AT_MOST
    # A thread that is free again takes the next one.
    assert (await bench.call("reply_to", message=3)).outcome == "ok"
    await bench.runner.close()


async def test_calls_of_one_tenant_that_hang_in_threads_pause_the_hook_for_it_until_they_come_back() -> None:
    end = threading.Event()

    @hookimpl
    def reply_to(message: Any) -> str:
        if message == "hang":
            end.wait(20)
        return "pong"

    bench = Bench(reply_to)

    def call(message: str, tenant_id: str) -> Any:
        given = {"message": message}
        return bench.runner.call(bench.hook("reply_to"), given, tenant_id=tenant_id, timeout=0.2, again=True)

    with capture_logs() as lines:
        for _ in range(HUNG_OF_TENANT // 4):
            outcomes = [result.outcome for result in await asyncio.gather(*(call("hang", "acme") for _ in range(4)))]
            assert outcomes == ["late"] * 4
    assert (await call("good", "acme")).outcome == "paused"
    assert (await call("good", "globex")).value == "pong", "there are threads for the others"
    told = next(line for line in lines if line["event"] == "plugin_paused")
    assert (told["reason"], told["tenant_id"], told["seconds"]) == ("hanging", "acme", None)
    assert "Restart the server" in told["hint"]
    health = bench.runner.health("bot", "acme")
    assert (health.reason, health.paused_until, health.paused_hooks) == ("hanging", None, ("reply_to",))
    assert values(bench.metrics)["fivapp_plugin_threads_hung{hook=reply_to,plugin=bot}"] == HUNG_OF_TENANT
    bench.runner.resume("bot", "acme")
    assert bench.runner.paused("bot", "reply_to", "acme") == "hanging", "no word brings threads back"
    end.set()
    await until(lambda: bench.runner.paused("bot", "reply_to", "acme") is None)
    assert (await call("good", "acme")).value == "pong"
    await until(lambda: values(bench.metrics)["fivapp_plugin_threads_hung{hook=reply_to,plugin=bot}"] == 0)
    await bench.runner.close()


async def test_threads_that_hang_are_replaced_until_there_are_too_many_and_then_all_tenants_wait() -> None:
    end = threading.Event()

    @hookimpl
    def reply_to(message: Any) -> str:
        if message == "hang":
            end.wait(20)
        return "pong"

    bench = Bench(reply_to)

    def call(message: str, number: int) -> Any:
        given = {"message": message}
        return bench.runner.call(bench.hook("reply_to"), given, tenant_id=f"t{number}", timeout=0.2, again=True)

    before = threading.active_count()
    for first in range(0, HUNG, AT_MOST):
        assert (await call("good", 99)).value == "pong"
        await asyncio.gather(*(call("hang", first + number) for number in range(AT_MOST)))
    assert (await call("good", 99)).outcome == "paused"
    assert bench.runner.pauses() == [("", "bot", "reply_to")]
    assert (bench.runner.health("bot", "t99").reason, bench.runner.health("bot", "t99").for_all) == ("hanging", True)
    assert threading.active_count() - before <= HUNG + AT_MOST
    end.set()
    await until(lambda: bench.runner.pauses() == [])
    assert (await call("good", 99)).value == "pong"
    await until(lambda: threading.active_count() - before <= AT_MOST)
    await bench.runner.close()


async def test_a_file_that_is_loaded_again_has_threads_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    source = "import time\nfrom fivapp_whatsapp import hookimpl\n@hookimpl\ndef reply_to():\n    time.sleep(1.5)\n"
    file.write_text(source, encoding="utf-8")
    plugins = Plugins.load(files=[file], installed=False)
    metrics = PrometheusMetrics()
    runner = Runner(plugins, clock=SteppedClock(), metrics=metrics)
    calls = (runner.call(plugins.hooks("reply_to")[0], {}, timeout=0.1, tenant_id="acme") for _ in range(8))
    await asyncio.gather(*calls)
    assert runner.paused("bot", "reply_to", "acme") == "hanging"
    file.write_text(source.replace("1.5", "0"), encoding="utf-8")
    plugins.replace(file)
    assert (await runner.call(plugins.hooks("reply_to")[0], {}, tenant_id="acme")).outcome == "ok"
    await until(lambda: runner.health("bot", "acme").left == 0)
    assert values(metrics)["fivapp_plugin_threads_hung{hook=reply_to,plugin=bot}"] == 0
    await runner.close()


async def test_a_caller_that_is_cancelled_leaves_a_thread_that_hangs_only_when_its_time_is_over() -> None:
    begun, end = threading.Event(), threading.Event()

    @hookimpl(timeout=0.3)
    def reply_to() -> None:
        begun.set()
        end.wait(20)

    bench = Bench(reply_to)
    task = asyncio.create_task(bench.call("reply_to"))
    await until(begun.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hung = "fivapp_plugin_threads_hung{hook=reply_to,plugin=bot}"
    assert hung not in values(bench.metrics)
    await until(lambda: values(bench.metrics).get(hung) == 1)
    assert bench.runner.health("bot").failures == 0
    end.set()
    await until(lambda: values(bench.metrics).get(hung) == 0)
    await bench.runner.close()


async def test_deadlines_are_the_callers_then_the_functions_then_the_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    @hookimpl(timeout=30)
    async def reply_to() -> Any:
        await asyncio.sleep(60)

    @hookimpl
    async def message_received() -> None:
        await asyncio.sleep(60)

    bench = Bench(reply_to, message_received)
    assert (await bench.call("reply_to", timeout=0.05)).outcome == "late"
    assert (DEADLINE, DEADLINES["outgoing_message"], DEADLINES["startup"], DEADLINES["shutdown"]) == (10, 0.5, 30, 30)
    monkeypatch.setattr("fivapp_whatsapp.plugins.runner.DEADLINES", {"message_received": 0.05})
    assert (await bench.call("message_received")).outcome == "late"


async def test_timeouts_and_task_groups_inside_a_function_work_as_anywhere() -> None:
    @hookimpl
    async def reply_to() -> Any:
        try:
            async with asyncio.timeout(0):
                await asyncio.sleep(5)
        except TimeoutError:
            pass
        async with asyncio.TaskGroup() as group:
            one = group.create_task(asyncio.sleep(0, "one"))
        return one.result(), asyncio.current_task()

    word, task = (await Bench(reply_to).call("reply_to")).value
    assert word == "one"
    assert task is not asyncio.current_task()


async def test_a_caller_that_is_cancelled_cancels_the_function() -> None:
    state = []

    @hookimpl
    async def reply_to() -> Any:
        state.append("began")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            state.append("cancelled")
            raise

    bench = Bench(reply_to)
    task = asyncio.create_task(bench.call("reply_to"))
    await until(lambda: state)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: state == ["began", "cancelled"])
    await until(lambda: bench.runner.health("bot").left == 0)
    assert bench.runner.health("bot").failures == 0


async def test_a_caller_that_is_cancelled_before_the_first_step_leaves_nothing() -> None:
    @hookimpl
    async def reply_to() -> Any:
        return None

    bench = Bench(reply_to)
    call = bench.runner.call(bench.hook("reply_to"), {})
    call.send(None)
    with pytest.raises(asyncio.CancelledError):
        call.throw(asyncio.CancelledError)
    await until(lambda: bench.runner.health("bot").left == 0)


async def test_five_failures_within_a_minute_pause_a_hook_for_a_minute() -> None:
    calls = []

    @hookimpl
    async def reply_to() -> Any:
        calls.append(1)
        raise ValueError

    bench = Bench(reply_to)
    with capture_logs() as lines:
        for _ in range(5):
            assert bench.runner.paused("bot", "reply_to") is None
            await bench.call("reply_to")
    assert bench.runner.paused("bot", "reply_to") == "failing"
    assert (lines[-1]["event"], lines[-1]["plugin"], lines[-1]["hook"]) == ("plugin_paused", "bot", "reply_to")
    assert (await bench.call("reply_to")).outcome == "paused"
    assert len(calls) == 5
    health = bench.runner.health("bot")
    assert (health.failures, health.reason, health.paused_hooks) == (5, "failing", ("reply_to",))
    assert health.paused_until == bench.clock.now() + timedelta(seconds=60)
    assert values(bench.metrics)["fivapp_plugin_pauses_total{hook=reply_to,plugin=bot,reason=failing}"] == 1
    bench.clock.seconds += 60
    assert bench.runner.health("bot").reason is None
    assert (await bench.call("reply_to")).outcome == "failed"


async def test_the_other_hooks_of_a_plugin_run_on_while_one_is_paused() -> None:
    @hookimpl
    async def reply_to() -> Any:
        raise ValueError

    @hookimpl
    async def message_received() -> str:
        return "heard"

    bench = Bench(reply_to, message_received)
    for _ in range(5):
        await bench.call("reply_to")
    assert (await bench.call("reply_to")).outcome == "paused"
    assert (await bench.call("message_received")).value == "heard"
    assert bench.runner.paused("bot", "message_received") is None
    assert bench.runner.pauses() == [("", "bot", "reply_to")]


async def test_a_pause_is_the_tenants_whose_events_failed() -> None:
    @hookimpl
    async def reply_to(message: str) -> str:
        if message == "bad":
            raise ValueError
        return message

    bench = Bench(reply_to)

    async def call(message: str, tenant_id: str) -> Any:
        return await bench.runner.call(bench.hook("reply_to"), {"message": message}, tenant_id=tenant_id)

    with capture_logs() as lines:
        for _ in range(5):
            await call("bad", "acme")
    assert (lines[-1]["event"], lines[-1]["tenant_id"]) == ("plugin_paused", "acme")
    assert (await call("good", "acme")).outcome == "paused"
    assert (await call("good", "globex")).value == "good"
    assert bench.runner.pauses() == [("acme", "bot", "reply_to")]
    assert bench.runner.health("bot", "globex").failures == 0
    bench.runner.resume("bot", "globex")
    assert bench.runner.paused("bot", "reply_to", "acme") == "failing"
    bench.runner.resume("bot", "acme")
    assert (await call("good", "acme")).value == "good"


async def test_an_event_that_fails_again_and_again_counts_once_towards_a_pause() -> None:
    @hookimpl
    async def reply_to() -> Any:
        raise ValueError

    bench = Bench(reply_to)
    for _ in range(4):
        await bench.call("reply_to")
        for _ in range(3):
            assert (await bench.runner.call(bench.hook("reply_to"), {}, again=True)).outcome == "failed"
    assert bench.runner.paused("bot", "reply_to") is None
    assert bench.runner.health("bot").failures == 16
    await bench.call("reply_to")
    assert bench.runner.paused("bot", "reply_to") == "failing"


async def test_what_was_held_back_pauses_no_plugin() -> None:
    @hookimpl
    async def message_sent() -> Any:
        raise Hold("enough for now")

    bench = Bench(message_sent)
    for _ in range(8):
        assert (await bench.call("message_sent")).outcome == "failed"
    assert bench.runner.paused("bot", "message_sent") is None
    assert bench.runner.health("bot").failures == 8


async def test_failures_that_are_far_apart_pause_nothing() -> None:
    @hookimpl
    async def reply_to() -> Any:
        raise ValueError

    bench = Bench(reply_to)
    for _ in range(8):
        await bench.call("reply_to")
        bench.clock.seconds += 16
    assert bench.runner.paused("bot", "reply_to") is None


async def test_a_person_lifts_a_pause_and_other_plugins_were_never_paused() -> None:
    @hookimpl
    async def reply_to() -> Any:
        raise ValueError

    @hookimpl
    async def message_received() -> str:
        return "heard"

    bench = Bench(reply_to, other=message_received)
    for _ in range(5):
        await bench.call("reply_to")
    (hook,) = bench.plugins.hooks("message_received")
    assert (await bench.runner.call(hook, {})).value == "heard"
    bench.runner.resume("bot")
    assert bench.runner.paused("bot", "reply_to") is None
    assert (await bench.call("reply_to")).outcome == "failed"
    assert bench.runner.paused("bot", "reply_to") is None


async def test_a_file_that_is_loaded_again_is_paused_no_longer(tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    source = "from fivapp_whatsapp import hookimpl\n@hookimpl\nasync def reply_to():\n    return 1 / 0\n"
    file.write_text(source, encoding="utf-8")
    plugins = Plugins.load(files=[file], installed=False)
    runner = Runner(plugins, clock=SteppedClock(), metrics=PrometheusMetrics())
    for _ in range(5):
        await runner.call(plugins.hooks("reply_to")[0], {})
    assert runner.paused("bot", "reply_to") == "failing"
    file.write_text(source.replace("1 / 0", "1 / 1"), encoding="utf-8")
    plugins.replace(file)
    assert (await runner.call(plugins.hooks("reply_to")[0], {})).value == 1


async def test_failures_are_told_to_plugins_that_listen_and_theirs_are_only_logged() -> None:
    heard: list[tuple[str, str, str]] = []

    @hookimpl
    async def reply_to() -> Any:
        raise ValueError("x")

    @hookimpl
    async def plugin_failed(plugin: str, hook: str, error: BaseException) -> None:
        heard.append((plugin, hook, type(error).__name__))
        raise LookupError

    bench = Bench(reply_to, listener=plugin_failed)
    with capture_logs() as lines:
        await bench.call("reply_to")
        await until(lambda: bench.runner.health("listener").failures == 1)
    assert heard == [("bot", "reply_to", "ValueError")]
    assert [line["hook"] for line in lines] == ["reply_to", "plugin_failed"]
    for _ in range(6):
        await bench.runner.call(
            bench.plugins.hooks("plugin_failed")[0], {"plugin": "a", "hook": "b", "error": OSError()}
        )
    assert bench.runner.paused("listener", "plugin_failed") is None
    assert len(heard) == 7


async def test_closing_ends_what_runs_and_the_loop_ends_with_a_function_that_never_does() -> None:
    """`asyncio.run` waits for every task that it knows."""

    def program() -> list[str]:
        outcomes = []

        @hookimpl
        async def reply_to() -> Any:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)

        async def main() -> None:
            bench = Bench(reply_to)
            task = asyncio.create_task(bench.call("reply_to"))
            await asyncio.sleep(0.05)
            await bench.runner.close()
            outcomes.append((await task).outcome)

        asyncio.run(main())
        return outcomes

    assert await asyncio.to_thread(program) == ["late"]


async def test_a_function_that_blocks_the_loop_is_named_while_it_still_blocks_and_paused_after_three() -> None:
    named = threading.Event()
    heard: list[str] = []

    @hookimpl
    async def reply_to() -> Any:
        assert named.wait(20), "nobody named it while it blocked"
        named.clear()

    @hookimpl
    async def plugin_failed(plugin: str, hook: str, error: BaseException) -> None:
        heard.append(f"{plugin} {hook} {type(error).__name__}")

    bench = Bench(reply_to, listener=plugin_failed, stall_seconds=0.2)

    def tell(stall: Any) -> None:
        stalled(stall)
        if stall.first:
            named.set()

    stalled = bench.runner._watch._tell
    bench.runner._watch._tell = tell
    async with bench.watched():
        with capture_logs() as logged:
            for number in range(3):
                assert bench.runner.paused("bot", "reply_to") is None
                assert (await bench.call("reply_to")).outcome == "ok"
                await until(lambda: len(heard) == number + 1)  # noqa: B023  # awaited within the turn
    assert bench.runner.paused("bot", "reply_to") == "blocking"
    assert (await bench.call("reply_to")).outcome == "paused"
    health = bench.runner.health("bot")
    assert (health.stalls, health.failures, health.reason) == (3, 0, "blocking")
    assert health.paused_until == bench.clock.now() + timedelta(minutes=10)
    assert values(bench.metrics)["fivapp_plugin_stalls_total{plugin=bot}"] == 3
    assert heard == ["bot reply_to TimeoutError"] * 3
    line = next(line for line in logged if line["event"] == "plugin_blocks_event_loop")
    assert (line["plugin"], line["hook"]) == ("bot", "reply_to")
    assert line["seconds"] >= 0.2
    assert any(frame.endswith(":reply_to") for frame in line["trace"])


async def test_of_many_that_begin_at_once_and_block_only_three_do() -> None:
    begun: list[int] = []

    @hookimpl
    async def reply_to() -> Any:
        begun.append(1)
        time.sleep(0.5)

    bench = Bench(reply_to, stall_seconds=0.2)
    async with bench.watched():
        results = await asyncio.gather(
            *(bench.runner.call(bench.hook("reply_to"), {}, tenant_id="acme") for _ in range(12))
        )
    assert len(begun) == 3
    assert [each.outcome for each in results] == ["ok"] * 3 + ["paused"] * 9
    assert bench.counted("paused") == 9
    assert bench.runner.pauses() == [("acme", "bot", "all")]


CHILD = """
import asyncio, time
from fivapp_whatsapp import hookimpl

async def work():
    time.sleep(1.2)

@hookimpl
async def reply_to():
    await asyncio.create_task(work())
"""


async def test_what_blocks_in_a_task_of_its_own_is_found_by_its_module_and_counted_once(tmp_path: Path) -> None:
    file = tmp_path / "bot.py"
    file.write_text(CHILD, encoding="utf-8")
    plugins = Plugins.load(files=[file], installed=False)
    runner = Runner(plugins, clock=SteppedClock(), metrics=PrometheusMetrics(), stall_seconds=0.08)
    watch = asyncio.create_task(runner.run())
    await asyncio.sleep(0.05)
    with capture_logs() as lines:
        await runner.call(plugins.hooks("reply_to")[0], {})
    watch.cancel()
    told = [line for line in lines if line["event"] == "plugin_blocks_event_loop"]
    assert [(line["plugin"], line["hook"]) for line in told] == [("bot", "other")] * 2
    assert told[0]["seconds"] < told[1]["seconds"]
    assert told[0]["trace"][-1].startswith("bot.py:6:work")
    assert runner.health("bot").stalls == 1


async def test_many_that_take_a_little_each_in_one_turn_of_the_loop_are_no_stall() -> None:
    @hookimpl
    async def reply_to() -> Any:
        time.sleep(0.15)

    bench = Bench(reply_to, stall_seconds=0.5)
    async with bench.watched():
        await asyncio.gather(*(bench.call("reply_to") for _ in range(7)))
    assert bench.runner.health("bot").stalls == 0


async def test_a_loop_that_waits_or_works_in_small_steps_is_no_stall() -> None:
    @hookimpl
    async def reply_to() -> Any:
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            time.sleep(0.01)
            await asyncio.sleep(0)

    bench = Bench(reply_to, stall_seconds=0.4)
    async with bench.watched():
        await bench.call("reply_to")
        await asyncio.sleep(0.6)
    assert bench.runner.health("bot").stalls == 0
