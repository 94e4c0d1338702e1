"""Slots: so many at once, and those who wait come in tenant by tenant."""

from __future__ import annotations

import asyncio

import pytest

from fivapp_whatsapp.automation.slots import Slots

pytestmark = pytest.mark.anyio


class Queue:
    """Who holds a slot, in the order in which they got it; each gives it back when told to."""

    def __init__(self, size: int, *, of_tenant: int | None = None) -> None:
        self.slots = Slots(size, of_tenant=size if of_tenant is None else of_tenant)
        self.let_in: list[str] = []
        self.go = asyncio.Semaphore(0)

    async def comes(self, tenant_id: str) -> None:
        async with self.slots.held(tenant_id):
            self.let_in.append(tenant_id)
            await self.go.acquire()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_tenant_with_a_flood_lets_the_others_in_between() -> None:
    queue = Queue(2)
    tasks = [asyncio.create_task(queue.comes(tenant)) for tenant in "A" * 20 + "B" * 3 + "C"]
    await turns()
    assert queue.let_in == ["A", "A"]
    for _ in range(8):
        queue.go.release()
    await turns()
    assert "".join(queue.let_in) == "AA" + "ABC" + "AB" + "AB" + "A"
    for _ in range(30):
        queue.go.release()
    await asyncio.gather(*tasks)
    assert len(queue.let_in) == 24


async def test_one_tenant_has_its_share_at_most_however_many_are_free() -> None:
    queue = Queue(3, of_tenant=2)
    tasks = [asyncio.create_task(queue.comes(tenant)) for tenant in "AAAA"]
    await turns()
    assert queue.let_in == ["A", "A"]
    tasks += [asyncio.create_task(queue.comes(tenant)) for tenant in "BB"]
    await turns()
    assert queue.let_in == ["A", "A", "B"], "what one tenant may not have is there for another"
    for _ in range(2):
        queue.go.release()
        await turns()
    assert queue.let_in[3:] == ["A", "B"], "the longest waiting tenant first, as soon as it may"
    for _ in range(6):
        queue.go.release()
    await asyncio.gather(*tasks)
    assert sorted(queue.let_in) == ["A"] * 4 + ["B"] * 2
    # All is free again.
    more = [asyncio.create_task(queue.comes(tenant)) for tenant in "CCD"]
    await turns()
    assert queue.let_in[6:] == ["C", "C", "D"]
    for _ in range(3):
        queue.go.release()
    await asyncio.gather(*more)


async def test_who_goes_away_while_waiting_keeps_no_slot() -> None:
    queue = Queue(1)
    tasks = [asyncio.create_task(queue.comes(tenant)) for tenant in "ABC"]
    await turns()
    tasks[1].cancel()
    await turns()
    queue.go.release()
    await turns()
    assert queue.let_in == ["A", "C"]
    # Let in, and gone before it ran: the slot is free for whoever comes next.
    late = asyncio.create_task(queue.comes("D"))
    await turns()
    queue.go.release()
    tasks[2].add_done_callback(lambda _: late.cancel())
    await turns()
    last = asyncio.create_task(queue.comes("E"))
    queue.go.release()
    await asyncio.wait([last], timeout=2)
    assert queue.let_in[-1] == "E"
