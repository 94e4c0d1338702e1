"""A webhook's body becomes events, whatever spelling its service uses, or is unreadable: nothing between."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector
from fivapp_whatsapp.connectors.events import decode
from fivapp_whatsapp.errors import UnreadableWebhook
from fivapp_whatsapp.models import (
    GroupChange,
    GroupUpdate,
    IncomingMessage,
    Media,
    MessageError,
    MessageKind,
    MessageStatus,
    SessionStatus,
    SessionUpdate,
    StatusUpdate,
)
from tests.connectors.conftest import NOW
from tests.connectors.test_qr import BASE64, DATA_URL

ANA = "5511888888888@c.us"
GROUP = "120363000000000000@g.us"
SEED = {"tenantId": "acme", "from": ANA, "message": "hi", "timestamp": 1727190000000, "messageId": "false_1_3EB0"}
ACK = {"tenantId": "acme", "event": "message.ack", "messageId": "3EB0"}
SESSION = {"tenantId": "acme", "event": "session.status"}


def read(event: Any) -> Any:
    """Return the one event that a body holds."""
    events = decode(json.dumps(event).encode(), NOW)
    assert len(events) == 1
    return events[0]


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in names}


def test_the_seeds_own_webhook_is_a_message() -> None:
    assert read(SEED) == IncomingMessage(
        session_id="acme",
        native_id="false_1_3EB0",
        chat_id=ANA,
        sender=ANA,
        text="hi",
        at=datetime(2024, 9, 24, 15, 0, tzinfo=UTC),
    )


def test_the_seeds_webhook_reads_alike_with_and_without_a_field_that_we_do_not_know() -> None:
    assert read(SEED | {"futureField": {"a": [1]}}) == read(SEED)


@pytest.mark.parametrize("extra", [{}, {"pushName": "Ana"}])
@pytest.mark.parametrize("timestamp", [1727190000, "1727190000", "2024-09-24T15:00:00.000Z", "2024-09-24T15:00:00"])
def test_a_time_in_another_form_is_the_same_time(timestamp: object, extra: dict[str, Any]) -> None:
    assert read(SEED | {"timestamp": timestamp} | extra).at == datetime(2024, 9, 24, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize("timestamp", [None, "soon", 10**18, -1, {}])
def test_a_message_with_an_impossible_time_is_kept_without_one(timestamp: object) -> None:
    assert read(SEED | {"timestamp": timestamp}).at is None


@pytest.mark.parametrize("extra", [{}, {"pushName": "Ana"}])
def test_a_text_is_cleaned_of_what_no_database_keeps(extra: dict[str, Any]) -> None:
    assert read(SEED | {"message": "a\0b\x1bc\nd \ud83d"} | extra).text == "a\ufffdbc\nd \ufffd"


@pytest.mark.parametrize("session_id", ["acme", "acme.shop-2", "A_b-1", 42])
def test_a_webhook_names_its_session(session_id: object) -> None:
    assert read(SEED | {"tenantId": session_id}).session_id == str(session_id)


@pytest.mark.parametrize("extra", [{}, {"pushName": "Ana"}])
@pytest.mark.parametrize("session_id", [None, "", "a b", "../acme", "x" * 65, "acme\n", "acme\0", True, {}])
def test_a_webhook_without_a_possible_session_is_unreadable(session_id: object, extra: dict[str, Any]) -> None:
    with pytest.raises(UnreadableWebhook, match="tenantId"):
        read(SEED | {"tenantId": session_id} | extra)


@pytest.mark.parametrize("extra", [{}, {"pushName": "Ana"}])
@pytest.mark.parametrize("nothing", [{}, {"messageId": ""}, {"messageId": None}])
def test_a_message_without_an_id_is_known_by_its_bytes(nothing: dict[str, Any], extra: dict[str, Any]) -> None:
    body = json.dumps(without(SEED, "messageId") | nothing | extra).encode()
    (event,) = decode(body, NOW)
    assert isinstance(event, IncomingMessage)
    assert event.native_id == "sha256:" + hashlib.sha256(body).hexdigest()


def test_messages_of_one_list_without_ids_stay_apart() -> None:
    one, other = decode(json.dumps([without(SEED, "messageId")] * 2).encode(), NOW)
    assert isinstance(one, IncomingMessage)
    assert isinstance(other, IncomingMessage)
    assert one.native_id != other.native_id


def test_a_list_of_events_is_read_in_its_order() -> None:
    events = decode(json.dumps([SEED, ACK | {"ack": 3}, SEED | {"message": "bye"}]).encode(), NOW)
    assert [type(event) for event in events] == [IncomingMessage, StatusUpdate, IncomingMessage]


@pytest.mark.parametrize(
    ("extra", "field", "value"),
    [
        ({"pushName": " Ana\n"}, "sender_name", "Ana"),
        ({"senderName": "Ana"}, "sender_name", "Ana"),
        ({"pushName": 7}, "sender_name", None),
        ({"quotedMessageId": "3EB0Q"}, "quoted_native_id", "3EB0Q"),
        ({"clientMessageId": "c1"}, "client_message_id", "c1"),
        ({"event": "message"}, "text", "hi"),
        ({"event": "MESSAGE"}, "text", "hi"),
        ({"message": None, "text": "hi"}, "text", "hi"),
        ({"message": None, "body": "hi"}, "text", "hi"),
        ({"message": ""}, "text", ""),
        ({"message": "", "pushName": "Ana"}, "text", ""),
        ({"message": 42}, "text", "42"),
        ({"type": "chat"}, "kind", MessageKind.TEXT),
        ({"type": "location"}, "kind", MessageKind.LOCATION),
        ({"type": "hologram"}, "kind", MessageKind.TEXT),
        ({"type": "hologram", "message": None}, "kind", MessageKind.UNSUPPORTED),
        ({"type": "sticker", "message": None}, "kind", MessageKind.STICKER),
        ({"from": "5511888888888:3@s.whatsapp.net"}, "chat_id", "5511888888888@s.whatsapp.net"),
        ({"from": "5511888888888"}, "chat_id", ANA),
        ({"chatId": ANA, "from": "251588888888888@lid"}, "sender", "251588888888888@lid"),
        ({"status": "received", "ack": 1}, "text", "hi"),
        ({"groupName": "not a group"}, "group_name", None),
    ],
)
def test_a_message_says_more_where_its_service_does(extra: dict[str, Any], field: str, value: object) -> None:
    event = read(SEED | extra)
    assert isinstance(event, IncomingMessage)
    assert getattr(event, field) == value


@pytest.mark.parametrize(
    "extra",
    [
        {"from": GROUP, "participant": ANA},
        {"from": GROUP, "author": "5511888888888:5@c.us"},
        {"from": ANA, "chatId": GROUP},
        {"from": ANA, "isGroup": True, "groupId": "120363000000000000"},
        {"from": ANA, "groupId": GROUP},
    ],
)
def test_a_groups_message_belongs_to_the_group_and_was_written_by_a_member(extra: dict[str, Any]) -> None:
    event = read(SEED | extra | {"groupName": "Family"})
    assert (event.chat_id, event.sender, event.group_name) == (GROUP, ANA, "Family")


def test_a_groups_message_without_its_group_never_lands_in_a_private_chat() -> None:
    with pytest.raises(UnreadableWebhook, match="without its group"):
        read(SEED | {"isGroup": True})


def test_our_own_echo_belongs_to_the_chat_that_it_went_to() -> None:
    event = read(SEED | {"fromMe": True, "from": "5511999999999@c.us", "to": ANA, "clientMessageId": "c1"})
    assert event.from_me
    assert (event.chat_id, event.sender, event.client_message_id) == (ANA, "5511999999999@c.us", "c1")


def test_our_own_echo_in_a_group_belongs_to_the_group() -> None:
    event = read(SEED | {"fromMe": True, "from": GROUP, "to": "5511999999999@c.us"})
    assert (event.from_me, event.chat_id) == (True, GROUP)


@pytest.mark.parametrize(
    ("extra", "kind", "text", "media"),
    [
        (
            {"type": "image", "media": {"url": "https://s.test/1.jpg", "mimetype": "image/jpeg", "size": 7}},
            MessageKind.IMAGE, "hi", Media(url="https://s.test/1.jpg", mime_type="image/jpeg", size=7),
        ),
        (
            {"message": None, "caption": "look", "media": {"url": "/media/1", "filename": "a.pdf"}},
            MessageKind.DOCUMENT, "look", Media(url="/media/1", filename="a.pdf"),
        ),
        (
            {"message": "", "media": {"base64": "aGVsbG8=", "mimetype": "audio/ogg"}},
            MessageKind.AUDIO, None, Media(mime_type="audio/ogg", size=5),
        ),
        (
            {"message": "", "media": {"url": "data:image/png;base64,aGVsbG8=", "mimetype": "image/png"}},
            MessageKind.IMAGE, None, Media(mime_type="image/png", size=5),
        ),
        (
            {"message": "", "type": "video", "mediaUrl": "http://s.test/v", "mimetype": "video/mp4", "filename": "v"},
            MessageKind.VIDEO, None, Media(url="http://s.test/v", mime_type="video/mp4", filename="v"),
        ),
        (
            {"message": "", "type": "text", "media": {"url": "https://s.test/1", "mimetype": "image/webp"}},
            MessageKind.IMAGE, None, Media(url="https://s.test/1", mime_type="image/webp"),
        ),
        ({"message": "", "type": "image"}, MessageKind.IMAGE, None, Media()),
    ],
)  # fmt: skip
def test_media_is_kept_as_where_it_is_and_never_inline(
    extra: dict[str, Any], kind: MessageKind, text: str | None, media: Media
) -> None:
    event = read(SEED | extra)
    assert (event.kind, event.text, event.media) == (kind, text, media)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "//evil.test/x", "ftp://x", "https://a b", 7, "http://" + "x" * 5000]
)
def test_a_media_url_of_another_kind_is_dropped(url: object) -> None:
    event = read(SEED | {"media": {"url": url, "size": -1}})
    assert (event.media.url, event.media.size) == (None, None)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"ack": -1}, MessageStatus.FAILED), ({"ack": 0}, MessageStatus.ACCEPTED), ({"ack": 1}, MessageStatus.SENT),
        ({"ack": 2}, MessageStatus.DELIVERED), ({"ack": 3}, MessageStatus.READ), ({"ack": 4}, MessageStatus.PLAYED),
        ({"ack": "DEVICE"}, MessageStatus.DELIVERED), ({"status": "delivered"}, MessageStatus.DELIVERED),
        ({"status": "READ"}, MessageStatus.READ), ({"status": "sent"}, MessageStatus.SENT),
    ],
)  # fmt: skip
@pytest.mark.parametrize("named", [True, False])
def test_an_ack_moves_a_message(told: dict[str, Any], status: MessageStatus, named: bool) -> None:
    event = ACK | told | {"timestamp": 1727190000, "clientMessageId": "c1", "from": ANA}
    assert read(event if named else without(event, "event")) == StatusUpdate(
        session_id="acme",
        status=status,
        native_id="3EB0",
        client_message_id="c1",
        at=datetime(2024, 9, 24, 15, 0, tzinfo=UTC),
        error=MessageError(code="failed", detail="WhatsApp did not deliver the message.")
        if status is MessageStatus.FAILED
        else None,
    )


def test_an_ack_may_know_only_our_id() -> None:
    event = read(without(ACK, "messageId") | {"clientMessageId": "c1", "ack": 2})
    assert (event.native_id, event.client_message_id) == (None, "c1")


def test_a_failed_ack_says_why() -> None:
    event = read(ACK | {"status": "failed", "reason": "not on\nWhatsApp"})
    assert event.error == MessageError(code="failed", detail="not on WhatsApp")


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"status": "WORKING", "phone": "5511999999999", "name": "Acme"},
         SessionUpdate(session_id="acme", status=SessionStatus.CONNECTED, phone="5511999999999", profile_name="Acme")),
        ({"status": "qr_ready", "qrCode": BASE64},
         SessionUpdate(session_id="acme", status=SessionStatus.QR_READY, qr_code=DATA_URL)),
        ({"status": "logged_out", "reason": "removed by the phone"},
         SessionUpdate(session_id="acme", status=SessionStatus.LOGGED_OUT, reason="removed by the phone")),
        ({"connected": False}, SessionUpdate(session_id="acme", status=SessionStatus.DISCONNECTED)),
        ({"status": "connected", "qrCode": DATA_URL},
         SessionUpdate(session_id="acme", status=SessionStatus.CONNECTED)),
    ],
)  # fmt: skip
def test_a_sessions_status_is_told(told: dict[str, Any], expected: SessionUpdate, named: bool) -> None:
    assert read((SESSION if named else {"tenantId": "acme"}) | told) == expected


@pytest.mark.parametrize(
    "event", [{"event": "qr", "qrCode": DATA_URL}, {"event": "qr", "qr": BASE64}, {"qr": DATA_URL}]
)
def test_a_qr_event_makes_the_session_ready_to_pair(event: dict[str, Any]) -> None:
    assert read(event | {"tenantId": "acme"}) == SessionUpdate(
        session_id="acme", status=SessionStatus.QR_READY, qr_code=DATA_URL
    )


SECRET = "canary-4711"


@pytest.mark.parametrize(
    "event",
    [
        {}, {"tenantId": "acme"}, [], [[]], [SEED, 7], 7, None, "text", SECRET,
        SEED | {"event": SECRET}, SEED | {"event": 7}, SEED | {"from": SECRET},
        SEED | {"from": None, "message": SECRET},
        SEED | {"participant": SECRET}, SEED | {"chatId": [SECRET]}, without(SEED, "message"),
        ACK | {"ack": SECRET}, ACK | {"ack": 9}, ACK, without(ACK, "messageId") | {"ack": 3},
        SESSION | {"status": SECRET}, SESSION, {"tenantId": "acme", "event": "qr", "qr": SECRET},
        {"tenantId": SECRET + "!", "event": "qr", "qr": DATA_URL}, [SEED, SEED | {"event": SECRET}],
    ],
)  # fmt: skip
def test_what_says_nothing_we_know_is_unreadable_and_its_reason_quotes_nothing(event: Any) -> None:
    with pytest.raises(UnreadableWebhook) as caught:
        decode(json.dumps(event).encode(), NOW)
    assert SECRET not in caught.value.detail
    assert len(caught.value.detail) < 100


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html>", b"{", b"NaN", b"[" * 100_000, b'{"tenantId":"\xff"}'])
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableWebhook):
        decode(body, NOW)


def decodes_or_is_unreadable(body: bytes) -> None:
    try:
        events = decode(body, NOW)
    except UnreadableWebhook:
        return
    assert events
    for event in events:
        assert "\0" not in repr(event)
        repr(event).encode()


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_events_or_unreadable(body: bytes) -> None:
    decodes_or_is_unreadable(body)


@given(st.data())
def test_a_broken_copy_of_a_body_is_events_or_unreadable(data: st.DataObject) -> None:
    body = bytearray(json.dumps(data.draw(st.sampled_from([SEED, ACK | {"ack": 3}, [SEED, SEED]]))).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    decodes_or_is_unreadable(bytes(body[: data.draw(st.integers(0, len(body)))]))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(codec=None))
    | st.sampled_from([ANA, GROUP, DATA_URL, BASE64, "2@a,b", "acme", "read", "connected", "1727190000", 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "url", "_serialized"]), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from([
    "tenantId", "from", "to", "message", "timestamp", "messageId", "event", "type", "media", "mediaUrl", "caption",
    "choiceId", "interactive", "listResponse", "participants", "participantsData", "change", "subject", "payload",
    "pushName", "fromMe", "chatId", "isGroup", "participant", "groupId", "groupName", "quotedMessageId", "ack",
    "status", "clientMessageId", "qrCode", "qr", "reason", "connected", "phone", "name", "error", "id", "key", "text",
])  # fmt: skip


@given(
    st.dictionaries(FIELDS, VALUES, max_size=12),
    st.sampled_from(["message", "message.ack", "session.status", "qr", "group", "group.v2.participants", None]),
)
def test_any_value_in_any_field_is_events_or_unreadable(fields: dict[str, Any], event: str | None) -> None:
    named = {"event": event} if event else {}
    decodes_or_is_unreadable(json.dumps({"tenantId": "acme", "from": ANA} | fields | named).encode())


# --- choices

OFFER = without(SEED, "message") | {"type": "interactive"}


@pytest.mark.parametrize(
    ("told", "choice", "text"),
    [
        ({"message": "Sim", "choiceId": "yes"}, "yes", "Sim"),
        ({"message": "Sim", "choiceId": 1}, "1", "Sim"),
        ({"message": "Sim", "choiceId": " Sim, por favor ☎\n"}, "Sim, por favor ☎", "Sim"),
        ({"message": "Sim", "type": "buttons_response", "selectedButtonId": "yes"}, "yes", "Sim"),
        ({"body": "Sim", "type": "chat", "selectedRowId": "yes"}, "yes", "Sim"),
        ({"selectedId": "yes", "selectedDisplayText": "Sim"}, "yes", "Sim"),
        ({"buttonsResponse": {"selectedButtonId": "yes", "selectedDisplayText": "Sim"}}, "yes", "Sim"),
        ({"listResponse": {"title": "Sim", "singleSelectReply": {"selectedRowId": "yes"}}}, "yes", "Sim"),
        ({"listResponse": {"title": "Sim", "selectedRowId": "yes"}}, "yes", "Sim"),
        (
            {"message": {"listResponseMessage": {"title": "Sim", "singleSelectReply": {"selectedRowId": "yes"}}}},
            "yes",
            "Sim",
        ),
        (
            {"message": {"buttonsResponseMessage": {"selectedButtonId": "yes", "selectedDisplayText": "Sim"}}},
            "yes",
            "Sim",
        ),
        (
            {"message": {"templateButtonReplyMessage": {"selectedId": "yes", "selectedDisplayText": "Sim"}}},
            "yes",
            "Sim",
        ),
        ({"interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Sim"}}}, "yes", "Sim"),
        ({"interactive": {"type": "list_reply", "list_reply": {"id": "yes", "title": "Sim"}}}, "yes", "Sim"),
        ({"button": {"payload": "yes", "text": "Sim"}, "type": "button"}, "yes", "Sim"),
        ({"choiceId": "yes"}, "yes", "yes"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_what_a_contact_chose_is_read_in_every_spelling(
    told: dict[str, Any], choice: str, text: str | None, named: bool
) -> None:
    message = read(OFFER | told | ({"event": "message"} if named else {}))
    assert (message.kind, message.choice, message.text) == (MessageKind.INTERACTIVE, choice, text)


@pytest.mark.parametrize(
    "told", [{"choiceId": ""}, {"choiceId": []}, {"interactive": {}}, {"button": True}, {"listResponse": []}]
)
def test_what_names_no_choice_stays_the_message_that_it_is(told: dict[str, Any]) -> None:
    assert read(SEED | told) == read(SEED)


# --- groups

CHANGE = {"tenantId": "acme", "event": "group", "groupId": GROUP, "timestamp": 1727190000000}


@pytest.mark.parametrize(
    ("event", "change", "subject", "changed"),
    [
        (CHANGE | {"change": "subject", "subject": "Sales"}, "subject", "Sales", ()),
        (CHANGE | {"subject": "Sales"}, "subject", "Sales", ()),
        (CHANGE | {"change": "joined", "participants": [ANA, ANA, "5511777777777"]}, "joined", None,
         (ANA, "5511777777777@c.us")),
        (CHANGE | {"change": "left", "participants": [{"id": ANA, "name": "Ana"}]}, "left", None, (ANA,)),
        (CHANGE | {"change": "promoted", "participants": [ANA]}, "promoted", None, (ANA,)),
        (CHANGE | {"change": "demoted", "participants": [ANA]}, "demoted", None, (ANA,)),
        (CHANGE | {"change": "picture", "participants": None}, "changed", None, ()),
        (CHANGE | {"groupId": "120363000000000000", "change": "joined", "participants": ["?", ANA]}, "joined", None,
         (ANA,)),
        ({"event": "group.v2.participants", "session": "acme", "payload": {
            "type": "leave", "group": {"id": GROUP}, "participants": [{"id": ANA, "role": "left"}],
            "timestamp": 1727190000}}, "left", None, (ANA,)),
        ({"event": "group-participants.update", "instance": "acme", "date_time": "2024-09-24T15:00:00.000Z",
          "data": {"id": GROUP, "participants": [], "action": "promote",
                   "participantsData": [{"jid": ANA, "phoneNumber": "5511888888888", "name": "Ana"}]}},
         "promoted", None, (ANA,)),
    ],
)  # fmt: skip
def test_a_groups_change_is_told(
    event: dict[str, Any], change: GroupChange, subject: str | None, changed: tuple[str, ...]
) -> None:
    assert read(event) == GroupUpdate(
        session_id="acme",
        chat_id=GROUP,
        change=change,
        subject=subject,
        changed=changed,
        at=datetime(2024, 9, 24, 15, 0, tzinfo=UTC),
    )


@pytest.mark.parametrize("told", [{"groupId": None}, {"groupId": ANA}, {"groupId": "a b"}, {"tenantId": None}])
def test_a_change_without_its_group_or_session_is_unreadable(told: dict[str, Any]) -> None:
    with pytest.raises(UnreadableWebhook):
        read(CHANGE | {"change": "joined"} | told)


async def test_the_connector_reads_webhooks_by_its_own_clock(connector: ConnectionServiceConnector) -> None:
    tomorrow = SEED | {"timestamp": "2026-01-03T03:00:00Z"}
    later = SEED | {"timestamp": "2026-01-03T03:10:00Z"}
    events = connector.decode_webhook(json.dumps([tomorrow, later]).encode())
    assert [event.at is None for event in events if isinstance(event, IncomingMessage)] == [False, True]
