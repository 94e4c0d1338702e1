"""Groups are listed with their participants, and what changes in them is posted."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import ANA, Receiver, Running, Start, until

pytestmark = pytest.mark.anyio
GROUP = "120363041112223330@g.us"
BRUNO = "5521988880002"
CARLA = "5531988880003"


async def change(running: Running, group: str = GROUP, **fields: Any) -> dict[str, Any]:
    answer = await running.phone.post(f"/simulator/sessions/acme/groups/{group}", json=fields)
    assert answer.status_code == 200, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


async def changes(receiver: Receiver, count: int) -> list[tuple[str, list[str]]]:
    await until(lambda: len(receiver.of("group")) >= count)
    return [(hook["change"], hook["participants"]) for hook in receiver.of("group")]


async def test_a_group_is_made_and_changed_and_each_change_is_posted(running: Running, receiver: Receiver) -> None:
    await running.pair()
    await change(running, subject="Vendas", add=[{"id": ANA, "name": "Ana"}, BRUNO])
    told = await change(running, subject="Vendas Sul", add=[CARLA, ANA], remove=[BRUNO, "5541900000000"], promote=[ANA])
    assert told == {
        "id": GROUP,
        "subject": "Vendas Sul",
        "participants": [
            {"id": f"{ANA}@c.us", "name": "Ana", "admin": True},
            {"id": f"{CARLA}@c.us", "name": CARLA, "admin": False},
        ],
    }
    assert await changes(receiver, 6) == [
        ("subject", []),
        ("joined", [f"{ANA}@c.us", f"{BRUNO}@c.us"]),
        ("subject", []),
        ("joined", [f"{CARLA}@c.us"]),
        ("promoted", [f"{ANA}@c.us"]),
        ("left", [f"{BRUNO}@c.us"]),
    ]
    hook = receiver.of("group")[0]
    assert (hook["tenantId"], hook["groupId"], hook["subject"]) == ("acme", GROUP, "Vendas")
    assert isinstance(hook["timestamp"], int)


async def test_what_changes_nothing_is_not_posted(running: Running, receiver: Receiver) -> None:
    await running.pair()
    await change(running, subject="Vendas", add=[ANA])
    await change(running, subject="Vendas", add=[ANA], remove=[BRUNO], promote=[BRUNO], demote=[ANA])
    await change(running, promote=[ANA])
    await change(running, promote=[ANA])
    await change(running, demote=[ANA])
    assert await changes(receiver, 4) == [
        ("subject", []),
        ("joined", [f"{ANA}@c.us"]),
        ("promoted", [f"{ANA}@c.us"]),
        ("demoted", [f"{ANA}@c.us"]),
    ]


async def test_the_service_lists_groups_and_tells_of_one(running: Running) -> None:
    await running.pair()
    told = await change(running, subject="Vendas", add=[ANA])
    await running.write()
    listed = await running.api.get("/groups", params={"tenantId": "acme"})
    assert listed.json() == {"groups": [told]}
    for group in (GROUP, GROUP.partition("@")[0]):
        assert (await running.api.get(f"/groups/{group}", params={"tenantId": "acme"})).json() == told


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/groups/{GROUP}", 422),
        (f"/groups/{GROUP}?tenantId=nobody", 404),
        ("/groups/120363999999999999@g.us?tenantId=acme", 404),
        (f"/groups/{ANA}@c.us?tenantId=acme", 422),
    ],
)
async def test_a_group_that_is_not_there_is_404(running: Running, path: str, status: int) -> None:
    await running.pair()
    await running.write()
    assert (await running.api.get(path)).status_code == status


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/simulator/sessions/nobody/groups/{GROUP}", {}, 404),
        (f"/simulator/sessions/acme/groups/{ANA}@c.us", {}, 422),
        (f"/simulator/sessions/acme/groups/{GROUP}", {"subject": ""}, 400),
        (f"/simulator/sessions/acme/groups/{GROUP}", {"add": ["?"]}, 422),
        (f"/simulator/sessions/acme/groups/{GROUP}", {"add": [GROUP]}, 422),
        (f"/simulator/sessions/acme/groups/{GROUP}", {"add": [ANA], "remove": ["?"]}, 422),
        (f"/simulator/sessions/acme/groups/{GROUP}", {"add": [str(5511900000000 + n) for n in range(1025)]}, 400),
        (f"/simulator/sessions/acme/groups/{GROUP}", {"add": [[]]}, 400),
    ],
)
async def test_a_change_that_cannot_be_made_changes_nothing(
    running: Running, receiver: Receiver, path: str, body: dict[str, Any], status: int
) -> None:
    await running.pair()
    assert (await running.phone.post(path, json=body)).status_code == status
    listed = await running.api.get("/groups", params={"tenantId": "acme"})
    assert listed.json() == {"groups": []}
    assert receiver.of("group") == []


async def test_a_full_group_takes_nobody_in(running: Running) -> None:
    await running.pair()
    await change(running, add=[str(5511900000000 + number) for number in range(1024)])
    answer = await running.phone.post(f"/simulator/sessions/acme/groups/{GROUP}", json={"add": [ANA]})
    assert answer.status_code == 422


async def test_a_phone_that_is_not_paired_is_in_no_group(running: Running) -> None:
    await running.api.post("/sessions/start", json={"tenantId": "acme"})
    answer = await running.phone.post(f"/simulator/sessions/acme/groups/{GROUP}", json={"subject": "Vendas"})
    assert answer.status_code == 409


@pytest.mark.parametrize("extensions", [False, frozenset({"events"}), frozenset({"groups"})])
async def test_only_a_service_with_groups_and_events_tells_of_changes(
    start: Start, receiver: Receiver, extensions: Any
) -> None:
    running = await start(extensions=extensions)
    await running.pair()
    await change(running, subject="Vendas", add=[ANA])
    await running.write(groupId=GROUP, text="depois")
    await until(lambda: "depois" in receiver.texts)
    assert receiver.of("group") == []
