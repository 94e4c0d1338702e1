"""Groups in a gateway: who is welcomed, once, and who is in a group where the service cannot tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fivapp_whatsapp import Group, GroupMember
from fivapp_whatsapp.testing import Chat
from fivapp_whatsapp_groups import GroupSettings
from fivapp_whatsapp_groups.config import Decision, decide
from fivapp_whatsapp_groups.listing import GroupNotFound, Groups
from fivapp_whatsapp_groups.people import people_of

GROUP = "120363025246125486@g.us"
ANA, BIA, CAIO = "5511988887777@c.us", "5511977776666@c.us", "5511966665555@c.us"
EVERYWHERE: dict[str, Any] = {"welcome": "Olá, {names}! Aqui é {group}.", "welcomeEverywhere": True}


async def _changes(chat: Chat, change: str, *people: str, subject: str | None = "Vizinhos") -> None:
    told = {"type": "GroupUpdate", "sessionId": chat.tenant_id, "chatId": GROUP, "change": change}
    body = json.dumps({**told, "changed": people, "subject": subject}).encode()
    await chat.gateway.receive(chat.connector.name, chat.connector.key, {}, body)
    await chat.quiet()


def _service_knows(chat: Chat, **names: str | None) -> None:
    people = {"ana": ANA, "bia": BIA, "caio": CAIO}
    members = [GroupMember(address=people[key], name=name, admin=key == "ana") for key, name in names.items()]
    chat.connector_can(groups=True)
    chat.connector.group_list[chat.tenant_id] = [Group(chat_id=GROUP, subject="Vizinhos", members=members)]


def _texts(chat: Chat) -> list[str | None]:
    return [send.message.text for send in chat.connector.sends]


async def test_without_settings_nobody_is_welcomed(chat: Chat) -> None:
    chat.in_group()
    await chat.says("oi")
    await _changes(chat, "joined", BIA)
    assert _texts(chat) == []


async def test_who_joins_is_welcomed_by_name_once(chat: Chat) -> None:
    _service_knows(chat, ana="Ana", bia="Bia", caio=None)
    await chat.configure("groups", **EVERYWHERE)
    chat.in_group()
    await chat.says("oi")
    await _changes(chat, "joined", BIA, CAIO)
    assert _texts(chat) == ["Olá, Bia e mais 1! Aqui é Vizinhos."]
    await _changes(chat, "left", BIA)
    await _changes(chat, "joined", BIA)
    assert len(_texts(chat)) == 1
    await chat.clock.advance(86_401)
    await _changes(chat, "joined", BIA)
    assert _texts(chat)[1:] == ["Olá, Bia! Aqui é Vizinhos."]


async def test_other_changes_and_our_own_number_welcome_nobody(chat: Chat) -> None:
    await chat.configure("groups", **EVERYWHERE)
    (session,) = await chat.gateway.sessions(chat.tenant_id)
    await _changes(chat, "joined", f"{session.phone}@c.us")
    for change in ("left", "promoted", "demoted", "changed"):
        await _changes(chat, change, BIA)
    await _changes(chat, "subject", subject="Vizinhos do 302")
    await _changes(chat, "joined")
    assert _texts(chat) == []
    assert await chat.gateway.store.failures(chat.tenant_id) == []


async def test_a_name_that_nobody_tells_is_the_one_that_was_signed_with(chat: Chat) -> None:
    _service_knows(chat, ana=None, bia=None)
    await chat.configure("groups", **EVERYWHERE)
    chat.in_group()
    await chat.says("oi", sender=BIA, sender_name="Beatriz")
    await _changes(chat, "joined", BIA)
    assert _texts(chat) == ["Olá, Beatriz! Aqui é Vizinhos."]


async def test_a_service_that_cannot_tell_leaves_no_gap_for_names(chat: Chat) -> None:
    await chat.configure("groups", **EVERYWHERE)
    await _changes(chat, "joined", CAIO)
    assert _texts(chat) == ["Olá! Aqui é Vizinhos."]


async def test_a_group_switches_it_on_or_off_with_a_text_of_its_own(chat: Chat) -> None:
    await chat.configure("groups", welcome="Olá!")
    chat.in_group()
    await chat.says("oi")
    await _changes(chat, "joined", BIA)
    assert _texts(chat) == []
    state = chat.gateway.as_plugin(chat.tenant_id, "groups").state_of(chat.conversation.id)
    await decide(state, Decision(welcome=True))
    await _changes(chat, "joined", BIA)
    assert _texts(chat) == ["Olá!"]
    await decide(state, Decision(welcome=True, text="Entre, {names}!"))
    await _changes(chat, "joined", ANA)
    assert _texts(chat)[1:] == ["Entre, Ana!"]


async def test_participants_are_those_of_the_service_with_the_names_that_are_known(chat: Chat) -> None:
    _service_knows(chat, ana=None, bia="Bia")
    chat.in_group()
    await chat.says("oi")
    people = await people_of(chat.gateway.as_plugin(chat.tenant_id, "groups"), chat.conversation)
    assert people.source == "service"
    assert [(one.address, one.name, one.admin) for one in people.participants] == [
        (ANA, "Ana", True),
        (BIA, "Bia", False),
    ]
    assert [one.phone for one in people.participants] == ["5511988887777", "5511977776666"]


async def test_participants_of_a_service_that_cannot_tell_are_those_who_wrote(chat: Chat) -> None:
    chat.in_group()
    await chat.says("oi")
    await chat.says("olá", sender=BIA, sender_name="Bia")
    people = await people_of(chat.gateway.as_plugin(chat.tenant_id, "groups"), chat.conversation)
    assert people.source == "messages"
    assert {(one.address, one.name) for one in people.participants} == {(ANA, "Ana"), (BIA, "Bia")}
    assert people.names([BIA, CAIO]) == ["Bia", None]


async def test_the_list_has_groups_that_were_written_in_first_and_pages_through(chat: Chat) -> None:
    chat.in_group()
    await chat.says("oi")
    chat.connector_can(groups=True)
    others = [Group(chat_id=f"12036300000000000{number}@g.us", subject=f"Grupo {number}") for number in range(3)]
    chat.connector.group_list[chat.tenant_id] = [*others[::-1], Group(chat_id=GROUP, subject="Vizinhos")]
    groups = Groups(chat.gateway.as_plugin(chat.tenant_id, "groups"), GroupSettings())
    everything, more = await groups.page(None, 0, 50)
    assert [(one.id, one.subject) for one in everything] == [
        (chat.conversation.id, "Vizinhos"),
        (None, "Grupo 0"),
        (None, "Grupo 1"),
        (None, "Grupo 2"),
    ]
    assert not more
    pages = [await groups.page(chat.tenant_id, start, 2) for start in (0, 2, 4)]
    assert [one for items, _ in pages for one in items] == everything
    assert [more for _, more in pages] == [True, False, False]


async def test_another_tenants_group_does_not_exist(chat: Chat) -> None:
    chat.in_group()
    await chat.says("oi")
    await chat.gateway.store.add_tenant("other", "Other")
    theirs = Groups(chat.gateway.as_plugin("other", "groups"), GroupSettings())
    with pytest.raises(GroupNotFound):
        await theirs.conversation(chat.conversation.id)
    assert await theirs.page(None, 0, 50) == ([], False)
    ours = Groups(chat.gateway.as_plugin(chat.tenant_id, "groups"), GroupSettings())
    assert (await ours.conversation(chat.conversation.id)).is_group
