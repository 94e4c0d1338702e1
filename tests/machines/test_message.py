"""A message as a machine: statuses, echoes and outcomes in any order and number, told by any process, have one end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fivapp_whatsapp.db.operations import statuses
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import MessageError, MessageStatus, to_datetime
from fivapp_whatsapp.ports import OutboxItem, Outcome
from tests.db.world import ANA, AT, chat, echo, send, status, thread

from .ground import Ground, catches, check, ground

S = MessageStatus
REPORTED = [value for value in S if value.rank >= S.ACCEPTED.rank and value is not S.RECEIVED]
# Of other steps the times are our own clock's, or an echo may come too late to leave one.
TIMED = {S.SENT, S.DELIVERED, S.READ, S.PLAYED}
MOST = 4


class Report(msgspec.Struct, frozen=True):
    """A status by WhatsApp's id, by ours, or by both."""

    status: MessageStatus
    hour: int
    code: str | None
    by: str


class End(msgspec.Struct, frozen=True):
    """The answer to the call; a message has one."""

    kind: str
    named: bool


class Echo(msgspec.Struct, frozen=True):
    """The message comes back from the phone's account, with our id or without a word of it."""

    named: bool


class Sent(msgspec.Struct):
    """What the model knows of a message: the reports that count, those that wait for its id, and its one answer."""

    item: OutboxItem
    text: str
    native_id: str
    reports: list[tuple[MessageStatus, int, str | None]]
    parked: list[tuple[MessageStatus, int, str | None]]
    bound: bool = False
    end: str | None = None

    @property
    def status(self) -> MessageStatus:
        """The highest that was told."""
        return max((value for value, _, _ in self.reports), key=lambda value: value.rank)

    @property
    def error(self) -> str | None:
        """Of several errors of that status the first by name."""
        codes = (code for value, _, code in self.reports if value is self.status)
        return min((code for code in codes if code is not None), default=None)

    def bind(self) -> None:
        """WhatsApp's id is known."""
        self.bound = True
        self.reports += self.parked
        self.parked = []


reports = st.builds(
    Report,
    st.sampled_from(REPORTED),
    st.integers(0, 3),
    st.sampled_from([None, "a", "z"]),
    st.sampled_from(["ours", "theirs", "both"]),
)
ends = st.builds(End, st.sampled_from(["accepted", "unknown", "failed"]), st.booleans())
facts = st.tuples(st.integers(0, MOST - 1), reports | ends | st.builds(Echo, st.booleans()))


