"""The event log of DatabaseStore: what happened, with the objects as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from fivapp_whatsapp.errors import TenantNotFound
from fivapp_whatsapp.models import Conversation, Event, Group, to_datetime
from fivapp_whatsapp.ports import EventPage, LogState

from . import convert
from .operations.groups import GROUP
from .operations.upkeep import Forget, LogNotification
from .part import Part
from .rows import ConversationRow, EventRow, MessageRow, SessionRow

_decode = msgspec.json.decode


class LogTables(Part):
    """The event log."""

    async def log_state(self, tenant_id: str) -> LogState:
        """Return where a tenant's log stands. Raises TenantNotFound."""
        state = await self._read.log_state(tenant_id)
        if state is None:
            raise TenantNotFound
        cursor, oldest = state
        return LogState(epoch=str(cursor.epoch), head=cursor.seq, oldest=oldest)

    async def events(self, tenant_id: str, after: int, limit: int) -> EventPage:
        """Return events after a seq, oldest first, with the objects as they are now."""
        rows = await self._read.events(tenant_id, after, limit)
        contents = await self._contents(rows)
        events = [
            Event(
                seq=row.seq,
                type=row.type,
                at=to_datetime(row.at),
                conversation_id=row.conversation_id,
                data=_data(row, contents.get(_subject(row))),
            )
            for row in rows
        ]
        # A page that is not full ends at the head.
        head = rows[-1].seq if rows and len(rows) < limit else await self._read.head(tenant_id)
        return EventPage(events, head)

    async def _contents(self, rows: Sequence[EventRow]) -> dict[tuple[str, str], Any]:
        """Read the objects that events are about, each once."""
        subjects = {_subject(row) for row in rows}
        ids = {kind: [key for k, key in subjects if k == kind] for kind in ("message", "conversation", "session")}
        contents: dict[tuple[str, str], Any] = {}
        for key, message in (await self._read.by_ids(MessageRow, ids["message"])).items():
            contents["message", key] = convert.message(message)
        conversations = list((await self._read.by_ids(ConversationRow, ids["conversation"])).values())
        for conversation in await self._conversations(conversations):
            contents["conversation", conversation.id] = conversation
        for key, session in (await self._read.by_ids(SessionRow, ids["session"])).items():
            contents["session", key] = convert.session(session)
        return contents

    async def notify(self, tenant_id: str, notification: Mapping[str, Any]) -> None:
        """Log a `notification` event."""
        await self._writer.submit(LogNotification(tenant_id, notification))

    async def forget_old(self, events_before: datetime, *, webhooks_before: datetime | None = None) -> int:
        """Drop what is out of its time."""
        forget, count = Forget(convert.to_ms(events_before), convert.to_ms(webhooks_before or events_before)), 0
        for tenant_id in await self._database.transact(forget.tenants):
            more = True
            while more:
                gone, more = await self._database.transact(partial(forget.events, tenant_id))
                count += gone
        while await self._database.transact(forget.rest):
            pass
        return count

    async def _conversations(self, rows: Sequence[ConversationRow]) -> list[Conversation]:
        last = await self._read.last_messages(rows)
        return [convert.conversation(row, last.get(row.last_message_id or "")) for row in rows]


def _subject(row: EventRow) -> tuple[str, str]:
    kind = "conversation" if row.type == GROUP else row.type.partition(".")[0]
    key = {"message": row.message_id, "conversation": row.conversation_id, "session": row.session_id}.get(kind)
    return kind, key or ""


def _data(row: EventRow, subject: Any) -> Any:
    """Return what browsers get of an event: the object as it is now, or the facts that the event itself keeps."""
    if row.data is None:
        return subject
    facts = _decode(row.data)
    if row.type == GROUP and isinstance(subject, Conversation):
        facts = Group(chat_id=subject.chat_id, conversation_id=subject.id, subject=subject.title, **facts)
    return facts
