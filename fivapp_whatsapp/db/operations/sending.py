"""Sends: the pending message and its outbox row."""

from __future__ import annotations

from datetime import datetime

from fivapp_whatsapp.automation.belt import budget_left
from fivapp_whatsapp.db.convert import choices_text, media_text, message, to_ms
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.plugin_rows import AutomationRow
from fivapp_whatsapp.db.rows import ConversationRow, IdempotencyRow, MessageRow, MessageStatusRow, OutboxRow, SessionRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import ConversationNotFound, IdempotencyMismatch, MessageNotFound, OverBudget
from fivapp_whatsapp.models import Author, Message, MessageStatus, OutgoingMessage, SessionStatus, new_id, to_datetime
from fivapp_whatsapp.ports import Pace, Queued
from fivapp_whatsapp.ports.plugins import Limits

from . import gates
from .claiming import WAITING, claim, item, line
from .conversations import PLUGIN_KEYS_MS, said_key
from .takeover import take_over

IDEMPOTENCY_MS = 24 * 3600 * 1000
# A message is sent again once, however late somebody asks for it again.
_FOR_GOOD = 2**62
_ROUTE = "send"


class Draft:
    """A message that is to be queued to a conversation, and claimed when nothing stands before it."""

    def __init__(
        self,
        content: OutgoingMessage,
        author: Author,
        *,
        owner: str | None,
        lease_seconds: float,
        expires_at: datetime,
        pace: Pace,
        idempotency_key: str | None = None,
    ) -> None:
        self.content = content
        self._key = idempotency_key
        self._author = author
        self._owner = owner
        self._pace = pace
        self._lease_ms = round(lease_seconds * 1000)
        self._expires_at = to_ms(expires_at)

    def needs(self, needs: Needs) -> None:
        """Need the messages that this one names."""
        for named in (self.content.quoted_message_id, self.content.retry_of):
            if named is not None:
                needs.row(MessageRow, named)

    def check(self, unit: Unit, conversation: ConversationRow) -> None:
        """Raise MessageNotFound when it names a message that is not in the conversation."""
        self._named(unit, conversation, self.content.quoted_message_id, "quoted")
        self._named(unit, conversation, self.content.retry_of, "repeated")

    def queue(self, unit: Unit, conversation: ConversationRow, session: SessionRow) -> Queued:
        """Add the rows. Raises MessageNotFound."""
        quoted = self._named(unit, conversation, self.content.quoted_message_id, "quoted")
        _supersede(unit, self._named(unit, conversation, self.content.retry_of, "repeated"))
        row = self._message(unit, conversation, None if quoted is None else quoted.native_id)
        row.seq = unit.log(row.tenant_id, "message.created", conversation_id=conversation.id, message_id=row.id)
        unit.put(row)
        unit.put(MessageStatusRow(row.id, row.status, row.tenant_id, row.at, unit.now, None, None))
        if self._author.kind == "plugin":
            unit.automatic(conversation.id).append(unit.now)
        conversation.last_message_id, conversation.activity_seq, conversation.waiting_since = row.id, row.seq, None
        taken_over = self._author.kind == "agent" and take_over(unit, conversation, unit.now)
        first = session.status == SessionStatus.CONNECTED and not line(unit, conversation.id)
        unit.put(conversation)
        outbox = self._outbox(unit, row)
        made = None
        if first and self._owner is not None and gates.is_open(unit, session.id):
            claim(outbox, self._owner, unit.now + self._lease_ms)
            gates.pass_through(unit, row.tenant_id, session.id, self._pace, self._lease_ms)
            made = item(outbox, row, conversation, session)
        unit.put(outbox)
        if taken_over:
            unit.log(row.tenant_id, "conversation.updated", conversation_id=conversation.id)
        paused = made is None and gates.is_held(unit, session.id)
        return Queued(row.tenant_id, message(row), True, made, paused)

    def _named(self, unit: Unit, conversation: ConversationRow, message_id: str | None, how: str) -> MessageRow | None:
        if message_id is None:
            return None
        row = unit.get(MessageRow, message_id)
        if row is None or row.conversation_id != conversation.id:
            raise MessageNotFound(f"The {how} message is not in this conversation.")
        return row

    def _message(self, unit: Unit, conversation: ConversationRow, quoted_native: str | None) -> MessageRow:
        return MessageRow(
            id=new_id(),
            tenant_id=conversation.tenant_id,
            session_id=conversation.session_id,
            conversation_id=conversation.id,
            native_id=None,
            seq=0,
            direction="outgoing",
            kind=self.content.kind.value,
            status=MessageStatus.PENDING.value,
            text=self.content.text,
            author_kind=self._author.kind,
            author_id=self._author.id,
            author_name=self._author.name,
            media=media_text(self.content.media),
            quoted_message_id=self.content.quoted_message_id,
            quoted_native_id=quoted_native,
            retry_of=self.content.retry_of,
            error_code=None,
            error_detail=None,
            at=unit.now,
            received_at=unit.now,
            choices=choices_text(self.content.choices),
            idempotency_key=self._key,
        )

    def _outbox(self, unit: Unit, row: MessageRow) -> OutboxRow:
        return OutboxRow(
            message_id=row.id,
            tenant_id=row.tenant_id,
            session_id=row.session_id,
            conversation_id=row.conversation_id,
            seq=row.seq,
            state="queued",
            attempt=0,
            not_before=0,  # due at once, whatever becomes of the clock
            expires_at=self._expires_at,
            lease_owner=None,
            lease_until=None,
            created_at=unit.now,
        )


