"""A small memory of look-ups that every request repeats."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Believes an answer, also that there is nothing, for `seconds`; the least used answers are forgotten first."""

    def __init__(self, clock: Callable[[], float], seconds: float = 4.0, max_keys: int = 10_000) -> None:
        self._clock = clock
        self._seconds = seconds
        self._max_keys = max_keys
        self._known: OrderedDict[Hashable, tuple[float, T | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[T | None]]) -> T | None:
        """Return what is known of a key, else ask."""
        known = self._known.get(key)
        now = self._clock()
        if known is not None and now - known[0] < self._seconds:
            self._known.move_to_end(key)
            return known[1]
        # The time from before the question: an answer is never believed longer than `seconds` after it was true.
        value = await ask()
        self._known[key] = (now, value)
        self._known.move_to_end(key)
        if len(self._known) > self._max_keys:
            self._known.popitem(last=False)
        return value