class MessageMachine(RuleBasedStateMachine):
    """One conversation with a few messages, two processes that are told of them."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.sent: list[Sent] = []
        self.turn = 0

    @initialize()
    def open(self) -> None:
        self.tenant = self.ground.tenant()
        self.conversation = self.ground.run(chat(self.ground.stores[0], tenant=self.tenant))

    @precondition(lambda self: len(self.sent) < MOST)
    @rule(process=st.integers(0, 1))
    def send(self, process: int) -> None:
        # The one before has ended, or this one would not be its process's to send.
        for each in self.sent:
            self._tell_all(process, [(each, End("accepted", named=True))])
        number = len(self.sent)
        text = f"Olá {number}"
        queued = self.ground.run(send(self.ground.stores[process], self.conversation, text, tenant=self.tenant))
        assert queued.item is not None
        native_id = f"{self.tenant}-{number}"
        self.sent.append(Sent(queued.item, text, native_id, [(S.PENDING, 0, None)], []))

    @precondition(lambda self: self.sent)
    @rule(process=st.integers(0, 1), told=st.lists(facts, min_size=1, max_size=5))
    def tell(self, process: int, told: list[tuple[int, Any]]) -> None:
        """All of this at once: it shares a commit."""
        self._tell_all(process, [(self.sent[number % len(self.sent)], fact) for number, fact in told])

    @precondition(lambda self: self.sent)
    @rule(told=st.lists(facts, min_size=1, max_size=3))
    def tell_both(self, told: list[tuple[int, Any]]) -> None:
        """Two processes are told the same at the same time."""
        self._tell_all(None, [(self.sent[number % len(self.sent)], fact) for number, fact in told])

    @rule()
    def change_process(self) -> None:
        """Look by the other process from now on."""
        self.turn = 1 - self.turn

    @invariant()
    def each_is_as_told(self) -> None:
        found = self.ground.run(thread(self.ground.stores[self.turn], self.conversation, self.tenant))
        seen = {row.text: (row.status, row.error.code if row.error else None) for row in found}
        assert seen == {each.text: (each.status, each.error) for each in self.sent}
        assert len(found) == len(self.sent)

    def teardown(self) -> None:
        """What was too early waits still, and nothing else; each step has its earliest time."""
        for each in self.sent:
            steps = self.ground.run(self.ground.stores[self.turn].timeline(self.tenant, each.item.message_id))
            times = {step.status: step.at for step in steps if step.status in TIMED}
            told = {value for value, _, _ in each.reports} & TIMED
            assert times == {value: _hour(min(h for v, h, _ in each.reports if v is value)) for value in told}
        parked = f"SELECT native_id, status FROM fivapp_parked_status WHERE session_id = '{self.tenant}'"
        waiting = {(each.native_id, value.value) for each in self.sent for value, _, _ in each.parked}
        assert set(self.ground.rows(parked)) == waiting

    def _tell_all(self, process: int | None, told: list[tuple[Sent, Any]]) -> None:
        work: list[tuple[Sent, Any]] = []
        for message, fact in told:
            if isinstance(fact, End):
                if message.end is not None:
                    continue
                message.end = fact.kind
            work.append((message, fact))
        stores = self.ground.stores if process is None else [self.ground.stores[process]]
        # A send that was refused is off the outbox, so that only our id tells its echo from a message of the phone.
        named = {message.native_id for message, _ in work if message.end == "failed"}
        asked = [self._told(store, each, fact, each.native_id in named) for store in stores for each, fact in work]
        self.ground.run(_all(asked))
        for message, fact in work:
            _learn(message, fact)

    def _told(self, store: DatabaseStore, message: Sent, fact: Any, named: bool) -> Coroutine[Any, Any, Any]:
        own_id, native_id = message.item.message_id, message.native_id
        if isinstance(fact, End):
            known = native_id if fact.named else None
            outcome = Outcome(kind=fact.kind, native_id=known, code="own", at=AT)  # type: ignore[arg-type]
            return store.record_outcome(message.item, "process-1", outcome)
        if isinstance(fact, Echo):
            client_message_id = own_id if fact.named or named else None
            event: Any = echo(
                native_id, message.text, chat=ANA, session=self.tenant, client_message_id=client_message_id
            )
        else:
            event = status(
                fact.status,
                None if fact.by == "ours" else native_id,
                session=self.tenant,
                at=_hour(fact.hour),
                error=_error(fact),
                client_message_id=None if fact.by == "theirs" else own_id,
            )
        return store.receive("c", [event], b"")


def _learn(message: Sent, fact: Any) -> None:
    if isinstance(fact, Echo):
        if not message.bound:
            message.reports.append((S.ACCEPTED, AT.hour, None))
        message.bind()
    elif isinstance(fact, End):
        value = {"accepted": S.ACCEPTED, "failed": S.FAILED, "unknown": S.UNKNOWN}[fact.kind]
        message.reports.append((value, AT.hour, None if fact.kind == "accepted" else "own"))
        if fact.kind == "accepted" and fact.named:
            message.bind()
    else:
        report = fact.status, fact.hour, fact.code if fact.status is S.FAILED else None
        if fact.by == "both":
            message.bind()
        known = message.bound or fact.by == "ours"
        (message.reports if known else message.parked).append(report)


def _hour(hour: int) -> Any:
    return to_datetime(1_700_000_000_000 + hour * 3_600_000)


def _error(fact: Report) -> MessageError | None:
    return MessageError(code=fact.code, detail="") if fact.code and fact.status is S.FAILED else None


async def _all(asked: list[Coroutine[Any, Any, Any]]) -> None:
    await asyncio.gather(*asked)


def test_a_message_ends_the_same_whatever_is_told_of_it_and_when(database_url: str) -> None:
    with ground(database_url) as place:
        check(lambda: MessageMachine(place), examples=20, steps=16)


def test_a_status_that_goes_down_is_found(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statuses, "higher", lambda _, reported: reported)
    with ground(database_url) as place:
        assert catches(lambda: MessageMachine(place))
