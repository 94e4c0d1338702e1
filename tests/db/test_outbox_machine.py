"""The outbox as a machine: whatever happens in whatever order, nothing is sent twice, lost, or out of its turn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from fivapp_whatsapp import models
from fivapp_whatsapp.db.operations import gates
from fivapp_whatsapp.db.operations.claiming import ClaimSends, Due
from fivapp_whatsapp.db.operations.conversations import OpenConversation
from fivapp_whatsapp.db.operations.outcomes import RecordOutcome
from fivapp_whatsapp.db.operations.receiving import Receive
from fivapp_whatsapp.db.operations.sending import QueueMessage
from fivapp_whatsapp.db.rows import MessageRow, OutboxRow, SendGateRow
from fivapp_whatsapp.db.vault import Vault
from fivapp_whatsapp.models import MessageStatus, OutgoingMessage, SessionStatus, to_datetime
from fivapp_whatsapp.ports import KeptWebhook, OutboxItem, Outcome, Pace

from .memory import MemoryDatabase, connected_memory
from .world import AGENT, news, status

LEASE, EXPIRY = 30, 600
PACE = Pace(rate=1.0, burst=3)
PLACES = 8
VAULT = Vault()
# What a call may end as, and whether the message may have gone out then.
ENDS: dict[str, tuple[Outcome, bool]] = {
    "accepted": (Outcome(kind="accepted", native_id="n", fault=False), True),
    "refused": (Outcome(kind="failed", code="rejected", fault=False), False),
    "no answer": (Outcome(kind="unknown", code="outcome_unknown", fault=True), True),
    "not sent": (Outcome(kind="retry", code="connector_unavailable", retry_after=2.0, fault=True), False),
    "wait": (Outcome(kind="retry", code="connector_unavailable", retry_after=20.0, hold=20.0), False),
}


class OutboxMachine(RuleBasedStateMachine):
    """Two processes, a clock, a session that comes and goes, a service that answers as it likes."""

    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_800_000_000_000
        self._real = models._time_ns, gates.FAULTS
        models._time_ns = lambda: self.now * 1_000_000
        gates.FAULTS = 2  # so that a few steps lead there
        self.database: MemoryDatabase = connected_memory()
        self.places: list[str] = []
        self.running: dict[str, tuple[OutboxItem, str, int]] = {}
        self.may_be_out: set[str] = set()
        self.ranks: dict[str, int] = {}
        self.begun: list[int] = []

    def teardown(self) -> None:
        """In the end every message has ended: nothing waits for ever."""
        try:
            self._news(SessionStatus.CONNECTED)
            for _ in range(4):
                self.now += EXPIRY * 1000
                self._claim("p1")
            assert {row.status for row in self.database.rows(MessageRow)} & {"pending"} == set()
        finally:
            models._time_ns, gates.FAULTS = self._real

    @initialize()
    def open(self) -> None:
        for number in range(PLACES):
            operation = OpenConversation("acme", "acme", f"55119888{number:05d}@c.us", None)
            self.places += self.database.apply(operation)

    @rule(
        target=calls,
        places=st.lists(st.integers(0, PLACES - 1), min_size=1, max_size=6),
        owner=st.sampled_from(["p1", "p2", None]),
    )
    def send(self, places: list[int], owner: str | None) -> Any:
        return multiple(*(key for place in places for key in self._send(place, owner)))

    def _send(self, place: int, owner: str | None) -> list[str]:
        operation = QueueMessage(
            "acme",
            self.places[place],
            "acme",
            OutgoingMessage(text="Olá"),
            AGENT,
            owner=owner,
            lease_seconds=LEASE,
            expires_at=to_datetime(self.now) + timedelta(seconds=EXPIRY),
            pace=PACE,
            key=None,
            fingerprint="",
        )
        [queued] = self.database.apply(operation)
        return self._begin([] if queued.item is None else [queued.item], owner)

    @rule(target=calls, owner=st.sampled_from(["p1", "p2"]))
    def claim(self, owner: str) -> Any:
        return multiple(*self._begin(self._claim(owner), owner))

    @rule(call=calls, end=st.sampled_from(sorted(ENDS)))
    def answer(self, call: str, end: str) -> None:
        """A call ends, perhaps long after its lease did: then only a proof counts."""
        found = self.running.pop(call, None)
        if found is None:
            return
        item, owner, _ = found
        outcome, may_be_out = ENDS[end]
        if outcome.native_id:
            outcome = Outcome(kind="accepted", native_id=f"n-{item.message_id}", fault=False)
        if may_be_out:
            self.may_be_out.add(item.message_id)
        self.database.apply(RecordOutcome(item, owner, outcome))

    @rule(end=st.sampled_from(["accepted", "no answer", "not sent"]))
    def answer_all(self, end: str) -> None:
        """The service is well, hangs, or is away."""
        for call in list(self.running):
            self.answer(call, end)

    @rule(places=st.lists(st.integers(0, PLACES - 1), min_size=2, max_size=6))
    def hang(self, places: list[int]) -> None:
        """The service answers nothing of what is sent just now; others wait behind that."""
        for place in places:
            for call in self._send(place, "p1"):
                self.answer(call, "no answer")

    @rule(call=calls)
    def die(self, call: str) -> None:
        """The process of a call is gone: whether its message went out nobody knows."""
        if (found := self.running.pop(call, None)) is not None:
            self.may_be_out.add(found[0].message_id)

    @precondition(lambda self: self.may_be_out)
    @rule(data=st.data(), value=st.sampled_from([MessageStatus.SENT, MessageStatus.READ, MessageStatus.FAILED]))
    def report(self, data: st.DataObject, value: MessageStatus) -> None:
        message_id = data.draw(st.sampled_from(sorted(self.may_be_out)))
        event = status(value, f"n-{message_id}", client_message_id=message_id)
        self.database.apply(Receive(KeptWebhook("c", b""), [("acme", event)], vault=VAULT))

    @rule(seconds=st.sampled_from([1, 3, 10, LEASE + 1, EXPIRY + 1]))
    def wait(self, seconds: int) -> None:
        self.now += seconds * 1000

    @rule(value=st.sampled_from([SessionStatus.CONNECTED, SessionStatus.RECONNECTING]))
    def session(self, value: SessionStatus) -> None:
        self._news(value)

    @invariant()
    def a_status_only_goes_up(self) -> None:
        for row in self.database.rows(MessageRow):
            rank = MessageStatus(row.status).rank
            assert rank >= self.ranks.get(row.id, 0)
            self.ranks[row.id] = rank

    @invariant()
    def what_waits_has_its_row(self) -> None:
        pending = {row.id for row in self.database.rows(MessageRow) if row.status == "pending"}
        waiting = {row.message_id for row in self.database.rows(OutboxRow) if row.state in ("queued", "sending")}
        assert pending <= waiting

    def _claim(self, owner: str) -> list[OutboxItem]:
        rows = sorted(self.database.rows(OutboxRow), key=lambda row: row.seq)
        live = [row for row in rows if row.state in ("queued", "sending")]
        due = [Due(row.message_id, "acme", row.conversation_id, "acme", turn) for turn, row in enumerate(live, 1)]
        [claimed] = self.database.apply(ClaimSends(due, owner, LEASE, resend=frozenset(), pace=PACE))
        return list(claimed.items)

    def _begin(self, items: list[OutboxItem], owner: str | None) -> list[str]:
        keys: list[str] = []
        for item in items:
            assert owner is not None
            # Nothing is sent a second time that may have gone out.
            assert item.message_id not in self.may_be_out
            leases = [(each.conversation_id, until) for each, _, until in self.running.values()]
            assert (item.conversation_id, True) not in {(place, until > self.now) for place, until in leases}
            self._is_the_first(item)
            self.begun.append(self.now)
            keys.append(f"{item.message_id}/{item.attempt}")
            self.running[keys[-1]] = (item, owner, self.now + LEASE * 1000)
        if items:
            self._is_paced()
            self._is_careful(len(items))
        return keys

    def _is_the_first(self, item: OutboxItem) -> None:
        rows = [row for row in self.database.rows(OutboxRow) if row.conversation_id == item.conversation_id]
        waiting = sorted((row.seq, row.message_id) for row in rows if row.state in ("queued", "sending"))
        assert waiting[0][1] == item.message_id

    def _is_paced(self) -> None:
        for seconds in (1, 10, 60):
            recent = [at for at in self.begun if at > self.now - seconds * 1000]
            assert len(recent) <= PACE.burst + PACE.rate * seconds

    def _is_careful(self, begun: int) -> None:
        for gate in self.database.rows(SendGateRow):
            if gate.failures >= gates.FAULTS:
                assert begun == 1
                assert gate.held_until > self.now

    def _news(self, value: SessionStatus) -> None:
        self.database.apply(Receive(KeptWebhook("c", b""), [("acme", news(value))], vault=VAULT))


TestOutbox = pytest.mark.timeout(120)(OutboxMachine.TestCase)
TestOutbox.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
