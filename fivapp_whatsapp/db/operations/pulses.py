"""Signs of life of sessions: the newest counts, whichever process noted it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fivapp_whatsapp.db.convert import to_ms
from fivapp_whatsapp.db.rows import SendGateRow, SessionPulseRow
from fivapp_whatsapp.db.statements import Sql, Work
from fivapp_whatsapp.models import to_datetime
from fivapp_whatsapp.ports import PulseNote, SessionHealth

_encode = msgspec.json.Encoder().encode
_NOTED_POSTGRESQL = "json_to_recordset(CAST($1 AS json)) AS k(session text, heard bigint, told bigint, sent bigint)"
_NOTED_SQLITE = """(SELECT json_extract(value, '$.session') AS session, json_extract(value, '$.heard') AS heard,
  json_extract(value, '$.told') AS told, json_extract(value, '$.sent') AS sent FROM json_each($1)) AS k"""


def note(notes: Sequence[PulseNote], *, postgresql: bool) -> Work[None]:
    """Write notes of many sessions in one statement."""
    items = [
        {
            "session": each.session_id,
            "heard": 0 if each.heard_at is None else to_ms(each.heard_at),
            "told": 0 if each.told_at is None else to_ms(each.told_at),
            "sent": 0 if each.sent_at is None else to_ms(each.sent_at),
        }
        for each in notes
    ]
    noted = _NOTED_POSTGRESQL if postgresql else _NOTED_SQLITE
    yield Sql(_NOTE.format(noted=noted), (_encode(items).decode(),))


def health(pulse: SessionPulseRow | None, gate: SendGateRow | None) -> SessionHealth:
    """Put together what is known of a session."""
    heard, told, sent = (0, 0, 0) if pulse is None else (pulse.heard_at, pulse.told_at, pulse.sent_at)
    failing = None if gate is None else gate.failing_since
    return SessionHealth(*(to_datetime(ms) if ms else None for ms in (heard, told, sent, failing)))


# What was sent first since the session was heard of stays; that is over once it is heard of later.
_NOTE = """
INSERT INTO fivapp_session_pulse (session_id, tenant_id, heard_at, told_at, sent_at)
SELECT s.id, s.tenant_id, k.heard, k.told, k.sent FROM {noted} JOIN fivapp_session AS s ON s.id = k.session
WHERE TRUE ORDER BY s.id
ON CONFLICT (session_id) DO UPDATE SET
  heard_at = CASE WHEN excluded.heard_at > fivapp_session_pulse.heard_at
    THEN excluded.heard_at ELSE fivapp_session_pulse.heard_at END,
  told_at = CASE WHEN excluded.told_at > fivapp_session_pulse.told_at
    THEN excluded.told_at ELSE fivapp_session_pulse.told_at END,
  sent_at = CASE WHEN excluded.sent_at = 0 OR (fivapp_session_pulse.sent_at > fivapp_session_pulse.heard_at
      AND fivapp_session_pulse.sent_at <= excluded.sent_at)
    THEN fivapp_session_pulse.sent_at ELSE excluded.sent_at END
"""
