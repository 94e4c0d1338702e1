"""The devices of a tenant's users: what their browsers subscribed to, kept in the plugin's state."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from msgspec import Meta

from fivapp_whatsapp import State

from .encoding import to_bytes

Language = Literal["pt-BR", "en"]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
# A device that does not come back is forgotten: its user may have left.
KEPT = timedelta(days=30)
MOST_DEVICES = 1000
MOST_OF_A_USER = 10
_PREFIX = "device:"
_ID = re.compile(r"[0-9a-f]{40}")


class QuietHours(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from", "time_zone": "timeZone"}):
    """When a device stays silent, each day in its time zone; `from` 22:00 `to` 07:00 goes over midnight."""

    from_: TimeOfDay
    to: TimeOfDay
    time_zone: Annotated[str, Meta(max_length=64)] = "America/Sao_Paulo"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"there is no time zone {self.time_zone!r}") from None
        if self.from_ == self.to:
            raise ValueError("quiet hours that begin when they end are none; switch the device off instead")

    def covers(self, now: datetime) -> bool:
        """Tell whether a time lies in them."""
        here = now.astimezone(ZoneInfo(self.time_zone)).time()
        begin, end = time.fromisoformat(self.from_), time.fromisoformat(self.to)
        return begin <= here < end if begin < end else here >= begin or here < end


class Device(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A browser of a user. `endpoint` and keys are secrets of that browser; `key` is the public key that it trusts.

    `wait_until`: the push service asked us not to come before.
    """

    id: str
    user_id: str
    endpoint: str
    p256dh: str
    auth: str
    key: str
    name: str = ""
    language: Language = "pt-BR"
    on: bool = True
    quiet_hours: QuietHours | None = None
    created_at: datetime
    wait_until: datetime | None = None

    def listens(self, now: datetime) -> bool:
        """Tell whether a notification may be shown now."""
        return self.on and not (self.quiet_hours is not None and self.quiet_hours.covers(now))


def device_id(user_id: str, endpoint: str) -> str:
    """Return the id of a user's device: the user's part first, so that one's own can be listed."""
    return _digest(user_id) + _digest(endpoint)


def keys_problem(p256dh: str, auth: str) -> str | None:
    """Say why a browser's keys cannot be used, or None."""
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), to_bytes(p256dh))
    except ValueError:
        return "p256dh is not a point of P-256"
    try:
        secret = to_bytes(auth)
    except ValueError:
        secret = b""
    return None if len(secret) == 16 else "auth is not 16 bytes"


class Devices:
    """A tenant's devices; `state` is the plugin's memory for the tenant."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def all(self) -> list[Device]:
        """Return all devices, oldest first."""
        return _read(await self._state.items(_PREFIX))

    async def of(self, user_id: str) -> list[Device]:
        """Return the devices of one user, oldest first."""
        found = _read(await self._state.items(_PREFIX + _digest(user_id)))
        return [device for device in found if device.user_id == user_id]

    async def get(self, user_id: str, id_: str) -> Device | None:
        """Return a device of a user, or None."""
        if _ID.fullmatch(id_) is None or not id_.startswith(_digest(user_id)):
            return None
        device = await self.find(id_)
        return device if device is not None and device.user_id == user_id else None

    async def find(self, id_: str) -> Device | None:
        """Return a device, whoever's it is, or None."""
        return next(iter(_read({id_: await self._state.get(_PREFIX + id_)})), None)

    async def save(self, device: Device) -> None:
        """Keep a device, from now on for as long as devices are kept."""
        await self._state.set(_PREFIX + device.id, msgspec.to_builtins(device), expires=KEPT)

    async def remove(self, device: Device) -> None:
        """Forget a device."""
        await self._state.delete(_PREFIX + device.id)

    async def add(self, device: Device, others: Sequence[Device]) -> None:
        """Keep a new device among `others`, all of the tenant: whoever used this browser before is forgotten there.

        A user's oldest devices make room.
        """
        mine = []
        for other in others:
            if other.id != device.id and other.endpoint == device.endpoint:
                await self.remove(other)
            elif other.id != device.id and other.user_id == device.user_id:
                mine.append(other)
        for old in mine[: max(0, len(mine) - MOST_OF_A_USER + 1)]:
            await self.remove(old)
        await self.save(device)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _read(found: dict[str, Any]) -> list[Device]:
    devices = []
    for value in found.values():
        try:
            devices.append(msgspec.convert(value, Device))
        except msgspec.ValidationError:  # None, or kept by an older version of this plugin
            continue
    return sorted(devices, key=lambda device: device.created_at.astimezone(UTC))
