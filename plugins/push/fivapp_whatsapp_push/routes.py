"""/api/push: the key that browsers subscribe with, and the devices of who asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType

from fivapp_whatsapp import Conflict, InvalidInput, NotFound, TenantGateway, User

from .config import Sender
from .devices import MOST_DEVICES, Device, Devices, Language, QuietHours, device_id, keys_problem
from .endpoints import MAX_ENDPOINT, endpoint_problem, host_of
from .notification import payload, test_notification, topic
from .sending import push

View = NamedDependency[TenantGateway]
Me = NamedDependency[User]
Name = Annotated[str, Meta(max_length=100)]
_TEST_TTL = 60


class DeviceNotFound(NotFound):
    """There is no such device of yours."""

    code = "device_not_found"


class EndpointRefused(InvalidInput):
    """This push subscription cannot be used."""

    code = "endpoint_refused"


class TooManyDevices(Conflict):
    """This tenant has as many devices as it can have."""

    code = "too_many_devices"


class PushNotConfigured(Conflict):
    """This installation has no key to sign notifications with: see FIVAPP_PUSH_VAPID_KEY."""

    code = "push_not_configured"


class PublicKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a browser subscribes with: `applicationServerKey`, in base64 of URLs."""

    public_key: str


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's keys, as `subscription.toJSON()` has them."""

    p256dh: Annotated[str, Meta(max_length=200)]
    auth: Annotated[str, Meta(max_length=100)]


class NewDevice(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A browser's subscription, with what its user calls the device."""

    endpoint: Annotated[str, Meta(min_length=1, max_length=MAX_ENDPOINT)]
    keys: Keys
    name: Name = ""
    language: Language = "pt-BR"
    quiet_hours: QuietHours | None = None


class DevicePatch(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is to change; `quietHours: null` ends them."""

    name: Name | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    on: bool | UnsetType = UNSET
    quiet_hours: QuietHours | UnsetType | None = UNSET


class DeviceView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A device as its user sees it; `stale`: it subscribed with a key that is no longer ours, and must anew."""

    id: str
    name: str
    language: Language
    on: bool
    quiet_hours: QuietHours | None
    service: str
    stale: bool
    created_at: datetime


class DeviceList(msgspec.Struct, frozen=True, kw_only=True):
    """One's own devices, oldest first."""

    items: Sequence[DeviceView]


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What the push service made of the test; `outcome` is delivered, gone, refused, later or failed."""

    outcome: str
    status: int | None = None


@get("/key", operation_id="readPushKey", summary="The key that browsers subscribe with")
async def read_key(gateway: View) -> PublicKey:
    """Return our public key."""
    return PublicKey(public_key=_sender(gateway).vapid.public_key)


@get("/subscriptions", operation_id="listPushDevices", summary="One's own devices")
async def list_devices(gateway: View, user: Me) -> DeviceList:
    """Return the devices on which the user is told of messages."""
    found = await Devices(gateway.state).of(user.id)
    return DeviceList(items=[_view(device, _sender(gateway)) for device in found])


@post("/subscriptions", operation_id="subscribePush", summary="Be told of messages on this device")
async def subscribe(gateway: View, user: Me, data: JSONBody[NewDevice]) -> DeviceView:
    """Keep a browser's subscription; pages send it at each visit, for one that does not come back is forgotten."""
    sender = _sender(gateway)
    problem = endpoint_problem(data.endpoint, sender.services) or keys_problem(data.keys.p256dh, data.keys.auth)
    if problem is not None:
        raise EndpointRefused(problem)
    devices = Devices(gateway.state)
    others = await devices.all()
    id_ = device_id(user.id, data.endpoint)
    before = next((device for device in others if device.id == id_), None)
    if before is None and len(others) >= MOST_DEVICES:
        raise TooManyDevices
    device = Device(
        id=id_,
        user_id=user.id,
        endpoint=data.endpoint,
        p256dh=data.keys.p256dh,
        auth=data.keys.auth,
        key=sender.vapid.public_key,
        name=data.name or (before.name if before else ""),
        language=data.language,
        on=before.on if before else True,
        quiet_hours=data.quiet_hours or (before.quiet_hours if before else None),
        created_at=before.created_at if before else gateway.now(),
    )
    await devices.add(device, others)
    return _view(device, sender)


@patch("/subscriptions/{id:str}", operation_id="changePushDevice", summary="Name, on or off, quiet hours")
async def change(gateway: View, user: Me, id: FromPath[str], data: JSONBody[DevicePatch]) -> DeviceView:
    """Change a device of one's own."""
    devices = Devices(gateway.state)
    changes = {name: value for name in DevicePatch.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    device = msgspec.structs.replace(await _mine(devices, user, id), **changes)
    await devices.save(device)
    return _view(device, _sender(gateway))


@delete("/subscriptions/{id:str}", operation_id="unsubscribePush", summary="Be told no more on this device")
async def unsubscribe(gateway: View, user: Me, id: FromPath[str]) -> None:
    """Forget a device of one's own; pages do so when their user logs out."""
    devices = Devices(gateway.state)
    await devices.remove(await _mine(devices, user, id))


@post("/subscriptions/{id:str}/test", status_code=200, operation_id="testPush", summary="Try a notification")
async def test(gateway: View, user: Me, id: FromPath[str]) -> Tried:
    """Send a notification to a device of one's own, also in its quiet hours, and say what came of it."""
    devices = Devices(gateway.state)
    device = await _mine(devices, user, id)
    sender = _sender(gateway)
    if (problem := endpoint_problem(device.endpoint, sender.services)) is not None:
        raise EndpointRefused(problem)
    notification = test_notification(device.language)
    sent = await push(
        gateway.http,
        sender.vapid,
        device,
        payload(notification),
        ttl=_TEST_TTL,
        topic=topic(gateway.tenant_id, notification.tag),
        now=gateway.now(),
    )
    if sent.outcome == "gone":
        await devices.remove(device)
    return Tried(outcome=sent.outcome, status=sent.status)


routes: Sequence[Any] = (read_key, list_devices, subscribe, change, unsubscribe, test)


async def _mine(devices: Devices, user: User, id_: str) -> Device:
    device = await devices.get(user.id, id_)
    if device is None:
        raise DeviceNotFound
    return device


def _view(device: Device, sender: Sender) -> DeviceView:
    return DeviceView(
        id=device.id,
        name=device.name,
        language=device.language,
        on=device.on,
        quiet_hours=device.quiet_hours,
        service=host_of(device.endpoint),
        stale=device.key != sender.vapid.public_key,
        created_at=device.created_at,
    )


def _sender(gateway: TenantGateway) -> Sender:
    sender: Sender | None = gateway.shared.get("sender")
    if sender is None:
        raise PushNotConfigured
    return sender
