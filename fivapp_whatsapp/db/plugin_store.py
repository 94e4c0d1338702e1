"""What DatabaseStore keeps for plugins and bots: the port PluginStore.

What concerns a tenant's log or its conversations goes through the writer. Lanes, failures, presence and claims
write no event: each is a small transaction of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from fivapp_whatsapp.errors import ConversationNotFound, FailureNotFound
from fivapp_whatsapp.models import Message
from fivapp_whatsapp.ports.plugins import (
    AnswerDraft,
    Answered,
    AnswerTrail,
    AutomationSettings,
    FailureState,
    Lane,
    PluginFailure,
    PluginSetting,
    StoredEvent,
    Timer,
    ToldHealth,
)

from . import convert, plugin_convert
from .claims import Claims
from .operations import health as health_ops
from .operations import plugins as plugin_ops
from .operations.answers import CommitAnswer
from .operations.upkeep import purge
from .part import Part
from .plugin_queries import PluginQueries
from .plugin_rows import FailureRow, PresenceRow
from .statements import Sql, Work, Write

_encode = msgspec.json.encode
_decode = msgspec.json.decode
_QUIET = frozenset({"note", "system"})


class PluginTables(Part):
    """Lanes, the reply chain, failures, settings, state, timers, presence."""

    _plugins: PluginQueries
    _claims: Claims

    # --- lanes ---------------------------------------------------------------------------------

    async def open_lanes(self, plugins: Sequence[str]) -> None:
        """Make the lanes that are missing, of all tenants, at the heads of their logs."""
        await self._database.transact(partial(self._claims.open_lanes, plugins))

    async def claim_lanes(
        self, owner: str, plugins: Sequence[str], lease_seconds: float, *, limit: int = 100
    ) -> list[Lane]:
        """Take lanes that have something to read and that nobody else holds."""
        if not plugins:
            return []
        return await self._database.transact(
            partial(self._claims.claim_lanes, owner, plugins, _ms(lease_seconds), limit)
        )

    async def keep_lanes(self, owner: str, lanes: Sequence[Lane], lease_seconds: float) -> list[Lane]:
        """Save the places of lanes and hold them on, or with no lease give them up; returns those still held."""
        if not lanes:
            return []
        return await self._database.transact(partial(self._claims.keep_lanes, owner, lanes, _ms(lease_seconds)))

    async def skip_lane(self, tenant_id: str, plugin: str) -> None:
        """Put a lane at the head of the log."""
        await self._database.transact(partial(self._claims.skip_lane, tenant_id, plugin))

    async def stored_events(
        self, tenant_id: str, after: int, limit: int, types: Collection[str] | None = None
    ) -> list[StoredEvent]:
        """Read events after a seq, oldest first, without their contents."""
        rows = await self._read.events(tenant_id, after, limit, types)
        return [plugin_convert.stored_event(row) for row in rows]

    # --- the reply chain -------------------------------------------------------------------------

    async def marked(self, tenant_id: str, message_ids: Sequence[str]) -> set[str]:
        """Return which of these messages have the mark "answered"."""
        return {row.message_id for row in await self._plugins.answers(tenant_id, message_ids)}

    async def commit_answer(
        self, tenant_id: str, draft: AnswerDraft, *, owner: str | None, lease_seconds: float, expires_at: datetime
    ) -> Answered:
        """Commit the mark, the trail and the answers. Raises ConversationNotFound, MessageNotFound."""
        row = await self._read.conversation(tenant_id, draft.conversation_id)
        if row is None:
            raise ConversationNotFound
        operation = CommitAnswer(
            tenant_id,
            row.session_id,
            draft,
            owner=owner,
            lease_seconds=lease_seconds,
            expires_at=expires_at,
            pace=self._pace,
        )
        return await self._writer.submit(operation)

    async def answer_trail(self, tenant_id: str, message_id: str) -> AnswerTrail | None:
        """Return why a message was answered or not, or None while nobody has looked at it."""
        rows = await self._plugins.answers(tenant_id, [message_id])
        return plugin_convert.trail(rows[0]) if rows else None

    async def recent_messages(self, tenant_id: str, conversation_id: str, since: datetime, limit: int) -> list[Message]:
        """Return a conversation's messages stored since a time, newest first, without notes and system lines."""
        found: list[Message] = []
        before, start = None, convert.to_ms(since)
        while True:
            rows = await self._read.messages(conversation_id, before, limit)
            for row in rows:
                if row.received_at < start or row.tenant_id != tenant_id or len(found) == limit:
                    return found
                if row.kind not in _QUIET:
                    found.append(convert.message(row))
            if len(rows) < limit or len(found) == limit:
                return found
            before = rows[-1].seq

    async def outgoing_messages(
        self, tenant_id: str, conversation_id: str, since: datetime, limit: int
    ) -> list[Message]:
        """Return of the recent messages of a conversation those that went out, newest first."""
        rows = await self._plugins.outgoing(conversation_id, convert.to_ms(since), limit)
        return [convert.message(row) for row in rows if row.tenant_id == tenant_id]

    # --- failures ----------------------------------------------------------------------------------

    async def add_failure(self, failure: PluginFailure) -> None:
        """Keep a failure; the same event and hook of a plugin is kept once."""
        row = plugin_convert.failure_row(failure)
        await self._database.transact(partial(_write, Write(FailureRow, [row], "ignore")))

    async def claim_failures(
        self,
        owner: str,
        plugins: Sequence[str],
        limit: int,
        lease_seconds: float,
        *,
        paused: Collection[tuple[str, str, str]] = (),
    ) -> list[PluginFailure]:
        """Take failures whose next try is due, but none of a paused hook."""
        if not plugins:
            return []
        work = partial(self._claims.claim_failures, owner, plugins, limit, _ms(lease_seconds), paused)
        return [plugin_convert.failure(row) for row in await self._database.transact(work)]

    async def hold_failures(self, failure_ids: Sequence[str], owner: str, lease_seconds: float) -> None:
        """Hold failures on that the owner still has."""
        await self._database.transact(partial(self._claims.hold_failures, failure_ids, owner, _ms(lease_seconds)))

    async def end_failure(
        self,
        failure_id: str,
        owner: str,
        *,
        next_at: datetime | None = None,
        error: str | None = None,
        tried: bool = True,
    ) -> None:
        """Forget a failure that went well; with `error` it is kept: tried again at `next_at`, dead without."""
        again = convert.optional_ms(next_at)
        work = partial(self._claims.end_failure, failure_id, owner, again, error, tried=tried)
        await self._database.transact(work)

    async def failures(
        self,
        tenant_id: str | None,
        *,
        plugin: str | None = None,
        state: FailureState | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> list[PluginFailure]:
        """List failures, newest first; `tenant_id=None` lists those of all tenants."""
        rows = await self._plugins.failures(tenant_id, plugin, state, after, limit)
        return [plugin_convert.failure(row) for row in rows]

    async def replay_failure(self, tenant_id: str, failure_id: str) -> PluginFailure:
        """Try a failure again at once. Raises FailureNotFound."""
        rows = await self._database.transact(partial(self._claims.replay_failure, tenant_id, failure_id))
        if not rows:
            raise FailureNotFound
        return plugin_convert.failure(rows[0])

    async def discard_failure(self, tenant_id: str, failure_id: str) -> None:
        """Drop a failure for good. Raises FailureNotFound."""
        if not await self._database.transact(partial(self._claims.discard_failure, tenant_id, failure_id)):
            raise FailureNotFound

    # --- settings ------------------------------------------------------------------------------------

    async def automation_settings(self, tenant_id: str) -> AutomationSettings:
        """Return what a tenant decided about all bots."""
        return convert.automation(await self._plugins.automation(tenant_id))

    async def set_automation(self, tenant_id: str, settings: AutomationSettings) -> None:
        """Store it. Raises TenantNotFound."""
        await self._writer.submit(plugin_ops.SetAutomation(tenant_id, settings))

    async def plugin_settings(self, tenant_id: str) -> list[PluginSetting]:
        """List what a tenant decided about plugins, by plugin."""
        return [plugin_convert.setting(row) for row in await self._plugins.settings(tenant_id)]

    async def set_plugin(self, tenant_id: str, setting: PluginSetting) -> None:
        """Store what a tenant decided about one plugin, all of it. Raises TenantNotFound."""
        await self._writer.submit(plugin_ops.SetPlugin(tenant_id, setting))

    # --- state -----------------------------------------------------------------------------------------

    async def state(self, tenant_id: str, plugin: str, conversation_id: str, key: str, now: datetime) -> Any:
        """Return a value, or None."""
        row = await self._plugins.state((tenant_id, plugin, conversation_id, key), convert.to_ms(now))
        return None if row is None else _decode(row.value)

    async def set_state(
        self, tenant_id: str, plugin: str, conversation_id: str, key: str, value: Any, expires_at: datetime | None
    ) -> None:
        """Store a value; None deletes it."""
        await self._writer.submit(plugin_ops.SetState((tenant_id, plugin, conversation_id, key), value, expires_at))

    async def states(
        self, tenant_id: str, plugin: str, conversation_id: str, prefix: str, now: datetime, limit: int = 1000
    ) -> dict[str, Any]:
        """Return the values whose keys begin with a prefix, by key, in the order of keys."""
        owner = (tenant_id, plugin, conversation_id)
        rows = await self._plugins.states(owner, prefix, convert.to_ms(now), limit)
        return {row.key: _decode(row.value) for row in rows}

    async def purge_plugin(self, plugin: str) -> int:
        """Delete everything that is kept for a plugin, of all tenants; returns how many rows."""
        count = 0
        while gone := await self._database.transact(partial(purge, plugin)):
            count += gone
        return count

    # --- timers ------------------------------------------------------------------------------------------

    async def set_timer(self, timer: Timer) -> None:
        """Set a timer; one of the same plugin, conversation and key is replaced."""
        await self._writer.submit(plugin_ops.SetTimer(timer))

    async def cancel_timer(self, tenant_id: str, plugin: str, conversation_id: str | None, key: str) -> bool:
        """Take a timer back; False when there is none."""
        return await self._writer.submit(plugin_ops.CancelTimer(tenant_id, plugin, conversation_id, key))

    async def claim_timers(
        self,
        owner: str,
        plugins: Sequence[str],
        now: datetime,
        limit: int,
        lease_seconds: float,
        *,
        paused: Collection[tuple[str, str]] = (),
    ) -> list[Timer]:
        """Take timers that are due, each with its attempt counted, but none that is paused."""
        if not plugins:
            return []
        work = partial(self._claims.claim_timers, owner, plugins, convert.to_ms(now), limit, _ms(lease_seconds), paused)
        return [plugin_convert.timer(row) for row in await self._database.transact(work)]

    async def hold_timers(self, timers: Sequence[Timer], owner: str, now: datetime, lease_seconds: float) -> None:
        """Hold timers on that the owner still has."""
        held, until = [(_timer_key(timer), timer.id) for timer in timers], convert.to_ms(now) + _ms(lease_seconds)
        await self._database.transact(partial(self._claims.hold_timers, held, owner, until))

    async def end_timer(self, timer: Timer, owner: str, *, due_at: datetime | None = None) -> None:
        """Delete a timer that was handled, or put it off; not one that was set anew meanwhile."""
        key = _timer_key(timer)
        work = partial(self._claims.end_timer, key, timer.id, owner, convert.optional_ms(due_at))
        await self._database.transact(work)

    # --- presence ------------------------------------------------------------------------------------------

    async def show_presence(self, process: str, users: Mapping[tuple[str, str], datetime]) -> None:
        """Tell which users (tenant, user) watch through a process, and until when; replaces what it told before."""
        rows = [
            PresenceRow(tenant_id, user_id, process, convert.to_ms(until))
            for (tenant_id, user_id), until in sorted(users.items())
        ]
        await self._database.transact(partial(_show, process, rows))

    async def is_watching(self, tenant_id: str, user_id: str, now: datetime) -> bool:
        """Tell whether a user has the pages before their eyes, at any process."""
        return await self._plugins.is_watching(tenant_id, user_id, convert.to_ms(now))

    # --- health --------------------------------------------------------------------------------------------

    async def tell_healths(
        self, process: str, healths: Mapping[tuple[str, str], Any], until: datetime, *, all_: bool = True
    ) -> set[tuple[str, str]]:
        """Tell how plugins do in a process, and until when; returns those that a person wants to go on."""
        values = {key: _encode(health).decode() for key, health in sorted(healths.items())}
        work = partial(health_ops.tell, process, values, convert.to_ms(until), all_=all_)
        return await self._database.transact(work)

    async def plugin_healths(self, tenant_id: str | None, now: datetime) -> list[ToldHealth]:
        """Return what all processes told of plugins for a tenant and for all, or for whomever it was."""
        return [
            ToldHealth(row.process, row.tenant_id, row.plugin, _decode(row.health), bool(row.resumed))
            for row in await self._plugins.healths(tenant_id, convert.to_ms(now))
        ]

    async def resume_plugin(self, plugin: str, tenant_id: str | None = None) -> None:
        """Give all processes that told of a plugin the word that it is to go on."""
        await self._database.transact(partial(health_ops.resume, plugin, tenant_id))


def _timer_key(timer: Timer) -> tuple[str, str, str, str]:
    return timer.tenant_id, timer.plugin, timer.conversation_id or "", timer.key


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _write(write: Write) -> Work[None]:
    yield write


def _show(process: str, rows: Sequence[PresenceRow]) -> Work[None]:
    yield Sql("DELETE FROM fivapp_plugin_presence WHERE process = $1", (process,))
    if rows:
        yield Write(PresenceRow, rows)
