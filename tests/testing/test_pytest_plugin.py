"""The pytest plugin, as an author of a plugin meets it: a folder with a plugin and its test, and no configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import clean_environment

pytestmark = pytest.mark.timeout(120)
ALONE = ("-q", "-W", "error", "-p", "no:asyncio")


def test_coroutine_tests_run_in_one_loop_with_their_coroutine_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.fixture
        async def number(fivapp_loop):
            loop = asyncio.get_running_loop()
            yield loop
            assert asyncio.get_running_loop() is loop

        @pytest.fixture
        async def same(number):
            return asyncio.get_running_loop() is number

        async def test_one(number, same):
            assert same
            assert asyncio.get_running_loop() is number

        @pytest.mark.anyio
        async def test_with_the_mark_of_anyio(number, same, anyio_backend_name):
            assert same
            assert asyncio.get_running_loop() is number

        class TestTwo:
            async def test_in_a_class(self, number):
                assert asyncio.get_running_loop() is number

        def test_that_does_not_wait(same):
            assert same

        async def test_that_fails(fivapp_loop):
            assert 1 == 2
        """
    )
    result = pytester.runpytest_subprocess(*ALONE)
    backends = len(_anyio_backends())
    result.assert_outcomes(passed=3 + backends, failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*"])


def _anyio_backends() -> tuple[str, ...]:
    from anyio import get_available_backends

    return get_available_backends()


def test_tests_of_others_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.fixture
        def clock():
            return "mine"

        @pytest.fixture
        async def value():
            return 3

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_of_anyio(value, anyio_backend):
            assert value == 3

        def test_with_a_fixture_of_their_own(clock):
            assert clock == "mine"

        async def test_that_nobody_runs():
            pass
        """
    )
    result = pytester.runpytest_subprocess(*ALONE, "--strict-markers")
    # pytest itself refuses a coroutine that no plugin runs.
    result.assert_outcomes(passed=2, failed=1)


def test_the_marker_is_known(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.plugin(*plugins): *"])


def test_finding_the_plugin_imports_nothing_that_takes_time(tmp_path: Path) -> None:
    code = (
        "import sys, fivapp_whatsapp.testing.pytest_plugin\n"
        "heavy = ('litestar', 'piccolo', 'httpx', 'uvicorn', 'click', 'asyncpg', 'msgspec', 'structlog')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, timeout=30
    )
    assert done.stdout == "[]\n", done.stderr


# --- as an author meets it ---------------------------------------------------------------------------


PING = '''
from fivapp_whatsapp import Message, hookimpl

@hookimpl
async def reply_to(message: Message) -> str | None:
    """Answers "ping" with "pong"."""
    return "pong" if message.text == "ping" else None
'''
TEST = """
async def test_ping_is_answered(chat):
    await chat.says("ping")
    assert chat.replies == ["pong"]
    await chat.runs_twice()

async def test_the_rest_is_not(chat):
    await chat.says("oi")
    assert chat.replies == []
"""


def test_a_file_is_named_by_a_mark(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(ping=PING, test_ping=f"import pytest\npytestmark = pytest.mark.plugin('ping.py')\n{TEST}")
    pytester.runpytest_subprocess(*ALONE, "--strict-markers").assert_outcomes(passed=2)


def test_a_module_is_named_by_the_fixture(pytester: pytest.Pytester) -> None:
    fixture = "import ping\nimport pytest\n\n@pytest.fixture\ndef plugins():\n    return [ping]\n"
    pytester.makepyfile(ping=PING, test_ping=fixture + TEST)
    pytester.runpytest_subprocess(*ALONE).assert_outcomes(passed=2)


def test_a_new_plugin_passes_its_own_tests_before_it_is_installed(pytester: pytest.Pytester) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fivapp_whatsapp", "plugins", "new", "word-game"],
        cwd=pytester.path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    (project,) = (path.parent for path in pytester.path.rglob("pyproject.toml"))
    result = pytester.runpytest_subprocess(*ALONE, str(project))
    result.assert_outcomes(passed=4)


def test_a_plugin_with_mistakes_fails_the_test_with_each_of_them(pytester: pytest.Pytester) -> None:
    broken = PING.replace("message: Message", "massage").replace("reply_to", "reply_too")
    pytester.makepyfile(broken=broken, test_it=f"import pytest\npytestmark = pytest.mark.plugin('broken.py')\n{TEST}")
    result = pytester.runpytest_subprocess(*ALONE)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["broken: *reply_too*reply_to*"])


def test_it_goes_together_with_pytest_asyncio(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_mode = auto\n")
    pytester.makepyfile(
        ping=PING,
        test_ping=f"""
import asyncio
import pytest

pytestmark = pytest.mark.plugin("ping.py")

@pytest.fixture
async def asked(chat):
    await chat.says("ping")
    return chat

{TEST}

async def test_with_a_coroutine_fixture(asked):
    assert asked.replies == ["pong"]

class TestOther:
    async def test_in_a_class(self, chat):
        await chat.says("ping")
        assert chat.replies == ["pong"]

async def test_of_their_own():
    await asyncio.sleep(0)
""",
    )
    pytester.runpytest_subprocess("-q", "-p", "asyncio").assert_outcomes(passed=5)
