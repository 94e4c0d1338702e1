"""`simulate`: runs the simulated connection service alone."""

from __future__ import annotations

import secrets

import click

from fivapp_whatsapp.logs import configure_logging
from fivapp_whatsapp.settings import Settings, load_settings
from fivapp_whatsapp.simulator.app import create_simulator
from fivapp_whatsapp.simulator.options import ALL_EXTENSIONS, SimulatorOptions

from .common import run
from .serving import Site, answering, base_url, bind, run_until_stopped, stop_signal


@click.command(short_help="Run the simulated connection service alone.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=3001, show_default=True, help="0: a free one.")
@click.option("--webhook-url", help="Where it tells of messages [the gateway on this machine, FIVAPP_PORT].")
@click.option("--api-key", help="The key it asks for [CONNECTION_SERVICE_API_KEY, else a new one].")
@click.option("--webhook-key", help="The key it sends with webhooks [the API key].")
@click.option("--plain", is_flag=True, help="Without extensions: text and the four routes only.")
@click.option(
    "--without", multiple=True, type=click.Choice(sorted(ALL_EXTENSIONS)), help="Without this extension; repeatable."
)
@click.option("--contacts/--no-contacts", default=True, show_default=True, help="Contacts write by themselves.")
def simulate(
    host: str,
    port: int,
    webhook_url: str | None,
    api_key: str | None,
    webhook_key: str | None,
    plain: bool,
    without: tuple[str, ...],
    contacts: bool,
) -> None:
    """Run the simulated connection service alone, until SIGTERM or Ctrl-C."""
    settings = load_settings()
    configure_logging(settings)
    options = SimulatorOptions(
        api_key=api_key or settings.connection_service_api_key or secrets.token_hex(16),
        webhook_url=webhook_url or f"http://127.0.0.1:{settings.port}/api/webhooks/whatsapp",
        webhook_key=webhook_key,
        extensions=False if plain else ALL_EXTENSIONS - frozenset(without),
        contacts_write=contacts,
    )
    run(_simulate(options, host, port, settings))


async def _simulate(options: SimulatorOptions, host: str, port: int, settings: Settings) -> None:
    sock = bind(host, port, advice="Choose another: fivapp-whatsapp simulate --port 3002")
    with sock:
        async with stop_signal() as stop, answering(Site(create_simulator(options), sock)):
            click.echo(f"Phone page    {base_url(sock)}/")
            click.echo(f"Webhooks to   {options.webhook_url}")
            if options.api_key != settings.connection_service_api_key:
                click.echo(f"API key       {options.api_key}")
            await run_until_stopped(stop)
