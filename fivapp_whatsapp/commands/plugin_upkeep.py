"""`plugins failed`, `purge` and `replay`: what plugins left undone, what is kept for them, what they would say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import FailureNotFound, PluginError, TenantNotFound
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Conversation, Message, Model, OutgoingMessage, Page
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.ports import ConversationFilter
from fivapp_whatsapp.ports.plugins import PluginFailure
from fivapp_whatsapp.settings import load_settings

from .common import plugin_option, print_json, print_table, require_database, run, visit_store

_PAGE = 200
# Messages stand in the order in which they came; a service may bring them so much later than they were written.
_DISORDER = timedelta(days=1)
_as_json = click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
_only_plugin = click.option("--plugin", "name", help="Of this plugin only.")
_only_tenant = click.option("--tenant", "tenant_id", help="Of this tenant only.")


# --- failures ----------------------------------------------------------------------------------------


@click.command()
@_only_plugin
@_only_tenant
@click.option("--replay", "ids", metavar="ID", multiple=True, help="Try this one again; may be given several times.")
@click.option("--all", "all_", is_flag=True, help="Try all of them again.")
@_as_json
def failed(name: str | None, tenant_id: str | None, ids: tuple[str, ...], all_: bool, as_json: bool) -> None:
    """List the events and timers that plugins failed at, newest first, or have them tried again.

    `dead` ones are not tried again by themselves. A running server takes up what is to be tried within a second.
    """
    found = _visit(lambda store: _failures(store, name, tenant_id))
    if ids or all_:
        found = _visit(lambda store: _replay(store, found if all_ else _chosen(found, ids)))
    if as_json:
        print_json(found)
    elif ids or all_:
        click.echo(f"To be tried again: {len(found)}")
    elif not found:
        click.echo("No plugin has failed at anything.")
    else:
        head = ("ID", "PLUGIN", "HOOK", "STATE", "TRIES", "TENANT", "AT", "ERROR")
        print_table([head, *map(_row, found)])


async def _failures(store: DatabaseStore, plugin: str | None, tenant_id: str | None) -> list[PluginFailure]:
    found: list[PluginFailure] = []
    while True:
        after = found[-1].id if found else None
        page = await store.failures(tenant_id, plugin=plugin, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


def _chosen(found: Sequence[PluginFailure], ids: Sequence[str]) -> list[PluginFailure]:
    by_id = {failure.id: failure for failure in found}
    if missing := [each for each in ids if each not in by_id]:
        raise FailureNotFound(f"There is no failure {missing[0]}; it may have been tried again with success.")
    return [by_id[each] for each in ids]


async def _replay(store: DatabaseStore, failures: Sequence[PluginFailure]) -> list[PluginFailure]:
    return [await store.replay_failure(failure.tenant_id, failure.id) for failure in failures]


def _row(failure: PluginFailure) -> tuple[str, ...]:
    tries = str(failure.attempts)
    at = f"{failure.at:%Y-%m-%d %H:%M}"
    return failure.id, failure.plugin, failure.hook, failure.state, tries, failure.tenant_id, at, failure.error


# --- purge -------------------------------------------------------------------------------------------


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(name: str, yes: bool) -> None:
    """Delete everything that is kept for a plugin, of all tenants: settings, state, timers, failures.

    Uninstalling a plugin leaves it all; so does this what the plugin keeps elsewhere.
    """
    if not yes:
        click.confirm(f"Delete all that is kept for the plugin {name}, of all tenants?", abort=True)
    count = _visit(lambda store: store.purge_plugin(name))
    click.echo(f"Deleted {count} rows of the plugin {name}.")


# --- replay ------------------------------------------------------------------------------------------


class Replayed(Model, frozen=True, kw_only=True):
    """What a plugin would say to a stored message; `effects` are what it would have done beside."""

    tenant_id: str
    conversation_id: str
    message_id: str
    at: datetime
    text: str | None
    outcome: str
    detail: str | None = None
    answers: Sequence[OutgoingMessage] = ()
    effects: Sequence[Any] = ()


class _Time(click.ParamType[datetime]):
    """A time of ISO 8601, UTC when it names no zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read a time."""
        try:
            read = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write it as 2026-03-02T12:00, in UTC, or 2026-03-02T09:00-03:00.")
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read


@click.command()
@click.argument("name")
@click.option("--since", type=_Time(), required=True, help="The first time, such as 2026-03-02T12:00.")
@click.option("--until", type=_Time(), help="The time before which it ends [now].")
@_only_tenant
@plugin_option
@_as_json
def replay(
    name: str,
    since: datetime,
    until: datetime | None,
    tenant_id: str | None,
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Show what a plugin would have answered to the messages of a time, without sending or changing anything.

    It is asked about each stored incoming message, oldest first, by `reply_to` alone. It begins with what it
    remembers now; what it would remember is kept for this run only. Calls that it makes to others are made.
    """
    settings = load_settings()
    require_database(settings)
    plugins = Plugins.load(files=plugin_files, names=settings.plugins)
    if broken := [each for each in plugins.broken if each.name == name]:
        raise PluginError(problems=broken[0].problems)
    plugins.get(name)
    gateway = build_gateway(settings, plugins=plugins, server=False)
    found = run(_rehearse(gateway, name, tenant_id, since, until or datetime.now(UTC)))
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No message came in that time.")
    else:
        print_table([("AT", "TENANT", "CONVERSATION", "TEXT", "ANSWER"), *map(_line, found)])


