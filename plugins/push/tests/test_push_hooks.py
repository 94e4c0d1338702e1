"""Who is told of a message, when, and what becomes of devices whose push service says no."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from push_receiver import Browser, claims_of
from structlog.testing import capture_logs

from fivapp_whatsapp import Author, ConversationPatch, GatewayError, MessageKind, TenantGateway
from fivapp_whatsapp.testing import Chat
from fivapp_whatsapp_push.config import PushSettings, sender_of
from fivapp_whatsapp_push.devices import Device, Devices, QuietHours, device_id

BIA = Author(kind="agent", id="bia", name="Bia")


class Refused(GatewayError):
    """This address leads inside."""

    code = "address_refused"


class Services:
    """All push services of the world: who subscribed, what arrived, and what each browser's service answers."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.view: TenantGateway = chat.gateway.as_plugin(chat.tenant_id, "push")
        self.devices = Devices(self.view.state)
        self.browsers: dict[str, Browser] = {}
        self.answers: dict[str, httpx.Response] = {}
        self.refused: set[str] = set()
        self.requests: list[httpx.Request] = []
        self.sender = sender_of(PushSettings(), secrets.token_bytes(32), "")
        chat.gateway.shared("push")["sender"] = self.sender
        chat.gateway.http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    async def subscribe(self, user: str, **fields: Any) -> Browser:
        browser = Browser(f"https://fcm.googleapis.com/{user}/{len(self.browsers)}")
        self.browsers[browser.endpoint] = browser
        device = Device(
            id=device_id(user, browser.endpoint),
            user_id=user,
            endpoint=browser.endpoint,
            **browser.keys,
            key=self.sender.vapid.public_key,
            created_at=self.chat.clock.now(),
        )
        await self.devices.save(msgspec.structs.replace(device, **fields))
        return browser

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if str(request.url) in self.refused:
            raise Refused
        self.requests.append(request)
        return self.answers.get(str(request.url), httpx.Response(201))

    def heard(self, browser: Browser) -> list[dict[str, Any]]:
        """Return what a browser was told, decrypted."""
        return [browser.reads(each.content) for each in self.requests if str(each.url) == browser.endpoint]

    @property
    def told(self) -> list[str]:
        """Return which users were told, in order."""
        return [each.url.path.split("/")[1] for each in self.requests]


@pytest.fixture
def services(chat: Chat) -> Services:
    return Services(chat)


async def by_a_person(chat: Chat) -> None:
    """Have a person answer in the conversation."""
    await chat.human_says("Oi, aqui é a Bia")


async def test_an_agent_who_is_not_watching_is_told_who_wrote(chat: Chat, services: Services) -> None:
    browser = await services.subscribe("bia")
    await by_a_person(chat)
    message = await chat.says("Meu CPF é 529.982.247-25")
    [heard] = services.heard(browser)
    assert heard == {
        "title": "Ana",
        "body": "Um cliente escreveu.",
        "tag": chat.conversation.id,
        "url": f"/conversations/{chat.conversation.id}?message={message.id}",
        "conversationId": chat.conversation.id,
        "messageId": message.id,
        "unread": 1,
    }
    claims_of(services.requests[0].headers["authorization"], "https://fcm.googleapis.com")


@pytest.mark.parametrize(("content", "seen"), [("nothing", set()), ("name", {"Ana"}), ("text", {"Ana", "segredo"})])
async def test_the_tenant_says_what_a_notification_shows(
    chat: Chat, services: Services, content: str, seen: set[str]
) -> None:
    await chat.configure("push", content=content)
    browser = await services.subscribe("bia")
    await by_a_person(chat)
    await chat.says("segredo")
    [heard] = services.heard(browser)
    assert {word for word in ("Ana", "segredo") if word in (heard["title"], heard["body"])} == seen


async def test_who_has_the_pages_before_their_eyes_is_not_told(chat: Chat, services: Services) -> None:
    await services.subscribe("bia")
    await services.subscribe("caio")
    await by_a_person(chat)
    until = chat.clock.now() + timedelta(minutes=1)
    await chat.gateway.store.show_presence("another process", {(chat.tenant_id, "bia"): until})
    await chat.says("oi")
    assert services.told == ["caio"]


