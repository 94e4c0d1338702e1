"""`webhooks`: what could not be read, and reading once more what came."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import click

from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.ports import Quarantined, VaultState
from fivapp_whatsapp.settings import load_settings

from .common import print_json, print_table, require_database, run

_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_TIME = "2h, 3d, 30m: so long ago; or a time, 2026-01-31T08:00."


class _When(click.ParamType[datetime]):
    """A time, or how long ago; without a zone it is the machine's."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value)
        try:
            if match := _AGO.fullmatch(text):
                return datetime.now(UTC) - int(match[1]) * _UNITS[match[2]]
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{text} is neither a time nor how long ago ({_TIME})", param, ctx)


@click.group(short_help="List webhooks that could not be read, and read what came once more.")
def webhooks() -> None:
    """Look at webhooks that could not be read, and read what came once more after a decoder was mended."""


@webhooks.command("list")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def list_webhooks(as_json: bool) -> None:
    """List webhooks in quarantine, and tell how many are kept as they came. What people wrote is not shown."""
    waiting, vault = run(_look())
    if as_json:
        items = [
            {"id": w.id, "connector": w.connector, "reason": w.reason, "sessionId": w.session_id, "bytes": len(w.raw)}
            | {"receivedAt": w.received_at}
            for w in waiting
        ]
        print_json({"quarantined": items, "kept": {"count": vault.bodies, "bytes": vault.size, "since": vault.oldest}})
        return
    if waiting:
        heads = ("ID", "RECEIVED", "CONNECTOR", "SESSION", "BYTES", "REASON")
        print_table([heads, *(_row(each) for each in waiting)])
    else:
        click.echo("The quarantine is empty.")
    since = "" if vault.oldest is None else f" since {vault.oldest.isoformat(timespec='seconds')}"
    click.echo(f"Kept as they came: {vault.bodies}{since}, {vault.size} bytes.")


@webhooks.command("show")
@click.argument("id")
def show_webhook(id: str) -> None:
    """Write the body of a webhook in quarantine to stdout, as it came but for secrets: it holds what people wrote."""
    waiting, _ = run(_look())
    body = next((each.raw for each in waiting if each.id == id), None)
    if body is None:
        raise click.ClickException("There is no such webhook in quarantine.")
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


@webhooks.command("replay")
@click.option("--since", type=_When(), required=True, help=_TIME)
@click.option("--until", type=_When(), help="The same; now, unless given.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def replay(since: datetime, until: datetime | None, as_json: bool) -> None:
    """Read what came in a time once more, beside a running server: what is stored already changes nothing."""

    async def read() -> None:
        async with _visit() as gateway:
            done = await gateway.intake.replay(since, until or datetime.now(UTC))
        if as_json:
            print_json(done)
            return
        click.echo(f"Read {done.bodies} webhooks: {done.stored} messages are new, {done.known} were there already,")
        click.echo(f"{done.statuses} statuses; {done.unread} webhooks could not be read.")

    run(read())


async def _look() -> tuple[list[Quarantined], VaultState]:
    waiting: list[Quarantined] = []
    async with _visit() as gateway:
        while page := await gateway.store.quarantined(after=waiting[-1].id if waiting else None):
            waiting += page
        return waiting, await gateway.store.vault_state()


def _row(each: Quarantined) -> tuple[str, ...]:
    received = each.received_at.isoformat(timespec="seconds")
    return each.id, received, each.connector, each.session_id or "-", str(len(each.raw)), each.reason


@asynccontextmanager
async def _visit() -> AsyncIterator[Gateway]:
    """Give a gateway whose store is open and that does nothing by itself."""
    settings = load_settings()
    require_database(settings)
    gateway = build_gateway(settings, server=False)
    await gateway.store.start()
    try:
        yield gateway
    finally:
        for connector in gateway.connectors.values():
            await connector.close()
        if gateway.http is not None:
            await gateway.http.aclose()
        await gateway.store.close()
