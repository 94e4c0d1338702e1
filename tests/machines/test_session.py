"""A session as a machine: what people want, what the service tells at once or much later, and what people see of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from fivapp_whatsapp.db.operations import sessions
from fivapp_whatsapp.errors import SessionNotFound
from fivapp_whatsapp.models import Session, SessionProblem, SessionStatus
from tests.db.world import log, news

from .ground import Ground, catches, check, ground

S = SessionStatus
PROBLEMS = [None, *SessionProblem]
ENDS = {S.DISCONNECTED, S.LOGGED_OUT}
NEEDS_A_PERSON = {S.LOGGED_OUT, S.RESTRICTED, S.FAILED}


class Known(msgspec.Struct):
    """What the model knows of a session."""

    desired: str = "running"
    status: SessionStatus = S.CONNECTED
    problem: SessionProblem | None = None
    epoch: int = 0
    restricted_until: datetime | None = None
    deleted: bool = False


class SessionMachine(RuleBasedStateMachine):
    """One session, two processes, a service whose answers may come when they are no longer true."""

    asked = Bundle("asked")

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        self.known = Known()
        self.turn = 0
        self.begun = False

    @initialize()
    def open(self) -> None:
        self.tenant = self.ground.tenant()
        self.begun = True
        self.told = len(self.ground.run(log(self.ground.stores[0], tenant=self.tenant)))

    @rule()
    def change_process(self) -> None:
        """The other process goes on."""
        self.turn = 1 - self.turn

    @rule(seconds=st.sampled_from([1, 60, 3600]))
    def wait(self, seconds: int) -> None:
        self.ground.now += seconds * 1000

    # --- what people want ---------------------------------------------------------------------------

    @rule()
    def connect(self) -> None:
        """A start is a new epoch where the session did not run; a deleted one comes back first."""
        known = self.known
        if known.deleted:
            known.deleted = False
            known.desired, known.status, known.problem, known.restricted_until = "stopped", S.DISCONNECTED, None, None
            self.last = self._run(self.store.add_session(self.tenant, self.tenant, "Sales", "connection_service"))
            self.people_hear_of_it()
        new = known.desired != "running"
        self._change(desired="running", new_epoch=new)
        known.desired, known.restricted_until = "running", None
        if new:
            known.epoch += 1
            known.status = known.status if known.status is S.CONNECTED else S.CONNECTING

    @rule()
    def disconnect(self) -> None:
        if not self._change(desired="stopped"):
            return
        self.known.desired, self.known.restricted_until = "stopped", None

    @rule()
    def delete(self) -> None:
        if not self._change(desired="stopped"):
            return
        self._change(deleted=True)
        self.known.desired, self.known.restricted_until, self.known.deleted = "stopped", None, True

    # --- what the service tells ---------------------------------------------------------------------

    @rule(target=asked)
    def ask(self) -> int:
        """A process asks the service of the session as it knows it."""
        return self.known.epoch

    @rule(epoch=asked, status=st.sampled_from(S), problem=st.sampled_from(PROBLEMS))
    def answer(self, epoch: int, status: SessionStatus, problem: SessionProblem | None) -> None:
        """The answer comes, perhaps when the session was stopped and started again meanwhile."""
        update = news(status, session=self.tenant)
        if self._change(update=update, problem=problem, epoch=epoch) and epoch == self.known.epoch:
            self.known.problem = problem
            self._learn(status)

    @rule(epoch=asked, problem=st.sampled_from(list(SessionProblem)))
    def fail(self, epoch: int, problem: SessionProblem) -> None:
        """No answer comes."""
        if self._change(problem=problem, error="why", epoch=epoch) and epoch == self.known.epoch:
            self.known.problem = problem

    @rule(status=st.sampled_from(S), hours=st.sampled_from([None, 0, 1]))
    def webhook(self, status: SessionStatus, hours: int | None) -> None:
        until = None if hours is None else self.ground.at(hours * 3600)
        event = news(status, session=self.tenant, until=until)
        receipt = self._run(self.store.receive("c", [event], b"{}"))
        # What names a session that is gone is kept aside.
        assert receipt.quarantined == int(self.known.deleted)
        if not self.known.deleted:
            self._learn(status, until)

    # --- what is seen of it ---------------------------------------------------------------------------

    @precondition(lambda self: self.begun)
    @invariant()
    def it_is_as_told(self) -> None:
        found = self._run(self.store.session(self.tenant, self.tenant))
        if self.known.deleted:
            assert found is None
            return
        assert found is not None
        assert _known(found) == self.known
        self.last = found

    @precondition(lambda self: self.begun)
    @invariant()
    def people_hear_of_it(self) -> None:
        """The log tells each change that can be seen, once, and nobody of one that cannot."""
        events = self._run(log(self.store, self.told, self.tenant))
        assert [event.seq for event in events] == list(range(self.told + 1, self.told + 1 + len(events)))
        self.told += len(events)

    # --- the model ------------------------------------------------------------------------------------

    def _learn(self, status: SessionStatus, until: datetime | None = None) -> None:
        known = self.known
        if known.problem is SessionProblem.UNREACHABLE:
            known.problem = None
        if known.desired == "stopped" and status not in ENDS:
            return
        over = known.restricted_until is None or known.restricted_until <= self.ground.at()
        if status is S.CONNECTED and known.status is S.RESTRICTED and not over:
            return
        if status is not known.status:
            known.status, known.restricted_until = status, None
        if status is S.RESTRICTED and until is not None:
            known.restricted_until = until

    @property
    def store(self) -> Any:
        return self.ground.stores[self.turn]

    def _run(self, work: Any) -> Any:
        return self.ground.run(work)

    def _change(self, **change: Any) -> bool:
        """Change the session; False when it is not there."""
        before = self.last
        try:
            after = self._run(self.store.change_session(self.tenant, self.tenant, **change))
        except SessionNotFound:
            assert self.known.deleted
            return False
        assert not self.known.deleted
        self.last = after
        self._is_logged(before, after, deleted="deleted" in change)
        return True

    def _is_logged(self, before: Session, after: Session, *, deleted: bool) -> None:
        events = self._run(log(self.store, self.told, self.tenant))
        visible = before != msgspec.structs.replace(after, last_seen_at=before.last_seen_at)
        told = [event.type for event in events]
        assert told.count("session.updated") == int(visible) + int(deleted)
        urgent = after.desired == "running" and after.status is not before.status and after.status in NEEDS_A_PERSON
        assert told.count("notification") >= int(urgent)
        if after.desired == "stopped":
            assert told.count("notification") == 0
        self.told += len(events)


def _known(session: Session) -> Known:
    return Known(session.desired, session.status, session.problem, session.epoch, session.restricted_until, False)


def test_a_session_follows_what_people_want_and_what_is_still_true(database_url: str) -> None:
    with ground(database_url) as place:
        check(lambda: SessionMachine(place), examples=18, steps=22)


def test_news_that_start_a_stopped_session_are_found(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sessions.apply_update

    def plant(session: Session, update: Any, now: datetime) -> Session:
        after = real(msgspec.structs.replace(session, desired="running"), update, now)
        return msgspec.structs.replace(after, desired=session.desired)

    monkeypatch.setattr(sessions, "apply_update", plant)
    with ground(database_url) as place:
        assert catches(lambda: SessionMachine(place))