async def test_an_assigned_conversation_is_its_assignees(chat: Chat, services: Services) -> None:
    await services.subscribe("bia")
    await services.subscribe("caio")
    await services.subscribe("caio")
    await by_a_person(chat)
    await services.view.change_conversation(chat.conversation.id, ConversationPatch(assignee_id="caio"))
    await chat.says("oi")
    assert services.told == ["caio", "caio"]


async def test_a_device_that_is_off_or_in_its_quiet_hours_is_silent(chat: Chat, services: Services) -> None:
    await services.subscribe("bia", on=False)
    # It is 09:00 in São Paulo.
    await services.subscribe("caio", quiet_hours=QuietHours(from_="08:00", to="10:00"))
    await services.subscribe("davi", quiet_hours=QuietHours(from_="22:00", to="07:00"))
    await by_a_person(chat)
    await chat.says("oi")
    assert services.told == ["davi"]


async def test_where_bots_answer_nobody_is_told_unless_none_did(chat: Chat, services: Services) -> None:
    browser = await services.subscribe("bia")
    await chat.says("oi")
    assert services.told == []
    await chat.clock.advance(5)
    last = await chat.says("alguém aí?")
    assert services.told == []
    await chat.clock.advance(6)
    [heard] = services.heard(browser)
    assert heard["messageId"] == last.id
    await chat.clock.advance(60)
    assert len(services.requests) == 1


async def test_a_message_that_was_answered_meanwhile_is_not_told_of(chat: Chat, services: Services) -> None:
    await services.subscribe("bia")
    await chat.says("oi")
    await services.view.send(chat.conversation, "Olá! Sou um bot.")
    await chat.clock.advance(60)
    assert services.told == []


async def test_a_bot_that_hands_over_calls_for_somebody_once(chat: Chat, services: Services) -> None:
    browser = await services.subscribe("bia")
    await chat.says("quero falar com alguém")
    await services.view.send(chat.conversation, "Já chamo.")
    await services.view.hand_over(chat.conversation.id, "pediu")
    await chat.clock.advance(3)
    [heard] = services.heard(browser)
    assert heard["body"] == "Precisa de uma pessoa."
    await services.view.change_conversation(chat.conversation.id, ConversationPatch(labels=["vip"]))
    await chat.clock.advance(60)
    assert len(services.requests) == 1
    await services.view.give_back(chat.conversation.id)
    await chat.quiet()
    await services.view.hand_over(chat.conversation.id, "de novo")
    await chat.clock.advance(3)
    assert len(services.requests) == 2


async def test_who_takes_a_conversation_over_calls_for_nobody(chat: Chat, services: Services) -> None:
    await services.subscribe("caio")
    await chat.gateway.change_conversation(
        chat.tenant_id, chat.conversation.id, ConversationPatch(answered_by="human"), by=BIA
    )
    await chat.clock.advance(60)
    assert services.told == []


async def test_a_hook_that_runs_twice_tells_once(chat: Chat, services: Services) -> None:
    await services.subscribe("bia")
    await by_a_person(chat)
    await chat.says("oi")
    await chat.runs_twice()
    assert services.told == ["bia"]


async def test_notifications_of_a_conversation_replace_each_other(chat: Chat, services: Services) -> None:
    await services.subscribe("bia")
    await by_a_person(chat)
    await chat.says("oi")
    await chat.says("tudo bem?")
    assert len({request.headers["topic"] for request in services.requests}) == 1
    assert len(services.requests) == 2


async def test_groups_and_reactions_are_not_told_of(chat: Chat, services: Services) -> None:
    await services.subscribe("bia")
    await by_a_person(chat)
    await chat.says("👍", kind=MessageKind.REACTION)
    chat.in_group()
    await chat.says("oi")
    await chat.clock.advance(60)
    assert services.told == []
    await chat.configure("push", groups=True)
    await chat.says("oi")
    await chat.clock.advance(60)
    assert services.told == ["bia"]


async def test_an_old_message_is_not_told_of(chat: Chat, services: Services) -> None:
    await services.subscribe("bia")
    await by_a_person(chat)
    await chat.says("oi", at=chat.clock.now() - timedelta(minutes=11))
    assert services.told == []


@pytest.mark.parametrize("status", [404, 410])
async def test_a_dead_subscription_is_removed(chat: Chat, services: Services, status: int) -> None:
    dead, alive = await services.subscribe("bia"), await services.subscribe("bia")
    services.answers[dead.endpoint] = httpx.Response(status)
    await by_a_person(chat)
    await chat.says("oi")
    await chat.says("oi?")
    assert len(services.requests) == 3
    assert [device.endpoint for device in await services.devices.all()] == [alive.endpoint]


