"""Posts webhooks as a real service does: in order per conversation, and again until somebody answers 2xx."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

from .chaos import Dice
from .options import SimulatorOptions

GIVE_UP_AFTER = 600.0
LONGEST_PAUSE = 60.0
MAX_PENDING = 50_000
AT_ONCE = 64
REORDER_WAIT = 0.25


class Post(msgspec.Struct, frozen=True):
    """One webhook that waits: its body, and what is to go wrong with it."""

    body: bytes
    copies: int = 1
    swap: bool = False


class Tally(msgspec.Struct):
    """What became of webhooks so far: counts of bodies, each copy of a duplicate counted."""

    pending: int = 0
    delivered: int = 0
    retried: int = 0
    lost: int = 0


def retry_pauses() -> Iterator[float]:
    """Yield the seconds to wait before each further attempt: 1, 2, 4 … 60, within ten minutes in all."""
    pause, total = 1.0, 0.0
    while total + pause <= GIVE_UP_AFTER:
        yield pause
        total += pause
        pause = min(pause * 2, LONGEST_PAUSE)


class Courier:
    """Delivers webhooks; a lane (a conversation) keeps its order, lanes do not wait for each other.

    The address may be set or changed at any time: what waits for a retry is then tried at once.
    """

    def __init__(self, options: SimulatorOptions, dice: Dice) -> None:
        self.url = options.webhook_url
        self.key = options.api_key if options.webhook_key is None else options.webhook_key
        self.tally = Tally()
        self._options = options
        self._dice = dice
        self._lanes: dict[str, deque[Post]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._retarget = asyncio.Event()
        self._arrived = asyncio.Event()

    def set_target(self, url: str | None, key: str | None = None) -> None:
        """Set where webhooks go and, unless None, the key that they carry."""
        self.url = url
        self.key = self.key if key is None else key
        self._retarget.set()
        self._retarget = asyncio.Event()

    def post(self, lane: str, hook: dict[str, Any]) -> None:
        """Take a webhook for delivery; returns at once. One too many is lost, and counted."""
        post = Post(
            msgspec.json.encode(hook),
            copies=2 if self._dice.roll("duplicate") else 1,
            swap=self._dice.roll("reorder"),
        )
        if self.tally.pending + post.copies > MAX_PENDING:
            self.tally.lost += post.copies
            return
        self.tally.pending += post.copies
        queue = self._lanes.get(lane)
        if queue is not None:
            queue.append(post)
            self._arrived.set()
            self._arrived = asyncio.Event()
            return
        self._lanes[lane] = deque((post,))
        task = asyncio.get_running_loop().create_task(self._run(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop delivering; what was not delivered is lost."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lanes.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _run(self, lane: str) -> None:
        queue = self._lanes[lane]
        try:
            while queue:
                post = queue.popleft()
                if post.swap and (overtaking := await self._next(queue)) is not None:
                    await self._deliver(overtaking)
                await self._deliver(post)
        finally:
            # Nothing runs between the empty look and this line, so no webhook is left in a lane without a runner.
            self._lanes.pop(lane, None)

    async def _next(self, queue: deque[Post]) -> Post | None:
        """Return the next of the lane, waiting a moment for one."""
        deadline = asyncio.get_running_loop().time() + REORDER_WAIT
        while not queue:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._arrived.wait()
            except TimeoutError:
                return None
        return queue.popleft()

    async def _deliver(self, post: Post) -> None:
        # Both copies at once: the receiver meets the race between them, not only the repetition.
        await asyncio.gather(*(self._deliver_copy(post.body) for _ in range(post.copies)))

    async def _deliver_copy(self, body: bytes) -> None:
        pauses = retry_pauses()
        while not await self._attempt(body):
            pause = next(pauses, None)
            if pause is None:
                self.tally.lost += 1
                break
            self.tally.retried += 1
            await self._pause(pause * self._options.retry_scale)
        else:
            self.tally.delivered += 1
        self.tally.pending -= 1

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._retarget.wait()
        except TimeoutError:
            return

    async def _attempt(self, body: bytes) -> bool:
        if self.url is None:
            return False
        headers = {"Content-Type": "application/json", "X-API-KEY": self.key}
        try:
            async with self._at_once, asyncio.timeout(self._options.webhook_timeout):
                response = await self._http().post(self.url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError):
            return False
        return response.is_success

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
            self._client = httpx.AsyncClient(limits=limits, timeout=self._options.webhook_timeout, trust_env=False)
        return self._client
