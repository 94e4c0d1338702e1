"""The pytest plugin: fixtures for tests of plugins, and a loop that runs them, without any configuration.

A coroutine test that uses one of the fixtures is run here, in the loop in which its gateway lives, whatever other
plugin for asyncio is there; so are the coroutine fixtures that such a test uses. All other tests are left alone.
This file is imported by every run of pytest where the package is installed: it imports nothing that takes time.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fivapp_whatsapp.gateway import Gateway
    from fivapp_whatsapp.models import Conversation, Message
    from fivapp_whatsapp.plugins.registry import Plugins

    from .chat import Chat
    from .clock import FakeClock

_LOOP = "fivapp_loop"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "plugin(*plugins): the plugins of the gateway: files, modules, installed names")


# --- one loop for a test and its fixtures ------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Run a coroutine test in the loop of its gateway."""
    loop = pyfuncitem.funcargs.get(_LOOP)
    function = pyfuncitem.obj
    if type(pyfuncitem).__module__.startswith("pytest_asyncio"):
        # It has wrapped the test already, to run it in a loop of its own.
        function = inspect.unwrap(function)
    if not isinstance(loop, asyncio.Runner) or not inspect.iscoroutinefunction(function):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pyfuncitem, "obj", _in_loop(loop, function))
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
    """Run a coroutine fixture of such a test in the same loop."""
    function = fixturedef.func
    ours = request.scope == "function" and _LOOP in request.fixturenames
    if not (ours and (inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function))):
        return (yield)
    loop: asyncio.Runner = request.getfixturevalue(_LOOP)
    run = _generator_in_loop if inspect.isasyncgenfunction(function) else _in_loop
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixturedef, "func", run(loop, function))
        return (yield)


def _in_loop(loop: asyncio.Runner, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return loop.run(function(*args, **kwargs))

    return run


def _generator_in_loop(loop: asyncio.Runner, function: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Iterator[Any]:
        generator = function(*args, **kwargs)
        yield loop.run(anext(generator))
        loop.run(_finish(generator))

    return run


async def _finish(generator: Any) -> None:
    async for _ in generator:
        raise RuntimeError("A fixture yields once.")


# --- fixtures ----------------------------------------------------------------------------------------


@pytest.fixture
def fivapp_loop() -> Iterator[asyncio.Runner]:
    """The event loop in which the gateway, the test and its coroutine fixtures run."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def fivapp_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, which each test's database is a copy of."""
    from .kit import make_database

    return make_database(tmp_path_factory.mktemp("fivapp") / "template.db")


@pytest.fixture
def clock() -> FakeClock:
    """The time: it stands still until `await clock.advance(seconds)`."""
    from .clock import FakeClock

    return FakeClock()


@pytest.fixture
def plugins(request: pytest.FixtureRequest) -> Any:
    """The plugins of the gateway: those of `@pytest.mark.plugin(…)`, else those that the test's own project declares.

    Override it to return others: files, modules, names of installed plugins, or modules by their plugin's name.
    """
    from .kit import declared_plugins

    marked = request.node.get_closest_marker("plugin")
    return declared_plugins(request.path) if marked is None else marked.args


@pytest.fixture
def gateway(
    fivapp_loop: asyncio.Runner,
    fivapp_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    clock: FakeClock,
    plugins: Any,
) -> Iterator[Gateway]:
    """A running gateway with the plugins, a connected session, SQLite in a folder of the test's own, and the clock."""
    from .kit import load_plugins, running_gateway

    monkeypatch.setattr("fivapp_whatsapp.models._time_ns", clock.time_ns)
    loaded: Plugins = load_plugins(plugins, request.path.parent)
    run = running_gateway(fivapp_database, tmp_path / "fivapp.db", clock, loaded)
    gateway = fivapp_loop.run(run.__aenter__())
    yield gateway
    fivapp_loop.run(run.__aexit__(None, None, None))


@pytest.fixture
def chat(fivapp_loop: asyncio.Runner, gateway: Gateway, clock: FakeClock) -> Chat:
    """A contact's phone in front of the gateway: `await chat.says("oi")`, then `chat.replies`."""
    from .chat import Chat

    chat = Chat(gateway, clock)
    fivapp_loop.run(chat.open())
    return chat


@pytest.fixture
def conversation(chat: Chat) -> Conversation:
    """The contact's conversation."""
    return chat.conversation


@pytest.fixture
def a_message(clock: FakeClock) -> Callable[..., Message]:
    """Make a message as a hook gets it: `a_message("oi")`, or `a_message(kind=MessageKind.IMAGE, text=None)`."""
    from .kit import a_message

    def make(text: str | None = "oi", **fields: Any) -> Message:
        given: Mapping[str, Any] = {"at": clock.now(), **fields}
        return a_message(text, **given)

    return make
