"""A message's status moves up, whoever tells it and in whatever order."""

from __future__ import annotations

from fivapp_whatsapp.db.rows import MessageRow, MessageStatusRow, OutboxRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.models import MessageError, MessageStatus
from fivapp_whatsapp.states import higher

# A send that went out without a word of its id, and one whose outcome is not known, keep their outbox rows, so
# that an echo finds them: the first for a while, the second until something proves it or a person says so.
UNBOUND = "unbound"
LOST = "lost"
_GONE_OUT = MessageStatus.ACCEPTED.rank


def report(
    unit: Unit, message: MessageRow, status: MessageStatus, *, at: int | None = None, error: MessageError | None = None
) -> bool:
    """Note a reported status in the message's timeline and raise its status; True when that changed the message.

    Of one status the earliest time is kept and, whatever came first, the same one of several errors.
    """
    _note(unit, message, status, unit.now if at is None else at, error)
    current = MessageStatus(message.status)
    if status is current:
        if error is None or _place(error.code, error.detail) >= _place(message.error_code, message.error_detail):
            return False
    elif higher(current, status) is current:
        return False
    message.status = status.value
    # A proof that the message arrived takes an older doubt away.
    message.error_code, message.error_detail = (error.code, error.detail) if error else (None, None)
    unit.put(message)
    return True


def _note(unit: Unit, message: MessageRow, status: MessageStatus, at: int, error: MessageError | None) -> None:
    known = unit.get(MessageStatusRow, message.id, status.value)
    if known is None:
        code, detail = (error.code, error.detail) if error else (None, None)
        unit.put(MessageStatusRow(message.id, status.value, message.tenant_id, at, unit.now, code, detail))
    elif at < known.at:
        known.at = at
        unit.put(known)


def _place(code: str | None, detail: str | None) -> tuple[bool, str, str]:
    return code is None, code or "", detail or ""


def bind(unit: Unit, message: MessageRow, native_id: str) -> bool:
    """Give a message WhatsApp's id and apply the statuses that came before it; True when its status changed.

    Does nothing when the message has an id, or another message has this one.
    """
    if message.native_id is not None or unit.by_native(message.session_id, native_id) is not None:
        return False
    message.native_id = native_id
    unit.put(message)
    return apply_parked(unit, message)


def apply_parked(unit: Unit, message: MessageRow) -> bool:
    """Apply the statuses that came before the message's id was known; True when its status changed."""
    changed = False
    for parked in unit.take_parked(message.session_id, message.native_id or ""):
        error = MessageError(code=parked.error_code, detail=parked.error_detail or "") if parked.error_code else None
        at = parked.received_at if parked.at is None else parked.at
        changed |= report(unit, message, MessageStatus(parked.status), at=at, error=error)
    return changed


def settle(unit: Unit, message: MessageRow) -> None:
    """Take a send off the outbox once its message is known to have gone out: it is never made again.

    One that is being made now ends by its own outcome; one whose id is not known still waits for its echo.
    """
    send = unit.get(OutboxRow, message.id)
    if send is None or send.state == "sending" or MessageStatus(message.status).rank < _GONE_OUT:
        return
    if message.native_id is not None:
        unit.delete(send)
    elif send.state != UNBOUND:
        rest(unit, send, UNBOUND)


def rest(unit: Unit, send: OutboxRow, state: str) -> None:
    """Keep a send that has ended, so that its echo is known when it comes."""
    send.state, send.not_before, send.lease_owner, send.lease_until = state, unit.now, None, None
    send.in_doubt = False
    unit.put(send)


def log_update(unit: Unit, message: MessageRow, was: str) -> None:
    """Tell browsers and hooks that a message changed; `was` is its status before."""
    unit.log(
        message.tenant_id,
        "message.updated",
        conversation_id=message.conversation_id,
        message_id=message.id,
        was=was,
        reached=message.status,
    )
