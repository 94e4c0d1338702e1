"""Messages found by their texts, on both databases."""

from __future__ import annotations

import pytest

from fivapp_whatsapp.db import found
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import Message

from .world import AGENT, ANA, BIA, add_connected, chat, head, incoming, receive, run_sql

pytestmark = pytest.mark.anyio


async def _found(store: DatabaseStore, query: str, tenant: str = "acme") -> list[str | None]:
    return [message.text for message in await _messages(store, query, tenant)]


async def _messages(store: DatabaseStore, query: str, tenant: str = "acme") -> list[Message]:
    return list((await store.search_messages(tenant, query, None, 200)).items)


async def test_messages_of_all_conversations_are_found_newest_first(store: DatabaseStore) -> None:
    await receive(store, incoming("1", "Meu pedido não chegou"), incoming("2", "o pedido é urgente", chat=BIA))
    await receive(store, incoming("3", "Bom dia"), incoming("4", "Pedidos", chat=BIA))
    note = await store.add_note("acme", (await chat(store, ANA)).id, "pediu o pedido de volta", AGENT)

    assert await _found(store, "PEDIDO") == [note.text, "Pedidos", "o pedido é urgente", "Meu pedido não chegou"]
    assert await _found(store, "nunca pedido") == []
    assert await _found(store, "não cheg") == ["Meu pedido não chegou"]
    assert await _found(store, " ?! ") == []
    assert await _found(store, "pedido " + "x" * 3000) == []


async def test_the_conversations_of_what_was_found_come_along(store: DatabaseStore) -> None:
    await receive(store, incoming("1", "um pedido"), incoming("2", "outro pedido"), incoming("3", "pedido", chat=BIA))
    await receive(store, incoming("4", "nada disso", chat="5531911112222@c.us"))
    page = await store.search_messages("acme", "pedido", None, 200)

    assert {one.chat_id for one in page.conversations} == {ANA, BIA}
    assert len(page.conversations) == 2
    assert {message.conversation_id for message in page.items} == {one.id for one in page.conversations}


async def test_system_lines_are_not_found(store: DatabaseStore) -> None:
    await store.add_note("acme", (await chat(store)).id, "Bots pausados", AGENT, system=True)

    assert await _found(store, "pausados") == []


@pytest.mark.parametrize("other", ["acme-2", "acme_x", "ACME", "-_-"])
async def test_a_tenant_finds_its_own_messages_alone(store: DatabaseStore, other: str) -> None:
    await add_connected(store, other)
    await receive(store, incoming("1", "segredo da acme"))
    await receive(store, incoming("1", "segredo alheio", session=other))

    assert await _found(store, "segredo") == ["segredo da acme"]
    assert await _found(store, "segredo", other) == ["segredo alheio"]
    assert await _found(store, "acme") == ["segredo da acme"]
    assert await _found(store, "acme", other) == []


async def test_pages_hold_each_message_once_whatever_comes_meanwhile(store: DatabaseStore) -> None:
    await receive(store, *(incoming(str(n), f"item {n}", chat=(ANA, BIA)[n % 2]) for n in range(7)))
    first = await store.search_messages("acme", "item", None, 3)
    await receive(store, incoming("8", "item 8"))
    second = await store.search_messages("acme", "item", int(first.next_cursor or 0), 3)
    third = await store.search_messages("acme", "item", int(second.next_cursor or 0), 3)

    assert [m.text for page in (first, second, third) for m in page.items] == [f"item {n}" for n in range(6, -1, -1)]
    assert third.next_cursor is None
    assert third.seq == await head(store)


async def test_a_text_that_was_erased_is_not_found(store: DatabaseStore, database_url: str) -> None:
    await receive(store, incoming("1", "meu CPF"))
    await run_sql(database_url, "UPDATE fivapp_message SET text = NULL")

    assert await _found(store, "cpf") == []


async def test_what_is_far_back_in_the_log_is_found_too(
    store: DatabaseStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "_STRETCHES", (1, 2, None))
    await receive(store, incoming("1", "agulha antiga"))
    await run_sql(database_url, "UPDATE fivapp_tenant_cursor SET seq = 5 * 65536 WHERE tenant_id = 'acme'")
    await receive(store, incoming("2", "agulha nova"))
    newest = await store.search_messages("acme", "agulha", None, 1)

    assert [m.text for m in newest.items] == ["agulha nova"]
    assert await _found(store, "agulha") == ["agulha nova", "agulha antiga"]
    older = await store.search_messages("acme", "agulha", int(newest.next_cursor or 0), 5)
    assert [m.text for m in older.items] == ["agulha antiga"]
