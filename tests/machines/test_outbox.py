"""The outbox as a machine: whatever happens in whatever order, nothing is sent twice, lost, or out of its turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from fivapp_whatsapp.db.operations import claiming, gates
from fivapp_whatsapp.models import Conversation, MessageStatus, OutgoingMessage, SessionStatus
from fivapp_whatsapp.ports import OutboxItem, Outcome, Pace, Queued
from tests.db.world import AGENT, chat, echo, news, status

from .ground import Ground, catches, check, ground

LEASE, EXPIRY = 30, 600
PACE = Pace(rate=1.0, burst=3)
PLACES = 4
PROCESSES = ("p1", "p2")
# What a call may end as, and whether the message may have gone out then.
ENDS: dict[str, tuple[Outcome, bool]] = {
    "accepted": (Outcome(kind="accepted", native_id="n", fault=False), True),
    "refused": (Outcome(kind="failed", code="rejected", fault=False), False),
    "no answer": (Outcome(kind="unknown", code="outcome_unknown", fault=True), True),
    "not sent": (Outcome(kind="retry", code="connector_unavailable", retry_after=2.0, fault=True), False),
    "wait": (Outcome(kind="retry", code="connector_unavailable", retry_after=20.0, hold=20.0), False),
}
places = st.lists(st.integers(0, PLACES - 1), min_size=1, max_size=4)
WAITING = ("queued", "sending")


class OutboxMachine(RuleBasedStateMachine):
    """Two processes, a clock, a session that comes and goes, a service that answers as it likes."""

    calls = Bundle("calls")

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.places: list[Conversation] = []
        self.running: dict[str, tuple[OutboxItem, str, int]] = {}
        self.may_be_out: set[str] = set()
        self.ranks: dict[str, int] = {}
        self.texts: dict[str, str] = {}
        self.begun: list[int] = []

    def teardown(self) -> None:
        """In the end every message has ended: nothing waits for ever."""
        if not self.places:
            return
        self._news(SessionStatus.CONNECTED)
        for process in (*PROCESSES, *PROCESSES):
            self.ground.now += EXPIRY * 1000
            self._claim(process)
        assert "pending" not in {value for _, value, *_ in self._messages()}

    @initialize()
    def open(self) -> None:
        self.tenant = self.ground.tenant()
        # An example that failed has left its sends, which a claim of this one would take.
        self.ground.write("DELETE FROM fivapp_outbox")
        for number in range(PLACES):
            opening = chat(self.ground.stores[0], f"55119888{number:05d}@c.us", tenant=self.tenant)
            self.places.append(self.ground.run(opening))

    @rule(target=calls, places=places, owner=st.sampled_from([*PROCESSES, None]))
    def send(self, places: list[int], owner: str | None) -> Any:
        """Several people write at the same moment."""
        queued = self.ground.run(self._send(places, owner))
        return multiple(*self._begin([each.item for each in queued if each.item is not None], owner))

    @rule(target=calls, owner=st.sampled_from(PROCESSES))
    def claim(self, owner: str) -> Any:
        return multiple(*self._begin(self._claim(owner), owner))

    @rule(target=calls)
    def claim_at_once(self) -> Any:
        """Both processes look for work at the same moment."""
        one, other = self.ground.run(self._claim_both())
        assert {item.message_id for item in one}.isdisjoint(item.message_id for item in other)
        # In the order of the messages: which process was the faster one changes nothing of what comes after.
        order = list(self.texts).index
        begun = self._begin(one, "p1") + self._begin(other, "p2")
        return multiple(*sorted(begun, key=lambda call: order(call.partition("/")[0])))

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
        self.ground.run(self._store(owner).record_outcome(item, owner, outcome))

    @rule(end=st.sampled_from(["accepted", "no answer", "not sent"]))
    def answer_all(self, end: str) -> None:
        """The service is well, hangs, or is away."""
        for call in list(self.running):
            self.answer(call, end)

    @rule(call=calls, seconds=st.sampled_from([0, LEASE + 1]))
    def die(self, call: str, seconds: int) -> None:
        """The process of a call is gone: whether its message went out nobody knows."""
        if (found := self.running.pop(call, None)) is not None:
            self.may_be_out.add(found[0].message_id)
        self.ground.now += seconds * 1000

    @precondition(lambda self: self.may_be_out)
    @rule(data=st.data(), value=st.sampled_from([None, MessageStatus.SENT, MessageStatus.READ, MessageStatus.FAILED]))
    def report(self, data: st.DataObject, value: MessageStatus | None) -> None:
        """What may be out is told of: by a status, or by its echo."""
        message_id = data.draw(st.sampled_from(sorted(self.may_be_out, key=list(self.texts).index)))
        ids: dict[str, Any] = {"session": self.tenant, "client_message_id": message_id}
        native_id = f"n-{message_id}"
        event: Any = status(value, native_id, **ids) if value else echo(native_id, self.texts[message_id], **ids)
        self.ground.run(self.ground.stores[1].receive("c", [event], b""))

    @rule(seconds=st.sampled_from([1, 3, 10, LEASE + 1, EXPIRY + 1]))
    def wait(self, seconds: int) -> None:
        self.ground.now += seconds * 1000

    @rule(value=st.sampled_from([SessionStatus.CONNECTED, SessionStatus.RECONNECTING]))
    def session(self, value: SessionStatus) -> None:
        self._news(value)

    @precondition(lambda self: self.places)
    @invariant()
    def a_status_only_goes_up_and_what_is_pending_waits(self) -> None:
        for message_id, value, state, *_ in self._messages():
            rank = MessageStatus(value).rank
            assert rank >= self.ranks.get(message_id, 0)
            self.ranks[message_id] = rank
            assert value != "pending" or state in WAITING
        assert self.ranks.keys() == self.texts.keys()

    # --- the processes --------------------------------------------------------------------------------

    def _store(self, owner: str | None) -> Any:
        return self.ground.stores[1 if owner == "p2" else 0]

    async def _send(self, places: list[int], owner: str | None) -> list[Queued]:
        queued = await asyncio.gather(
            *(
                self._store(owner).queue_message(
                    self.tenant,
                    self.places[place],
                    OutgoingMessage(text=f"Olá {len(self.texts) + number}"),
                    AGENT,
                    owner=owner,
                    lease_seconds=LEASE,
                    expires_at=self.ground.at(EXPIRY),
                )
                for number, place in enumerate(places)
            )
        )
        self.texts |= {each.message.id: each.message.text for each in queued}
        return list(queued)

    def _claim(self, owner: str) -> list[OutboxItem]:
        return list(self.ground.run(self._store(owner).claim_sends(owner, 20, LEASE)).items)

    async def _claim_both(self) -> Any:
        found = await asyncio.gather(*(self._store(owner).claim_sends(owner, 20, LEASE) for owner in PROCESSES))
        return [list(each.items) for each in found]

    def _news(self, value: SessionStatus) -> None:
        self.ground.run(self.ground.stores[0].receive("c", [news(value, session=self.tenant)], b""))

    # --- what must hold -------------------------------------------------------------------------------

    def _begin(self, items: list[OutboxItem], owner: str | None) -> list[str]:
        keys: list[str] = []
        waiting = [
            (place, seq, message_id) for message_id, _, state, seq, place in self._messages() if state in WAITING
        ]
        for item in items:
            assert owner is not None
            # Nothing is sent a second time that may have gone out.
            assert item.message_id not in self.may_be_out
            leases = [(each.conversation_id, until) for each, _, until in self.running.values()]
            assert (item.conversation_id, True) not in {(place, until > self.ground.now) for place, until in leases}
            assert min(each for each in waiting if each[0] == item.conversation_id)[2] == item.message_id
            self.begun.append(self.ground.now)
            keys.append(f"{item.message_id}/{item.attempt}")
            self.running[keys[-1]] = (item, owner, self.ground.now + LEASE * 1000)
        if items:
            self._is_paced()
            self._is_careful(len(items))
        return keys

    def _is_paced(self) -> None:
        for seconds in (1, 10, 60):
            recent = [at for at in self.begun if at > self.ground.now - seconds * 1000]
            assert len(recent) <= PACE.burst + PACE.rate * seconds

    def _is_careful(self, begun: int) -> None:
        gate = f"SELECT failures, held_until FROM fivapp_send_gate WHERE session_id = '{self.tenant}'"
        for failures, held_until in self.ground.rows(gate):
            if failures >= gates.FAULTS:
                assert begun == 1
                assert held_until > self.ground.now

    def _messages(self) -> list[tuple[str, str, str, int, str]]:
        found: Any = self.ground.rows(
            "SELECT m.id, m.status, o.state, m.seq, m.conversation_id FROM fivapp_message AS m"
            f" LEFT JOIN fivapp_outbox AS o ON o.message_id = m.id WHERE m.tenant_id = '{self.tenant}'"
        )
        return found  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def few_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps lead to a gate that is closed."""
    monkeypatch.setattr(gates, "FAULTS", 2)


def test_sends_of_two_processes_go_out_once_in_their_turn_or_say_why_not(database_url: str) -> None:
    with ground(database_url, pace=PACE) as place:
        check(lambda: OutboxMachine(place), examples=16, steps=25)


def test_a_send_that_is_repeated_after_its_process_died_is_found(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = claiming._end
    monkeypatch.setattr(claiming, "_end", lambda *args, **_: real(*args, resend=True))
    with ground(database_url, pace=PACE) as place:
        assert catches(lambda: OutboxMachine(place))
