"""The state machines: a message's status only goes up, a session follows the news that may count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivapp_whatsapp.errors import (
    ConnectorError,
    ConnectorKeyRefused,
    ConnectorProtocolError,
    ConnectorRejected,
    ConnectorUnavailable,
)
from fivapp_whatsapp.models import MessageStatus, Session, SessionProblem, SessionStatus, SessionUpdate
from fivapp_whatsapp.ports import SessionHealth
from fivapp_whatsapp.states import ailment, apply_update, higher, notification, problem_of, visible_change, wants_start

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = THEN + timedelta(minutes=1)
S = SessionStatus
SENDS = [status for status in MessageStatus if status is not MessageStatus.RECEIVED]
sends = st.sampled_from(SENDS)


def session(status: SessionStatus = S.CONNECTED, **more: object) -> Session:
    return msgspec.structs.replace(
        Session(
            id="acme",
            tenant_id="acme",
            name="Sales",
            connector="c",
            status=status,
            desired="running",
            status_at=THEN,
            created_at=THEN,
        ),
        **more,
    )


def told(before: Session, status: SessionStatus, **more: object) -> Session:
    return apply_update(before, SessionUpdate(session_id="acme", status=status, **more), NOW)  # type: ignore[arg-type]


# --- messages --------------------------------------------------------------------------------------


@given(sends, sends, sends)
def test_the_higher_status_is_a_maximum(one: MessageStatus, two: MessageStatus, three: MessageStatus) -> None:
    assert higher(one, one) is one
    assert higher(one, two) is higher(two, one)
    assert higher(higher(one, two), three) is higher(one, higher(two, three))
    assert higher(one, two).rank >= one.rank


@given(st.data())
def test_order_and_repetition_of_statuses_do_not_matter(data: st.DataObject) -> None:
    reports = data.draw(st.lists(sends, min_size=1))
    again = data.draw(st.permutations(reports + data.draw(st.lists(st.sampled_from(reports)))))
    assert reduce(higher, reports) is reduce(higher, again)


def test_a_proof_wins_over_a_doubt_and_a_failure_never_hides_a_proof() -> None:
    M = MessageStatus
    for doubt in (M.PENDING, M.CANCELLED, M.EXPIRED, M.UNKNOWN, M.FAILED):
        assert higher(doubt, M.DELIVERED) is M.DELIVERED
        assert higher(M.DELIVERED, doubt) is M.DELIVERED


@pytest.mark.parametrize("status", SENDS)
def test_received_stands_outside_of_the_order(status: MessageStatus) -> None:
    assert higher(status, MessageStatus.RECEIVED) is status
    assert higher(MessageStatus.RECEIVED, status) is MessageStatus.RECEIVED


# --- sessions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", S)
def test_a_running_session_takes_every_status(status: SessionStatus) -> None:
    after = told(session(S.RECONNECTING), status, reason="why")
    assert (after.status, after.last_seen_at) == (status, NOW)
    assert after.status_at == (THEN if status is S.RECONNECTING else NOW)
    assert after.error == (None if status is S.CONNECTED else "why")


@pytest.mark.parametrize("status", S)
def test_a_stopped_session_can_only_end(status: SessionStatus) -> None:
    before = session(S.CONNECTED, desired="stopped")
    after = told(before, status, reason="why")
    ends = status in (S.DISCONNECTED, S.LOGGED_OUT)
    assert after.status is (status if ends else S.CONNECTED)
    assert visible_change(before, after) is ends


def test_a_status_that_does_not_count_leaves_no_error() -> None:
    assert told(session(S.DISCONNECTED, desired="stopped"), S.FAILED, reason="late").error is None


def test_a_connected_session_knows_its_phone_and_keeps_it() -> None:
    after = told(session(S.QR_READY, error="old"), S.CONNECTED, phone="5511", profile_name="Acme")
    assert (after.phone, after.profile_name, after.error) == ("5511", "Acme", None)
    later = told(told(after, S.RECONNECTING), S.CONNECTED)
    assert (later.phone, later.profile_name) == ("5511", "Acme")


@pytest.mark.parametrize("status", [S.CONNECTED, S.RECONNECTING])
def test_any_answer_ends_unreachable_with_its_error(status: SessionStatus) -> None:
    before = session(S.RECONNECTING, problem=SessionProblem.UNREACHABLE, error="no answer")
    after = told(before, status)
    assert (after.problem, after.error) == (None, None)


def test_an_answer_does_not_end_another_problem() -> None:
    before = session(problem=SessionProblem.DEGRADED)
    assert told(before, S.CONNECTED).problem is SessionProblem.DEGRADED


def test_a_sign_of_life_alone_is_no_visible_change() -> None:
    before = session()
    assert not visible_change(before, told(before, S.CONNECTED))
    assert visible_change(before, told(before, S.RECONNECTING))
    assert visible_change(before, msgspec.structs.replace(before, name="New"))


@pytest.mark.parametrize("status", S)
def test_people_are_told_of_what_only_they_can_mend(status: SessionStatus) -> None:
    before = session(S.CONNECTING)
    after = told(before, status, reason="why")
    expected = {"code": f"session_{status.value}", "sessionId": "acme", "detail": "why"}
    needed = status in (S.LOGGED_OUT, S.RESTRICTED, S.FAILED)
    assert notification(before, after) == (expected if needed else None)
    assert notification(after, told(after, status, reason="again")) is None


@pytest.mark.parametrize("problem", SessionProblem)
def test_people_are_told_of_a_problem_when_it_begins(problem: SessionProblem) -> None:
    before = session()
    after = msgspec.structs.replace(before, problem=problem, error="no answer")
    assert notification(before, after) == {
        "code": f"session_{problem.value}",
        "sessionId": "acme",
        "detail": "no answer",
    }
    assert notification(after, after) is None
    assert notification(after, before) is None


def test_a_stopped_session_needs_nobody() -> None:
    before = session(S.CONNECTED, desired="stopped")
    assert notification(before, told(before, S.LOGGED_OUT)) is None


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("before", [S.CONNECTED, S.RECONNECTING, S.CONNECTING, S.DISCONNECTED, S.QR_READY])
def test_people_are_told_of_a_connection_that_went_without_their_wish(
    before: SessionStatus, status: SessionStatus
) -> None:
    lost = before in (S.CONNECTED, S.RECONNECTING) and status in (S.DISCONNECTED, S.QR_READY)
    was = session(before)
    news = notification(was, told(was, status, reason="why"))
    assert (news is not None and news["code"] == "session_disconnected") is lost
    stopped = session(before, desired="stopped")
    assert notification(stopped, told(stopped, status)) is None


@pytest.mark.parametrize("status", S)
def test_only_a_session_that_is_to_run_and_is_forgotten_is_started(status: SessionStatus) -> None:
    assert wants_start(session(status)) is (status is S.DISCONNECTED)
    assert not wants_start(session(status, desired="stopped"))


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ConnectorUnavailable(), SessionProblem.UNREACHABLE),
        (ConnectorKeyRefused(), SessionProblem.DEGRADED),
        (ConnectorRejected(), SessionProblem.DEGRADED),
        (ConnectorProtocolError(), SessionProblem.DEGRADED),
    ],
)
def test_a_service_that_answers_is_not_unreachable(error: ConnectorError, problem: SessionProblem) -> None:
    assert problem_of(error) is problem


# --- restrictions ------------------------------------------------------------------------------------


def test_a_restriction_has_its_reason_and_its_end() -> None:
    end = NOW + timedelta(hours=1)
    after = told(session(), S.RESTRICTED, reason="too many strangers", until=end)
    assert (after.status, after.error, after.restricted_until) == (S.RESTRICTED, "too many strangers", end)
    assert told(after, S.RESTRICTED).restricted_until == end
    later = told(after, S.RESTRICTED, until=end + timedelta(hours=1))
    assert later.restricted_until == end + timedelta(hours=1)


def test_until_its_end_a_restriction_outlasts_a_service_that_calls_the_session_connected() -> None:
    restricted = session(S.RESTRICTED, restricted_until=NOW + timedelta(seconds=1), error="limited")
    assert (told(restricted, S.CONNECTED).status, told(restricted, S.CONNECTED).error) == (S.RESTRICTED, "limited")
    over = msgspec.structs.replace(restricted, restricted_until=NOW)
    after = told(over, S.CONNECTED)
    assert (after.status, after.restricted_until, after.error) == (S.CONNECTED, None, None)


def test_a_restriction_without_an_end_is_over_when_the_service_says_so() -> None:
    assert told(session(S.RESTRICTED), S.CONNECTED).status is S.CONNECTED


@pytest.mark.parametrize("status", [S.LOGGED_OUT, S.DISCONNECTED, S.FAILED])
def test_other_news_end_a_restriction_at_once(status: SessionStatus) -> None:
    after = told(session(S.RESTRICTED, restricted_until=NOW + timedelta(hours=1)), status)
    assert (after.status, after.restricted_until) == (status, None)


# --- what is wrong with a session that is connected --------------------------------------------------

SILENCE, QUIET = 600.0, 7200.0
LONG_AGO = NOW - timedelta(hours=1)


def ails(silence: float = SILENCE, quiet: float = QUIET, **health: datetime) -> str | None:
    return ailment(SessionHealth(**health), NOW, silence, quiet)


def test_a_session_of_which_nothing_is_known_is_well() -> None:
    assert ails() is None


def test_sends_that_are_not_answered_are_an_ailment() -> None:
    found = ails(failing_since=NOW)
    assert found is not None
    assert "2026-01-01 00:01 UTC" in found


def test_silence_after_a_send_is_an_ailment_where_the_service_told_of_sends_before() -> None:
    told_at, sent_at = LONG_AGO, NOW - timedelta(minutes=11)
    assert "Nothing came back" in (ails(told_at=told_at, heard_at=told_at, sent_at=sent_at) or "")
    # A plain service that never tells of a send says nothing by its silence.
    assert ails(heard_at=told_at, sent_at=sent_at) is None
    # Ten minutes are not over, or something came since, of whatever kind.
    assert ails(told_at=told_at, heard_at=told_at, sent_at=NOW - timedelta(minutes=9)) is None
    assert ails(told_at=told_at, heard_at=NOW - timedelta(minutes=10), sent_at=sent_at) is None
    assert ails(silence=0, told_at=told_at, heard_at=told_at, sent_at=sent_at) is None


def test_a_long_time_without_any_webhook_is_an_ailment_where_one_is_set() -> None:
    assert "No webhook came" in (ails(heard_at=NOW - timedelta(hours=3)) or "")
    assert ails(heard_at=LONG_AGO) is None
    assert ails(quiet=0, heard_at=NOW - timedelta(days=30)) is None


def test_what_is_wrong_is_told_in_the_same_words_each_time() -> None:
    assert ails(failing_since=LONG_AGO) == ailment(
        SessionHealth(failing_since=LONG_AGO), NOW + timedelta(hours=5), SILENCE, QUIET
    )


def test_an_error_that_says_why_a_connected_session_is_degraded_stays_with_it() -> None:
    after = told(session(problem=SessionProblem.DEGRADED, error="silent"), S.CONNECTED)
    assert (after.problem, after.error) == (SessionProblem.DEGRADED, "silent")
