"""A key serves one request: its answer is kept, it is refused while it runs, and another request is refused."""

from __future__ import annotations

import asyncio

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import IdempotencyMismatch, RequestInProgress
from fivapp_whatsapp.ports import KeptAnswer

from .world import add_connected, chat, run_sql, send

pytestmark = pytest.mark.anyio
ANSWER = KeptAnswer(201, [("content-type", "application/json")], '{"text":"Olá"}'.encode())


async def begin(store: DatabaseStore, fingerprint: str = "f", *, tenant: str = "acme", user: str = "u1") -> object:
    return await store.begin_request(tenant, user, "k", fingerprint)


async def end(store: DatabaseStore, answer: KeptAnswer | None = ANSWER) -> None:
    await store.end_request("acme", "u1", "k", answer)


async def test_the_same_request_gets_the_first_answer(store: DatabaseStore) -> None:
    assert await begin(store) is None
    await end(store)
    assert await begin(store) == ANSWER


async def test_a_request_that_runs_is_not_served_beside_itself(
    store: DatabaseStore, other_store: DatabaseStore
) -> None:
    began = await asyncio.gather(*(begin(one) for one in (store, other_store) * 3), return_exceptions=True)
    assert sorted(type(each).__name__ for each in began) == ["NoneType", *["RequestInProgress"] * 5]


async def test_another_request_with_the_key_is_refused(store: DatabaseStore) -> None:
    await begin(store)
    with pytest.raises(IdempotencyMismatch):
        await begin(store, "another")
    await end(store)
    with pytest.raises(IdempotencyMismatch):
        await begin(store, "another")


async def test_a_key_without_an_answer_is_free_again(store: DatabaseStore) -> None:
    await begin(store)
    await end(store, None)
    assert await begin(store, "another") is None


async def test_a_key_belongs_to_its_user_and_tenant_and_to_no_send(store: DatabaseStore) -> None:
    await add_connected(store, "beta")
    for tenant, user in (("acme", "u1"), ("acme", "u2"), ("beta", "u1")):
        assert await begin(store, tenant=tenant, user=user) is None
    assert (await send(store, await chat(store), key=("u1", "k"), fingerprint="x")).created


async def test_a_request_whose_process_died_is_served_again_in_the_end(store: DatabaseStore, database_url: str) -> None:
    await begin(store)
    await run_sql(database_url, "UPDATE fivapp_idempotency_key SET created_at = created_at - 80000")
    with pytest.raises(RequestInProgress):
        await begin(store)
    await run_sql(database_url, "UPDATE fivapp_idempotency_key SET created_at = created_at - 20000")
    assert await begin(store) is None


async def test_an_answer_is_kept_for_a_day(store: DatabaseStore, database_url: str) -> None:
    await begin(store)
    await end(store)
    [[kept]] = await run_sql(database_url, "SELECT expires_at - created_at FROM fivapp_idempotency_key")
    assert int(kept) == 24 * 3600 * 1000
    await run_sql(database_url, "UPDATE fivapp_idempotency_key SET expires_at = 1")
    assert await begin(store, "another") is None


async def test_the_first_answer_stays(store: DatabaseStore) -> None:
    await begin(store)
    await end(store)
    await end(store, KeptAnswer(500, [], b""))
    await end(store, None)
    assert await begin(store) == ANSWER
