"""Webhooks are posted until somebody answers 2xx, and chaos does what its words say."""

from __future__ import annotations

import asyncio
import itertools

import httpx
import msgspec
import pytest

from fivapp_whatsapp.simulator.chaos import Chaos, Dice
from fivapp_whatsapp.simulator.delivery import retry_pauses

from .conftest import Receiver, Running, Start, until

pytestmark = pytest.mark.anyio


async def test_retries_come_after_1_2_4_to_60_seconds_for_ten_minutes() -> None:
    pauses = list(retry_pauses())
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert sum(pauses) <= 600 < sum(pauses) + 60


async def test_a_webhook_without_a_2xx_is_posted_again(running: Running, receiver: Receiver) -> None:
    receiver.answers = [500, 401, 302, 503]
    await running.pair()
    await until(lambda: len(receiver.hooks) == 1)
    await until(lambda: running.simulator.courier.tally.pending == 0)
    assert receiver.refused == [receiver.hooks[0]] * 4
    tally = msgspec.structs.asdict(running.simulator.courier.tally)
    assert tally == {"pending": 0, "delivered": 1, "retried": 4, "lost": 0}


async def test_after_ten_minutes_a_webhook_is_lost_and_counted(start: Start, receiver: Receiver) -> None:
    running = await start(webhook_url="http://127.0.0.1:1/hook", retry_scale=0)
    await running.pair()
    await until(lambda: running.simulator.courier.tally.lost == 1)
    assert running.simulator.courier.tally.pending == 0
    assert receiver.hooks == []


async def test_a_target_set_later_gets_what_waited(start: Start, receiver: Receiver) -> None:
    running = await start(webhook_url=None, retry_scale=1)
    await running.pair()
    await running.write()
    answer = await running.phone.put("/simulator/webhook", json={"url": receiver.url, "key": "later-key"})
    assert answer.json() == {"url": receiver.url}
    await until(lambda: len(receiver.hooks) == 2)
    assert receiver.keys == ["later-key", "later-key"]


async def test_a_conversation_that_waits_does_not_hold_up_another(start: Start, receiver: Receiver) -> None:
    running = await start(retry_scale=600)
    await running.pair()
    await until(lambda: len(receiver.hooks) == 1)
    receiver.answers = [500]
    await running.write(text="fica")
    await until(lambda: len(receiver.refused) == 1)
    await running.write(**{"from": "5511988880002"}, text="passa")
    await until(lambda: receiver.texts == ["passa"])


async def test_duplicate_posts_twice(running: Running, receiver: Receiver) -> None:
    await running.pair()
    await running.chaos(duplicate=1)
    message_id = (await running.write()).json()["messageId"]
    await until(lambda: len(receiver.of("message")) == 2)
    assert [hook["messageId"] for hook in receiver.of("message")] == [message_id] * 2


async def test_reorder_swaps_neighbours(running: Running, receiver: Receiver) -> None:
    await running.pair()
    await running.chaos(reorder=1)
    for number in range(4):
        await running.write(text=str(number))
    await until(lambda: len(receiver.texts) == 4)
    assert receiver.texts == ["1", "0", "3", "2"]
    await running.write(text="allein")
    await until(lambda: receiver.texts[-1] == "allein")


async def test_drop_ack_loses_acks_and_nothing_else(running: Running, receiver: Receiver) -> None:
    await running.pair()
    await running.chaos(dropAck=1)
    await running.send()
    await until(lambda: running.simulator.sessions.get("acme").phone.chats["551188880001"].messages[0].status == "read")
    await running.write()
    await until(lambda: len(receiver.of("message")) == 1)
    assert receiver.of("message.ack") == []


async def test_error_answers_500_and_does_nothing(running: Running) -> None:
    await running.pair()
    await running.chaos(error=1)
    assert (await running.send()).status_code == 500
    assert (await running.api.get("/sessions/acme/status")).status_code == 500
    await running.chaos()
    assert await running.ledger() == []
    assert (await running.send()).status_code == 200


async def test_ambiguous_reaches_the_phone_without_an_answer_in_time(start: Start) -> None:
    running = await start(ambiguous_seconds=30)
    await running.pair()
    await running.chaos(ambiguous=1)
    with pytest.raises(httpx.ReadTimeout):
        await running.api.post(
            "/message/send", json={"tenantId": "acme", "to": "5511988880001", "text": "oi"}, timeout=0.3
        )
    assert [item["text"] for item in await running.ledger()] == ["oi"]


async def test_ambiguous_ends_with_a_late_504_and_a_repetition_arrives_once(start: Start) -> None:
    running = await start(ambiguous_seconds=0.05)
    await running.pair()
    await running.chaos(ambiguous=1)
    assert (await running.send(clientMessageId="c-1")).status_code == 504
    await running.chaos()
    assert (await running.send(clientMessageId="c-1")).status_code == 200
    assert len(await running.ledger()) == 1


async def test_a_refused_send_does_nothing(running: Running) -> None:
    await running.pair()
    await running.chaos(refuse=1)
    answer = await running.send()
    assert (answer.status_code, answer.json()["code"]) == (422, "MESSAGE_REJECTED")
    await running.chaos()
    assert await running.ledger() == []


async def test_garbage_takes_effect_and_cannot_be_read(running: Running) -> None:
    await running.pair()
    await running.chaos(garbage=1)
    answer = await running.send()
    assert answer.status_code == 200
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(answer.content)
    assert len(await running.ledger()) == 1


async def test_latency_is_waited_before_each_call(running: Running) -> None:
    await running.pair()
    await running.chaos(latencyMs=120)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await running.send()
    assert loop.time() - begin >= 0.115


async def test_shares_are_kept_and_read_back(running: Running) -> None:
    await running.chaos(duplicate=0.25, latencyMs=5, seed=3)
    assert (await running.phone.get("/simulator/chaos")).json() == {
        "duplicate": 0.25,
        "reorder": 0,
        "dropAck": 0,
        "error": 0,
        "ambiguous": 0,
        "garbage": 0,
        "refuse": 0,
        "latencyMs": 5,
        "seed": 3,
    }


async def test_a_seed_makes_chaos_repeatable() -> None:
    dice = Dice()

    def throws(seed: int, error: float = 0.3) -> list[bool]:
        dice.set(Chaos(error=error, duplicate=0.5, seed=seed))
        return [dice.roll("error") for _ in range(200)]

    first = throws(7)
    assert throws(7) == first
    assert throws(8) != first
    assert 30 < sum(first) < 90
    dice.set(Chaos(error=0.3, duplicate=0.5, seed=7))
    mixed = [(dice.roll("error"), dice.roll("duplicate"))[0] for _ in range(200)]
    assert mixed == first


async def test_the_ledger_is_exact_under_all_chaos(start: Start, receiver: Receiver) -> None:
    running = await start(ambiguous_seconds=0.01)
    await running.pair()
    await running.chaos(error=0.2, ambiguous=0.2, garbage=0.2, duplicate=0.2, reorder=0.2, dropAck=0.2, seed=5)

    async def send_until_told(client_id: str) -> str:
        while True:
            answer = await running.send(clientMessageId=client_id, text=client_id)
            if answer.status_code == 200 and answer.content.endswith(b"}"):
                return str(answer.json()["messageId"])

    names = [f"c-{number}" for number in range(40)]
    ids = await asyncio.gather(*(send_until_told(name) for name in names))
    items = await running.ledger()
    assert {item["clientMessageId"]: item["messageId"] for item in items} == dict(zip(names, ids, strict=True))
    assert len(items) == len(names)
    assert all(a != b for a, b in itertools.pairwise(sorted(ids)))
