"""Signs of life of sessions: the newest counts, whoever noted it, and what was sent first since then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import SessionStatus
from fivapp_whatsapp.ports import PulseNote, SessionHealth

from .world import AT, add_connected, chat, log, news, outcome, receive, send

pytestmark = pytest.mark.anyio


def at(minutes: float) -> datetime:
    return AT + timedelta(minutes=minutes)


async def note(store: DatabaseStore, **times: float) -> SessionHealth:
    """Note times in minutes, and return what is known then."""
    await store.note_pulses([PulseNote("acme", **{f"{name}_at": at(when) for name, when in times.items()})])
    return await store.session_health("acme")


async def test_nothing_is_known_at_first(store: DatabaseStore) -> None:
    await store.note_pulses([])
    assert await store.session_health("acme") == SessionHealth()


async def test_what_is_noted_is_known(store: DatabaseStore) -> None:
    assert await note(store, heard=1, told=1, sent=2) == SessionHealth(at(1), at(1), at(2))


async def test_the_newest_sign_of_life_counts_whatever_came_first(
    store: DatabaseStore, other_store: DatabaseStore
) -> None:
    await note(store, heard=5, told=4)
    assert await note(other_store, heard=3, told=3) == SessionHealth(at(5), at(4))
    assert await note(other_store, heard=7) == SessionHealth(at(7), at(4))


async def test_of_what_was_sent_the_first_counts_until_something_is_heard(store: DatabaseStore) -> None:
    await note(store, heard=1)
    assert (await note(store, sent=2)).sent_at == at(2)
    assert (await note(store, sent=9)).sent_at == at(2)
    assert (await note(store, heard=10)).sent_at == at(2)
    assert (await note(store, sent=11)).sent_at == at(11)


async def test_many_sessions_are_noted_at_once_and_strangers_not_at_all(store: DatabaseStore) -> None:
    await add_connected(store, "beta")
    await store.note_pulses([PulseNote(name, at(1)) for name in ("acme", "beta", "nobody")])
    assert [(await store.session_health(name)).heard_at for name in ("acme", "beta", "nobody")] == [at(1), at(1), None]


async def test_sends_that_nobody_answers_are_known_since_when_and_until_one_is_answered(store: DatabaseStore) -> None:
    for number in range(6):
        queued = await send(store, await chat(store, f"55119888{number:05d}"))
        if number == 5:
            assert queued.item is None
            break
        assert (await store.session_health("acme")).failing_since is None
        await outcome(store, queued.item, "unknown", code="outcome_unknown", fault=True)
    since = (await store.session_health("acme")).failing_since
    assert since is not None
    assert abs(since - datetime.now(UTC)) < timedelta(minutes=1)
    await receive(store, news(SessionStatus.RECONNECTING), news(SessionStatus.CONNECTED))
    assert (await store.session_health("acme")).failing_since is None


async def test_a_restriction_is_kept_with_its_end_and_a_persons_wish_to_connect_lifts_it(store: DatabaseStore) -> None:
    end = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    await receive(store, news(SessionStatus.RESTRICTED, reason="limited", until=end))
    await receive(store, news(SessionStatus.CONNECTED))
    session = await store.session("acme", "acme")
    assert session is not None
    assert (session.status, session.error, session.restricted_until) == (SessionStatus.RESTRICTED, "limited", end)
    assert (await send(store, await chat(store))).item is None
    notes = [event.data["code"] for event in await log(store) if event.type == "notification"]
    assert notes == ["session_restricted"]
    await store.change_session("acme", "acme", desired="running")
    await receive(store, news(SessionStatus.CONNECTED))
    session = await store.session("acme", "acme")
    assert session is not None
    assert (session.status, session.restricted_until) == (SessionStatus.CONNECTED, None)