async def _rehearse(
    gateway: Gateway, plugin: str, tenant_id: str | None, since: datetime, until: datetime
) -> list[Replayed]:
    async with AsyncExitStack() as ends:
        for close in (gateway.runner.close, *(each.close for each in gateway.connectors.values())):
            ends.push_async_callback(close)
        if gateway.http is not None:
            ends.push_async_callback(gateway.http.aclose)
        ends.push_async_callback(gateway.store.close)
        await gateway.store.start()
        tenants = [each.id for each in await gateway.store.tenants() if tenant_id in (None, each.id)]
        if tenant_id is not None and not tenants:
            raise TenantNotFound
        return [each for tenant in tenants async for each in _answers(gateway, plugin, tenant, since, until)]


async def _answers(
    gateway: Gateway, plugin: str, tenant_id: str, since: datetime, until: datetime
) -> AsyncIterator[Replayed]:
    memory: Any = None
    for message in await _messages(gateway, tenant_id, since, until):
        trial = await gateway.automation.try_(
            tenant_id,
            message.text or "",
            conversation_id=message.conversation_id,
            plugin=plugin,
            memory=memory,
            message=message,
        )
        memory = trial.memory
        step = trial.trail.steps[-1] if trial.trail.steps else None
        yield Replayed(
            tenant_id=tenant_id,
            conversation_id=message.conversation_id,
            message_id=message.id,
            at=message.at,
            text=message.text,
            outcome="not_asked" if step is None else step.outcome,
            detail=None if step is None else step.detail,
            answers=trial.answers,
            effects=trial.effects,
        )


async def _messages(gateway: Gateway, tenant_id: str, since: datetime, until: datetime) -> list[Message]:
    """Return a tenant's incoming messages of a time, oldest first."""
    found: list[Message] = []
    async for conversation in _conversations(gateway, tenant_id, since):
        async for message in _pages(partial(gateway.messages, tenant_id, conversation.id, limit=_PAGE)):
            if message.at < since - _DISORDER:
                break
            if message.direction == "incoming" and since <= message.at < until:
                found.append(message)
    return sorted(found, key=lambda message: (message.at, message.id))


async def _conversations(gateway: Gateway, tenant_id: str, since: datetime) -> AsyncIterator[Conversation]:
    """Give the conversations, closed ones too, in which something was written since."""
    for view in (None, "closed"):
        async for each in _pages(partial(gateway.conversations, tenant_id, ConversationFilter(view=view), limit=_PAGE)):
            if each.last_message is not None and each.last_message.at >= since:
                yield each


async def _pages(read: Callable[..., Awaitable[Page]]) -> AsyncIterator[Any]:
    before: int | None = None
    while True:
        page = await read(before=before)
        for item in page.items:
            yield item
        if page.next_cursor is None:
            return
        before = int(page.next_cursor)


def _line(each: Replayed) -> tuple[str, ...]:
    answer = " / ".join(answer.text or "(a file)" for answer in each.answers)
    said = answer or "-" if each.outcome in ("answered", "nothing") else f"({each.outcome}: {each.detail})"
    return f"{each.at:%Y-%m-%d %H:%M:%S}", each.tenant_id, each.conversation_id, _short(each.text or "-"), _short(said)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _visit(work: Callable[[DatabaseStore], Any]) -> Any:
    async def visit() -> Any:
        async with visit_store(load_settings()) as store:
            return await work(store)

    return run(visit())
