"""The connector says exactly what the seed's service expects, and reads whatever it answers."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import respx

from fivapp_whatsapp.connectors.connection_service import (
    CAPABILITIES_KEPT,
    CAPABILITIES_KEPT_IN_TROUBLE,
    ConnectionServiceConnector,
)
from fivapp_whatsapp.errors import (
    ConnectorKeyRefused,
    ConnectorProtocolError,
    ConnectorRejected,
    ConnectorUnavailable,
    SettingsError,
)
from fivapp_whatsapp.models import (
    Choice,
    Group,
    GroupMember,
    Media,
    MessageKind,
    OutgoingMessage,
    SendResult,
    SessionStatus,
    SessionUpdate,
)
from fivapp_whatsapp.ports import Connector, OutgoingSend
from fivapp_whatsapp.settings import Secret, Settings
from tests.connectors.conftest import KEY, URL, StoppedClock
from tests.connectors.test_qr import BASE64, DATA_URL

pytestmark = pytest.mark.anyio

GROUP = "120363000000000000@g.us"


def outgoing(to: str = "5511888888888@c.us", quoted: str | None = None, **message: Any) -> OutgoingSend:
    return OutgoingSend(
        session_id="acme",
        to=to,
        client_message_id="c1",
        message=OutgoingMessage(**({"text": "hi"} | message)),
        quoted_native_id=quoted,
    )


def said(route: respx.Route) -> Any:
    """Return the JSON of the last call; its key and type are those of every call."""
    request = route.calls.last.request
    assert request.headers["X-API-KEY"] == KEY
    assert request.headers["Content-Type"] == "application/json"
    return json.loads(request.content)


def can(service: respx.MockRouter, *capabilities: Any) -> None:
    service["capabilities"].respond(json={"capabilities": list(capabilities)})


async def test_it_is_a_connector(connector: ConnectionServiceConnector) -> None:
    accepted: Connector = connector
    assert accepted.name == "connection_service"


# --- sessions


async def test_start_says_the_session_and_its_name(service: respx.MockRouter, connector: Connector) -> None:
    route = service.post("/sessions/start").respond(
        201, json={"tenantId": "acme", "status": "qr_ready", "connected": False, "qrCode": DATA_URL}
    )
    update = await connector.start_session("acme", "Main")
    assert said(route) == {"tenantId": "acme", "name": "Main"}
    assert update == SessionUpdate(session_id="acme", status=SessionStatus.QR_READY, qr_code=DATA_URL)


@pytest.mark.parametrize("answer", [httpx.Response(204), httpx.Response(202, json={"success": True})])
async def test_a_start_that_tells_no_status_is_connecting(
    service: respx.MockRouter, connector: Connector, answer: httpx.Response
) -> None:
    service.post("/sessions/start").mock(return_value=answer)
    assert (await connector.start_session("acme", "Main")).status is SessionStatus.CONNECTING


async def test_starting_a_session_that_runs_already_tells_its_status(
    service: respx.MockRouter, connector: Connector
) -> None:
    service.post("/sessions/start").respond(409, json={"error": "exists"})
    service.get("/sessions/acme/status").respond(json={"status": "connected"})
    assert (await connector.start_session("acme", "Main")).status is SessionStatus.CONNECTED


async def test_a_refused_start_is_refused(service: respx.MockRouter, connector: Connector) -> None:
    service.post("/sessions/start").respond(409, json={"error": "limit reached"})
    service.get("/sessions/acme/status").respond(404)
    with pytest.raises(ConnectorRejected, match="limit reached"):
        await connector.start_session("acme", "Main")


CONNECTED = SessionUpdate(session_id="acme", status=SessionStatus.CONNECTED, phone="5511999999999", profile_name="Acme")


@pytest.mark.parametrize(
    "answer",
    [
        {"tenantId": "acme", "status": "connected", "connected": True, "phone": "5511999999999", "name": "Acme"},
        {"status": "WORKING", "me": {"id": "5511999999999@c.us"}, "pushName": "Acme"},
        {"isConnected": True, "phoneNumber": "+55 11 99999-9999", "displayName": "Acme"},
        {"connected": True, "status": "authenticated", "phone_number": 5511999999999, "display_name": "Acme"},
        {"status": "open", "qr": DATA_URL, "phone": "5511999999999", "name": "Acme", "future": [1]},
    ],
)
async def test_a_connected_session_is_read_from_every_spelling(
    service: respx.MockRouter, connector: Connector, answer: dict[str, Any]
) -> None:
    service.get("/sessions/acme/status").respond(json=answer)
    assert await connector.session_status("acme") == CONNECTED


@pytest.mark.parametrize(
    ("answer", "status", "qr_code", "reason"),
    [
        ({"status": "qr_pending", "qrCode": BASE64}, SessionStatus.QR_READY, DATA_URL, None),
        ({"qr": DATA_URL}, SessionStatus.QR_READY, DATA_URL, None),
        ({"status": "connecting", "qr_base64": BASE64}, SessionStatus.CONNECTING, DATA_URL, None),
        ({"status": "qr_ready", "qrCode": "<script>"}, SessionStatus.QR_READY, None, None),
        ({"status": "warming\nup", "qr": DATA_URL}, SessionStatus.CONNECTING, DATA_URL, "status warming up"),
        ({"status": "warming up"}, SessionStatus.UNKNOWN, None, "status warming up"),
        ({"status": "warming up", "connected": True}, SessionStatus.CONNECTED, None, "status warming up"),
        ({"status": "connected", "connected": False}, SessionStatus.CONNECTING, None, None),
        ({"status": "logged_out", "connected": True, "qr": DATA_URL}, SessionStatus.LOGGED_OUT, None, None),
        ({"connected": False}, SessionStatus.DISCONNECTED, None, None),
        ({"success": False, "status": "disconnected"}, SessionStatus.DISCONNECTED, None, None),
        ({"status": "error", "lastError": "no\0pe"}, SessionStatus.FAILED, None, "no pe"),
        ({}, SessionStatus.UNKNOWN, None, None),
        ({"state": "close"}, SessionStatus.DISCONNECTED, None, None),
    ],
)
async def test_a_status_is_read_tolerantly(
    service: respx.MockRouter,
    connector: Connector,
    answer: dict[str, Any],
    status: SessionStatus,
    qr_code: str | None,
    reason: str | None,
) -> None:
    service.get("/sessions/acme/status").respond(json=answer)
    update = await connector.session_status("acme")
    assert (update.status, update.qr_code, update.reason) == (status, qr_code, reason)


async def test_an_unknown_session_is_disconnected(service: respx.MockRouter, connector: Connector) -> None:
    service.get("/sessions/acme/status").respond(404, json={"error": "not found"})
    update = await connector.session_status("acme")
    assert update == SessionUpdate(session_id="acme", status=SessionStatus.DISCONNECTED)


async def test_an_answer_about_another_session_is_not_taken(service: respx.MockRouter, connector: Connector) -> None:
    service.get("/sessions/acme/status").respond(json={"tenantId": "globex", "status": "qr_ready", "qrCode": DATA_URL})
    with pytest.raises(ConnectorProtocolError):
        await connector.session_status("acme")


@pytest.mark.parametrize(
    ("session_id", "path"),
    [("acme.shop", "/sessions/acme.shop/status"), ("a/b", "/sessions/a%2Fb/status"), ("..", "/sessions/%2E%2E/status")],
)
async def test_a_session_id_cannot_leave_its_place_in_the_path(
    service: respx.MockRouter, connector: Connector, session_id: str, path: str
) -> None:
    route = service.get(url__startswith=f"{URL}/").respond(json={"status": "connected"})
    await connector.session_status(session_id)
    assert route.calls.last.request.url.raw_path.decode() == path


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"success": True, "status": "disconnected"}),
        httpx.Response(200, text="OK"),
        httpx.Response(204),
        httpx.Response(404, json={"error": "no session"}),
    ],
)
async def test_a_session_is_stopped_also_when_it_is_gone(
    service: respx.MockRouter, connector: Connector, answer: httpx.Response
) -> None:
    route = service.delete("/sessions/acme").mock(return_value=answer)
    await connector.stop_session("acme")
    assert route.call_count == 1


async def test_a_stop_that_failed_is_told(service: respx.MockRouter, connector: Connector) -> None:
    service.delete("/sessions/acme").respond(json={"success": False, "error": "busy"})
    with pytest.raises(ConnectorRejected, match="busy"):
        await connector.stop_session("acme")


# --- sending


@pytest.mark.parametrize(
    ("to", "written"),
    [
        ("5511888888888@c.us", "5511888888888"),
        ("5511888888888@s.whatsapp.net", "5511888888888"),
        ("120363000000000000@g.us", "120363000000000000@g.us"),
        ("251588888888888@lid", "251588888888888@lid"),
    ],
)
async def test_a_text_is_sent_as_the_seed_says(
    service: respx.MockRouter, connector: Connector, to: str, written: str
) -> None:
    route = service.post("/message/send").respond(
        json={"success": True, "messageId": "true_1_3EB0", "timestamp": 1727190000000}
    )
    result = await connector.send(outgoing(to, quoted="3EB0Q"))
    assert said(route) == {"tenantId": "acme", "to": written, "text": "hi"}
    assert (result.native_id, result.at) == ("true_1_3EB0", datetime(2024, 9, 24, 15, 0, tzinfo=UTC))
    assert result.raw == {"success": True, "messageId": "true_1_3EB0", "timestamp": 1727190000000}


async def test_extensions_are_said_to_a_service_that_has_them(service: respx.MockRouter, connector: Connector) -> None:
    can(service, "media", "quote", "idempotent_send", "teleport", 7)
    route = service.post("/message/send").respond(json={"messageId": "3EB0"})
    assert await connector.capabilities() == {"media", "quote", "idempotent_send"}
    media = Media(url="https://files.test/a.pdf", mime_type="application/pdf", filename="a.pdf")
    await connector.send(outgoing(text="look", media=media, quoted="3EB0Q"))
    assert said(route) == {
        "tenantId": "acme",
        "to": "5511888888888",
        "text": "look",
        "clientMessageId": "c1",
        "type": "document",
        "mediaUrl": "https://files.test/a.pdf",
        "caption": "look",
        "filename": "a.pdf",
        "quotedMessageId": "3EB0Q",
    }
    await connector.send(outgoing(text=None, kind=MessageKind.IMAGE, media=Media(url="https://files.test/1")))
    assert said(route)["type"] == "image"
    assert not {"caption", "filename", "quotedMessageId"} & said(route).keys()


THREE = [Choice(id="1", title="Sim"), Choice(id="2", title="Não"), "Talvez"]


@pytest.mark.parametrize(
    ("capabilities", "choices", "style"),
    [
        (["buttons"], THREE, "buttons"),
        (["buttons", "list"], THREE, "buttons"),
        (["list"], THREE, "list"),
        (["buttons", "list"], [*THREE, "Nunca"], "list"),
        (["buttons", "list"], [Choice(id="1", title="Sim", description="Agora")], "list"),
        (["buttons"], [Choice(id="1", title="Sim", description="Agora")], "buttons"),
        (["list"], [str(number) for number in range(10)], "list"),
    ],
)
async def test_choices_become_buttons_or_a_list_as_the_service_can(
    service: respx.MockRouter, connector: Connector, capabilities: list[str], choices: list[Choice | str], style: str
) -> None:
    can(service, *capabilities)
    route = service.post("/message/send").respond(json={"messageId": "3EB0"})
    await connector.send(outgoing(kind=MessageKind.INTERACTIVE, choices=choices))
    body = said(route)
    assert (body["type"], body["style"], body["text"]) == ("interactive", style, "hi")
    assert len(body["choices"]) == len(choices)


async def test_a_choice_is_told_with_what_it_has(service: respx.MockRouter, connector: Connector) -> None:
    can(service, "list", "idempotent_send")
    route = service.post("/message/send").respond(json={})
    choices = [Choice(id="1", title="Si\nm", description="Agora\rmesmo"), "Não"]
    await connector.send(outgoing(kind=MessageKind.INTERACTIVE, choices=choices))
    assert said(route) == {
        "tenantId": "acme",
        "to": "5511888888888",
        "text": "hi",
        "clientMessageId": "c1",
        "type": "interactive",
        "style": "list",
        "choices": [{"id": "1", "title": "Si m", "description": "Agora\nmesmo"}, {"id": "Não", "title": "Não"}],
    }


async def test_a_text_that_lists_its_choices_is_a_text(service: respx.MockRouter, connector: Connector) -> None:
    can(service, "buttons", "list")
    route = service.post("/message/send").respond(json={})
    await connector.send(outgoing(choices=["Sim"]))
    assert said(route) == {"tenantId": "acme", "to": "5511888888888", "text": "hi"}


@pytest.mark.parametrize(
    ("capabilities", "message", "reason"),
    [
        ([], {"kind": MessageKind.INTERACTIVE, "choices": ["Sim"]}, "capability_missing"),
        (["buttons"], {"kind": MessageKind.INTERACTIVE, "choices": list("1234")}, "capability_missing"),
        (["list"], {"kind": MessageKind.INTERACTIVE, "choices": list("0123456789a")}, "capability_missing"),
        (["list"], {"kind": MessageKind.INTERACTIVE, "choices": []}, "capability_missing"),
        (["list"], {"kind": MessageKind.INTERACTIVE, "choices": ["Sim"], "text": ""}, "empty"),
        ([], {"media": Media(url="https://files.test/1")}, "capability_missing"),
        (["media"], {"kind": MessageKind.LOCATION}, "capability_missing"),
        (["media"], {"kind": MessageKind.IMAGE, "media": Media()}, "empty"),
        ([], {"text": None}, "empty"),
    ],
)
async def test_what_cannot_be_sent_is_refused_before_anything_is_written(
    service: respx.MockRouter, connector: Connector, capabilities: list[str], message: dict[str, Any], reason: str
) -> None:
    can(service, *capabilities)
    route = service.post("/message/send").respond(json={})
    with pytest.raises(ConnectorRejected) as caught:
        await connector.send(outgoing(**message))
    assert (caught.value.reason, route.call_count) == (reason, 0)


@pytest.mark.parametrize("answer", [httpx.Response(204), httpx.Response(200, json={"success": True})])
async def test_a_send_without_an_id_is_accepted(
    service: respx.MockRouter, connector: Connector, answer: httpx.Response
) -> None:
    service.post("/message/send").mock(return_value=answer)
    assert (await connector.send(outgoing())).native_id is None


async def test_a_text_with_half_an_emoji_is_sent(service: respx.MockRouter, connector: Connector) -> None:
    route = service.post("/message/send").respond(json={})
    await connector.send(outgoing(text="hi \ud83d"))
    assert said(route)["text"] == "hi \ufffd"


# --- typing


@pytest.mark.parametrize(("to", "told"), [("5511888888888@c.us", "5511888888888"), (GROUP, GROUP)])
async def test_typing_is_shown_and_hidden(service: respx.MockRouter, connector: Connector, to: str, told: str) -> None:
    can(service, "typing")
    route = service.post("/typing").respond(204)
    await connector.typing("acme", to, True)
    assert said(route) == {"tenantId": "acme", "to": told, "typing": True}
    route.respond(json={"success": True})
    await connector.typing("acme", to, False)
    assert said(route)["typing"] is False


# --- groups

MEMBERS: list[Any] = [
    {"id": "5511888888888@c.us", "name": "Ana", "admin": True}, {"jid": "5511777777777@s.whatsapp.net"},
    {"id": {"_serialized": "5511666666666@c.us"}, "isAdmin": True}, {"phone": "5511555555555", "role": "superadmin"},
    {"id": "1@lid", "admin": "admin"}, "5511444444444", {"id": "?"}, 7.5,
]  # fmt: skip


@pytest.mark.parametrize("listed", [
    {"groups": [{"id": GROUP, "subject": "Sales"}, {"id": "5511888888888@c.us"}, "?"]},
    {"success": True, "data": [{"groupId": GROUP.partition("@")[0], "name": "Sales"}]},
])  # fmt: skip
async def test_groups_are_listed_by_session(service: respx.MockRouter, connector: Connector, listed: Any) -> None:
    can(service, "groups")
    route = service.get("/groups").respond(json=listed)
    assert await connector.groups("acme.main") == [Group(chat_id=GROUP, subject="Sales")]
    assert route.calls.last.request.url.query == b"tenantId=acme.main"


async def test_a_long_list_of_groups_is_read(service: respx.MockRouter, connector: Connector) -> None:
    can(service, "groups")
    members = [{"id": f"55119{number:08}@c.us", "name": "x" * 100} for number in range(1024)]
    listed = [{"id": f"{number:018}@g.us", "subject": "Sales", "participants": members} for number in range(20)]
    service.get("/groups").respond(json={"groups": listed})
    groups = await connector.groups("acme")
    assert [len(group.members or ()) for group in groups] == [1024] * 20


async def test_a_group_is_told_with_its_members(service: respx.MockRouter, connector: Connector) -> None:
    can(service, "groups")
    route = service.get(path=f"/groups/{GROUP}").respond(
        json={"group": {"id": GROUP, "subject": "Sales", "participants": MEMBERS}}
    )
    group = await connector.group("acme", GROUP)
    assert route.calls.last.request.url.query == b"tenantId=acme"
    assert group == Group(
        chat_id=GROUP,
        subject="Sales",
        members=[
            GroupMember(address="5511888888888@c.us", name="Ana", admin=True),
            GroupMember(address="5511777777777@s.whatsapp.net"),
            GroupMember(address="5511666666666@c.us", admin=True),
            GroupMember(address="5511555555555@c.us", admin=True),
            GroupMember(address="1@lid", admin=True),
            GroupMember(address="5511444444444@c.us"),
        ],
    )


async def test_a_group_that_the_session_is_not_in_is_none(service: respx.MockRouter, connector: Connector) -> None:
    can(service, "groups")
    service.get(path=f"/groups/{GROUP}").respond(404, json={"error": "There is no such group."})
    assert await connector.group("acme", GROUP) is None


@pytest.mark.parametrize("answer", [{"id": "120363999999999999@g.us"}, {"success": True}])
async def test_an_answer_about_another_group_is_none_of_ours(
    service: respx.MockRouter, connector: Connector, answer: dict[str, Any]
) -> None:
    can(service, "groups")
    service.get(path=f"/groups/{GROUP}").respond(json=answer)
    with pytest.raises(ConnectorProtocolError):
        await connector.group("acme", GROUP)


async def test_what_the_service_does_not_declare_is_not_asked_of_it(
    service: respx.MockRouter, connector: Connector
) -> None:
    for call in (
        connector.typing("acme", GROUP, True), connector.groups("acme"), connector.group("acme", GROUP),
        connector.find_sent("acme", "c1"), connector.pairing_code("acme", "5511888888888@c.us"),
    ):  # fmt: skip
        with pytest.raises(ConnectorRejected) as refused:
            await call
        assert refused.value.reason == "capability_missing"
    assert [call.request.url.path for call in service.calls] == ["/capabilities"]


# --- capabilities


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404), httpx.Response(401), httpx.Response(500), httpx.Response(302), httpx.Response(204),
        httpx.Response(200, html="<h1>It works</h1>"), httpx.Response(200, json=["media"]),
        httpx.Response(200, json={"capabilities": "media"}), httpx.Response(200, content=b"x" * 2_000_000),
        httpx.Response(200, headers={"content-encoding": "br"}, stream=httpx.ByteStream(b"x")),
    ],
)  # fmt: skip
async def test_a_service_that_declares_nothing_readable_is_the_plain_one_and_can_be_sent_to(
    service: respx.MockRouter, connector: Connector, answer: httpx.Response
) -> None:
    service["capabilities"].mock(return_value=answer)
    service.post("/message/send").respond(json={"messageId": "3EB0"})
    assert await connector.capabilities() == frozenset()
    assert (await connector.send(outgoing())).native_id == "3EB0"


async def test_capabilities_are_asked_once_a_minute(
    service: respx.MockRouter, connector: Connector, clock: StoppedClock
) -> None:
    can(service, "media")
    await asyncio.gather(*(connector.capabilities() for _ in range(10)))
    assert service["capabilities"].call_count == 1
    clock.seconds += CAPABILITIES_KEPT + 1
    can(service, "media", "lookup")
    assert await connector.capabilities() == {"media", "lookup"}


async def test_capabilities_that_cannot_be_asked_for_mean_that_nothing_was_sent_and_are_asked_again(
    service: respx.MockRouter, connector: Connector
) -> None:
    route = service.post("/message/send").respond(json={})
    service["capabilities"].mock(side_effect=httpx.ConnectError("refused"))
    with pytest.raises(ConnectorUnavailable):
        await connector.send(outgoing())
    service["capabilities"].mock(side_effect=None, return_value=httpx.Response(503, headers={"retry-after": "7"}))
    with pytest.raises(ConnectorUnavailable) as caught:
        await connector.send(outgoing())
    assert (caught.value.retry_after, route.call_count) == (7, 0)
    can(service, "idempotent_send")
    await connector.send(outgoing())
    assert said(route)["clientMessageId"] == "c1"


async def test_a_service_in_trouble_keeps_the_capabilities_that_it_had(
    service: respx.MockRouter, connector: Connector, clock: StoppedClock
) -> None:
    can(service, "lookup")
    await connector.capabilities()
    clock.seconds += CAPABILITIES_KEPT + 1
    service["capabilities"].respond(500)
    assert await connector.capabilities() == {"lookup"}


async def test_a_service_that_answers_500_is_not_asked_before_each_send(
    service: respx.MockRouter, connector: Connector, clock: StoppedClock
) -> None:
    service["capabilities"].respond(500)
    service.post("/message/send").respond(json={"messageId": "3EB0"})
    for _ in range(3):
        await connector.send(outgoing())
    assert service["capabilities"].call_count == 1
    clock.seconds += CAPABILITIES_KEPT_IN_TROUBLE + 1
    can(service, "idempotent_send")
    assert await connector.capabilities() == {"idempotent_send"}


# --- look-up, pairing codes, check


async def test_a_send_is_looked_up_by_our_id(service: respx.MockRouter, connector: Connector) -> None:
    can(service, "lookup")
    service.get("/messages/c1").respond(json={"messageId": "3EB0", "tenantId": "acme"})
    service.get("/messages/c2").respond(404)
    service.get("/messages/c3").respond(json={"messageId": "3EB0", "tenantId": "globex"})
    found = await connector.find_sent("acme", "c1")
    assert isinstance(found, SendResult)
    assert found.native_id == "3EB0"
    assert await connector.find_sent("acme", "c2") is None
    with pytest.raises(ConnectorProtocolError):
        await connector.find_sent("acme", "c3")


async def test_a_pairing_code_is_asked_for(service: respx.MockRouter, connector: Connector) -> None:
    can(service, "pairing_code")
    route = service.post("/sessions/acme/pairing-code").respond(json={"code": "ABCD-EFGH"})
    assert await connector.pairing_code("acme", "5511999999999@c.us") == "ABCD-EFGH"
    assert said(route) == {"phone": "5511999999999"}
    route.respond(json={})
    with pytest.raises(ConnectorProtocolError):
        await connector.pairing_code("acme", "5511999999999@c.us")


async def test_the_plain_service_neither_looks_up_nor_gives_pairing_codes(connector: Connector) -> None:
    for call in (connector.find_sent("acme", "c1"), connector.pairing_code("acme", "5511999999999")):
        with pytest.raises(ConnectorRejected) as caught:
            await call
        assert caught.value.reason == "capability_missing"


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(409), httpx.Response(200, json={})])
async def test_a_service_that_answers_and_takes_our_key_is_well(
    service: respx.MockRouter, connector: Connector, answer: httpx.Response
) -> None:
    service.get(url__regex=f"{URL}/sessions/.*/status").mock(return_value=answer)
    await connector.check()


async def test_a_service_that_does_not_take_our_key_is_not(service: respx.MockRouter, connector: Connector) -> None:
    service.get(url__regex=f"{URL}/sessions/.*/status").respond(401, json={"error": f"bad key {KEY}"})
    with pytest.raises(ConnectorKeyRefused, match=r"refuses CONNECTION_SERVICE_API_KEY \(401\)"):
        await connector.check()


# --- settings


def test_it_is_made_from_the_settings() -> None:
    settings = Settings(connection_service_url="http://127.0.0.1:9/base/", connection_service_api_key=Secret("k"))
    assert ConnectionServiceConnector.from_settings(settings).name == "connection_service"


@pytest.mark.parametrize(
    "url", ["", "localhost:3001", "ftp://x", "http://", "http://[::", "http://x/?key=1", "/sessions"]
)
def test_an_address_that_is_none_is_a_mistake_in_the_settings(url: str) -> None:
    with pytest.raises(SettingsError):
        ConnectionServiceConnector(base_url=url, api_key="k")


@pytest.mark.parametrize("key", ["chave-é", "two\nlines", "nul\0"])
def test_a_key_that_no_header_can_carry_is_a_mistake_in_the_settings_and_stays_secret(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ConnectionServiceConnector(base_url=URL, api_key=key)
    assert key not in caught.value.detail
