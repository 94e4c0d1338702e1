"""Messages both ways: what is posted, what reaches the phone, and the extensions."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import Any

import pytest

from .conftest import ANA, KEY, Receiver, Running, Start, until

pytestmark = pytest.mark.anyio
V0 = {"tenantId", "from", "message", "timestamp", "messageId"}


async def test_a_contacts_message_is_posted_with_all_fields(running: Running, receiver: Receiver) -> None:
    phone = (await running.pair())["phone"]
    message_id = (await running.write(text="olá 👋")).json()["messageId"]
    await until(lambda: bool(receiver.of("message")))
    hook = receiver.of("message")[0]
    assert message_id.startswith(f"false_{ANA}@c.us_3EB0")
    assert isinstance(hook.pop("timestamp"), int)
    assert hook == {
        "tenantId": "acme",
        "event": "message",
        "from": f"{ANA}@c.us",
        "to": f"{phone}@c.us",
        "chatId": f"{ANA}@c.us",
        "message": "olá 👋",
        "messageId": message_id,
        "type": "text",
        "fromMe": False,
        "isGroup": False,
        "pushName": "Ana",
    }


async def test_the_plain_service_posts_the_seeds_five_fields_and_nothing_else(start: Start, receiver: Receiver) -> None:
    running = await start(extensions=False)
    await running.pair()
    await running.send()
    await running.write(text="de fora")
    await running.write(text="do celular", fromMe=True)
    await running.write(kind="image", text="")
    await until(lambda: len(receiver.hooks) == 2)
    await until(lambda: running.simulator.courier.tally.pending == 0)
    assert receiver.texts == ["de fora", ""]
    assert all(set(hook) == V0 for hook in receiver.hooks)


async def test_a_group_message_names_group_and_author(running: Running, receiver: Receiver) -> None:
    await running.pair()
    answer = await running.write(groupId="120363000000000001", groupName="Família", quotedMessageId="false_x_3EB0A")
    await until(lambda: bool(receiver.of("message")))
    hook = receiver.of("message")[0]
    group = "120363000000000001@g.us"
    assert (hook["from"], hook["chatId"], hook["author"]) == (group, group, f"{ANA}@c.us")
    assert (hook["isGroup"], hook["groupName"], hook["quotedMessageId"]) == (True, "Família", "false_x_3EB0A")
    assert answer.json()["messageId"].startswith(f"false_{group}_")
    listed = (await running.api.get("/groups", params={"tenantId": "acme"})).json()
    assert listed == {
        "groups": [
            {
                "id": group,
                "subject": "Família",
                "participants": [{"id": f"{ANA}@c.us", "name": "Ana", "admin": False}],
            }
        ]
    }


async def test_a_message_typed_on_the_phone_is_posted_as_its_own(running: Running, receiver: Receiver) -> None:
    phone = (await running.pair())["phone"]
    await running.write(text="já respondo", fromMe=True)
    await until(lambda: bool(receiver.of("message")))
    hook = receiver.of("message")[0]
    assert (hook["fromMe"], hook["from"], hook["to"]) == (True, f"{phone}@c.us", f"{ANA}@c.us")
    assert hook["chatId"] == f"{ANA}@c.us"
    assert hook["messageId"].startswith(f"true_{ANA}@c.us_")


async def test_the_same_message_id_is_posted_again_and_shown_once(running: Running, receiver: Receiver) -> None:
    await running.pair()
    for _ in range(3):
        answer = await running.write(messageId="false_x_3EB0SAME", timestamp=1_700_000_000_000)
        assert answer.json() == {"messageId": "false_x_3EB0SAME"}
    await until(lambda: len(receiver.of("message")) == 3)
    assert {hook["timestamp"] for hook in receiver.of("message")} == {1_700_000_000_000}
    view = (await running.phone.get("/simulator/sessions/acme")).json()
    assert len(view["chats"][0]["messages"]) == 1


async def test_fifty_posts_at_once_arrive_in_order_per_conversation(running: Running, receiver: Receiver) -> None:
    await running.pair()
    senders = [f"551198888{number:04d}" for number in range(5)]
    posts = [running.write(**{"from": sender, "text": f"{n}"}) for n in range(10) for sender in senders]
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {200}
    await until(lambda: len(receiver.of("message")) == 50)
    sent = [answer.json()["messageId"] for answer in answers]
    assert {hook["messageId"] for hook in receiver.of("message")} == set(sent)


async def test_one_conversation_keeps_its_order(running: Running, receiver: Receiver) -> None:
    await running.pair()
    receiver.answers = [200, 500, 503]
    for number in range(20):
        await running.write(text=str(number))
    await until(lambda: len(receiver.texts) == 20)
    assert receiver.texts == [str(number) for number in range(20)]


@pytest.mark.parametrize("kind", ["image", "audio", "document", "sticker"])
async def test_media_is_told_by_url_and_can_be_fetched_with_the_key(
    running: Running, receiver: Receiver, kind: str
) -> None:
    await running.pair()
    await running.write(kind=kind, text="veja")
    await until(lambda: bool(receiver.of("message")))
    hook = receiver.of("message")[0]
    media = hook["media"]
    assert (hook["type"], hook["caption"], hook["message"]) == (kind, "veja", "veja")
    assert media["url"].startswith(f"{running.url}/media/")
    answer = await running.api.get(media["url"])
    assert answer.headers["content-type"] == media["mimetype"]
    assert len(answer.content) == media["size"]
    assert (await running.phone.get(media["url"])).status_code == 401


async def test_the_made_files_are_what_they_say(running: Running) -> None:
    files = {name: (await running.api.get(f"/media/{name}")).content for name in ("foto.png", "audio.wav")}
    assert files["foto.png"].startswith(b"\x89PNG")
    with wave.open(io.BytesIO(files["audio.wav"])) as sound:
        assert 0.5 < sound.getnframes() / sound.getframerate() < 2
    document = (await running.phone.get("/simulator/media/orcamento.pdf")).content
    assert document.startswith(b"%PDF")
    offset = int(document.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert document[offset:].startswith(b"xref")


async def test_a_send_reaches_the_phone_and_its_acks_go_up(running: Running, receiver: Receiver) -> None:
    await running.pair()
    reply = (await running.send(text="oi", clientMessageId="c-1")).json()
    assert reply["success"] is True
    assert reply["messageId"].startswith(f"true_{ANA}@c.us_3EB0")
    assert reply["clientMessageId"] == "c-1"
    await until(lambda: len(receiver.of("message.ack")) == 3)
    acks = receiver.of("message.ack")
    assert [(ack["status"], ack["ack"]) for ack in acks] == [("sent", 1), ("delivered", 2), ("read", 3)]
    assert {(ack["messageId"], ack["clientMessageId"], ack["tenantId"]) for ack in acks} == {
        (reply["messageId"], "c-1", "acme")
    }
    item = (await running.ledger())[0]
    assert item.pop("at").endswith("Z")
    assert item == {
        "messageId": reply["messageId"],
        "clientMessageId": "c-1",
        "sessionId": "acme",
        "to": f"{ANA}@c.us",
        "kind": "text",
        "text": "oi",
    }


async def test_a_send_repeated_with_its_own_id_arrives_once(running: Running) -> None:
    await running.pair()
    answers = [(await running.send(clientMessageId="c-1")).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert len(await running.ledger()) == 1


async def test_sends_without_an_own_id_arrive_each_time(running: Running) -> None:
    await running.pair()
    ids = [(await running.send()).json()["messageId"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert [item["messageId"] for item in await running.ledger()] == ids


async def test_the_plain_service_is_not_idempotent_and_knows_text_only(start: Start) -> None:
    running = await start(extensions=False)
    await running.pair()
    for _ in range(2):
        reply = (await running.send(clientMessageId="c-1", type="image", mediaUrl="http://127.0.0.1/x.png")).json()
        assert "clientMessageId" not in reply
    assert [item["kind"] for item in await running.ledger()] == ["text", "text"]


async def test_a_send_can_be_looked_up(running: Running) -> None:
    await running.pair()
    sent = (await running.send(clientMessageId="c-1")).json()
    found = (await running.api.get("/messages/c-1", params={"tenantId": "acme"})).json()
    assert (found["messageId"], found["to"], found["tenantId"]) == (sent["messageId"], f"{ANA}@c.us", "acme")
    assert found["status"] in ("sent", "delivered", "read")
    for path in ("/messages/c-2", "/messages/c-1?tenantId=other"):
        assert (await running.api.get(path)).status_code == 404


async def test_media_sends_reach_the_phone(running: Running) -> None:
    await running.pair()
    await running.send(
        text=None, type="document", mediaUrl="http://127.0.0.1:9/x.pdf", caption="veja", filename="x.pdf"
    )
    view = (await running.phone.get("/simulator/sessions/acme")).json()
    message = view["chats"][0]["messages"][0]
    assert (message["kind"], message["text"], message["media"]["filename"]) == ("document", "veja", "x.pdf")
    assert message["media"]["src"] == "http://127.0.0.1:9/x.pdf"


async def test_two_sessions_talk_to_each_other(running: Running, receiver: Receiver) -> None:
    acme = (await running.pair("acme", "Acme"))["phone"]
    beta = (await running.pair("beta", "Beta"))["phone"]
    reply = (await running.send("acme", to=beta, text="olá, Beta")).json()
    await until(lambda: bool(receiver.of("message")))
    hook = receiver.of("message")[0]
    assert (hook["tenantId"], hook["from"], hook["message"]) == ("beta", f"{acme}@c.us", "olá, Beta")
    assert hook["pushName"] == "Acme"
    assert hook["messageId"].rpartition("_")[2] == reply["messageId"].rpartition("_")[2]
    assert len(await running.ledger()) == 1


async def test_a_status_set_by_hand_is_posted_also_when_it_goes_back(start: Start, receiver: Receiver) -> None:
    running = await start(delivered_after=600, read_after=600)
    await running.pair()
    message_id = (await running.send()).json()["messageId"]
    for status in ("read", "delivered", "played", "failed"):
        answer = await running.phone.post(
            f"/simulator/sessions/acme/messages/{message_id}/status", json={"status": status}
        )
        assert answer.status_code == 200
    await until(lambda: len(receiver.of("message.ack")) == 5)
    assert [ack["ack"] for ack in receiver.of("message.ack")] == [1, 3, 2, 4, -1]


async def test_a_failed_message_is_not_read_later(start: Start, receiver: Receiver) -> None:
    running = await start(delivered_after=0.15, read_after=0.2)
    await running.pair()
    first = (await running.send()).json()["messageId"]
    await running.phone.post(f"/simulator/sessions/acme/messages/{first}/status", json={"status": "failed"})
    second = (await running.send()).json()["messageId"]
    await until(
        lambda: [ack["status"] for ack in receiver.of("message.ack") if ack["messageId"] == second][2:] == ["read"]
    )
    assert [ack["status"] for ack in receiver.of("message.ack") if ack["messageId"] == first] == ["sent", "failed"]


async def test_typing_shows_on_the_phone(running: Running) -> None:
    await running.pair()

    async def typing() -> Any:
        return (await running.phone.get("/simulator/sessions/acme")).json()["chats"][0]["typing"]

    for typed in (True, False):
        answer = await running.api.post("/typing", json={"tenantId": "acme", "to": ANA, "typing": typed})
        assert answer.json() == {"success": True}
        assert await typing() is typed


async def test_typing_ends_with_the_message_and_by_itself(start: Start) -> None:
    clock = [1_700_000_000.0]
    running = await start(now=lambda: clock[0])
    await running.pair()

    async def typing() -> Any:
        return (await running.phone.get("/simulator/sessions/acme")).json()["chats"][0]["typing"]

    await running.api.post("/typing", json={"tenantId": "acme", "to": ANA})
    assert await typing() is True
    clock[0] += 5
    assert await typing() is False
    await running.api.post("/typing", json={"tenantId": "acme", "to": ANA})
    await running.send()
    assert await typing() is False


async def test_capabilities_name_the_extensions_that_are_on(start: Start) -> None:
    everything = await start()
    some = await start(extensions=frozenset({"groups", "events"}))
    nothing = await start(extensions=False)
    assert (await everything.api.get("/capabilities")).json() == {
        "capabilities": ["buttons", "groups", "idempotent_send", "list", "lookup", "media", "quote", "typing"]
    }
    assert (await some.api.get("/capabilities")).json() == {"capabilities": ["groups"]}
    assert (await nothing.api.get("/capabilities")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/messages/c-1"),
        ("GET", "/media/foto.png"),
        ("POST", "/typing"),
        ("GET", "/groups?tenantId=acme"),
        ("GET", "/groups/1@g.us?tenantId=acme"),
    ],
)
async def test_extensions_that_are_off_are_404(start: Start, method: str, path: str) -> None:
    running = await start(extensions=False)
    await running.pair()
    answer = await running.api.request(method, path, json={"tenantId": "acme", "to": ANA} if method == "POST" else None)
    assert answer.status_code == 404


async def test_brazils_ninth_digit_makes_no_second_chat(running: Running) -> None:
    await running.pair()
    await running.write(**{"from": "551188880001"})
    reply = (await running.send(to="5511988880001")).json()
    assert reply["messageId"].startswith("true_551188880001@c.us_")
    view = (await running.phone.get("/simulator/sessions/acme")).json()
    assert len(view["chats"]) == 1


async def test_the_webhook_key_can_differ_from_the_api_key(start: Start, receiver: Receiver) -> None:
    running = await start(webhook_key="another-key-for-tests")
    await running.pair()
    await until(lambda: receiver.keys == ["another-key-for-tests"])
    assert KEY not in receiver.keys