def _supersede(unit: Unit, old: MessageRow | None) -> None:
    """From now on an echo is of the repetition, not of the message that it repeats."""
    send = None if old is None else unit.get(OutboxRow, old.id)
    if send is not None and send.state not in WAITING:
        unit.delete(send)


class QueueMessage:
    """Commits a pending message with its outbox row, claimed at once when nothing stands before it."""

    def __init__(
        self,
        tenant_id: str,
        conversation_id: str,
        session_id: str,
        content: OutgoingMessage,
        author: Author,
        *,
        owner: str | None,
        lease_seconds: float,
        expires_at: datetime,
        pace: Pace,
        key: tuple[str, str] | None,
        fingerprint: str,
        budget: Limits | None = None,
    ) -> None:
        self._tenant_id = tenant_id
        self._conversation_id = conversation_id
        self._session_id = session_id
        self._key = None if key is None else send_key(tenant_id, key)
        self._draft = Draft(
            content,
            author,
            owner=owner,
            lease_seconds=lease_seconds,
            expires_at=expires_at,
            pace=pace,
            idempotency_key=said_key(self._key),
        )
        self._by_agent = author.kind == "agent"
        self._fingerprint = fingerprint
        self._budget = budget

    def needs(self, needs: Needs) -> None:
        """Need the conversation with its unfinished sends, the session, the key, and messages that this one names."""
        needs.tenant(self._tenant_id)
        needs.row(ConversationRow, self._conversation_id)
        needs.row(SessionRow, self._session_id)
        gates.needs_gate(needs, self._session_id)
        needs.sends(self._conversation_id)
        if self._by_agent:
            needs.row(AutomationRow, self._tenant_id)
        if self._key is not None:
            needs.row(IdempotencyRow, *self._key)
        if self._budget is not None:
            needs.automatic(self._conversation_id)
        self._draft.needs(needs)

    def apply(self, unit: Unit) -> Queued | str:
        """Add the rows; a known key gives the id of its first message.

        Raises IdempotencyMismatch, OverBudget, …NotFound.
        """
        if (first := self._first(unit)) is not None:
            return first
        conversation = unit.get(ConversationRow, self._conversation_id)
        session = unit.get(SessionRow, self._session_id)
        if conversation is None or conversation.tenant_id != self._tenant_id or session is None:
            raise ConversationNotFound
        if self._budget is not None:
            left, rule = automatic_left(unit, conversation.id, self._budget)
            if not left:
                raise OverBudget(rule=rule)
        queued = self._draft.queue(unit, conversation, session)
        self._remember(unit, queued.message)
        return queued

    def _first(self, unit: Unit) -> str | None:
        if self._key is None:
            return None
        return first_of(unit.get(IdempotencyRow, *self._key), self._fingerprint, unit.now)

    def _remember(self, unit: Unit, made: Message) -> None:
        if self._key is not None:
            kept = PLUGIN_KEYS_MS if self._key[1].startswith("plugin:") else IDEMPOTENCY_MS
            expires_at = unit.now + kept if made.retry_of is None else _FOR_GOOD
            unit.put(IdempotencyRow(*self._key, self._fingerprint, made.id, unit.now, expires_at))


def send_key(tenant_id: str, key: tuple[str, str]) -> tuple[str, str, str, str]:
    """Return the primary key of the row that remembers a send under (principal, key)."""
    return tenant_id, key[0], _ROUTE, key[1]


def first_of(known: IdempotencyRow | None, fingerprint: str, now: int) -> str | None:
    """Return the id of the message that a key was used for, None for a new key. Raises IdempotencyMismatch."""
    if known is None or known.expires_at <= now:
        return None
    if known.fingerprint != fingerprint:
        raise IdempotencyMismatch
    return known.message_id


def automatic_left(unit: Unit, conversation_id: str, budget: Limits) -> tuple[int, str]:
    """Return how many automatic messages a conversation may still get, and the rule that ends them."""
    sent = [to_datetime(at) for at in unit.automatic(conversation_id)]
    return budget_left(sent, budget, to_datetime(unit.now))
