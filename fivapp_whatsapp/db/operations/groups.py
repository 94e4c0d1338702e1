"""What becomes of groups: their subject is their conversation's title."""

from __future__ import annotations

from fivapp_whatsapp import addresses
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import ConversationRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.models import GroupUpdate

from .chats import new_conversation, retitle

GROUP = "group.updated"


class GroupNews:
    """A change of a group; one that was never seen gets its conversation."""

    __slots__ = ("_conversation_id", "_event", "_tenant_id")

    def __init__(self, tenant_id: str, event: GroupUpdate) -> None:
        self._tenant_id = tenant_id
        self._event = event
        self._conversation_id = addresses.conversation_id(tenant_id, event.session_id, event.chat_id)

    def needs(self, needs: Needs) -> None:
        """Need the conversation."""
        needs.row(ConversationRow, self._conversation_id)

    def apply(self, unit: Unit) -> bool:
        """Change the title and tell of the change."""
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
