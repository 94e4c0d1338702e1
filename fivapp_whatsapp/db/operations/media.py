"""What becomes known of a message's file after the message: its type, its size, whether it can still be had."""

from __future__ import annotations

from fivapp_whatsapp.db.convert import media_text, message
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import MessageRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import MessageNotFound
from fivapp_whatsapp.models import Media, Message

from .statuses import log_update


class SetMedia:
    """Replaces what is kept of a message's file."""

    def __init__(self, tenant_id: str, message_id: str, media: Media) -> None:
        self._tenant_id = tenant_id
        self._message_id = message_id
        self._media = media

    def needs(self, needs: Needs) -> None:
        """Need the message."""
        needs.tenant(self._tenant_id)
        needs.row(MessageRow, self._message_id)

    def apply(self, unit: Unit) -> Message:
        """Change the row and tell, when something changed. Raises MessageNotFound."""
        row = unit.get(MessageRow, self._message_id)
        if row is None or row.tenant_id != self._tenant_id:
            raise MessageNotFound
        text = media_text(self._media)
        if text != row.media:
            row.media = text
            unit.put(row)
            log_update(unit, row, row.status)
        return message(row)
