"""`plugins paused` and `resume`: which plugins running servers do not call now, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from fivapp_whatsapp.models import Model
from fivapp_whatsapp.plugins.everywhere import read
from fivapp_whatsapp.plugins.health import EVERY, EVERYBODY, NEXT_STEPS, Reason
from fivapp_whatsapp.ports.plugins import ToldHealth
from fivapp_whatsapp.settings import load_settings

from .common import print_json, print_table, run, visit_store

_as_json = click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
_of_tenant = click.option("--tenant", "tenant_id", help="Of this tenant only.")


class Paused(Model, frozen=True, kw_only=True):
    """A plugin that is paused in one process of the server, for a tenant or (None) for all of them."""

    plugin: str
    tenant_id: str | None
    hooks: Sequence[str]
    reason: Reason
    until: datetime | None
    last_error: str | None
    next_step: str


@click.command()
@_of_tenant
@_as_json
def paused(tenant_id: str | None, as_json: bool) -> None:
    """List what is paused in running servers, why, and what to do next."""
    found = [each for told in run(_told(tenant_id)) if (each := _paused(told)) is not None]
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No plugin is paused in a running server.")
    else:
        print_table([("PLUGIN", "TENANT", "HOOKS", "WHY", "UNTIL", "LAST ERROR"), *map(_row, found)])
        for reason in dict.fromkeys(each.reason for each in found):
            click.echo(f"{reason}: {NEXT_STEPS[reason]}")


@click.command()
@click.argument("name")
@_of_tenant
def resume(name: str, tenant_id: str | None) -> None:
    """Lift the pauses of a plugin, in all processes: of all tenants and for all of them, or one tenant's.

    Running servers hear of it within seconds. One whose calls do not come back needs a restart.
    """
    run(_resume(name, tenant_id))
    click.echo(f"Running servers go on with {name} within seconds.")


async def _told(tenant_id: str | None) -> list[ToldHealth]:
    async with visit_store(load_settings()) as store:
        return await store.plugin_healths(tenant_id, datetime.now(UTC))


async def _resume(name: str, tenant_id: str | None) -> None:
    async with visit_store(load_settings()) as store:
        await store.resume_plugin(name, tenant_id)


def _paused(told: ToldHealth) -> Paused | None:
    health = read(told)
    if health is None or health.reason is None:
        return None
    return Paused(
        plugin=told.plugin,
        tenant_id=None if told.tenant_id == EVERYBODY else told.tenant_id,
        hooks=health.paused_hooks or (EVERY,),
        reason=health.reason,
        until=health.paused_until,
        last_error=health.last_error,
        next_step=NEXT_STEPS[health.reason],
    )


def _row(each: Paused) -> tuple[str, ...]:
    until = "-" if each.until is None else f"{each.until:%Y-%m-%d %H:%M:%S}"
    hooks = ", ".join(each.hooks)
    return each.plugin, each.tenant_id or "(all)", hooks, each.reason, until, each.last_error or "-"
