"""Buttons and lists reach the phone, and a tap on one comes back by webhook."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import ANA, Receiver, Running, Start, until

pytestmark = pytest.mark.anyio
CHOICES = [{"id": "yes", "title": "Sim"}, {"id": "no", "title": "Não", "description": "Agora não"}]


async def offer(running: Running, **fields: Any) -> dict[str, Any]:
    answer = await running.send(
        **{"text": "Confirma?", "type": "interactive", "style": "buttons", "choices": CHOICES, **fields}
    )
    assert answer.status_code == 200, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


async def shown(running: Running) -> list[dict[str, Any]]:
    [chat] = (await running.phone.get("/simulator/sessions/acme")).json()["chats"]
    messages: list[dict[str, Any]] = chat["messages"]
    return messages


@pytest.mark.parametrize("style", ["buttons", "list"])
async def test_choices_reach_the_phone(running: Running, style: str) -> None:
    await running.pair()
    sent = await offer(running, style=style)
    [item] = await running.ledger()
    assert (item["messageId"], item["kind"], item["text"]) == (sent["messageId"], "interactive", "Confirma?")
    [message] = await shown(running)
    assert (message["kind"], message["style"], message["choices"]) == ("interactive", style, CHOICES)


async def test_a_tap_is_posted_with_its_id_and_title(running: Running, receiver: Receiver) -> None:
    await running.pair()
    sent = await offer(running)
    assert (await running.write(text=None, choiceId="no")).status_code == 200
    await until(lambda: bool(receiver.of("message")))
    hook = receiver.of("message")[0]
    assert (hook["type"], hook["choiceId"], hook["message"]) == ("interactive", "no", "Não")
    assert hook["quotedMessageId"] == sent["messageId"]
    assert (await shown(running))[-1]["choiceId"] == "no"


async def test_a_tap_names_the_newest_offer_and_one_that_nobody_made_its_id(
    running: Running, receiver: Receiver
) -> None:
    await running.pair()
    await offer(running)
    await offer(running, choices=[{"id": "yes", "title": "Sim, claro"}], style="list")
    for choice_id in ("yes", "never"):
        await running.write(text=None, choiceId=choice_id)
    await running.write(text="Talvez", choiceId="yes")
    await until(lambda: len(receiver.of("message")) == 3)
    assert receiver.texts == ["Sim, claro", "never", "Talvez"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"choices": []},
        {"text": ""},
        {"choices": [*CHOICES, *({"id": f"{n}", "title": "?"} for n in range(2))]},
        {"choices": [{"id": "1", "title": "a"}, {"id": "1", "title": "b"}]},
    ],
)
async def test_choices_that_whatsapp_would_refuse_are_refused(running: Running, wrong: dict[str, Any]) -> None:
    await running.pair()
    fields = {"text": "?", "type": "interactive", "style": "buttons", "choices": CHOICES, **wrong}
    assert (await running.send(**fields)).status_code == 422
    assert await running.ledger() == []


@pytest.mark.parametrize(
    "choices", [[{"id": f"{n}", "title": "?"} for n in range(11)], [{"id": "", "title": "a"}], ["a"]]
)
async def test_choices_in_another_shape_are_refused(running: Running, choices: list[Any]) -> None:
    await running.pair()
    answer = await running.send(text="?", type="interactive", style="list", choices=choices)
    assert answer.status_code == 400


@pytest.mark.parametrize("extensions", [False, frozenset({"media", "events"}), frozenset({"list", "events"})])
async def test_a_service_without_buttons_sends_the_text(start: Start, extensions: Any) -> None:
    running = await start(extensions=extensions)
    await running.pair()
    await offer(running)
    [item] = await running.ledger()
    assert (item["kind"], item["text"]) == ("text", "Confirma?")


async def test_a_tap_at_the_plain_service_is_a_text(start: Start, receiver: Receiver) -> None:
    running = await start(extensions=False)
    await running.pair()
    await running.write(text=None, choiceId="yes")
    await until(lambda: bool(receiver.hooks))
    hook = receiver.hooks[0]
    assert (hook["message"], hook["from"]) == ("yes", f"{ANA}@c.us")
    assert "choiceId" not in hook
