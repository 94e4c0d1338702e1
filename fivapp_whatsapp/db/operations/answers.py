"""What the reply chain decided about a contact's messages: marks, answers and what goes with them, at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from fivapp_whatsapp.db.convert import optional_ms
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.plugin_rows import AnswerRow
from fivapp_whatsapp.db.rows import ConversationRow, SessionRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import ConversationNotFound
from fivapp_whatsapp.models import Author, MessageKind
from fivapp_whatsapp.ports import Pace, Queued
from fivapp_whatsapp.ports.plugins import AnswerDraft, Answered

from .conversations import add_line
from .gates import needs_gate
from .sending import Draft, automatic_left
from .takeover import give_to_human, has_human

HUMAN_TOOK_OVER = "human_took_over"
_SYSTEM = Author(kind="system")
_encode = msgspec.json.Encoder().encode


class CommitAnswer:
    """Marks messages as answered and queues the answers, unless that was done before or a human came first."""

    def __init__(
        self,
        tenant_id: str,
        session_id: str,
        draft: AnswerDraft,
        *,
        owner: str | None,
        lease_seconds: float,
        expires_at: datetime,
        pace: Pace,
    ) -> None:
        self._tenant_id = tenant_id
        self._session_id = session_id
        self._draft = draft
        author = draft.author or Author(kind="plugin", id=draft.trail.plugin)
        self._answers = [
            Draft(content, author, owner=owner, lease_seconds=lease_seconds, expires_at=expires_at, pace=pace)
            for content in draft.answers
        ]
        self._budget = draft.budget if draft.answers else None
        self._hand_over_until = optional_ms(draft.hand_over_until)

    def needs(self, needs: Needs) -> None:
        """Need the marks, the conversation and its session, for answers also its unfinished sends."""
        needs.tenant(self._tenant_id)
        needs.row(ConversationRow, self._draft.conversation_id)
        needs.row(SessionRow, self._session_id)
        if self._answers:
            needs.sends(self._draft.conversation_id)
            needs_gate(needs, self._session_id)
        if self._budget is not None:
            needs.automatic(self._draft.conversation_id)
        for message_id in self._draft.message_ids:
            needs.row(AnswerRow, message_id)
        for answer in self._answers:
            answer.needs(needs)

    def apply(self, unit: Unit) -> Answered:
        """Change all of it or nothing. Raises ConversationNotFound, MessageNotFound (one that an answer quotes)."""
        conversation = unit.get(ConversationRow, self._draft.conversation_id)
        session = unit.get(SessionRow, self._session_id)
        if conversation is None or conversation.tenant_id != self._tenant_id or session is None:
            raise ConversationNotFound
        if any(unit.get(AnswerRow, message_id) is not None for message_id in self._draft.message_ids):
            return Answered(first=False)
        for answer in self._answers:
            answer.check(unit, conversation)
        overtaken = bool(self._answers) and has_human(conversation, unit.now)
        left, cut = (0, HUMAN_TOOK_OVER) if overtaken else self._left(unit, conversation)
        queued = tuple(answer.queue(unit, conversation, session) for answer in self._answers[:left])
        self._mark(unit, queued, cut)
        if overtaken:
            return Answered(first=True, overtaken=True)
        self._tell(unit, conversation, cut)
        return Answered(first=True, queued=queued, cut=cut)

    def _left(self, unit: Unit, conversation: ConversationRow) -> tuple[int, str | None]:
        """Return how many of the answers may be queued, and the rule that the others fall to."""
        if self._budget is None:
            return len(self._answers), None
        left, rule = automatic_left(unit, conversation.id, self._budget)
        return left, rule if left < len(self._answers) else None

    def _mark(self, unit: Unit, queued: Sequence[Queued], rule: str | None) -> None:
        trail = msgspec.structs.replace(self._draft.trail, answer_ids=[each.message.id for each in queued])
        if rule is not None:
            trail = msgspec.structs.replace(trail, rule=rule)
        for message_id in self._draft.message_ids:
            text = _encode(msgspec.structs.replace(trail, message_id=message_id)).decode()
            unit.put(AnswerRow(message_id, self._tenant_id, unit.now, text))

    def _tell(self, unit: Unit, conversation: ConversationRow, cut: str | None) -> None:
        until = self._hand_over_until
        if until is not None and give_to_human(conversation, until, unit.now):
            unit.put(conversation)
            unit.log(self._tenant_id, "conversation.updated", conversation_id=conversation.id)
        for line in (self._draft.notice, self._draft.budget_lines.get(cut or "")):
            if line is not None:
                add_line(unit, conversation, line, _SYSTEM, MessageKind.SYSTEM)
