"""What a webhook tells is stored once, whole, and under its own tenant."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import Media, MessageKind, MessageStatus, SessionStatus
from fivapp_whatsapp.ports import Receipt

from .world import (
    ANA,
    AT,
    BIA,
    GROUP,
    add_connected,
    change,
    chat,
    chats,
    echo,
    head,
    incoming,
    log,
    news,
    receive,
    sent,
    status,
    thread,
)

pytestmark = pytest.mark.anyio


async def test_a_message_makes_its_conversation_and_contact(store: DatabaseStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert await receive(store, incoming("n1", "Bom dia")) == Receipt(stored=1)
    [conversation] = await chats(store)
    [message] = await thread(store, conversation)
    assert (conversation.chat_id, conversation.title, conversation.unread_count) == (ANA, "Ana", 1)
    assert (conversation.status, conversation.answered_by, conversation.is_group) == ("open", "bot", False)
    assert conversation.last_message == message
    assert conversation.waiting_since is not None
    assert conversation.waiting_since > before
    assert (message.text, message.direction, message.status) == ("Bom dia", "incoming", MessageStatus.RECEIVED)
    assert message.at == AT
    assert (message.author.kind, message.author.id, message.author.name) == ("contact", conversation.contact_id, "Ana")
    contact = await store.contact("acme", conversation.contact_id or "")
    assert contact is not None
    assert (contact.name, contact.phone, contact.addresses) == ("Ana", "5511988887777", [ANA])


async def test_a_message_keeps_the_time_it_was_written_and_the_order_it_came_in(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", "second", at=AT))
    await receive(store, incoming("n2", "first", at=AT - timedelta(hours=3)))
    await receive(store, incoming("n3", "no time", at=None))
    newest, late, first = await thread(store, (await chats(store))[0])
    assert [first.text, late.text, newest.text] == ["second", "first", "no time"]
    assert late.at == AT - timedelta(hours=3)
    assert abs(newest.at - datetime.now(UTC)) < timedelta(minutes=1)
    [step] = await store.timeline("acme", late.id)
    assert (step.status, step.at) == (MessageStatus.RECEIVED, late.at)
    assert step.received_at > late.at


async def test_media_is_kept_as_it_was_told(store: DatabaseStore) -> None:
    media = Media(url="https://files.example/1", mime_type="image/png", size=3, width=2, height=1, filename="a.png")
    await receive(store, incoming("n1", None, kind=MessageKind.IMAGE, media=media))
    [message] = await thread(store, (await chats(store))[0])
    assert (message.kind, message.text, message.media) == (MessageKind.IMAGE, None, media)


# --- once ------------------------------------------------------------------------------------------


async def test_a_duplicate_is_stored_once(store: DatabaseStore) -> None:
    receipts = await asyncio.gather(*(receive(store, incoming("n1")) for _ in range(50)))
    later = await receive(store, incoming("n1", "the same id with another text"))
    assert sum(receipt.stored for receipt in receipts) == 1
    assert sum(receipt.duplicates for receipt in receipts) == 49
    assert later == Receipt(duplicates=1)
    [conversation] = await chats(store)
    assert conversation.unread_count == 1
    assert [message.text for message in await thread(store, conversation)] == ["Oi"]
    assert [event.type for event in await log(store)].count("message.created") == 1


async def test_a_duplicate_inside_one_webhook_is_stored_once(store: DatabaseStore) -> None:
    assert await receive(store, incoming("n1"), incoming("n1"), incoming("n2")) == Receipt(stored=2, duplicates=1)


async def test_a_duplicate_changes_no_row_and_logs_nothing(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    [before], at = await chats(store), await head(store)
    await receive(store, incoming("n1", "other", sender_name="Another name"))
    assert [before] == await chats(store)
    assert await head(store) == at


async def test_a_message_is_still_a_duplicate_when_all_that_is_old_was_dropped(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    await store.forget_old(datetime.now(UTC) + timedelta(days=400))
    assert await receive(store, incoming("n1")) == Receipt(duplicates=1)


async def test_texts_alone_never_make_a_duplicate(store: DatabaseStore) -> None:
    receipt = await receive(store, *(incoming(f"n{i}", "ok") for i in range(5)))
    assert receipt == Receipt(stored=5)


async def test_two_stores_that_get_one_webhook_store_it_once(store: DatabaseStore, other_store: DatabaseStore) -> None:
    receipts = await asyncio.gather(*(receive(each, incoming("n1")) for each in (store, other_store) for _ in range(5)))
    assert sum(receipt.stored for receipt in receipts) == 1
    assert sum(receipt.duplicates for receipt in receipts) == 9


# --- tenants never mix -----------------------------------------------------------------------------


async def test_one_native_id_in_two_sessions_is_two_messages(store: DatabaseStore) -> None:
    await add_connected(store, "acme", "acme.second")
    await add_connected(store, "globex")
    receipt = await receive(store, *(incoming("n1", session=s) for s in ("acme", "acme.second", "globex")))
    assert receipt == Receipt(stored=3)
    assert [c.session_id for c in await chats(store)] == ["acme.second", "acme"]
    assert [c.session_id for c in await chats(store, "globex")] == ["globex"]


async def test_one_phone_in_two_tenants_is_two_contacts(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    await receive(store, incoming("n1", sender_name="Ana of Acme"))
    await receive(store, incoming("n1", session="globex", sender_name="Ana of Globex"))
    [ours], [theirs] = await chats(store), await chats(store, "globex")
    assert (ours.title, theirs.title) == ("Ana of Acme", "Ana of Globex")
    assert ours.contact_id != theirs.contact_id
    assert await store.contact("acme", theirs.contact_id or "") is None


async def test_a_status_never_reaches_another_sessions_message(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    message = await sent(store, await chat(store), "n1")
    before = await head(store)
    await receive(store, status(MessageStatus.READ, "n1", session="globex"))
    await receive(store, status(MessageStatus.READ, session="globex", client_message_id=message.id))
    await receive(store, status(MessageStatus.FAILED, "n2", session="globex", client_message_id=message.id))
    assert (await store.message("acme", message.id)) == message
    assert await head(store) == before


async def test_an_echo_never_takes_another_sessions_message(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    message = await sent(store, await chat(store), "n1")
    await receive(store, echo("x", "Olá", session="globex", client_message_id=message.id))
    assert (await store.message("acme", message.id)) == message
    [typed] = await thread(store, (await chats(store, "globex"))[0], "globex")
    assert (typed.author.kind, typed.text) == ("phone", "Olá")


async def test_a_quote_of_another_sessions_message_names_nothing(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    await receive(store, incoming("n1"))
    await receive(store, incoming("n2", session="globex", quoted_native_id="n1"))
    [message] = await thread(store, (await chats(store, "globex"))[0], "globex")
    assert message.quoted_message_id is None


async def test_a_conversation_says_up_to_which_event_its_messages_are_counted(store: DatabaseStore) -> None:
    await receive(store, incoming("n0"))
    [first] = await chats(store)
    arriving = asyncio.gather(*(receive(store, incoming(f"n{number}")) for number in range(1, 40)))
    seen = [first]
    while not arriving.done():
        seen += await chats(store)
    counted = [event.seq for event in await log(store) if event.type == "message.created"]
    [last] = await chats(store)
    assert (last.unread_count, last.activity_seq) == (40, counted[-1])
    for each in (*seen, last):
        assert each.unread_count == sum(seq <= each.activity_seq for seq in counted)


# --- whose chat it is ------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["551188887777@c.us", "5511988887777@s.whatsapp.net", "5511988887777"])
async def test_all_spellings_of_a_phone_are_one_conversation(store: DatabaseStore, spelling: str) -> None:
    await receive(store, incoming("n1", chat=ANA))
    await receive(store, incoming("n2", chat=spelling))
    [conversation] = await chats(store)
    assert conversation.unread_count == 2
    # What WhatsApp used last is what it will take.
    assert conversation.chat_id == spelling


async def test_a_hidden_number_has_a_conversation_without_a_phone(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", chat="251500000000001@lid", sender_name=None))
    [conversation] = await chats(store)
    contact = await store.contact("acme", conversation.contact_id or "")
    assert conversation.title == "251500000000001@lid"
    assert contact is not None
    assert (contact.phone, contact.name, contact.addresses) == (None, None, ["251500000000001@lid"])


async def test_a_group_is_one_conversation_with_a_contact_for_each_sender(store: DatabaseStore) -> None:
    group = {"chat": GROUP, "group_name": "Obras"}
    await receive(store, incoming("n1", sender=ANA, sender_name="Ana", **group))
    await receive(store, incoming("n2", sender=BIA, sender_name="Bia", **group))
    [conversation] = await chats(store)
    bia, ana = await thread(store, conversation)
    assert (conversation.title, conversation.is_group, conversation.contact_id) == ("Obras", True, None)
    assert (ana.author.name, bia.author.name) == ("Ana", "Bia")
    assert ana.author.id != bia.author.id
    assert await store.contact("acme", bia.author.id or "") is not None


async def test_a_group_takes_its_new_name_and_never_a_senders(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", chat=GROUP, sender=ANA, group_name="Obras"))
    await receive(store, incoming("n2", chat=GROUP, sender=ANA))
    await receive(store, incoming("n3", chat=GROUP, sender=ANA, group_name="Obras 2"))
    assert [c.title for c in await chats(store)] == ["Obras 2"]
    assert [c.title for c in await chats(store, query="obras 2")] == ["Obras 2"]


async def test_a_group_that_we_write_to_from_the_phone_has_no_contact(store: DatabaseStore) -> None:
    await receive(store, echo("n1", "Bom dia", chat=GROUP, group_name="Obras"))
    [conversation] = await chats(store)
    [message] = await thread(store, conversation)
    assert (conversation.title, conversation.contact_id, message.author.id) == ("Obras", None, None)


async def test_a_contacts_new_name_is_the_conversations_title(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", sender_name="Ana"))
    after = await head(store)
    await receive(store, incoming("n2", sender_name="Ana Paula"))
    await receive(store, incoming("n3", sender_name=None))
    [conversation] = await chats(store)
    contact = await store.contact("acme", conversation.contact_id or "")
    assert conversation.title == "Ana Paula"
    assert contact is not None
    assert contact.name == "Ana Paula"
    types = [event.type for event in await log(store, after)]
    assert types == ["message.created", "conversation.updated", "message.created"]


async def test_a_contact_without_a_name_is_shown_by_the_phone(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", sender_name=None))
    assert [c.title for c in await chats(store)] == ["+5511988887777"]


async def test_a_quote_names_the_message_that_we_have(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"), incoming("n2", quoted_native_id="n1"), incoming("n3", quoted_native_id="nope"))
    third, second, first = await thread(store, (await chats(store))[0])
    assert second.quoted_message_id == first.id
    assert third.quoted_message_id is None


# --- typed on the phone ----------------------------------------------------------------------------


async def test_a_message_typed_on_the_phone_answers_the_customer(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    await receive(store, echo("n2", "Já vai"))
    [conversation] = await chats(store)
    message = (await thread(store, conversation))[0]
    assert (message.author.kind, message.direction, message.status) == ("phone", "outgoing", MessageStatus.SENT)
    assert (conversation.waiting_since, conversation.title, conversation.unread_count) == (None, "Ana", 1)
    assert [step.status for step in await store.timeline("acme", message.id)] == [MessageStatus.SENT]


async def test_a_message_typed_on_the_phone_takes_the_statuses_that_came_before_it(store: DatabaseStore) -> None:
    await receive(store, status(MessageStatus.READ, "n1"))
    await receive(store, echo("n1", "Oi"))
    await receive(store, status(MessageStatus.DELIVERED, "n1"))
    [message] = await thread(store, (await chats(store))[0])
    assert message.status is MessageStatus.READ


async def test_a_chat_begun_on_the_phone_is_named_by_its_phone_until_its_contact_writes(store: DatabaseStore) -> None:
    await receive(store, echo("n1", "Oi"))
    assert [c.title for c in await chats(store)] == ["+5511988887777"]
    await receive(store, incoming("n2"))
    assert [c.title for c in await chats(store)] == ["Ana"]


# --- conversations that were put aside -------------------------------------------------------------


@pytest.mark.parametrize("aside", ["closed", "snoozed"])
async def test_an_incoming_message_opens_its_conversation_again(store: DatabaseStore, aside: str) -> None:
    await receive(store, incoming("n1"))
    await change(store, (await chats(store))[0], status=aside, snoozed_until=datetime.now(UTC) + timedelta(days=1))
    after = await head(store)
    await receive(store, incoming("n2"))
    [conversation] = await chats(store)
    assert (conversation.status, conversation.snoozed_until) == ("open", None)
    assert [event.type for event in await log(store, after)] == ["message.created", "conversation.updated"]


async def test_what_we_write_ourselves_opens_nothing(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    await change(store, (await chats(store))[0], status="closed")
    await receive(store, echo("n2", "Até logo"))
    assert [c.status for c in await chats(store, view="closed")] == ["closed"]


# --- quarantine ------------------------------------------------------------------------------------


async def test_what_names_a_session_that_nobody_has_is_kept_and_makes_nothing(store: DatabaseStore) -> None:
    receipt = await receive(store, incoming("n1", session="nobody"), raw=b"\xff raw \x00")
    assert receipt == Receipt(quarantined=1)
    [kept] = await store.quarantined()
    assert (kept.raw, kept.session_id, kept.reason, kept.connector) == (
        b"\xff raw \x00",
        "nobody",
        "unknown_session",
        "connection_service",
    )
    assert [tenant.id for tenant in await store.tenants()] == ["acme"]
    assert await chats(store) == []


async def test_what_is_known_in_a_webhook_is_stored_beside_what_is_not(store: DatabaseStore) -> None:
    receipt = await receive(store, incoming("n1"), incoming("n2", session="nobody"))
    assert receipt == Receipt(stored=1, quarantined=1)
    assert len(await chats(store)) == 1


async def test_a_body_leaves_quarantine_when_its_session_is_known(store: DatabaseStore) -> None:
    event = incoming("n1", session="acme.new")
    await receive(store, event, raw=b"raw")
    [kept] = await store.quarantined("acme.new")
    assert await store.receive("connection_service", [event], kept.raw, quarantine_id=kept.id) == Receipt()
    assert [each.id for each in await store.quarantined("acme.new")] == [kept.id]
    await add_connected(store, "acme", "acme.new")
    receipt = await store.receive("connection_service", [event], kept.raw, quarantine_id=kept.id)
    again = await store.receive("connection_service", [event], kept.raw, quarantine_id=kept.id)
    assert (receipt, again) == (Receipt(stored=1), Receipt(duplicates=1))
    assert await store.quarantined() == []


async def test_a_body_that_names_several_sessions_waits_for_each(store: DatabaseStore) -> None:
    events = [incoming("n1", session="acme.a"), incoming("n2", session="acme.b")]
    assert await receive(store, *events) == Receipt(quarantined=1)
    for session in ("acme.a", "acme.b"):
        [kept] = await store.quarantined(session)
        await add_connected(store, "acme", session)
        receipt = await store.receive("connection_service", events, kept.raw, quarantine_id=kept.id)
        assert receipt.stored == 1
    assert await store.quarantined() == []


async def test_a_session_that_was_deleted_gets_nothing_more(store: DatabaseStore, other_store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    await receive(other_store, incoming("n2"))
    await store.change_session("acme", "acme", deleted=True)
    for each in (store, other_store):
        assert await receive(each, incoming("n3")) == Receipt(quarantined=1)
    [conversation] = await chats(store)
    assert conversation.unread_count == 2


async def test_bodies_that_cannot_be_read_are_listed_oldest_first_and_in_pages(store: DatabaseStore) -> None:
    for number in range(5):
        await store.quarantine("waha", str(number).encode(), "not JSON")
    first = await store.quarantined(limit=2)
    rest = await store.quarantined(limit=9, after=first[-1].id)
    # Those of one millisecond have no order.
    assert sorted(kept.raw for kept in first + rest) == [b"0", b"1", b"2", b"3", b"4"]
    times = [kept.received_at for kept in first + rest]
    assert times == sorted(times)
    assert {kept.reason for kept in rest} == {"not JSON"}
    assert await store.quarantined("acme") == []


async def test_a_webhook_without_events_is_no_write(store: DatabaseStore) -> None:
    before = await head(store)
    assert await receive(store) == Receipt()
    assert await head(store) == before


# --- sessions --------------------------------------------------------------------------------------


async def test_a_sessions_news_come_by_webhook_as_well(store: DatabaseStore) -> None:
    after = await head(store)
    await receive(store, news(SessionStatus.RECONNECTING, reason="conflict"))
    session = await store.session("acme", "acme")
    assert session is not None
    assert (session.status, session.error) == (SessionStatus.RECONNECTING, "conflict")
    [event] = await log(store, after)
    assert (event.type, event.data) == ("session.updated", session)


async def test_the_same_news_of_a_session_are_told_once(store: DatabaseStore) -> None:
    after = await head(store)
    for _ in range(3):
        await receive(store, news(SessionStatus.CONNECTED))
    assert await head(store) == after
