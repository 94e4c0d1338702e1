"""Conversations: what people decide about them, how they are listed and found, and what has been read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.db.operations.conversations import ChangeConversation, OpenConversation, WakeConversations
from fivapp_whatsapp.db.operations.receiving import Receive
from fivapp_whatsapp.db.rows import ConversationRow, MessageRow
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.db.vault import Vault
from fivapp_whatsapp.errors import ConversationNotFound, InvalidInput, MessageNotFound, SessionNotFound
from fivapp_whatsapp.models import Author, Conversation, ConversationPatch, Media, MessageKind, MessageStatus
from fivapp_whatsapp.ports import ConversationFilter, KeptWebhook

from .memory import connected_memory
from .world import (
    AGENT,
    ANA,
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
    receive,
    send,
    thread,
    until,
)

pytestmark = pytest.mark.anyio
SOON = timedelta(hours=1)


async def people(store: DatabaseStore, count: int) -> None:
    """Let as many people write, one after the other."""
    await receive(
        store, *(incoming(f"n{i}", chat=f"55119999900{i:02d}@c.us", sender_name=f"P{i:02d}") for i in range(count))
    )


def titles(conversations: list[Conversation]) -> list[str]:
    return [conversation.title for conversation in conversations]


# --- opening ---------------------------------------------------------------------------------------


async def test_a_conversation_is_opened_once_and_told_once(store: DatabaseStore) -> None:
    after = await head(store)
    both = await asyncio.gather(
        store.open_conversation("acme", "acme", ANA, "Ana"), store.open_conversation("acme", "acme", "551188887777")
    )
    assert both[0] == both[1]
    assert (both[0].title, both[0].chat_id, both[0].last_message) == ("Ana", ANA, None)
    assert [(event.type, event.data) for event in await log(store, after)] == [("conversation.updated", both[0])]
    assert await chats(store) == [both[0]]


async def test_an_opened_conversation_is_the_one_that_the_contact_writes_in(store: DatabaseStore) -> None:
    opened = await chat(store)
    await receive(store, incoming("n1"))
    [conversation] = await chats(store)
    assert (conversation.id, conversation.title, conversation.contact_id) == (opened.id, "Ana", opened.contact_id)


async def test_a_conversation_with_a_known_contact_has_its_name(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", chat=GROUP, sender=ANA, sender_name="Ana"))
    assert (await chat(store)).title == "Ana"


async def test_a_group_is_opened_without_a_contact(store: DatabaseStore) -> None:
    conversation = await chat(store, GROUP)
    assert (conversation.is_group, conversation.contact_id, conversation.title) == (True, None, GROUP)


async def test_no_conversation_is_opened_in_a_session_that_is_not_ours(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    for session in ("globex", "nope"):
        with pytest.raises(SessionNotFound):
            await chat(store, session=session)
    await store.change_session("acme", "acme", deleted=True)
    with pytest.raises(SessionNotFound):
        await chat(store)


async def test_another_tenant_sees_nothing_of_a_conversation(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    await receive(store, incoming("n1"))
    [conversation] = await chats(store)
    [message] = await thread(store, conversation)
    assert await store.conversation("globex", conversation.id) is None
    assert await store.message("globex", message.id) is None
    assert await store.contact("globex", conversation.contact_id or "") is None
    assert await chats(store, "globex") == []
    assert await chats(store, "globex", query="Ana") == []
    with pytest.raises(ConversationNotFound):
        await store.messages("globex", conversation.id, None, 10)
    with pytest.raises(ConversationNotFound):
        await store.change_conversation("globex", conversation.id, ConversationPatch(status="closed"), AGENT)
    with pytest.raises(ConversationNotFound):
        await store.add_note("globex", conversation.id, "x", AGENT)
    assert await store.conversation("acme", conversation.id) == conversation


# --- changing --------------------------------------------------------------------------------------


async def test_a_change_is_kept_told_once_and_only_when_it_is_one(store: DatabaseStore) -> None:
    conversation, after = await chat(store), await head(store)
    for _ in range(2):
        changed = await change(store, conversation, assignee_id="u1", labels=["vip", "a b", "vip"], answered_by="human")
    assert (changed.assignee_id, changed.labels, changed.answered_by) == ("u1", ["a b", "vip"], "human")
    assert [(event.type, event.data) for event in await log(store, after)] == [("conversation.updated", changed)]
    nobody = await change(store, conversation, assignee_id=None)
    assert (nobody.assignee_id, nobody.labels) == (None, ["a b", "vip"])


async def test_a_pause_of_bots_has_an_end(store: DatabaseStore) -> None:
    conversation = await chat(store)
    end = datetime.now(UTC).replace(microsecond=0) + SOON
    assert (await change(store, conversation, paused_until=end)).paused_until == end
    assert (await change(store, conversation, status="closed")).paused_until == end
    assert (await change(store, conversation, answered_by="bot")).paused_until is None


async def test_a_snooze_has_a_time_that_can_be_moved_and_ends_with_it(store: DatabaseStore) -> None:
    conversation = await chat(store)
    first = datetime.now(UTC).replace(microsecond=0) + SOON
    snoozed = await change(store, conversation, status="snoozed", snoozed_until=first)
    assert (snoozed.status, snoozed.snoozed_until) == ("snoozed", first)
    assert (await change(store, conversation, snoozed_until=first + SOON)).snoozed_until == first + SOON
    assert (await change(store, conversation, labels=["x"])).snoozed_until == first + SOON
    opened = await change(store, conversation, status="open")
    assert (opened.status, opened.snoozed_until) == ("open", None)
    assert (await change(store, conversation, snoozed_until=first)).snoozed_until is None


async def test_a_snoozed_conversation_wakes_when_its_time_has_come_and_is_told_once(store: DatabaseStore) -> None:
    now = datetime.now(UTC)
    due, later = await chat(store), await chat(store, BIA)
    await change(store, due, status="snoozed", snoozed_until=now - timedelta(seconds=1))
    await change(store, later, status="snoozed", snoozed_until=now + SOON)
    after = await head(store)
    assert [await store.wake_snoozed() for _ in range(2)] == [1, 0]
    [event] = await log(store, after)
    assert (event.type, event.data.id, event.data.status) == ("conversation.updated", due.id, "open")
    assert {c.id: c.status for c in await chats(store)} == {due.id: "open", later.id: "snoozed"}


async def test_two_servers_wake_a_conversation_once(store: DatabaseStore, other_store: DatabaseStore) -> None:
    await change(store, await chat(store), status="snoozed", snoozed_until=datetime.now(UTC) - SOON)
    assert sum(await asyncio.gather(*(each.wake_snoozed() for each in (store, other_store) for _ in range(3)))) == 1


async def test_a_change_of_what_is_not_there_is_refused(store: DatabaseStore) -> None:
    with pytest.raises(ConversationNotFound):
        await store.change_conversation("acme", "nope", ConversationPatch(status="closed"), AGENT)


# --- read up to ------------------------------------------------------------------------------------


async def test_reading_up_to_a_message_leaves_what_came_after_unread(store: DatabaseStore) -> None:
    await receive(store, *(incoming(f"n{i}") for i in range(5)))
    conversation = await chat(store)
    messages = await thread(store, conversation)
    for left in (0, 2, 4):
        changed = await change(store, conversation, read_up_to=messages[left].id)
        assert (changed.unread_count, changed.read_up_to) == (left, messages[left].id)
    assert (await change(store, conversation, read_up_to=None)).unread_count == 5
    await receive(store, incoming("n9"))
    assert [c.unread_count for c in await chats(store)] == [6]


async def test_a_message_that_arrives_while_one_reads_stays_unread(store: DatabaseStore) -> None:
    await receive(store, incoming("n0"))
    conversation = await chat(store)
    for round_ in range(10):
        newest = (await thread(store, conversation))[0]
        arriving = [receive(store, incoming(f"m{round_}.{i}")) for i in range(3)]
        reading = change(store, conversation, read_up_to=newest.id)
        await asyncio.gather(arriving[0], reading, *arriving[1:])
        assert [c.unread_count for c in await chats(store)] == [3]


async def test_what_we_wrote_and_notes_are_never_unread(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    conversation = await chat(store)
    first = (await thread(store, conversation))[0]
    await send(store, conversation)
    await store.add_note("acme", conversation.id, "note", AGENT)
    await receive(store, echo("n2", "typed"))
    assert (await change(store, conversation, read_up_to=first.id)).unread_count == 0


async def test_read_up_to_names_a_message_of_this_conversation(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    await receive(store, incoming("n1"), incoming("n2", chat=BIA), incoming("n3", session="globex"))
    conversation = await chat(store)
    elsewhere = (await thread(store, await chat(store, BIA)))[0]
    foreign = (await thread(store, (await chats(store, "globex"))[0], "globex"))[0]
    after = await head(store)
    for message_id in (elsewhere.id, foreign.id, "nope"):
        with pytest.raises(MessageNotFound):
            await change(store, conversation, read_up_to=message_id)
    assert await head(store) == after
    assert await store.conversation("acme", conversation.id) == conversation


def test_reading_counts_what_arrives_in_the_same_commit() -> None:
    database = connected_memory()
    first, second = (
        Receive(KeptWebhook("c", b""), [("acme", incoming(native_id))], [], vault=Vault()) for native_id in ("n1", "n2")
    )
    database.apply(first)
    [read] = database.rows(MessageRow)
    reading = ChangeConversation(
        "acme", read.conversation_id, ConversationPatch(read_up_to=read.id), (read.conversation_id, read.seq)
    )
    database.apply(second, reading)
    assert [row.unread_count for row in database.rows(ConversationRow)] == [1]


def test_a_conversation_that_was_snoozed_again_meanwhile_sleeps_on() -> None:
    database = connected_memory()
    [key] = database.apply(OpenConversation("acme", "acme", ANA, None))
    patch = ConversationPatch(status="snoozed", snoozed_until=datetime.now(UTC) + SOON)
    database.apply(ChangeConversation("acme", key, patch, None))
    assert database.apply(WakeConversations([("acme", key)])) == [0]
    assert [row.status for row in database.rows(ConversationRow)] == ["snoozed"]


# --- notes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "kind"), [(False, MessageKind.NOTE), (True, MessageKind.SYSTEM)])
async def test_a_note_is_in_the_thread_and_is_never_sent(store: DatabaseStore, system: bool, kind: MessageKind) -> None:
    await receive(store, incoming("n1"))
    [before], after = await chats(store), await head(store)
    note = await store.add_note("acme", before.id, "ask Bea", Author(kind="plugin", id="p"), system=system)
    assert (note.kind, note.text, note.author.id, note.direction) == (kind, "ask Bea", "p", "outgoing")
    assert (await thread(store, before))[0] == note
    # The customer still waits, and the list shows the customer's words.
    assert await chats(store) == [before]
    assert [(event.type, event.data) for event in await log(store, after)] == [("message.created", note)]
    assert [step.status for step in await store.timeline("acme", note.id)] == [MessageStatus.RECEIVED]
    assert not (await store.claim_sends("p", 10, 30)).items


# --- lists -----------------------------------------------------------------------------------------


async def test_conversations_come_by_their_last_activity_in_pages(store: DatabaseStore) -> None:
    await people(store, 7)
    await receive(store, incoming("m", chat="5511999990002@c.us", sender_name="P02"))
    seen, before = [], None
    for _ in range(4):
        page = await store.conversations("acme", ConversationFilter(), before, 2)
        seen += titles(list(page.items))
        before = page.next_cursor
    assert seen == ["P02", "P06", "P05", "P04", "P03", "P01", "P00"]
    assert before is None
    assert page.seq == await head(store)


async def test_who_has_waited_longest_comes_first_in_pages_whatever_happened_last(store: DatabaseStore) -> None:
    await people(store, 7)
    # Those who write again wait since their first message; one is answered.
    for number in (0, 3):
        await receive(store, incoming(f"again{number}", chat=f"551199999000{number}@c.us", sender_name=f"P0{number}"))
    await receive(store, incoming("ours", "Bom dia!", chat="5511999990005@c.us", from_me=True))
    seen, before = [], None
    for _ in range(3):
        page = await store.conversations("acme", ConversationFilter(view="to_answer"), before, 2)
        seen += titles(list(page.items))
        before = page.next_cursor
    assert sorted(seen) == ["P00", "P01", "P02", "P03", "P04", "P06"]
    assert before is None
    waits = [c.waiting_since for c in await chats(store, view="to_answer")]
    assert waits == sorted(waits)  # type: ignore[type-var]  # all of them wait
    with pytest.raises(InvalidInput):
        await store.conversations("acme", ConversationFilter(view="to_answer"), "nonsense", 2)


async def test_labels_are_those_of_all_conversations_of_the_tenant(store: DatabaseStore) -> None:
    await people(store, 3)
    for one, labels in zip(await chats(store), (["vip", 'a "quoted" one'], ["vip", "Ágil"], []), strict=True):
        await store.change_conversation("acme", one.id, ConversationPatch(labels=labels), AGENT)
    assert sorted(await store.labels("acme", 10)) == sorted(['a "quoted" one', "vip", "Ágil"])
    assert await store.labels("globex", 10) == []


async def test_a_message_keeps_the_key_of_the_request_that_a_user_made(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    [conversation] = await chats(store)
    note = await store.add_note("acme", conversation.id, "note", AGENT, idempotency_key=("user:ana", "k1"))
    other = await store.add_note("acme", conversation.id, "note", AGENT, idempotency_key=("plugin:crm", "k2"))
    assert (note.idempotency_key, other.idempotency_key) == ("k1", None)
    assert {m.id: m.idempotency_key for m in await thread(store, conversation)}[note.id] == "k1"


async def test_pages_and_the_log_together_have_no_gap_while_people_write(store: DatabaseStore) -> None:
    await people(store, 20)
    all_ids = {c.id for c in await chats(store)}
    page = await store.conversations("acme", ConversationFilter(), None, 4)
    start, seen, number = page.seq, [c.id for c in page.items], 0
    while page.next_cursor is not None:
        for _ in range(3):
            await receive(store, incoming(f"m{number}", chat=f"55119999900{number % 20:02d}@c.us"))
            number += 7
        page = await store.conversations("acme", ConversationFilter(), page.next_cursor, 4)
        seen += [c.id for c in page.items]
    assert len(seen) == len(set(seen))
    moved = {event.conversation_id for event in await log(store, start)}
    assert all_ids <= set(seen) | moved


async def test_a_full_last_page_has_no_next_one(store: DatabaseStore) -> None:
    await people(store, 4)
    first = await store.conversations("acme", ConversationFilter(), None, 4)
    assert (len(first.items), first.next_cursor) == (4, None)


async def test_messages_come_newest_first_in_pages(store: DatabaseStore) -> None:
    await receive(store, *(incoming(f"n{i}", f"t{i}") for i in range(5)))
    conversation, before, seen = await chat(store), None, []
    for _ in range(3):
        page = await store.messages("acme", conversation.id, before, 2)
        seen += [message.text for message in page.items]
        before = int(page.next_cursor) if page.next_cursor else None
    assert seen == ["t4", "t3", "t2", "t1", "t0"]
    assert before is None
    assert page.seq == await head(store)
    with pytest.raises(ConversationNotFound):
        await store.messages("acme", "nope", None, 2)


async def test_each_view_holds_what_its_name_says(store: DatabaseStore) -> None:
    names = ["answered", "waiting", "mine", "closed", "snoozed", "human", "paused", "over"]
    address = {name: f"551199999000{place}@c.us" for place, name in enumerate(names)}
    await receive(store, *(incoming(name, chat=address[name], sender_name=name) for name in names))
    await receive(store, incoming("group", chat=GROUP, sender=ANA, group_name="group"))
    found = {conversation.title: conversation for conversation in await chats(store)}
    await send(store, found["answered"])
    await change(store, found["mine"], assignee_id="u1")
    await change(store, found["answered"], assignee_id="u2", labels=["50%_off"])
    await change(store, found["closed"], status="closed")
    await change(store, found["snoozed"], status="snoozed", snoozed_until=datetime.now(UTC) + SOON)
    await change(store, found["human"], answered_by="human", labels=['a "b"', "50x1off"])
    await change(store, found["paused"], paused_until=datetime.now(UTC) + SOON)
    await change(store, found["waiting"], paused_until=datetime.now(UTC) - SOON)
    await change(store, found["over"], answered_by="human", paused_until=datetime.now(UTC) - SOON)

    async def view(name: str | None, **more: str) -> set[str]:
        return set(titles(await chats(store, view=name, **more)))

    everything = {*names, "group"}
    assert await view(None) == everything - {"closed"}
    assert await view("to_answer") == everything - {"answered", "closed", "snoozed"}
    assert await view("mine", user_id="u1") == {"mine"}
    assert await view("unassigned") == everything - {"mine", "answered", "closed"}
    assert await view("groups") == {"group"}
    assert await view("bots") == everything - {"answered", "human", "paused", "closed"}
    assert await view("closed") == {"closed"}
    assert await view("label", label="50%_off") == {"answered"}
    assert await view("label", label='a "b"') == {"human"}
    assert await view("label", label="A") == set()
    assert await view("groups", query="group") == {"group"}
    assert await view("closed", query="group") == set()


async def test_a_list_may_be_of_one_session(store: DatabaseStore) -> None:
    await add_connected(store, "acme", "acme.second")
    await receive(store, incoming("n1"), incoming("n2", session="acme.second"))
    assert [c.session_id for c in await chats(store, session_id="acme.second")] == ["acme.second"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ana", {"Ana Conceição"}),
        ("CONCEICAO", {"Ana Conceição"}),
        ("11 98888", {"Ana Conceição"}),
        ("+55 (11) 98888-7777", {"Ana Conceição"}),
        ("11 8888-7777", {"Ana Conceição"}),
        ("21 97777", {"Bia"}),
        ("dia 2197777", set()),
        ("orçamento", {"Bia"}),
        ("orcam", {"Bia"}),
        ("orcamento cozinha", {"Bia"}),
        ("obras", {"Obras"}),
        ("nobody", set()),
        ("%", set()),
        ("'", set()),
        ("a\0b", set()),
    ],
)
async def test_search_finds_names_phones_and_texts(store: DatabaseStore, query: str, expected: set[str]) -> None:
    await receive(
        store,
        incoming("n1", "Bom dia", sender_name="Ana Conceição"),
        incoming("n2", "O orçamento da cozinha?", chat="552177776666@c.us", sender_name="Bia"),
        incoming("n3", "Bom dia", chat=GROUP, sender=BIA, sender_name="Bia", group_name="Obras"),
    )
    await change(store, await chat(store, BIA), status="closed")
    assert set(titles(await chats(store, query=query))) == expected


async def test_a_query_that_no_database_can_take_is_refused(store: DatabaseStore) -> None:
    with pytest.raises(InvalidInput):
        await chats(store, label="\ud800", view="label")


async def test_two_processes_see_one_list(store: DatabaseStore, other_store: DatabaseStore) -> None:
    await people(store, 3)

    async def same() -> bool:
        return await chats(other_store) == await chats(store)

    await until(same)
    assert len(await chats(other_store)) == 3


async def test_what_becomes_known_of_a_file_is_told_once(store: DatabaseStore) -> None:
    await add_connected(store)
    await receive(store, incoming("n1", None, kind=MessageKind.IMAGE, media=Media(url="/media/1")))
    [message] = await thread(store, (await chats(store))[0])
    media = Media(url="/media/1", mime_type="image/png", size=9, width=3, height=2, state="ready", preview=True)
    before = await head(store)
    assert (await store.set_media("acme", message.id, media)).media == media
    assert (await store.set_media("acme", message.id, media)).media == media
    [event] = await log(store, before)
    assert (event.type, event.data.media) == ("message.updated", media)
    with pytest.raises(MessageNotFound):
        await store.set_media("other", message.id, media)
