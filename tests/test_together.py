"""Group reads: what is wanted at the same time shares a statement, and nobody pays for a neighbour."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from fivapp_whatsapp.errors import InvalidInput, StoreUnavailable
from fivapp_whatsapp.together import Together

pytestmark = pytest.mark.anyio


class Table:
    """Answers with each number's double, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.errors: dict[int, Exception] = {}

    async def load(self, keys: Sequence[int]) -> Mapping[int, int]:
        self.asked.append(sorted(keys))
        await asyncio.sleep(0)
        for key in keys:
            if key in self.errors:
                raise self.errors[key]
        return {key: 2 * key for key in keys if key != 7}


async def test_reads_of_one_moment_share_a_statement_and_each_key_is_asked_once() -> None:
    table = Table()
    together = Together(table.load)
    assert await asyncio.gather(*(together.get(key) for key in (1, 2, 7, 2))) == [2, 4, None, 4]
    assert table.asked == [[1, 2, 7]]


async def test_a_read_that_comes_later_is_made_after_it_was_asked_for() -> None:
    table = Table()
    together = Together(table.load)
    first = asyncio.create_task(together.get(1))
    while not table.asked:
        await asyncio.sleep(0)
    assert await together.get(1) == 2
    assert await first == 2
    assert table.asked == [[1], [1]]


async def test_a_key_that_cannot_be_asked_for_fails_alone() -> None:
    table = Table()
    table.errors[2] = InvalidInput("not storable")
    together = Together(table.load)
    found = await asyncio.gather(*(together.get(key) for key in (1, 2, 3)), return_exceptions=True)
    assert found == [2, table.errors[2], 6]


async def test_a_database_that_is_away_is_asked_once_for_all() -> None:
    table = Table()
    table.errors[1] = StoreUnavailable("away")
    together = Together(table.load)
    found = await asyncio.gather(*(together.get(key) for key in (1, 2)), return_exceptions=True)
    assert found == [table.errors[1], table.errors[1]]
    assert table.asked == [[1, 2]]
    table.errors.clear()
    assert await together.get(1) == 2


async def test_who_goes_away_takes_nobodys_answer_with_them() -> None:
    together = Together(Table().load)
    gone = asyncio.create_task(together.get(1))
    stays = asyncio.create_task(together.get(1))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 2
    assert gone.cancelled() or gone.cancelling()
