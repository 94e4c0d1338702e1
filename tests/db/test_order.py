"""Whatever the order, the repetition and the batches of what is told, a message ends the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fivapp_whatsapp.db.operations.conversations import OpenConversation
from fivapp_whatsapp.db.operations.outcomes import RecordOutcome
from fivapp_whatsapp.db.operations.receiving import Receive
from fivapp_whatsapp.db.operations.sending import QueueMessage
from fivapp_whatsapp.db.rows import EventRow, MessageRow, MessageStatusRow, OutboxRow, ParkedStatusRow
from fivapp_whatsapp.db.vault import Vault
from fivapp_whatsapp.models import MessageError, MessageStatus, OutgoingMessage
from fivapp_whatsapp.ports import KeptWebhook, OutboxItem, Outcome, Pace

from .memory import MemoryDatabase, connected_memory
from .world import AGENT, ANA, AT, OWNER, echo, status

VAULT = Vault()
Fact: TypeAlias = Callable[[OutboxItem], Any]
REPORTED = [s for s in MessageStatus if s.rank >= MessageStatus.ACCEPTED.rank and s is not MessageStatus.RECEIVED]


def report(value: MessageStatus, hour: int, code: str | None, by: str) -> Fact:
    """A status by WhatsApp's id, by ours, or by both."""
    error = MessageError(code=code, detail="") if code and value is MessageStatus.FAILED else None

    def make(item: OutboxItem) -> Receive:
        native_id = "n1" if by != "ours" else None
        client_message_id = item.message_id if by != "theirs" else None
        event = status(value, native_id, at=AT.replace(hour=hour), error=error, client_message_id=client_message_id)
        return Receive(KeptWebhook("c", b""), [("acme", event)], vault=VAULT)

    return make


def end(kind: str, native_id: str | None) -> Fact:
    """The send's own outcome."""
    outcome = Outcome(kind=kind, native_id=native_id, at=AT, code="own")
    return lambda item: RecordOutcome(item, OWNER, outcome)


def echoed(item: OutboxItem) -> Receive:
    """The message comes back from the phone's account."""
    return Receive(KeptWebhook("c", b""), [("acme", echo("n1", "Olá"))], vault=VAULT)


reports = st.builds(
    report,
    st.sampled_from(REPORTED),
    st.integers(0, 3),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from(["ours", "theirs", "both"]),
)
ends = st.sampled_from([end("accepted", "n1"), end("accepted", None), end("unknown", None), end("failed", None)])
came_back = st.sampled_from([end("accepted", "n1"), end("accepted", None), end("unknown", None)])


@pytest.fixture(scope="module")
def begun() -> tuple[MemoryDatabase, OutboxItem]:
    """A database with one send in flight."""
    database = connected_memory()
    [conversation_id] = database.apply(OpenConversation("acme", "acme", ANA, None))
    operation = QueueMessage(
        "acme",
        conversation_id,
        "acme",
        OutgoingMessage(text="Olá"),
        AGENT,
        owner=OWNER,
        lease_seconds=30,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        pace=Pace(),
        key=None,
        fingerprint="",
    )
    [queued] = database.apply(operation)
    assert queued.item is not None
    return database, queued.item


def tell(begun: tuple[MemoryDatabase, OutboxItem], facts: list[Fact], batches: list[int]) -> MemoryDatabase:
    """Tell the facts in this order, in batches of these sizes; the status never goes down on the way."""
    database, item = begun[0].copy(), begun[1]
    rank, left, sizes = 0, list(facts), list(batches)
    while left:
        size = sizes.pop() if sizes else 1
        database.apply(*(fact(item) for fact in left[:size]))
        del left[:size]
        now = MessageStatus(database.rows(MessageRow)[0].status).rank
        assert now >= rank
        rank = now
    return database


def result(database: MemoryDatabase, *but: str) -> Any:
    """What is left in the end: the message, when it took each step (`but` these), what waits."""
    rows = database.rows(MessageRow)
    messages = [(row.status, row.native_id, row.error_code, row.error_detail, row.author_kind) for row in rows]
    steps = {(row.status, row.at) for row in database.rows(MessageStatusRow) if row.status not in {*OWN_TIME, *but}}
    parked = {(row.native_id, row.status, row.at) for row in database.rows(ParkedStatusRow)}
    return messages, steps, parked, {row.state for row in database.rows(OutboxRow)}


# These are noted at the time of our own clock, or only as long as nothing better is known.
OWN_TIME = {"pending", "unknown", "failed"}
batch_sizes = st.lists(st.integers(1, 4), max_size=6)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_statuses_and_the_outcome_give_one_end_in_every_order(
    begun: tuple[MemoryDatabase, OutboxItem], data: st.DataObject
) -> None:
    facts = [data.draw(ends), *data.draw(st.lists(reports, max_size=6))]
    repeated = facts + data.draw(st.lists(st.sampled_from(facts), max_size=4))
    shuffled = data.draw(st.permutations(repeated))
    one = tell(begun, facts, [])
    other = tell(begun, shuffled, data.draw(batch_sizes))
    assert result(one) == result(other)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_an_echo_anywhere_between_makes_no_second_message(
    begun: tuple[MemoryDatabase, OutboxItem], data: st.DataObject
) -> None:
    facts = [data.draw(came_back), echoed, *data.draw(st.lists(reports, max_size=4))]
    shuffled = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts), max_size=3))))
    one = tell(begun, facts, [])
    other = tell(begun, shuffled, data.draw(batch_sizes))
    # An echo that finds its message bound is a duplicate, which leaves no step of its own.
    assert result(one, "accepted") == result(other, "accepted")
    assert [row.native_id for row in other.rows(MessageRow)] == ["n1"]
    assert other.rows(ParkedStatusRow) == []
    seqs = sorted(row.seq for row in other.rows(EventRow))
    assert seqs == list(range(1, len(seqs) + 1))
