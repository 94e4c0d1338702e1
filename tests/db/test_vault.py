"""Webhooks are kept as they came, but for secrets: those of one commit together, for as long as is set."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.db.vault import Vault, unpack
from fivapp_whatsapp.models import SessionStatus
from fivapp_whatsapp.ports import KeptWebhook

from .world import add_connected, chat, incoming, news, receive, run_sql, thread

pytestmark = pytest.mark.anyio
SECRET = secrets.token_hex(16)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def keeping(database_url: str) -> AsyncIterator[DatabaseStore]:
    """A store that keeps webhooks as they came."""
    store = DatabaseStore(database_url, keep_webhooks=True, secrets=[SECRET])
    await store.start()
    await add_connected(store)
    yield store
    await store.close()


async def kept(store: DatabaseStore) -> list[bytes]:
    """Return all bodies that are kept, oldest first."""
    batches = await store.kept_webhooks(EPOCH, datetime.now(UTC) + timedelta(minutes=1))
    return [body.raw for batch in batches for body in batch.bodies]


async def test_what_came_is_kept_with_its_message(keeping: DatabaseStore) -> None:
    raw = '{"text":"Olá \\u0000 🎉"}'.encode() + bytes(range(256))
    await receive(keeping, incoming("N1"), raw=raw)
    [batch] = await keeping.kept_webhooks(EPOCH, datetime.now(UTC) + timedelta(minutes=1))
    assert batch.bodies == [KeptWebhook("connection_service", raw)]
    assert abs(batch.received_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_those_of_one_commit_share_a_row(keeping: DatabaseStore, database_url: str) -> None:
    bodies = [b'{"n": %d}' % number for number in range(40)]
    await asyncio.gather(*(receive(keeping, incoming(f"N{n}"), raw=raw) for n, raw in enumerate(bodies)))
    rows = await run_sql(database_url, "SELECT count FROM fivapp_webhook_batch")
    assert sum(int(count) for (count,) in rows) == 40
    assert len(rows) < 10
    assert sorted(await kept(keeping)) == sorted(bodies)


async def test_what_a_decoder_found_nothing_in_is_kept_too(keeping: DatabaseStore) -> None:
    await receive(keeping, raw=b'{"event":"something new"}')
    assert await kept(keeping) == [b'{"event":"something new"}']


async def test_what_came_again_is_kept_once(keeping: DatabaseStore) -> None:
    for _ in range(3):
        await receive(keeping, incoming("N1"), raw=b"{1}")
    assert await kept(keeping) == [b"{1}"]


async def test_what_is_in_quarantine_is_not_kept_twice(keeping: DatabaseStore) -> None:
    await receive(keeping, incoming("N1", session="nobody"), raw=b"{1}")
    await keeping.quarantine("connection_service", b"{2}", "unreadable")
    assert await kept(keeping) == []
    assert [each.raw for each in await keeping.quarantined()] == [b"{1}", b"{2}"]


async def test_one_bad_row_takes_nobody_elses_body_with_it(keeping: DatabaseStore) -> None:
    results = await asyncio.gather(
        receive(keeping, incoming("N1"), raw=b"{1}"),
        receive(keeping, incoming("N3", "a\0b"), raw=b"{3}"),
        receive(keeping, incoming("N2"), raw=b"{2}"),
        return_exceptions=True,
    )
    stored = [
        raw for raw, result in zip((b"{1}", b"{3}", b"{2}"), results, strict=True) if not isinstance(result, Exception)
    ]
    assert sorted(await kept(keeping)) == sorted(stored)


async def test_a_store_that_is_not_to_keep_keeps_nothing(store: DatabaseStore) -> None:
    await receive(store, incoming("N1"), raw=b"{1}")
    assert await kept(store) == []
    state = await store.vault_state()
    assert (state.bodies, state.size, state.oldest) == (0, 0, None)


async def test_what_is_replayed_is_stored_and_kept_no_second_time(keeping: DatabaseStore) -> None:
    receipt = await keeping.receive("connection_service", [incoming("N1")], b"{1}", replay=True)
    again = await keeping.receive("connection_service", [incoming("N1")], b"{1}", replay=True)
    lost = await keeping.receive("connection_service", [incoming("N2", session="nobody")], b"{2}", replay=True)
    assert (receipt.stored, again.duplicates, lost.quarantined) == (1, 1, 0)
    assert (await kept(keeping), await keeping.quarantined()) == ([], [])
    assert len(await thread(keeping, await chat(keeping))) == 1


async def test_it_goes_when_its_time_is_over(keeping: DatabaseStore) -> None:
    await receive(keeping, incoming("N1"), raw=b"{1}")
    now = datetime.now(UTC)
    await keeping.forget_old(now - timedelta(days=7), webhooks_before=now - timedelta(hours=1))
    assert await kept(keeping) == [b"{1}"]
    await keeping.forget_old(now - timedelta(days=7), webhooks_before=now + timedelta(seconds=1))
    assert await kept(keeping) == []


async def test_how_much_is_kept_is_told(keeping: DatabaseStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    for number in range(3):
        await receive(keeping, news(SessionStatus.CONNECTED), raw=b"{%d}" % number)
    state = await keeping.vault_state()
    assert (state.bodies, state.size > 0) == (3, True)
    assert state.oldest is not None
    assert state.oldest > before


async def test_a_time_has_its_own(keeping: DatabaseStore) -> None:
    await receive(keeping, incoming("N1"), raw=b"{1}")
    now = datetime.now(UTC)
    assert await keeping.kept_webhooks(now + timedelta(minutes=1), now + timedelta(minutes=2)) == []
    assert await keeping.kept_webhooks(EPOCH, now - timedelta(minutes=1)) == []


# --- secrets ---------------------------------------------------------------------------------------


async def test_a_secret_gets_neither_into_what_is_kept_nor_into_quarantine(
    keeping: DatabaseStore, database_url: str
) -> None:
    raw = json.dumps({"apikey": "theirs-1234", "text": "Oi", "url": f"/hooks/{SECRET}"}).encode()
    await receive(keeping, incoming("N1"), raw=raw)
    await keeping.quarantine("connection_service", raw, "unreadable")
    await receive(keeping, incoming("N1", session="nobody"), raw=raw)
    bodies = [*(await kept(keeping)), *(each.raw for each in await keeping.quarantined())]
    assert [json.loads(body) for body in bodies] == [{"apikey": "***", "text": "Oi", "url": "/hooks/***"}] * 3
    rows = await run_sql(database_url, "SELECT bodies FROM fivapp_webhook_batch")
    assert all(SECRET.encode() not in bytes(row[0]) for row in rows)


@pytest.mark.parametrize(
    "secret", ['with"quotes-and\\', "with/slashes/inside", "com-açúcar-e-afeto", "plain-secret-of-ours"]
)
def test_a_secret_is_found_in_every_spelling(secret: str) -> None:
    vault = Vault([secret])
    for text in (
        json.dumps([secret]),
        json.dumps([secret], ensure_ascii=False),
        json.dumps([secret]).replace("/", "\\/"),
    ):
        cleaned = vault.clean(text.encode())
        assert json.loads(cleaned) == ["***"]
        [packed] = unpack(vault.pack([KeptWebhook("c", text.encode())]))
        assert packed.raw == cleaned


@pytest.mark.parametrize(
    "name", ["apikey", "apiKey", "API-Key", "api_key", "token", "accessToken", "Authorization", "password"]
)
def test_a_field_that_is_named_like_a_secret_loses_its_value(name: str) -> None:
    raw = json.dumps({name: 'a "secret" of theirs', "data": {"x": 1}}).encode()
    assert json.loads(Vault().clean(raw)) == {name: "***", "data": {"x": 1}}


@pytest.mark.parametrize(
    "text", ["qual é o token?", 'ele mandou {"token": "abc"}', "a senha e o password", "k", "", "short"]
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    vault = Vault(["short", "k"])
    raw = json.dumps({"text": text}, ensure_ascii=False).encode()
    assert vault.clean(raw) == raw
