"""Rows of what plugins need kept to models and back."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from fivapp_whatsapp.models import to_datetime
from fivapp_whatsapp.ports.plugins import AnswerTrail, PluginFailure, PluginSetting, StoredEvent, Timer

from .convert import optional_ms, to_ms
from .plugin_rows import AnswerRow, FailureRow, PluginSettingRow, TimerRow
from .rows import EventRow

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_config = msgspec.json.Decoder(dict[str, Any]).decode
_trail = msgspec.json.Decoder(AnswerTrail).decode
_event = msgspec.json.Decoder(StoredEvent).decode
_timer = msgspec.json.Decoder(Timer).decode


def stored_event(row: EventRow) -> StoredEvent:
    """Make an event, as the dispatcher reads it, of its row."""
    return StoredEvent(
        tenant_id=row.tenant_id,
        seq=row.seq,
        type=row.type,
        at=to_datetime(row.at),
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        session_id=row.session_id,
        was=row.was,
        reached=row.reached,
        data=None if row.data is None else _decode(row.data),
    )


def trail(row: AnswerRow) -> AnswerTrail:
    """Make the trail of a mark."""
    return _trail(row.trail)


def setting(row: PluginSettingRow) -> PluginSetting:
    """Make what a tenant decided about a plugin of its row."""
    return PluginSetting(
        plugin=row.plugin,
        enabled=None if row.enabled is None else bool(row.enabled),
        config=None if row.config is None else _config(row.config),
        position=row.position,
    )


def failure(row: FailureRow) -> PluginFailure:
    """Make a failure of its row."""
    return PluginFailure(
        id=row.id,
        tenant_id=row.tenant_id,
        plugin=row.plugin,
        hook=row.hook,
        state=cast(Any, row.state),
        attempts=row.attempts,
        error=row.error,
        at=to_datetime(row.at),
        next_at=None if row.next_at is None else to_datetime(row.next_at),
        conversation_id=row.conversation_id,
        event=None if row.event is None else _event(row.event),
        timer=None if row.timer is None else _timer(row.timer),
    )


def failure_row(model: PluginFailure) -> FailureRow:
    """Make the row of a failure; its subject is the event or the timer that the hook was called for."""
    subject = f"event {model.event.seq}" if model.event else f"timer {model.timer.id}" if model.timer else model.id
    return FailureRow(
        id=model.id,
        tenant_id=model.tenant_id,
        plugin=model.plugin,
        hook=model.hook,
        subject=subject,
        state=model.state,
        attempts=model.attempts,
        error=model.error,
        at=to_ms(model.at),
        next_at=optional_ms(model.next_at),
        conversation_id=model.conversation_id,
        event=None if model.event is None else _encode(model.event).decode(),
        timer=None if model.timer is None else _encode(model.timer).decode(),
        owner=None,
        lease_until=0,
    )


def timer(row: TimerRow) -> Timer:
    """Make a timer of its row."""
    return Timer(
        id=row.id,
        tenant_id=row.tenant_id,
        plugin=row.plugin,
        key=row.key,
        due_at=to_datetime(row.due_at),
        data=None if row.data is None else _decode(row.data),
        conversation_id=row.conversation_id or None,
        attempt=row.attempt,
    )
