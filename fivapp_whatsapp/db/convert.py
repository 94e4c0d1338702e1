"""Rows to models and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import msgspec

from fivapp_whatsapp.models import (
    Account,
    Assignee,
    Author,
    Choice,
    Contact,
    Conversation,
    Media,
    Message,
    MessageError,
    MessageKind,
    MessageStatus,
    Session,
    SessionProblem,
    SessionStatus,
    StatusChange,
    Tenant,
    to_datetime,
)
from fivapp_whatsapp.ports.plugins import AutomationSettings

from .plugin_rows import AutomationRow
from .rows import (
    AccountRow,
    ContactRow,
    ConversationRow,
    MessageRow,
    MessageStatusRow,
    SeenUserRow,
    SessionRow,
    TenantRow,
)

_encode = msgspec.json.Encoder().encode
_media = msgspec.json.Decoder(Media).decode
_choices = msgspec.json.Decoder(list[Choice]).decode
_automation = msgspec.json.Decoder(AutomationSettings).decode
_labels = msgspec.json.Decoder(list[str]).decode


def to_ms(time: datetime) -> int:
    """Return a time as milliseconds since 1970."""
    return round(time.timestamp() * 1000)


def optional_ms(time: datetime | None) -> int | None:
    """Return a time as milliseconds since 1970, or None."""
    return None if time is None else to_ms(time)


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else to_datetime(ms)


def tenant(row: TenantRow) -> Tenant:
    """Make a tenant of its row."""
    return Tenant(id=row.id, name=row.name, suspended=bool(row.suspended), created_at=to_datetime(row.created_at))


def account(row: AccountRow) -> Account:
    """Make an account of its row, without its password hash."""
    return Account(
        id=row.id,
        tenant_id=row.tenant_id,
        login=row.login,
        name=row.name,
        role=cast(Any, row.role),
        disabled=bool(row.disabled),
    )


def session(row: SessionRow) -> Session:
    """Make a session of its row."""
    return Session(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        connector=row.connector,
        status=SessionStatus(row.status),
        problem=SessionProblem(row.problem) if row.problem else None,
        desired=cast(Any, row.desired),
        phone=row.phone,
        profile_name=row.profile_name,
        epoch=row.epoch,
        error=row.error,
        status_at=to_datetime(row.status_at),
        last_seen_at=_time(row.last_seen_at),
        restricted_until=_time(row.restricted_until),
        created_at=to_datetime(row.created_at),
    )


def session_row(model: Session, *, deleted: bool = False) -> SessionRow:
    """Make the row of a session."""
    return SessionRow(
        id=model.id,
        tenant_id=model.tenant_id,
        name=model.name,
        connector=model.connector,
        desired=model.desired,
        status=model.status.value,
        problem=model.problem.value if model.problem else None,
        phone=model.phone,
        profile_name=model.profile_name,
        epoch=model.epoch,
        error=model.error,
        status_at=to_ms(model.status_at),
        last_seen_at=optional_ms(model.last_seen_at),
        created_at=to_ms(model.created_at),
        deleted=deleted,
        restricted_until=optional_ms(model.restricted_until),
    )


def contact(row: ContactRow, addresses: list[str]) -> Contact:
    """Make a contact of its row and its addresses."""
    return Contact(id=row.id, tenant_id=row.tenant_id, name=row.name, phone=row.phone, addresses=addresses)


def media_text(media: Media | None) -> str | None:
    """Return what the column `media` keeps."""
    return None if media is None else _encode(media).decode()


def choices_text(choices: Sequence[Choice | str]) -> str | None:
    """Return what the column `choices` keeps; a text stands for a choice whose id and title it is."""
    if not choices:
        return None
    return _encode([Choice(id=each, title=each) if isinstance(each, str) else each for each in choices]).decode()


def choices(text: str | None) -> Sequence[Choice]:
    """Return the choices that the column `choices` keeps."""
    return () if text is None else _choices(text)


def automation(row: AutomationRow | None) -> AutomationSettings:
    """Return what a tenant decided about all bots, or what holds for one that decided nothing."""
    return AutomationSettings() if row is None else _automation(row.settings)


def _error(code: str | None, detail: str | None) -> MessageError | None:
    return None if code is None else MessageError(code=code, detail=detail or "")


def message(row: MessageRow) -> Message:
    """Make a message of its row."""
    return Message(
        id=row.id,
        conversation_id=row.conversation_id,
        direction=cast(Any, row.direction),
        kind=MessageKind(row.kind),
        status=MessageStatus(row.status),
        text=row.text,
        author=Author(kind=cast(Any, row.author_kind), id=row.author_id, name=row.author_name),
        media=None if row.media is None else _media(row.media),
        quoted_message_id=row.quoted_message_id,
        retry_of=row.retry_of,
        error=_error(row.error_code, row.error_detail),
        choices=choices(row.choices),
        choice=row.choice,
        idempotency_key=row.idempotency_key,
        at=to_datetime(row.at),
    )


def seen_user(row: SeenUserRow) -> Assignee:
    """Make of a user of the main application whom one may assign to."""
    return Assignee(id=row.user_id, name=row.name, role=cast(Any, row.role))


def assignee(account: Account) -> Assignee:
    """Make of a local account whom one may assign to."""
    return Assignee(id=account.id, name=account.name, role=account.role, login=account.login)


def conversation(row: ConversationRow, last: MessageRow | None) -> Conversation:
    """Make a conversation of its row and its last message's."""
    return Conversation(
        id=row.id,
        session_id=row.session_id,
        chat_id=row.chat_id,
        contact_id=row.contact_id,
        title=row.title,
        is_group=bool(row.is_group),
        status=cast(Any, row.status),
        unread_count=row.unread_count,
        last_message=None if last is None else message(last),
        answered_by=cast(Any, row.answered_by),
        read_up_to=row.read_up_to,
        paused_until=_time(row.paused_until),
        assignee_id=row.assignee_id,
        labels=_labels(row.labels),
        activity_seq=row.activity_seq,
        waiting_since=_time(row.waiting_since),
        snoozed_until=_time(row.snoozed_until),
        group_bots=cast(Any, row.group_bots),
    )


def status_change(row: MessageStatusRow) -> StatusChange:
    """Make a step of a timeline of its row."""
    return StatusChange(
        status=MessageStatus(row.status),
        at=to_datetime(row.at),
        received_at=to_datetime(row.received_at),
        error=_error(row.error_code, row.error_detail),
    )
