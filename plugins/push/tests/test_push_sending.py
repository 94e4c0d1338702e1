"""One notification to one device, against a push service that answers as it likes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from push_receiver import Browser, claims_of

from fivapp_whatsapp import GatewayError
from fivapp_whatsapp_push.devices import Device
from fivapp_whatsapp_push.notification import Notification, payload
from fivapp_whatsapp_push.sending import Sent, push
from fivapp_whatsapp_push.vapid import vapid_of

pytestmark = pytest.mark.anyio
ENDPOINT = "https://web.push.apple.com/secret-part"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
VAPID = vapid_of(secrets.token_bytes(32))
BROWSER = Browser(ENDPOINT)
DEVICE = Device(id="d", user_id="ana", endpoint=ENDPOINT, **BROWSER.keys, key=VAPID.public_key, created_at=NOW)


async def send(answer: Callable[[httpx.Request], httpx.Response], device: Device = DEVICE, data: bytes = b"{}") -> Sent:
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        return await push(http, VAPID, device, data, ttl=60, topic="t" * 32, now=NOW)


async def test_the_browser_reads_what_was_sent_and_nobody_else_does() -> None:
    seen: list[httpx.Request] = []

    def accept(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201)

    notification = Notification(title="Ana", body="Olá 👋", tag="c1", url="/conversations/c1")
    sent = await send(accept, data=payload(notification))
    assert sent == Sent(outcome="delivered", status=201)
    [request] = seen
    assert BROWSER.reads(request.content) == {"title": "Ana", "body": "Olá 👋", "tag": "c1", "url": "/conversations/c1"}
    assert str(request.url) == ENDPOINT
    assert request.headers["content-encoding"] == "aes128gcm"
    assert (request.headers["ttl"], request.headers["topic"], request.headers["urgency"]) == ("60", "t" * 32, "high")
    claims_of(request.headers["authorization"], "https://web.push.apple.com")
    assert b"Ana" not in request.content
    with pytest.raises(InvalidTag):
        Browser(ENDPOINT).reads(request.content)


async def test_the_same_notification_is_never_encrypted_alike() -> None:
    bodies: set[bytes] = set()

    def accept(request: httpx.Request) -> httpx.Response:
        bodies.add(request.content[:86])
        return httpx.Response(201)

    await send(accept)
    await send(accept)
    assert len(bodies) == 2


async def test_the_largest_payload_is_one_record_that_services_take() -> None:
    def accept(request: httpx.Request) -> httpx.Response:
        assert BROWSER.reads(request.content)["title"] == "x"
        return httpx.Response(201 if len(request.content) <= 4096 else 413)

    big = payload(Notification(title="x", body="y" * 9000, tag="t", url="/"))
    assert (await send(accept, data=big)).outcome == "delivered"


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (httpx.Response(200), Sent(outcome="delivered", status=200)),
        (httpx.Response(404), Sent(outcome="gone", status=404)),
        (httpx.Response(410), Sent(outcome="gone", status=410)),
        (httpx.Response(400), Sent(outcome="failed", status=400)),
        (httpx.Response(403), Sent(outcome="failed", status=403)),
        (httpx.Response(413), Sent(outcome="failed", status=413)),
        (httpx.Response(302, headers={"Location": "http://127.0.0.1/"}), Sent(outcome="failed", status=302)),
        (httpx.Response(500), Sent(outcome="later", status=500)),
        (httpx.Response(429), Sent(outcome="later", status=429)),
        (
            httpx.Response(429, headers={"Retry-After": "120"}),
            Sent(outcome="later", status=429, wait=timedelta(minutes=2)),
        ),
        (
            httpx.Response(503, headers={"Retry-After": "Thu, 26 Nov 2026 12:05:00 GMT"}),
            Sent(outcome="later", status=503, wait=timedelta(minutes=5)),
        ),
        (
            httpx.Response(429, headers={"Retry-After": "Thu, 26 Nov 2026 11:00:00 GMT"}),
            Sent(outcome="later", status=429, wait=timedelta()),
        ),
        (
            httpx.Response(429, headers={"Retry-After": "9" * 30}),
            Sent(outcome="later", status=429, wait=timedelta(days=1)),
        ),
        (httpx.Response(429, headers={"Retry-After": "soon"}), Sent(outcome="later", status=429)),
        (httpx.Response(429, headers={"Retry-After": "-5"}), Sent(outcome="later", status=429)),
    ],
)
async def test_what_the_service_says_is_understood(answer: httpx.Response, sent: Sent) -> None:
    assert await send(lambda _: answer) == sent


async def test_a_device_that_trusts_an_older_key_is_gone_when_the_service_refuses_ours() -> None:
    older = msgspec.structs.replace(DEVICE, key=vapid_of(secrets.token_bytes(32)).public_key)
    assert await send(lambda _: httpx.Response(403), older) == Sent(outcome="gone", status=403)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
async def test_a_service_that_cannot_be_reached_is_tried_again(error: type[httpx.TransportError]) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise error(ENDPOINT)

    sent = await send(fail)
    assert sent == Sent(outcome="later", error=error.__name__)
    assert "secret-part" not in repr(sent)


async def test_an_endpoint_that_the_guard_refuses_is_told_apart() -> None:
    class Refused(GatewayError):
        """This address leads inside."""

        code = "address_refused"

    def refuse(request: httpx.Request) -> httpx.Response:
        raise Refused

    assert await send(refuse) == Sent(outcome="refused", error="address_refused")
