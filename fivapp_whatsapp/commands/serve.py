"""`serve`: runs the gateway, once its settings are safe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
import structlog

from fivapp_whatsapp import safety
from fivapp_whatsapp.app import create_app
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.errors import SettingsError
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.logs import configure_logging
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import Settings, load_settings

from .common import plugin_option, run
from .serving import Site, answering, base_url, bind, run_until_stopped, stop_signal

_log = structlog.get_logger(__name__)


@click.command(short_help="Run the gateway.")
@click.option("--host", help="Address to listen on [FIVAPP_HOST, default 127.0.0.1].")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on [FIVAPP_PORT, default 8000]; 0: a free one."
)
@plugin_option
def serve(host: str | None, port: int | None, plugin_files: tuple[Path, ...]) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    Refuses weak secrets and a database that may lose what it stored: exit code 78, one line for each problem.
    """
    given: dict[str, Any] = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(**given)
    run_server(settings, Plugins.load(files=plugin_files, names=settings.plugins))


def run_server(settings: Settings, plugins: Plugins) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises SettingsError for settings that are not safe."""
    if found := safety.problems(settings):
        raise SettingsError(problems=found)
    configure_logging(settings)
    run(_serve(settings, plugins))


async def _serve(settings: Settings, plugins: Plugins) -> None:
    sock = bind(settings.host, settings.port, advice="Choose another: fivapp-whatsapp serve --port 8001")
    if not settings.public_url:
        settings = msgspec.structs.replace(settings, public_url=base_url(sock))
    with sock:
        async with stop_signal() as stop, build_gateway(settings, plugins=plugins) as gateway:
            await _require_durable(gateway)
            async with answering(Site(create_app(settings, gateway=gateway), sock)):
                _log.info("serving", host=settings.host, port=sock.getsockname()[1])
                await run_until_stopped(stop)
                # An open event stream is a request that never ends by itself.
                await gateway.feed.close()
            _log.info("stopping")


async def _require_durable(gateway: Gateway) -> None:
    check = await gateway.store.check()
    if not check.durable:
        raise SettingsError(problems=[f"DATABASE_URL: {check.detail}"])
