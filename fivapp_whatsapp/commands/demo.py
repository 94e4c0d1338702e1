"""`demo`: a gateway and a simulated connection service that speak over real HTTP, with everything made up for them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from argon2 import PasswordHasher

from fivapp_whatsapp.app import create_app
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.errors import AlreadyExists
from fivapp_whatsapp.logs import configure_logging
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.ports import Store
from fivapp_whatsapp.settings import Secret, Settings, load_settings
from fivapp_whatsapp.simulator.app import create_simulator
from fivapp_whatsapp.simulator.options import ALL_EXTENSIONS, SimulatorOptions

from .common import plugin_option, print_json, run
from .reloading import reload_on_change
from .serving import Site, answering, base_url, bind, run_until_stopped, stop_signal
from .token import issue_token
from .why import why

TENANT = "demo"
LOGIN = "demo"
_ADVICE = "Take free ones, and a folder of its own: make demo ARGS='--port 0 --data /tmp/other-demo'"


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets of a data folder: with them tokens and logins of the run before still hold."""

    jwt_secret: str
    api_key: str
    password: str


class Ready(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `--json` prints: base URLs without a slash at the end, an admin's token."""

    gateway: str
    simulator: str
    tenant_id: str
    token: str
    api_key: str
    pid: int


@click.command(short_help="Run a gateway with a simulated connection service.")
@click.option("--port", type=click.IntRange(0, 65535), help="The gateway's port [FIVAPP_PORT or 8000]; 0: any free.")
@click.option("--simulator-port", type=click.IntRange(0, 65535), help="[3001, or a free one with --port 0].")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Where it is kept [./.demo].")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON; no contact writes by itself.")
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(sorted(ALL_EXTENSIONS)),
    help="The connection service lacks this extension; repeatable.",
)
@plugin_option
def demo(
    port: int | None,
    simulator_port: int | None,
    data: Path | None,
    as_json: bool,
    without: tuple[str, ...],
    plugin_files: tuple[Path, ...],
) -> None:
    """Run a gateway with a simulated connection service, until Ctrl-C.

    Everything is kept in a folder, but for DATABASE_URL, which is used when it is set. A .env file is not
    read: the demo must not write to what it names. A --plugin file is loaded again whenever it is saved.
    """
    with _folder(data, as_json) as folder:
        remembered = remember(folder)
        quiet: dict[str, Any] = {} if as_json or "FIVAPP_LOG_LEVEL" in os.environ else {"log_level": "warning"}
        settings = load_settings(env_file=None, **_overrides(remembered, folder, port), **quiet)
        if simulator_port is None:
            simulator_port = 3001 if settings.port else 0
        plugins = load_plugins(plugin_files, settings)
        options = SimulatorOptions(
            api_key=remembered.api_key,
            extensions=ALL_EXTENSIONS - frozenset(without),
            contacts_write=not as_json,
        )
        run(_demo(settings, remembered, plugins, simulator_port, options, as_json))


def load_plugins(files: Sequence[Path], settings: Settings) -> Plugins:
    """Load these files and what is installed. Raises ClickException with every mistake: here they are to be seen."""
    plugins = Plugins.load(files=files, names=settings.plugins)
    if plugins.broken:
        problems = [f"{broken.name}: {problem}" for broken in plugins.broken for problem in broken.problems]
        raise click.ClickException("\n".join(["These plugins cannot be loaded.", *problems]))
    return plugins


def remember(folder: Path) -> Remembered:
    """Return the secrets of a data folder, made when it has none. Raises ClickException for another file there."""
    file = folder / "demo.json"
    try:
        if file.exists():
            return msgspec.json.decode(file.read_bytes(), type=Remembered)
        made = Remembered(
            jwt_secret=secrets.token_hex(32), api_key=secrets.token_hex(16), password=secrets.token_urlsafe(9)
        )
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(msgspec.json.encode(made))
    except (OSError, msgspec.DecodeError) as exc:
        raise click.ClickException(
            f"{file} cannot be used ({type(exc).__name__}). Name another --data folder."
        ) from exc
    return made


