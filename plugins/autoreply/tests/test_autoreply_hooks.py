"""The plugin in a gateway: what a contact gets, in which order, and what stays silent."""

from __future__ import annotations

import time
from typing import Any

import pytest

from fivapp_whatsapp.testing import Chat
from fivapp_whatsapp_autoreply import Autoreply, Rule
from fivapp_whatsapp_autoreply.answering import Asked, answers
from fivapp_whatsapp_autoreply.config import week_of
from fivapp_whatsapp_autoreply.templates import Moment

AT_ONCE = {"longestSeconds": 0}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# The clock of a test begins on a Monday at 12:00 UTC, which is 09:00 in São Paulo.
FROM_ONE = {"timeZone": "UTC", **{day: ["13:00-18:00"] for day in DAYS}}


def _rule(name: str, *patterns: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "patterns": list(patterns), "replies": [f"re: {name}"], **fields}


async def test_without_settings_nothing_is_answered(chat: Chat) -> None:
    await chat.says("oi")
    assert chat.replies == []


async def test_the_first_rule_that_matches_answers(chat: Chat) -> None:
    rules = [_rule("off", "preço", enabled=False), _rule("price", "preço"), _rule("rest", match="any")]
    await chat.configure("autoreply", rules=rules, pace=AT_ONCE)
    await chat.says("Qual o PRECO?")
    assert chat.replies == ["re: price"]
    await chat.says("e o prazo?")
    assert chat.replies == ["re: rest"]


async def test_a_message_without_a_text_matches_any_and_is_greeted(chat: Chat) -> None:
    rules = [_rule("words", "foto"), _rule("rest", match="any")]
    await chat.configure("autoreply", greeting="Olá, {first_name}!", rules=rules, pace=AT_ONCE)
    await chat.says(None, kind="image")
    assert chat.replies == ["Olá, Ana!", "re: rest"]


async def test_a_reaction_is_nothing_that_is_said(chat: Chat) -> None:
    await chat.configure("autoreply", greeting="Olá!", rules=[_rule("rest", match="any")], pace=AT_ONCE)
    await chat.says("👍", kind="reaction")
    assert chat.replies == []


async def test_the_greeting_comes_once_before_the_rules_answer(chat: Chat) -> None:
    await chat.configure(
        "autoreply", greeting="{time_of_day}, {name}!", greetingDays=7, rules=[_rule("price", "preço")], pace=AT_ONCE
    )
    await chat.says("preço")
    assert chat.replies == ["Bom dia, Ana!", "re: price"]
    await chat.says("preço")
    assert chat.replies == ["re: price"]
    await chat.clock.advance(7 * 86_400 + 1)
    await chat.says("oi")
    assert chat.replies == ["Bom dia, Ana!"]


async def test_a_message_that_is_handled_twice_is_answered_once(chat: Chat) -> None:
    rules = [_rule("price", "preço", cooldownSeconds=60)]
    await chat.configure("autoreply", greeting="Olá!", rules=rules, pace=AT_ONCE)
    await chat.says("preço")
    assert chat.replies == ["Olá!", "re: price"]
    await chat.runs_twice()


async def test_what_was_decided_before_a_crash_is_decided_again_and_rests_for_other_messages(chat: Chat) -> None:
    rule = Rule(name="price", patterns=("preço",), replies=("a", "b"), cooldown_seconds=60)
    config = Autoreply(greeting="Olá!", rules=(rule,))
    moment = Moment(chat.clock.now(), week_of(config.hours), "pt-BR")
    state = chat.gateway.as_plugin(chat.tenant_id, "autoreply").state_of(chat.conversation.id)
    first = await answers(config, Asked("m1", ("preço",)), moment, rule, state)
    assert len(first) == 2
    assert await answers(config, Asked("m1", ("preço",)), moment, rule, state) == first
    assert await answers(config, Asked("m2", ("preço",)), moment, rule, state) == []


async def test_a_rehearsal_waits_for_no_typing(chat: Chat) -> None:
    pace = {"charactersPerSecond": 1, "longestSeconds": 7}
    await chat.configure("autoreply", rules=[_rule("hi", match="any", replies=["x" * 40])], pace=pace)
    started = time.monotonic()
    tried = await chat.gateway.automation.try_(chat.tenant_id, "oi")
    assert time.monotonic() - started < 5
    assert [one.text for one in tried.answers] == ["x" * 40]


