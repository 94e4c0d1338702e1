"""The load: contacts that write and agents that send, each in a place of its own, one message after the other.

Both do as services and browsers do: what was not answered, or with 503, is asked again until it is acknowledged, or
until its end is told.
"""

from __future__ import annotations

import asyncio
import random
import time

import msgspec

from benchmarks.requests import post

from .caller import Caller, NoAnswer
from .history import History, Operation, Place
from .world import World

# What a gateway may answer under faults; it is asked again after all of these.
AGAIN = frozenset({409, 429, 503})
# Codes that tell a send's end, which asking again does not change.
_ENDED = (b'"message_expired"', b'"outcome_unknown"')
_PAUSE_SECONDS = 0.02
_GENTLY_SECONDS = 0.2


class Load:
    """Runs all places of a world until `goal` operations are acknowledged, or for `seconds`.

    `pause` seconds lie between two operations of one place.
    """

    def __init__(
        self, world: World, history: History, rng: random.Random, *, goal: int, seconds: float, pause: float = 0.0
    ) -> None:
        self.goal = goal
        self.seconds = seconds
        self.again = AGAIN
        self.unexpected: list[str] = []
        self.recoveries: list[float] = []
        # How often a webhook comes at most, all at once; and how many came too often so far.
        self.copies = 1
        self.copied = 0
        self._world = world
        self._history = history
        self._rng = rng
        self._pause = pause
        self._copying: set[asyncio.Task[None]] = set()
        self._over = False
        self._until = time.monotonic() + seconds
        self._faulty_since: float | None = None

    @property
    def reached(self) -> bool:
        """Tell whether enough is acknowledged, or no more is to be expected of this machine."""
        return self._history.acknowledged >= self.goal or time.monotonic() > self._until

    def end(self) -> None:
        """Begin no more operations; those that were begun are brought to their end."""
        self._over = True

    def fault(self) -> None:
        """Measure from now on until the next acknowledgement."""
        self._faulty_since = time.monotonic()

    async def run(self) -> None:
        """Run until `end` and until every operation that was begun is acknowledged."""
        async with asyncio.TaskGroup() as group:
            for place in self._world.places:
                group.create_task(self._write(place))
        await asyncio.gather(*self._copying)

    async def _write(self, place: Place) -> None:
        caller, number = Caller(), 0
        try:
            while not self._over:
                await self._bring(caller, self._history.invoke(place, number))
                number += 1
                if self._pause:
                    await asyncio.sleep(self._pause)
        finally:
            caller.close()

    async def _bring(self, caller: Caller, operation: Operation) -> None:
        """Ask until it is acknowledged, each time at any gateway that runs."""
        request = self._request(operation)
        if self.copies > 1 and operation.place.kind == "webhook":
            self._copy(request, self._rng.randint(0, self.copies - 1))
        while True:
            ready = self._world.ready_ports()
            if len(ready) < len(self._world.gateways):
                # A gateway that starts has this machine's cores to share with all the others.
                await asyncio.sleep(_GENTLY_SECONDS)
            if ready and await self._ask(caller, self._rng.choice(ready), request, operation):
                return
            await asyncio.sleep(_PAUSE_SECONDS * self._rng.uniform(0.5, 1.5))

    async def _ask(self, caller: Caller, port: int, request: bytes, operation: Operation) -> bool:
        began = time.monotonic()
        try:
            status, body = await caller.post(port, request)
        except NoAnswer as exc:
            self._history.unanswered(operation, str(exc))
            return False
        self._history.answered(operation, status)
        if operation.acknowledged:
            if self._faulty_since is not None and began > self._faulty_since:
                self.recoveries.append(time.monotonic() - self._faulty_since)
                self._faulty_since = None
            return True
        if any(code in body for code in _ENDED):
            return True
        if status not in self.again:
            self.unexpected.append(f"{status} for {operation.text}: {body[:300].decode(errors='replace')}")
        return False

    def _copy(self, request: bytes, count: int) -> None:
        """Post a webhook some more times; nobody waits for it, so that old ones come late."""
        self.copied += count
        for _ in range(count):
            task = asyncio.create_task(self._post_copy(request))
            self._copying.add(task)
            task.add_done_callback(self._copying.discard)

    async def _post_copy(self, request: bytes) -> None:
        await asyncio.sleep(self._rng.choice((0.0, 0.0, 0.01, 0.3)))
        caller, ready = Caller(), self._world.ready_ports()
        try:
            if ready:
                await caller.post(self._rng.choice(ready), request)
        except NoAnswer:
            pass  # the first one is asked until it is acknowledged
        finally:
            caller.close()

    def _request(self, operation: Operation) -> bytes:
        place = operation.place
        if place.kind == "webhook":
            return webhook(self._world.keys.api_key, operation)
        return post(
            f"/api/conversations/{place.conversation_id}/send-message",
            msgspec.json.encode({"text": operation.text}),
            f"authorization: Bearer {self._world.tokens[place.tenant_id]}",
            f"idempotency-key: {operation.text.replace(' ', '-')}",
        )


def webhook(key: str, operation: Operation) -> bytes:
    """Return the webhook of an operation, the same each time."""
    place = operation.place
    body = {
        "tenantId": place.session_id,
        "from": place.chat_id,
        "message": operation.text,
        "messageId": f"false_{place.chat_id}_{place.session_id}.{operation.number}",
        "timestamp": int(time.time()),
    }
    return post("/api/webhooks/whatsapp", msgspec.json.encode(body), f"x-api-key: {key}")
