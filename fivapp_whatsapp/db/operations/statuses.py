"""A message's status moves up, whoever tells it and in whatever order."""

from __future__ import annotations

from fivapp_whatsapp.db.rows import MessageRow, MessageStatusRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.models import MessageError, MessageStatus
from fivapp_whatsapp.states import higher


def report(
    unit: Unit, message: MessageRow, status: MessageStatus, *, at: int | None = None, error: MessageError | None = None
) -> bool:
    """Note a reported status in the message's timeline and raise its status; True when that changed."""
    at = unit.now if at is None else at
    known = unit.get(MessageStatusRow, message.id, status.value)
    if known is None:
        code, detail = (error.code, error.detail) if error else (None, None)
        unit.put(MessageStatusRow(message.id, status.value, message.tenant_id, at, unit.now, code, detail))
    current = MessageStatus(message.status)
    if higher(current, status) is current:
        return False
    message.status = status.value
    # A proof that the message arrived takes an older doubt away.
    message.error_code, message.error_detail = (error.code, error.detail) if error else (None, None)
    unit.put(message)
    return True


def bind(unit: Unit, message: MessageRow, native_id: str) -> bool:
    """Give a message WhatsApp's id and apply the statuses that came before it; True when its status changed.

    Does nothing when another message has this id already.
    """
    if message.native_id is not None or unit.by_native(message.session_id, native_id) is not None:
        return False
    message.native_id = native_id
    unit.put(message)
    changed = False
    for parked in unit.take_parked(message.session_id, native_id):
        error = MessageError(code=parked.error_code, detail=parked.error_detail or "") if parked.error_code else None
        changed |= report(unit, message, MessageStatus(parked.status), at=parked.at, error=error)
    return changed


def log_update(unit: Unit, message: MessageRow) -> None:
    """Tell browsers and hooks that a message changed."""
    unit.log(message.tenant_id, "message.updated", conversation_id=message.conversation_id, message_id=message.id)
