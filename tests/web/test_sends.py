"""Sends over HTTP: every way in which one can end, and what is refused before it begins."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from fivapp_whatsapp.errors import (
    ConnectorError,
    ConnectorKeyRefused,
    ConnectorNotConnected,
    ConnectorRejected,
    OutcomeUnknown,
)
from fivapp_whatsapp.models import MessageStatus

from .conftest import serving
from .tools import TestServer, assert_problem, bearer, make_token

pytestmark = pytest.mark.anyio


async def send(server: TestServer, conversation: str, body: Any = None, **options: Any) -> Any:
    path = f"/api/conversations/{conversation}/send-message"
    return await server.call("POST", path, {"text": "hello"} if body is None else body, **options)


async def test_a_send_has_the_seeds_shape(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    reply = await send(server, conversation, {"text": "hello", "to": "5511988887777"})
    assert reply.status_code == 200
    body = reply.json()
    assert body.keys() == {"success", "message", "serviceResponse"}
    assert body["success"] is True
    assert body["serviceResponse"]["success"] is True
    message = body["message"]
    assert message["text"] == "hello"
    assert message["status"] == "accepted"
    assert message["author"] == {"kind": "agent", "id": "ana", "name": "Ana"}


async def test_a_send_that_is_still_on_its_way_is_a_202(tmp_path: Path) -> None:
    async with serving(tmp_path, send_wait=0.05) as server:
        await server.connect()
        conversation = await server.conversation()
        server.connector.hold.clear()
        reply = await send(server, conversation)
        assert reply.status_code == 202
        assert (reply.json()["success"], reply.json()["message"]["status"]) == (True, "pending")
        server.connector.hold.set()


@pytest.mark.parametrize(
    ("error", "waiting_for"),
    [(ConnectorNotConnected(), "session_connected"), (ConnectorKeyRefused(), "connection_service")],
)
async def test_a_send_that_has_to_wait_for_somebody_says_so_at_once(
    tmp_path: Path, error: ConnectorError, waiting_for: str
) -> None:
    async with serving(tmp_path, send_wait=30) as server:
        await server.connect()
        conversation = await server.conversation()
        server.connector.fail_sends.append(error)
        async with asyncio.timeout(10):
            reply = await send(server, conversation)
        assert reply.status_code == 202
        assert (reply.json()["message"]["status"], reply.json()["waitingFor"]) == ("pending", waiting_for)


async def test_a_message_is_settled_by_one_of_two_words(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    server.connector.fail_sends.append(OutcomeUnknown())
    message = (await send(server, conversation)).json()["message"]
    reply = await server.call("POST", f"/api/messages/{message['id']}/resolve", {"as": "failed"})
    problem = assert_problem(reply, 400, "invalid_body")
    assert problem["detail"] == "The field as must be one of: cancelled, sent."
    assert problem["errors"] == [{"pointer": "#/as", "code": "unknown_value", "allowed": ["cancelled", "sent"]}]


async def test_a_refused_send_is_a_problem_that_carries_its_message(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    server.connector.fail_sends.append(ConnectorRejected("This number is not on WhatsApp.", reason="not_on_whatsapp"))
    problem = assert_problem(await send(server, conversation), 422, "message_rejected")
    assert (problem["reason"], problem["detail"]) == ("not_on_whatsapp", "This number is not on WhatsApp.")
    failed = problem["messageObject"]
    assert failed["status"] == "failed"
    assert failed["error"]["code"] == "not_on_whatsapp"
    again = await server.call("POST", f"/api/messages/{failed['id']}/retry")
    assert again.status_code == 200
    assert again.json()["message"]["retryOf"] == failed["id"]
    twice = await server.call("POST", f"/api/messages/{failed['id']}/retry")
    assert twice.json()["message"]["id"] == again.json()["message"]["id"]
    assert len(server.connector.sends) == 2


async def test_an_unknown_outcome_is_no_error_that_invites_a_second_send(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    server.connector.fail_sends.append(OutcomeUnknown())
    reply = await send(server, conversation)
    assert reply.status_code == 202
    assert reply.json()["success"] is False
    message = reply.json()["message"]
    assert message["status"] == "unknown"
    settled = await server.call("POST", f"/api/messages/{message['id']}/resolve", {"as": "sent"})
    assert (settled.status_code, settled.json()["status"]) == (200, "sent")
    assert_problem(await server.call("POST", f"/api/messages/{message['id']}/resolve", {"as": "sent"}), 409, "conflict")
    assert_problem(await server.call("POST", f"/api/messages/{message['id']}/retry"), 409, "conflict")
    steps = (await server.call("GET", f"/api/messages/{message['id']}/timeline")).json()
    assert [step["status"] for step in steps["items"]] == ["pending", "unknown", "sent"]
    assert steps["nextCursor"] is None
    assert steps["seq"] > 0


async def test_one_idempotency_key_sends_once(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    key = {"idempotency-key": "k-1"}
    replies = await asyncio.gather(*(send(server, conversation, headers=key) for _ in range(8)))
    assert len({reply.json()["message"]["id"] for reply in replies}) == 1
    assert len(server.connector.sends) == 1
    other = await send(server, conversation, {"text": "something else"}, headers=key)
    assert_problem(other, 422, "idempotency_key_reused")
    # Another tenant's key of the same name is another key.
    await server.connect("other")
    foreign = await server.conversation("other")
    assert (await send(server, foreign, headers=key, tenant="other")).status_code == 200
    assert len(server.connector.sends) == 2


async def test_a_message_and_a_note_name_the_key_of_the_request_that_made_them(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    sent = await send(server, conversation, headers={"idempotency-key": "row-1"})
    assert sent.json()["message"]["idempotencyKey"] == "row-1"
    notes = f"/api/conversations/{conversation}/notes"
    note = await server.call("POST", notes, {"text": "x"}, headers={"idempotency-key": "row-2"})
    assert note.json()["idempotencyKey"] == "row-2"
    items = (await server.call("GET", f"/api/conversations/{conversation}/messages")).json()["items"]
    assert [item["idempotencyKey"] for item in items] == ["row-2", "row-1"]


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "a\tb", "\u00e9"])
async def test_an_idempotency_key_is_visible_ascii(server: TestServer, key: str) -> None:
    await server.connect()
    conversation = await server.conversation()
    headers = {"idempotency-key": key.encode()}
    assert_problem(await send(server, conversation, headers=headers), 400, "invalid_idempotency_key")
    assert not server.connector.sends


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_input"),
        ({"text": ""}, 400, "invalid_input"),
        ({"text": " \n"}, 400, "invalid_input"),
        ({"text": None}, 400, "invalid_input"),
        ({"text": 5}, 400, "invalid_body"),
        ({"text": "x" * 4097}, 400, "invalid_body"),
        ({"text": "x", "to": "5511977776666"}, 422, "to_mismatch"),
        ({"text": "x", "to": "nonsense"}, 422, "to_mismatch"),
        ({"text": "x", "kind": "image"}, 400, "invalid_input"),
        ({"text": "x", "kind": "note"}, 400, "invalid_body"),
        ({"text": "x", "kind": "text", "media": {"url": "https://a.test/x"}}, 400, "invalid_input"),
        ({"media": {"url": "file:///etc/passwd"}}, 400, "invalid_body"),
        ({"media": {"url": "https://a.test/x", "size": 5}}, 400, "unknown_field"),
        ({"media": {}}, 400, "invalid_body"),
        ({"text": "x", "quotedMessageId": "../x"}, 404, "message_not_found"),
        ({"text": "x", "status": "read"}, 400, "unknown_field"),
        ({"text": "x", "id": "1"}, 400, "unknown_field"),
        ({"text": "x", "tenantId": "other"}, 400, "unknown_field"),
        ({"text": "x", "retry_of": "1"}, 400, "unknown_field"),
    ],
)
async def test_a_send_that_cannot_be_sent_is_refused(server: TestServer, body: Any, status: int, code: str) -> None:
    await server.connect()
    conversation = await server.conversation()
    assert_problem(await send(server, conversation, body), status, code)
    page = await server.call("GET", f"/api/conversations/{conversation}/messages")
    assert page.json()["items"] == []


async def test_a_file_is_sent_by_its_address(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    kinds = {"image/png": "image", "audio/ogg": "audio", "application/pdf": "document", None: "document"}
    for mime_type, kind in kinds.items():
        media = {"url": "https://files.test/x", "filename": "../a\u202eb.pdf"}
        reply = await send(server, conversation, {"media": {**media, **({"mimeType": mime_type} if mime_type else {})}})
        assert reply.status_code == 200
        assert reply.json()["message"]["kind"] == kind
    assert "\u202e" not in reply.json()["message"]["media"]["filename"]


async def test_without_a_connection_a_send_says_so(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    await server.call("DELETE", "/api/whatsapp/disconnect/acme")
    problem = assert_problem(await send(server, conversation), 409, "session_not_connected")
    assert problem["message"] == "No WhatsApp connection found for this conversation"


async def test_texts_come_back_as_they_were_written(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    for text in ("👩‍👩‍👧‍👦", "\u202egpj.exe", "Z̸̢a̷l̶g̵o̶", "각", "a\tb\nc", "<script>alert(1)</script>", "=cmd()", "é"):
        reply = await send(server, conversation, {"text": text})
        assert reply.json()["message"]["text"] == text
    assert server.connector.sends[0].message.text == "👩‍👩‍👧‍👦"


async def test_the_statuses_of_the_service_are_pushed_up(server: TestServer) -> None:
    await server.connect()
    conversation = await server.conversation()
    message = (await send(server, conversation)).json()["message"]
    for status in (MessageStatus.READ, MessageStatus.DELIVERED):
        ack = {"type": "StatusUpdate", "sessionId": "acme", "status": status.value}
        native = f"true_5511988887777@c.us_{len(server.connector.sends)}"
        await server.webhook(json.dumps({**ack, "nativeId": native}).encode())
    deadline = time.monotonic() + 5
    status_now = ""
    while status_now != "read" and time.monotonic() < deadline:
        page = await server.call("GET", f"/api/conversations/{conversation}/messages")
        status_now = page.json()["items"][0]["status"]
    assert page.json()["items"][0]["id"] == message["id"]
    assert status_now == "read"


async def test_what_a_programs_token_sends_is_the_apis_and_not_a_persons(server: TestServer) -> None:
    await server.connect("acme")
    conversation = (await server.call("POST", "/api/conversations", {"to": "5511988887777"})).json()
    path = f"/api/conversations/{conversation['id']}/send-message"
    for program, kind in ((True, "api"), (None, "agent"), ("true", "agent")):
        headers = bearer(make_token("acme", program=program))
        reply = await server.client.post(path, json={"text": "Hi"}, headers=headers)
        assert reply.json()["message"]["author"] == {"kind": kind, "id": "ana", "name": "Ana"}