async def test_a_rule_rests_and_no_later_rule_speaks_for_it(chat: Chat) -> None:
    rules = [_rule("price", "preço", cooldownSeconds=600), _rule("rest", match="any")]
    await chat.configure("autoreply", rules=rules, pace=AT_ONCE)
    await chat.says("preço")
    assert chat.replies == ["re: price"]
    await chat.says("preço?")
    assert chat.replies == []
    await chat.says("obrigado")
    assert chat.replies == ["re: rest"]
    await chat.clock.advance(601)
    await chat.says("preço")
    assert chat.replies == ["re: price"]


async def test_rules_hold_inside_or_outside_the_hours(chat: Chat) -> None:
    rules = [_rule("open", "oi", when="inside_hours"), _rule("closed", "oi", when="outside_hours")]
    await chat.configure("autoreply", rules=rules, hours=FROM_ONE, pace=AT_ONCE)
    await chat.says("oi")
    assert chat.replies == ["re: closed"]
    await chat.clock.advance(3600)
    await chat.says("oi")
    assert chat.replies == ["re: open"]


async def test_outside_the_hours_the_away_text_comes_when_no_rule_matches(chat: Chat) -> None:
    await chat.configure(
        "autoreply",
        language="en",
        rules=[_rule("price", "preço")],
        hours=FROM_ONE,
        away="We are back {opens_at}.",
        awayMinutes=30,
        pace=AT_ONCE,
    )
    await chat.says("preço")
    assert chat.replies == ["re: price"]
    await chat.says("alguém?")
    assert chat.replies == ["We are back today at 13:00."]
    await chat.says("oi?")
    assert chat.replies == []
    await chat.clock.advance(30 * 60 + 1)
    await chat.says("oi?")
    assert chat.replies == ["We are back today at 13:00."]
    await chat.clock.advance(3600)
    await chat.says("bom dia")
    assert chat.replies == []


async def test_what_was_chosen_is_what_rules_match(chat: Chat) -> None:
    rules = [
        _rule("menu", "menu", choices=["Preços", "Horário"]),
        _rule("price", "preços", match="exact"),
        _rule("hours", "horário", match="exact"),
    ]
    await chat.configure("autoreply", rules=rules, pace=AT_ONCE)
    await chat.says("menu")
    assert chat.replies == ["re: menu\n1. Preços\n2. Horário"]
    await chat.says("2")
    assert chat.replies == ["re: hours"]
    chat.connector_can(buttons=True)
    await chat.says("menu")
    await chat.chooses("Preços")
    assert chat.replies == ["re: price"]


async def test_an_expression_that_never_ends_blocks_nothing_and_others_are_asked(chat: Chat) -> None:
    rules = [_rule("bomb", "(a+)+$", match="regex"), _rule("other", "aaa", wholeWords=False)]
    await chat.configure("autoreply", rules=rules, pace=AT_ONCE)
    started = time.monotonic()
    await chat.says("a" * 4000 + "!")
    assert time.monotonic() - started < 5
    assert chat.replies == ["re: other"]


async def test_a_reply_is_typed_for_as_long_as_its_text_takes(chat: Chat) -> None:
    chat.connector_can(typing=True)
    pace = {"charactersPerSecond": 100, "longestSeconds": 1}
    await chat.configure("autoreply", rules=[_rule("long", "oi", replies=["x" * 40])], pace=pace)
    started = time.monotonic()
    await chat.says("oi")
    assert 0.4 <= time.monotonic() - started < 5
    assert chat.replies == ["x" * 40]
    assert chat.connector.typed


async def test_replies_vary_with_the_message(chat: Chat) -> None:
    await chat.configure("autoreply", rules=[_rule("hi", match="any", replies=["a", "b"])], pace=AT_ONCE)
    seen = set()
    for _ in range(9):
        await chat.says("oi")
        seen |= set(chat.replies)
        await chat.clock.advance(61)
    assert seen == {"a", "b"}


async def test_a_text_of_nothing_but_an_unknown_name_is_not_sent(chat: Chat) -> None:
    await chat.configure("autoreply", rules=[_rule("hi", match="any", replies=["{name}"])], pace=AT_ONCE)
    await chat.says("oi", sender_name="🌸")
    assert chat.replies == []


@pytest.mark.parametrize("mentioned", [True, False])
async def test_in_a_group_it_answers_who_mentions_it(chat: Chat, mentioned: bool) -> None:
    await chat.automation(group_bots="mentioned")
    await chat.configure("autoreply", rules=[_rule("hi", match="any", replies=["{first_name}!"])], pace=AT_ONCE)
    chat.in_group(mentioned=mentioned)
    await chat.says("oi")
    assert chat.replies == (["Ana!"] if mentioned else [])
