"""A rehearsal: hooks run as always, but what they send or change is noted instead of done, and forgotten by the store.

Their memory is written to an overlay, which can be taken along as JSON and given to the next rehearsal.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.models import (
    Author,
    Contact,
    Conversation,
    ConversationPatch,
    Message,
    MessageKind,
    MessageStatus,
    OutgoingMessage,
    Page,
    Session,
    SessionStatus,
    new_id,
)
from fivapp_whatsapp.ports import Clock
from fivapp_whatsapp.ports.plugins import PluginStore
from fivapp_whatsapp.tenant import Scope, State, TenantGateway

if TYPE_CHECKING:
    from fivapp_whatsapp.gateway import Gateway

# Conversation, contact and session of a talk that nobody ever had.
NOBODY = "rehearsal"
_GONE = object()


class Rehearsal:
    """What is noted of one rehearsal: effects in order, and the memory of the plugins that took part."""

    def __init__(self, gateway: Gateway, tenant_id: str, memory: Mapping[str, Any] | None = None) -> None:
        self.gateway = gateway
        self.tenant_id = tenant_id
        self.effects: list[dict[str, Any]] = []
        # By plugin, conversation and key.
        self.states = _states((memory or {}).get("states", {}))

    def view(self, plugin: str, scope: Scope) -> TenantGateway:
        """Return the gateway as a plugin sees it in the rehearsal."""
        return _Rehearsing(self, plugin, scope)

    def note(self, what: str, plugin: str, **facts: Any) -> None:
        """Note an effect that was not made."""
        given = {_camel(name): value for name, value in facts.items() if value is not None}
        self.effects.append({"what": what, "plugin": plugin, **msgspec.to_builtins(given)})


def nobody(tenant_id: str, now: datetime) -> tuple[Conversation, Contact, Session]:
    """Return a made-up conversation with its contact and session."""
    session = Session(
        id=NOBODY,
        tenant_id=tenant_id,
        name=NOBODY,
        connector=NOBODY,
        status=SessionStatus.CONNECTED,
        desired="running",
        status_at=now,
        created_at=now,
    )
    contact = Contact(id=NOBODY, tenant_id=tenant_id, name="Ana", phone=None)
    conversation = Conversation(
        id=NOBODY,
        session_id=NOBODY,
        chat_id=NOBODY,
        title="Ana",
        is_group=False,
        status="open",
        unread_count=1,
        last_message=None,
        answered_by="bot",
        labels=(),
        contact_id=NOBODY,
    )
    return conversation, contact, session


def made_up(conversation_id: str, content: OutgoingMessage, author: Author, now: datetime) -> Message:
    """Return a message as if it had been queued."""
    return Message(
        id=new_id(),
        conversation_id=conversation_id,
        direction="outgoing",
        kind=content.kind,
        status=MessageStatus.PENDING,
        text=content.text,
        author=author,
        media=content.media,
        quoted_message_id=content.quoted_message_id,
        at=now,
    )


class _Overlay(State):
    """A plugin's memory whose changes stay in the rehearsal."""

    def __init__(
        self, store: PluginStore, clock: Clock, where: tuple[str, str, str], values: MutableMapping[str, Any]
    ) -> None:
        super().__init__(store, clock, *where)
        self._values = values
        self._kept = where[2] != NOBODY

    async def get(self, key: str, default: Any = None) -> Any:
        found = self._values.get(key, _GONE)
        if found is _GONE and self._kept:
            return await super().get(key, default)
        return default if found is _GONE or found is None else _copy(found)

    async def set(self, key: str, value: Any, *, expires: timedelta | None = None) -> None:
        self._values[key] = _copy(value)

    async def delete(self, key: str) -> None:
        self._values[key] = None

    async def items(self, prefix: str = "") -> dict[str, Any]:
        found = await super().items(prefix) if self._kept else {}
        found |= {key: value for key, value in self._values.items() if key.startswith(prefix)}
        return {key: _copy(found[key]) for key in sorted(found) if found[key] is not None}


