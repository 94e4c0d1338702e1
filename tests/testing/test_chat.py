"""The chat of the kit, against a plugin of every kind of behaviour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from fivapp_whatsapp.errors import InvalidInput, PluginNotFound
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Conversation, Media, Message, MessageKind
from fivapp_whatsapp.testing import Chat, FakeClock

pytestmark = pytest.mark.plugin("shop.py")


async def test_a_contact_says_something_and_the_bot_replies(chat: Chat) -> None:
    message = await chat.says("hello")
    assert (message.text, message.author.kind, message.direction) == ("hello", "contact", "incoming")
    assert chat.replies == ["Olá!"]
    assert [each.text for each in chat.messages] == ["hello", "Olá!"]
    assert [send.message.text for send in chat.connector.sends] == ["Olá!"]
    await chat.says("nothing that it knows")
    assert chat.replies == []


async def test_what_a_hook_sends_has_arrived_when_says_returns(chat: Chat) -> None:
    await chat.says("follow")
    assert chat.replies == ["one", "two"]
    assert [each.status for each in chat.messages[1:]] == ["accepted", "accepted"]


async def test_settings_of_the_plugin_hold_at_once(chat: Chat) -> None:
    await chat.configure("shop", greeting="Bom dia!")
    await chat.says("hello")
    assert chat.replies == ["Bom dia!"]
    with pytest.raises(InvalidInput, match="Expected `str`"):
        await chat.configure("shop", greeting=3)
    with pytest.raises(InvalidInput, match="known are greeting"):
        await chat.configure("shop", greting="Oi")
    with pytest.raises(PluginNotFound):
        await chat.configure("shops", greeting="Oi")


async def test_a_choice_comes_back_by_its_id(chat: Chat) -> None:
    chat.connector_can(buttons=True, list=True)
    await chat.says("colours")
    assert [each.id for each in chat.messages[-1].choices] == ["red", "blue"]
    await chat.chooses("red")
    assert chat.replies == ["It is red."]
    with pytest.raises(AssertionError, match="green"):
        await chat.chooses("green")


async def test_where_there_are_no_buttons_a_number_is_the_choice(chat: Chat) -> None:
    chat.connector_can(buttons=False)
    await chat.says("colours")
    await chat.says("2")
    assert chat.replies == ["It is blue."]


async def test_a_timer_is_due_when_the_clock_says_so(chat: Chat) -> None:
    await chat.says("remind me")
    assert chat.replies == ["I will."]
    await chat.clock.advance(29 * 60)
    assert chat.replies == ["I will."]
    await chat.clock.advance(timedelta(minutes=1))
    assert chat.replies == ["I will.", "reminder: order"]


@pytest.mark.plugin("burst.py")
async def test_a_bot_that_waits_for_silence_is_asked_once(chat: Chat) -> None:
    await chat.says("oi")
    await chat.clock.advance(1)
    await chat.says("qual o preço?")
    assert chat.replies == []
    await chat.clock.advance(3)
    assert chat.replies == ["You said: oi, qual o preço?"]


async def test_a_person_who_answers_silences_the_bots(chat: Chat) -> None:
    await chat.says("hello")
    await chat.human_says("Posso ajudar?")
    assert chat.replies == []
    assert chat.messages[-1].author.kind == "agent"
    await chat.says("hello")
    assert chat.replies == []
    why = await chat.why()
    assert why is not None
    assert why.rule == "human_answers"


async def test_so_does_one_with_the_phone_in_their_hand(chat: Chat) -> None:
    await chat.says("hello")
    await chat.types_on_phone("Já respondo")
    assert chat.messages[-1].author.kind == "phone"
    await chat.says("hello")
    assert chat.replies == []


async def test_why_names_the_plugins_that_were_asked(chat: Chat) -> None:
    assert await chat.why() is None
    await chat.says("hello")
    why = await chat.why()
    assert why is not None
    assert (why.rule, why.plugin, [step.outcome for step in why.steps]) == (None, "shop", ["answered"])


async def test_a_hand_over_leaves_a_system_line(chat: Chat) -> None:
    await chat.says("person")
    assert any("asked for one" in line for line in chat.system_lines)
    assert chat.replies == []
    assert chat.conversation.answered_by == "human"


async def test_handled_twice_a_careful_hook_sends_once(chat: Chat) -> None:
    for text in ("hello", "follow"):
        await chat.says(text)
        await chat.runs_twice()


async def test_handled_twice_a_careless_hook_is_found_out(chat: Chat) -> None:
    await chat.says("careless")
    assert chat.replies == ["once?"]
    with pytest.raises(AssertionError, match="once"):
        await chat.runs_twice()


async def test_in_a_group_bots_are_silent_unless_they_are_let_speak(chat: Chat) -> None:
    chat.in_group()
    await chat.says("hello")
    assert (chat.replies, chat.conversation.is_group) == ([], True)
    await chat.automation(group_bots="mentioned")
    await chat.says("hello")
    assert chat.replies == []
    await chat.automation(group_bots="always")
    await chat.says("hello")
    assert chat.replies == ["Olá!"]


async def test_a_mention_in_a_group_is_one(chat: Chat) -> None:
    await chat.automation(group_bots="mentioned")
    chat.in_group(mentioned=True)
    message = await chat.says("hello")
    assert message.text == "@5511900000000 hello"
    why = await chat.why()
    assert why is not None
    assert (why.rule, len(why.steps)) == (None, 1)


async def test_typing_is_seen_where_the_connector_can(chat: Chat) -> None:
    await chat.says("typing")
    assert chat.connector.typed == []
    chat.connector_can(typing=True)
    await chat.says("typing")
    assert [on for *_, on in chat.connector.typed] == [True]


async def test_a_message_may_be_of_any_kind(chat: Chat) -> None:
    picture = Media(url="https://files.example/1.jpg", mime_type="image/jpeg")
    message = await chat.says(None, kind=MessageKind.IMAGE, media=picture)
    assert (message.kind, message.text) == (MessageKind.IMAGE, None)


async def test_the_fixtures_belong_together(
    gateway: Gateway, chat: Chat, conversation: Conversation, clock: FakeClock
) -> None:
    assert chat.gateway is gateway
    assert (chat.clock, gateway.clock) == (clock, clock)
    assert (await gateway.conversation("acme", conversation.id)).title == "Ana"
    assert gateway.running


def test_a_message_is_made_as_hooks_get_it(a_message: Callable[..., Message], clock: FakeClock) -> None:
    message = a_message()
    assert (message.text, message.direction, message.author.name, message.at) == ("oi", "incoming", "Ana", clock.now())
    assert a_message(None, kind=MessageKind.IMAGE).kind is MessageKind.IMAGE
    assert a_message("a").id != a_message("a").id
