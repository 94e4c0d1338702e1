"""Runs ASGI apps with uvicorn in this process: sockets first, a clean end on SIGINT and SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import click
import uvicorn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_BACKLOG = 2048
# Longer than a send may wait for its outcome.
_GRACE_SECONDS = 10
_START_SECONDS = 30.0
_UNREAD_MS = 30_000


def _is_no_false_alarm(record: logging.LogRecord) -> bool:
    """Tell false for uvicorn's word on each WebSocket that was answered with a problem: anybody could fill a log so."""
    return not str(record.msg).startswith("ASGI callable returned without completing handshake")


class Site(NamedTuple):
    """An app, and the bound socket it is to answer on."""

    app: Any
    socket: socket.socket


class _Server(uvicorn.Server):
    """Leaves signals to us, for several servers run in one process, and tells when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int, *, advice: str) -> socket.socket:
    """Return a bound socket; port 0 is any free one. Raises ClickException, which says what to do."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        sock = socket.socket(family, kind)
    except OSError as exc:
        raise click.ClickException(f"{host} is no address of this machine ({exc.strerror}). Set FIVAPP_HOST.") from exc
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            # A browser that is gone, or never reads again, holds its connection no longer than this.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
        sock.bind(address)
        # Listening at once: whoever comes before the app is ready waits, and a taken port shows now.
        sock.listen(_BACKLOG)
    except OSError as exc:
        sock.close()
        reason = "is in use" if exc.errno == errno.EADDRINUSE else f"cannot be used ({exc.strerror})"
        raise click.ClickException(f"Port {port} on {host} {reason}. {advice}") from exc
    return sock


def base_url(sock: socket.socket) -> str:
    """Return the address under which this machine reaches a socket, without a slash at the end."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def stop_signal() -> AsyncIterator[asyncio.Event]:
    """Give an event that SIGINT and SIGTERM set; a second signal ends the process the hard way."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def answering(site: Site) -> AsyncIterator[None]:
    """Serve an app: it answers inside the block, and has finished its requests after it."""
    server = _Server(_config(site.app))
    logging.getLogger("uvicorn.error").addFilter(_is_no_false_alarm)
    task = asyncio.create_task(server.serve(sockets=[site.socket]), name="server")
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait((task, ready), timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not server.started:
            raise click.ClickException("The server did not start; the log says why.")
        yield
    finally:
        ready.cancel()
        server.should_exit = True
        with contextlib.suppress(SystemExit):
            await task


async def run_until_stopped(stop: asyncio.Event) -> None:
    """Wait for the end, after what was made at the start is taken out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    await stop.wait()


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="on",
        backlog=_BACKLOG,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        # The gateway itself decides which proxies it believes.
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ws_max_size=65_536,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
    )
