"""What is out of its time goes, and nothing that still matters goes with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import Author, MessageStatus, new_id
from fivapp_whatsapp.ports.plugins import AnswerDraft, AnswerTrail, FailureState, PluginFailure

from .world import accept, chat, echo, incoming, outcome, receive, run_sql, send, status, thread

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)
_KEY_COLUMNS = "tenant_id, principal, route, key, fingerprint, message_id, created_at, expires_at"


async def count(url: str, table: str) -> int:
    [[found]] = await run_sql(url, f"SELECT count(*) FROM fivapp_{table}")
    return int(found)


async def forget(store: DatabaseStore, days: float = 7) -> None:
    await store.forget_old(datetime.now(UTC) - timedelta(days=days))


async def test_a_key_serves_again_when_its_time_is_over(store: DatabaseStore, database_url: str) -> None:
    first = await send(store, await chat(store), key=("u1", "k"))
    await run_sql(database_url, "UPDATE fivapp_idempotency_key SET expires_at = 1")
    again = await send(store, await chat(store), key=("u1", "k"), fingerprint="other")
    assert again.created
    assert again.message.id != first.message.id
    assert not (await send(store, await chat(store), key=("u1", "k"), fingerprint="other")).created


async def test_old_keys_go(store: DatabaseStore, database_url: str) -> None:
    await send(store, await chat(store), key=("u1", "k"))
    await forget(store)
    assert await count(database_url, "idempotency_key") == 1
    await run_sql(database_url, "UPDATE fivapp_idempotency_key SET expires_at = 1")
    await forget(store)
    assert await count(database_url, "idempotency_key") == 0


async def test_what_a_plugin_did_is_known_for_longer_than_its_failures_can_be_played_again(
    store: DatabaseStore, database_url: str
) -> None:
    conversation = await chat(store)
    days = 24 * 3600 * 1000
    for principal in ("u1", "plugin:bot"):
        await send(store, conversation, key=(principal, "k"))
    await store.add_note(
        "acme", conversation.id, "n", Author(kind="plugin", id="bot"), idempotency_key=("plugin:bot", "n")
    )
    await run_sql(database_url, f"UPDATE fivapp_idempotency_key SET expires_at = expires_at - {30 * days}")
    await forget(store)
    rows = await run_sql(database_url, "SELECT principal, route FROM fivapp_idempotency_key ORDER BY route")
    assert [tuple(row) for row in rows] == [("plugin:bot", "note"), ("plugin:bot", "send")]


async def test_more_than_a_part_of_what_is_old_goes_at_once(store: DatabaseStore, database_url: str) -> None:
    many = ", ".join(f"('acme', 'u1', 'send', 'k{i}', 'f', 'm', 1, 1)" for i in range(2_500))
    await run_sql(database_url, f"INSERT INTO fivapp_idempotency_key ({_KEY_COLUMNS}) VALUES {many}")
    await forget(store)
    assert await count(database_url, "idempotency_key") == 0


async def test_that_a_message_was_sent_again_is_never_forgotten(store: DatabaseStore, database_url: str) -> None:
    failed = await outcome(store, (await send(store, await chat(store))).item, "failed")
    again = await send(store, await chat(store), key=("retry", failed.id), retry_of=failed.id)
    ten_years = 10 * 365 * 24 * 3600 * 1000
    await run_sql(database_url, f"UPDATE fivapp_idempotency_key SET expires_at = expires_at - {ten_years}")
    await forget(store)
    once_more = await send(store, await chat(store), key=("retry", failed.id), retry_of=failed.id)
    assert (once_more.created, once_more.message.id) == (False, again.message.id)


async def test_a_status_waits_a_week_for_its_message(store: DatabaseStore, database_url: str) -> None:
    await receive(store, status(MessageStatus.READ, "n1"))
    day = 24 * 3600 * 1000
    await run_sql(database_url, f"UPDATE fivapp_parked_status SET received_at = received_at - {6 * day}")
    await forget(store)
    assert await count(database_url, "parked_status") == 1
    await run_sql(database_url, f"UPDATE fivapp_parked_status SET received_at = received_at - {2 * day}")
    await forget(store)
    assert await count(database_url, "parked_status") == 0


async def test_an_echo_that_comes_much_later_is_a_message_of_its_own(store: DatabaseStore, database_url: str) -> None:
    await outcome(store, (await send(store, await chat(store), "Olá")).item, "unknown")
    await run_sql(database_url, "UPDATE fivapp_outbox SET not_before = not_before - 200000")
    assert (await receive(store, echo("n1", "Olá"))).stored == 1
    assert [message.author.kind for message in await thread(store, await chat(store))] == ["phone", "agent"]


async def test_sends_that_wait_for_an_echo_go_and_unknown_ones_stay(store: DatabaseStore, database_url: str) -> None:
    await accept(store, (await send(store, await chat(store), "one")).item, None)
    await outcome(store, (await send(store, await chat(store), "two")).item, "unknown")
    await run_sql(database_url, "UPDATE fivapp_outbox SET not_before = not_before - 200000")
    await forget(store)
    assert await count(database_url, "outbox") == 1
    assert (await store.check()).outbox_unknown == 1


async def test_settled_bodies_go_and_waiting_ones_stay(store: DatabaseStore, database_url: str) -> None:
    await store.quarantine("c", b"?", "not JSON")
    event = incoming("n1", session="acme.new")
    await receive(store, event)
    await store.add_session("acme", "acme.new", "New", "c")
    [kept] = await store.quarantined("acme.new")
    await store.receive("c", [event], kept.raw, quarantine_id=kept.id)
    await forget(store, days=-1)
    assert await count(database_url, "quarantine") == 1
    assert [each.raw for each in await store.quarantined()] == [b"?"]


# --- what plugins need kept ----------------------------------------------------------------------------


async def test_state_goes_when_its_time_is_over(store: DatabaseStore, database_url: str) -> None:
    now = datetime.now(UTC)
    for key, expires_at in (("old", now - HOUR), ("young", now + HOUR), ("for good", None)):
        await store.set_state("acme", "bot", "", key, 1, expires_at)
    await forget(store)
    left = await run_sql(database_url, "SELECT key FROM fivapp_plugin_state ORDER BY key")
    assert left == [("for good",), ("young",)]


async def test_marks_go_with_the_events_of_their_messages(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    conversation = await chat(store)
    [message] = await thread(store, conversation)
    old = new_id()
    # An id begins with its time.
    old = f"{int(old[:12], 16) - 8 * 24 * 3600 * 1000:012x}{old[12:]}"
    for message_id in (message.id, old):
        trail = AnswerTrail(message_id=message_id, at=datetime.now(UTC), rule="switched_off")
        draft = AnswerDraft(conversation_id=conversation.id, message_ids=[message_id], trail=trail)
        await store.commit_answer("acme", draft, owner="p", lease_seconds=30, expires_at=datetime.now(UTC) + HOUR)
    assert await store.marked("acme", [message.id, old]) == {message.id, old}
    await forget(store, days=7)
    assert await store.marked("acme", [message.id, old]) == {message.id}
    assert await store.answer_trail("acme", old) is None
    await forget(store, days=-1)
    assert await store.marked("acme", [message.id]) == set()


async def test_presence_that_is_over_goes(store: DatabaseStore, database_url: str) -> None:
    now = datetime.now(UTC)
    await store.show_presence("died", {("acme", "u1"): now - HOUR})
    await store.show_presence("lives", {("acme", "u1"): now + HOUR})
    await forget(store)
    assert await run_sql(database_url, "SELECT process FROM fivapp_plugin_presence") == [("lives",)]


async def test_health_that_is_over_goes(store: DatabaseStore, database_url: str) -> None:
    now = datetime.now(UTC)
    await store.tell_healths("died", {("acme", "bot"): {}}, now - HOUR)
    await store.tell_healths("lives", {("acme", "bot"): {}}, now + HOUR)
    await forget(store)
    assert await run_sql(database_url, "SELECT process FROM fivapp_plugin_health") == [("lives",)]


@pytest.mark.parametrize(("state", "days", "stays"), [("dead", 29, True), ("dead", 31, False), ("retrying", 31, True)])
async def test_a_failure_that_was_given_up_stays_for_thirty_days(
    store: DatabaseStore, state: FailureState, days: int, stays: bool
) -> None:
    at = datetime.now(UTC) - timedelta(days=days)
    failure = PluginFailure(
        id=new_id(), tenant_id="acme", plugin="bot", hook="timer", state=state, attempts=3, error="E", at=at
    )
    await store.add_failure(failure)
    await forget(store)
    assert bool(await store.failures("acme")) is stays
