"""The JSON names, the order of statuses and the ids that others rely on."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp import models
from fivapp_whatsapp.models import Author, Conversation, Message, MessageKind, MessageStatus

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def as_json(model: models.Model) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(model))
    return decoded


def a_message() -> Message:
    return Message(
        id="m1",
        conversation_id="c1",
        direction="outgoing",
        kind=MessageKind.TEXT,
        status=MessageStatus.SENT,
        text="Olá",
        author=Author(kind="agent", id="u1", name="Ana"),
        at=AT,
    )


def a_conversation() -> Conversation:
    return Conversation(
        id="c1",
        session_id="acme",
        chat_id="5511988887777@c.us",
        title="Ana",
        is_group=False,
        status="open",
        unread_count=2,
        last_message=a_message(),
        answered_by="bot",
        labels=(),
    )


def test_a_status_only_goes_up_in_this_order() -> None:
    order = ["pending", "cancelled", "expired", "unknown", "accepted", "sent", "failed", "delivered", "read", "played"]
    ranks = [MessageStatus(status).rank for status in order]
    assert ranks == sorted(set(ranks))
    assert {status.value for status in MessageStatus} == {*order, "received"}


def test_a_message_has_these_json_names_and_no_others_where_it_has_nothing() -> None:
    names = ["id", "conversationId", "direction", "kind", "status", "text", "author", "at"]
    assert list(as_json(a_message())) == names
    assert as_json(a_message())["author"] == {"kind": "agent", "id": "u1", "name": "Ana"}
    assert as_json(a_message())["at"] == "2026-03-01T12:00:00Z"
    full = msgspec.structs.replace(
        a_message(),
        media=models.Media(url="https://x.example/a.png"),
        quoted_message_id="m0",
        retry_of="m0",
        error=models.MessageError(code="rejected", detail="no"),
    )
    assert set(as_json(full)) == {*names, "media", "quotedMessageId", "retryOf", "error"}


def test_a_conversation_has_the_json_names_of_the_contract() -> None:
    always = {"id", "sessionId", "chatId", "title", "isGroup", "status", "unreadCount", "lastMessage", "answeredBy"}
    found = as_json(a_conversation())
    assert set(found) == always | {"labels"}
    assert found["lastMessage"] == as_json(a_message())
    full = msgspec.structs.replace(
        a_conversation(),
        paused_until=AT,
        assignee_id="u1",
        waiting_since=AT,
        snoozed_until=AT,
        contact_id="p1",
        read_up_to="m1",
    )
    # Beside those of the contract: whom it is with, and how far it was read.
    more = {"labels", "pausedUntil", "assigneeId", "waitingSince", "snoozedUntil", "contactId", "readUpTo"}
    assert set(as_json(full)) == always | more


@pytest.mark.parametrize("model", [a_message(), a_conversation()])
def test_a_model_survives_json(model: models.Model) -> None:
    text = msgspec.json.encode(model)
    assert msgspec.json.encode(msgspec.json.decode(text, type=type(model))) == text


def test_every_model_is_frozen_and_speaks_camel_case() -> None:
    structs = [thing for thing in vars(models).values() if isinstance(thing, type) and issubclass(thing, models.Model)]
    assert len(structs) > 15
    for struct in structs:
        assert struct.__struct_config__.frozen, struct
        assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", name) for name in struct.__struct_encode_fields__), struct


def test_a_patch_tells_what_is_absent_from_what_is_null() -> None:
    patch = msgspec.json.decode(b'{"assigneeId":null}', type=models.ConversationPatch)
    assert patch.assignee_id is None
    assert patch.labels is msgspec.UNSET
    assert msgspec.json.encode(patch) == b'{"assigneeId":null}'


def test_ids_are_unique_and_sort_by_time() -> None:
    first = models.new_id()
    before = models.now_ms()
    while models.now_ms() == before:
        time.sleep(0)
    second = models.new_id()
    assert first < second
    assert len({models.new_id() for _ in range(1000)}) == 1000
    assert re.fullmatch(models.OBJECT_ID, first)
    assert re.fullmatch(r"[0-9a-f]{32}", first)


def test_milliseconds_become_utc_times() -> None:
    assert models.to_datetime(1_772_366_400_000) == AT
    assert models.to_datetime(0).tzinfo is UTC


@pytest.mark.parametrize(("good", "text"), [(True, "acme"), (True, "acme.sales-2"), (False, "acme."), (False, "a.b.c")])
def test_a_session_id_is_a_tenant_and_perhaps_a_name(good: bool, text: str) -> None:
    assert bool(re.fullmatch(models.SESSION_ID, text)) is good
