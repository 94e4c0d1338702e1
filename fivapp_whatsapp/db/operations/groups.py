"""What becomes of groups: their subject is their conversation's title."""

from __future__ import annotations

import hashlib

import msgspec

from fivapp_whatsapp import addresses
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import ConversationRow, IdempotencyRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.models import GroupUpdate

from .chats import new_conversation, retitle

GROUP = "group.updated"


# Longer than any service delivers a webhook again.
_KNOWN_MS = 86_400_000
_NEWS = ("service", "group")


class GroupNews:
    """A change of a group, told once however often its webhook comes; one that was never seen gets its conversation.

    It has no id: its time, when the service tells one, stands for it.
    """

    __slots__ = ("_conversation_id", "_event", "_known", "_tenant_id")

    def __init__(self, tenant_id: str, event: GroupUpdate) -> None:
        self._tenant_id = tenant_id
        self._event = event
        self._conversation_id = addresses.conversation_id(tenant_id, event.session_id, event.chat_id)
        self._known = None if event.at is None else (tenant_id, *_NEWS, _fingerprint(event))

    def needs(self, needs: Needs) -> None:
        """Need the conversation, and whether this was told already."""
        needs.row(ConversationRow, self._conversation_id)
        if self._known is not None:
            needs.row(IdempotencyRow, *self._known)

    def apply(self, unit: Unit) -> bool:
        """Change the title and tell of the change; False for one that was told before."""
        if self._known is not None:
            if unit.get(IdempotencyRow, *self._known) is not None:
                return False
            unit.put(IdempotencyRow(*self._known, "", "", unit.now, unit.now + _KNOWN_MS))
        event, row = self._event, unit.get(ConversationRow, self._conversation_id)
        new = row is None
        if row is None:
            row = new_conversation(self._tenant_id, event.session_id, event.chat_id, self._conversation_id, unit.now)
        retitled = bool(event.subject) and event.subject != row.title
        if event.subject and retitled:
            retitle(row, event.subject)
        if new or retitled:
            seq = unit.log(self._tenant_id, "conversation.updated", conversation_id=row.id)
            row.activity_seq = row.activity_seq or seq
            unit.put(row)
        facts = {"change": event.change, "changed": list(event.changed)}
        unit.log(self._tenant_id, GROUP, conversation_id=row.id, data=facts)
        return True


def _fingerprint(event: GroupUpdate) -> str:
    # Hashed, for a subject's words stand in the conversation alone.
    return hashlib.sha256(msgspec.json.encode(event, order="deterministic")).hexdigest()
