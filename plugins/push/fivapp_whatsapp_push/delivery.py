"""Who is told, and what becomes of it: dead subscriptions go, busy push services are given their time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from fivapp_whatsapp import Conversation, TenantGateway

from .config import Push, Sender
from .devices import Device, Devices
from .endpoints import endpoint_problem, host_of
from .notification import Facts, notify, payload, topic
from .sending import Sent, push

# So many push services are spoken to at once.
_AT_ONCE = 20
# After a failure that may pass; a service that names a time is given that instead.
_AGAIN = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """What a timer keeps of a notification that is to be tried again: no words of it."""

    device_id: str
    message_id: str | None = None
    needs_person: bool = False
    attempt: int = 1


class Delivery:
    """One notification on its way to the devices of a tenant."""

    def __init__(
        self, gateway: TenantGateway, sender: Sender, config: Push, conversation: Conversation, now: datetime
    ) -> None:
        self._gateway = gateway
        self._sender = sender
        self._config = config
        self._conversation = conversation
        self._now = now
        self._devices = Devices(gateway.state)

    async def listeners(self) -> list[Device]:
        """Return the devices to tell: the assignee's, else everybody's, of those who are not watching."""
        assignee = self._conversation.assignee_id
        found = [
            device
            for device in await self._devices.all()
            if device.listens(self._now) and assignee in (None, device.user_id)
        ]
        watching = {user: await self._gateway.is_watching(user) for user in {device.user_id for device in found}}
        return [device for device in found if not watching[device.user_id]]

    async def tell(self, devices: Sequence[Device], facts: Facts, attempt: int = 1) -> None:
        """Tell these devices."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(device: Device) -> None:
            async with slots:
                await self._tell(device, facts, attempt)

        await asyncio.gather(*map(one, devices))

    async def _tell(self, device: Device, facts: Facts, attempt: int) -> None:
        again = Again(
            device_id=device.id, message_id=facts.message_id, needs_person=facts.needs_person, attempt=attempt
        )
        if device.wait_until is not None and device.wait_until > self._now:
            await self._later(again, device.wait_until - self._now)
            return
        if endpoint_problem(device.endpoint, self._sender.services) is not None:  # the list is shorter than it was
            await self._remove(device, "not_allowed")
            return
        sent = await push(
            self._gateway.http,
            self._sender.vapid,
            device,
            payload(notify(facts, device.language, self._config.content)),
            ttl=self._config.ttl_minutes * 60,
            topic=topic(self._gateway.tenant_id, facts.conversation_id),
            now=self._now,
        )
        await self._after(sent, device, again)

    async def _after(self, sent: Sent, device: Device, again: Again) -> None:
        match sent.outcome:
            case "delivered":
                self._gateway.count("delivered")
                if device.wait_until is not None:
                    await self._devices.save(msgspec.structs.replace(device, wait_until=None))
            case "gone":
                await self._remove(device, str(sent.status))
            case "refused":
                # The push service's name leads inside from here today: our resolver's mistake, not the device's.
                self._gateway.count("refused")
                self._warn("push_address_refused", device, sent.error or "")
            case "later":
                await self._put_off(sent, device, again)
            case "failed":
                self._gateway.count("failed")
                self._warn("push_failed", device, str(sent.status))

    async def _put_off(self, sent: Sent, device: Device, again: Again) -> None:
        if again.attempt > len(_AGAIN):
            self._gateway.count("failed")
            self._warn("push_given_up", device, sent.error or str(sent.status))
            return
        wait = sent.wait if sent.wait is not None else _AGAIN[again.attempt - 1]
        if sent.wait is not None:
            await self._devices.save(msgspec.structs.replace(device, wait_until=self._now + sent.wait))
        self._gateway.count("put_off")
        await self._later(msgspec.structs.replace(again, attempt=again.attempt + 1), wait)

    async def _later(self, again: Again, wait: timedelta) -> None:
        # One for each conversation and device: the newest takes the place of the one that waits.
        key = f"again:{again.device_id}"
        await self._gateway.later(key, wait, msgspec.to_builtins(again), conversation_id=self._conversation.id)

    async def _remove(self, device: Device, why: str) -> None:
        await self._devices.remove(device)
        self._gateway.count("removed")
        self._gateway.log.info("push_subscription_removed", reason=why, host=host_of(device.endpoint))

    def _warn(self, event: str, device: Device, why: str) -> None:
        self._gateway.log.warning(event, reason=why, host=host_of(device.endpoint))