@contextlib.contextmanager
def _folder(data: Path | None, as_json: bool) -> Iterator[Path]:
    # Programs that read the JSON get a fresh start each time, and do not meet in one folder.
    if data is None and as_json:
        with tempfile.TemporaryDirectory(prefix="fivapp-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    folder = data or Path(".demo")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise click.ClickException(f"{folder} cannot be made ({exc.strerror}). Name another --data folder.") from exc
    yield folder


def _overrides(remembered: Remembered, folder: Path, port: int | None) -> dict[str, Any]:
    overrides: dict[str, Any] = {
        "demo": True,
        "connection_service_api_key": Secret(remembered.api_key),
        "webhook_keys": [],
        "jwt_secret": Secret(remembered.jwt_secret),
        "jwt_public_key": "",
        "jwt_jwks_url": "",
    }
    if not os.environ.get("DATABASE_URL"):
        overrides["database_url"] = Secret(f"sqlite:///{(folder / 'demo.db').absolute()}")
    if not os.environ.get("FIVAPP_SEND_RATE"):
        overrides["send_rate"] = 0.0  # there is no number to protect
    if port is not None:
        overrides["port"] = port
    return overrides


async def _demo(
    settings: Settings,
    remembered: Remembered,
    plugins: Plugins,
    simulator_port: int,
    options: SimulatorOptions,
    as_json: bool,
) -> None:
    with (
        bind(settings.host, settings.port, advice=_ADVICE) as sock,
        bind("127.0.0.1", simulator_port, advice=_ADVICE) as simulator_sock,
    ):
        settings = _with_addresses(settings, base_url(sock), base_url(simulator_sock))
        configure_logging(settings)
        await _run(settings, remembered, plugins, sock, simulator_sock, options, as_json)


async def _run(
    settings: Settings,
    remembered: Remembered,
    plugins: Plugins,
    sock: socket.socket,
    simulator_sock: socket.socket,
    options: SimulatorOptions,
    as_json: bool,
) -> None:
    gateway_url, simulator_url = base_url(sock), base_url(simulator_sock)
    addresses = {"webhook_url": f"{gateway_url}/api/webhooks/whatsapp", "public_url": simulator_url}
    simulator = create_simulator(msgspec.structs.replace(options, **addresses))
    # Left in the opposite order: the gateway's last sends still find their service.
    async with (
        stop_signal() as stop,
        answering(Site(simulator, simulator_sock)),
        build_gateway(settings, plugins=plugins) as gateway,
        _reloading(plugins),
    ):
        # stdout belongs to --json.
        gateway.automation.listeners.append(lambda decided: click.echo(why(decided), err=True))
        await _add_people(gateway.store, remembered.password)
        async with answering(Site(create_app(settings, gateway=gateway), sock)):
            ready = Ready(
                gateway=gateway_url,
                simulator=simulator_url,
                tenant_id=TENANT,
                token=issue_token(settings, TENANT, "admin", hours=12, user_id="demo", name="Demo"),
                api_key=remembered.api_key,
                pid=os.getpid(),
            )
            if as_json:
                print_json(ready)
            else:
                click.echo(_welcome(ready, remembered.password))
            await run_until_stopped(stop)
            # An open event stream is a request that never ends by itself.
            await gateway.feed.close()


@contextlib.asynccontextmanager
async def _reloading(plugins: Plugins) -> AsyncIterator[None]:
    # stdout belongs to --json.
    task = asyncio.create_task(reload_on_change(plugins, functools.partial(click.echo, err=True)), name="reload")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _with_addresses(settings: Settings, gateway_url: str, simulator_url: str) -> Settings:
    port = int(gateway_url.rpartition(":")[2])
    # A browser calls the same server by either name.
    origins = [gateway_url, f"http://localhost:{port}"]
    return msgspec.structs.replace(
        settings,
        port=port,
        connection_service_url=simulator_url,
        public_url=settings.public_url or gateway_url,
        allowed_origins=[*settings.allowed_origins, *origins],
    )


async def _add_people(store: Store, password: str) -> None:
    with contextlib.suppress(AlreadyExists):
        await store.add_tenant(TENANT, "Demo")
    hashed = PasswordHasher().hash(password)
    try:
        await store.add_account(TENANT, LOGIN, "Demo", "admin", hashed)
    except AlreadyExists:
        # The database may be older than the folder with the secrets.
        await store.change_account(TENANT, LOGIN, password_hash=hashed, disabled=False)


def _welcome(ready: Ready, password: str) -> str:
    return f"""
  The demo runs. Ctrl-C ends it.

    Inbox       {ready.gateway}/conversations
    Settings    {ready.gateway}/whatsapp-settings
    Bots        {ready.gateway}/automations
    Gateway     {ready.gateway}/schema
    Phone       {ready.simulator}/
    Login       tenant {TENANT}, login {LOGIN}, password {password}

  In a browser: open Settings, log in, connect; scan the code on the Phone page; answer in the Inbox.
  With curl:

  1. Connect: ask for a QR code.

    export TOKEN={ready.token}
    GATEWAY={ready.gateway} PHONE={ready.simulator} AUTH="Authorization: Bearer $TOKEN"
    curl -X POST $GATEWAY/api/whatsapp/connect -H "$AUTH" -H 'Content-Type: application/json' -d '{{}}'

  2. Scan it: open the phone page, choose the session, press scan. Contacts begin to write. Or:

    curl -X POST $PHONE/simulator/sessions/{ready.tenant_id}/scan

  3. Read what they wrote.

    curl $GATEWAY/api/conversations -H "$AUTH"

  4. Reply, to a conversation's id out of that list.

    curl -X POST $GATEWAY/api/conversations/ID/send-message -H "$AUTH" -H 'Content-Type: application/json' \\
         -d '{{"text": "Sim!"}}'

  Watch all of it happen:

    curl -N $GATEWAY/api/events -H "$AUTH"

  Let a bot answer; this terminal then says of each message why it was answered, or not:

    fivapp-whatsapp demo --plugin examples/echo.py
"""