class _Rehearsing(TenantGateway):
    """Reads as always; what would send or change anything is noted."""

    dry_run = True

    def __init__(self, rehearsal: Rehearsal, plugin: str, scope: Scope) -> None:
        super().__init__(rehearsal.gateway, rehearsal.tenant_id, plugin, scope)
        self._rehearsal = rehearsal
        self._nobody = nobody(self.tenant_id, rehearsal.gateway.clock.now())

    def state_of(self, conversation_id: str) -> State:
        values = self._rehearsal.states.setdefault(self.plugin, {}).setdefault(conversation_id, {})
        where = (self.tenant_id, self.plugin, conversation_id)
        return _Overlay(self._gateway.store, self._gateway.clock, where, values)

    async def send(
        self, conversation: Conversation | str, message: str | OutgoingMessage, *, key: str | None = None
    ) -> Message:
        content = OutgoingMessage(text=message) if isinstance(message, str) else message
        conversation_id = conversation if isinstance(conversation, str) else conversation.id
        self._note("send", conversation_id, message=content, key=key)
        return made_up(conversation_id, content, self._author, self._gateway.clock.now())

    async def note(self, conversation_id: str, text: str, *, key: str | None = None) -> Message:
        self._note("note", conversation_id, text=text, key=key)
        content = OutgoingMessage(text=text, kind=MessageKind.NOTE)
        return made_up(conversation_id, content, self._author, self._gateway.clock.now())

    async def typing(self, conversation_id: str, on: bool = True) -> None:
        self._note("typing", conversation_id, on=on)

    async def open_conversation(
        self, to: str, *, session_id: str | None = None, title: str | None = None
    ) -> Conversation:
        self._note("open_conversation", None, to=to)
        return self._nobody[0]

    async def conversation(self, conversation_id: str) -> Conversation:
        return self._nobody[0] if conversation_id == NOBODY else await super().conversation(conversation_id)

    async def messages(self, conversation_id: str, *, before: int | None = None, limit: int = 50) -> Page:
        if conversation_id == NOBODY:
            return Page(items=(), next_cursor=None, seq=0)
        return await super().messages(conversation_id, before=before, limit=limit)

    async def contact(self, contact_id: str) -> Contact | None:
        return self._nobody[1] if contact_id == NOBODY else await super().contact(contact_id)

    async def session(self, session_id: str) -> Session:
        return self._nobody[2] if session_id == NOBODY else await super().session(session_id)

    async def capabilities(self, conversation_id: str) -> frozenset[str]:
        return frozenset() if conversation_id == NOBODY else await super().capabilities(conversation_id)

    async def change_conversation(self, conversation_id: str, patch: ConversationPatch) -> Conversation:
        self._note("change_conversation", conversation_id, patch=patch)
        return await self.conversation(conversation_id)

    async def hand_over(self, conversation_id: str, reason: str = "") -> None:
        self._note("hand_over", conversation_id, reason=reason)

    async def give_back(self, conversation_id: str) -> None:
        self._note("give_back", conversation_id)

    async def later(
        self, key: str, after: timedelta | datetime, data: Any = None, *, conversation_id: str | None = None
    ) -> None:
        due = self._gateway.clock.now() + after if isinstance(after, timedelta) else after
        self._note("later", conversation_id or self._scope.conversation_id, key=key, due_at=due, data=data)

    async def cancel_later(self, key: str, *, conversation_id: str | None = None) -> bool:
        self._note("cancel_later", conversation_id or self._scope.conversation_id, key=key)
        return False

    def count(self, name: str, amount: float = 1) -> None:
        """Count nothing."""

    def observe(self, name: str, seconds: float) -> None:
        """Count nothing."""

    def _note(self, what: str, conversation_id: str | None, **facts: Any) -> None:
        self._rehearsal.note(what, self.plugin, conversation_id=conversation_id, **facts)


def _states(value: Any) -> dict[str, dict[str, dict[str, Any]]]:
    try:
        return msgspec.convert(_copy(value), dict[str, dict[str, dict[str, Any]]])
    except msgspec.ValidationError:
        raise InvalidInput("This memory is not one of a trial.", errors=[{"pointer": "#/memory"}]) from None


def _copy(value: Any) -> Any:
    """Return a value as it would come back from the store: JSON, and nobody else's."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