async def test_a_device_whose_service_leads_inside_for_a_while_is_kept_and_warned_of(
    chat: Chat, services: Services
) -> None:
    browser = await services.subscribe("bia")
    services.refused.add(browser.endpoint)
    await by_a_person(chat)
    with capture_logs() as lines:
        await chat.says("oi")
    assert [(line["reason"], line["host"]) for line in lines if line["event"] == "push_address_refused"] == [
        ("address_refused", "fcm.googleapis.com")
    ]
    services.refused.clear()
    await chat.says("oi?")
    assert len(services.heard(browser)) == 1


async def test_a_busy_push_service_is_given_its_time(chat: Chat, services: Services) -> None:
    busy = await services.subscribe("bia")
    services.answers[busy.endpoint] = httpx.Response(429, headers={"Retry-After": "120"})
    await by_a_person(chat)
    await chat.says("oi")
    assert len(services.requests) == 1
    del services.answers[busy.endpoint]
    last = await chat.says("alguém?")
    await chat.clock.advance(110)
    assert len(services.requests) == 1
    await chat.clock.advance(20)
    # One for both messages: the newer took the place of the one that waited.
    assert services.requests[1:] != []
    assert [browser["messageId"] for browser in services.heard(busy)[1:]] == [last.id]
    [device] = await services.devices.all()
    assert device.wait_until is None


async def test_a_push_service_that_stays_away_is_given_up_after_some_tries(chat: Chat, services: Services) -> None:
    away = await services.subscribe("bia")
    services.answers[away.endpoint] = httpx.Response(503)
    await by_a_person(chat)
    await chat.says("oi")
    await chat.clock.advance(timedelta(hours=2))
    assert len(services.requests) == 4
    assert [device.endpoint for device in await services.devices.all()] == [away.endpoint]


async def test_what_was_answered_meanwhile_is_not_tried_again(chat: Chat, services: Services) -> None:
    away = await services.subscribe("bia")
    services.answers[away.endpoint] = httpx.Response(503)
    await by_a_person(chat)
    await chat.says("oi")
    await by_a_person(chat)
    await chat.clock.advance(timedelta(hours=1))
    assert len(services.requests) == 1


async def test_a_device_at_a_service_that_is_not_allowed_any_more_is_removed(chat: Chat, services: Services) -> None:
    browser = await services.subscribe("bia")
    [device] = await services.devices.all()
    await services.devices.save(msgspec.structs.replace(device, endpoint="https://169.254.169.254/x"))
    await by_a_person(chat)
    await chat.says("oi")
    assert services.requests == []
    assert await services.devices.all() == []
    assert services.heard(browser) == []


async def test_a_device_that_does_not_come_back_is_forgotten(chat: Chat, services: Services) -> None:
    await services.subscribe("bia")
    await chat.clock.advance(timedelta(days=31))
    assert await services.devices.all() == []


async def test_a_browser_that_somebody_else_used_is_theirs_no_more(chat: Chat, services: Services) -> None:
    await services.subscribe("bia")
    [mine] = await services.devices.all()
    theirs = msgspec.structs.replace(mine, id=device_id("caio", mine.endpoint), user_id="caio")
    await services.devices.add(theirs, [mine])
    assert [device.user_id for device in await services.devices.all()] == ["caio"]
    assert await services.devices.get("bia", mine.id) is None
    assert await services.devices.get("bia", theirs.id) is None
    assert await services.devices.get("caio", theirs.id) == theirs


async def test_the_oldest_device_of_a_user_makes_room(chat: Chat, services: Services) -> None:
    for _ in range(10):
        await services.subscribe("bia")
        await chat.clock.advance(1)
    await services.subscribe("caio")
    before = await services.devices.all()
    new = msgspec.structs.replace(before[0], id=device_id("bia", "https://new"), endpoint="https://new")
    new = msgspec.structs.replace(new, created_at=chat.clock.now())
    await services.devices.add(new, before)
    mine = await services.devices.of("bia")
    assert len(mine) == 10
    assert before[0].id not in {device.id for device in mine}
    assert len(await services.devices.of("caio")) == 1
