"""The Cloud API: its signature is checked, its bodies become events or wait, and what is not there is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivapp_whatsapp.connectors.cloud_api import CloudApiConnector
from fivapp_whatsapp.errors import ConnectorRejected, InvalidWebhookKey, SettingsError, UnreadableWebhook
from fivapp_whatsapp.models import (
    IncomingMessage,
    MessageError,
    MessageKind,
    MessageStatus,
    OutgoingMessage,
    SessionStatus,
    StatusUpdate,
)
from fivapp_whatsapp.ports import OutgoingSend
from fivapp_whatsapp.settings import Secret, Settings

from .cloud import ANA, SECRET, STATUS, TEXT, WAMID, posted, signature
from .conftest import StoppedClock

TOKEN = "what-meta-is-told"
OURS = CloudApiConnector(app_secret=SECRET, verify_token=TOKEN, clock=StoppedClock())
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CHALLENGE = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}


def read(*messages: Any, **rest: Any) -> list[Any]:
    return list(OURS.decode_webhook(posted(*messages, **rest), "acme"))


def read_one(**changes: Any) -> Any:
    [event] = read({**TEXT, **changes})
    return event


def refused(body: bytes) -> str:
    with pytest.raises(UnreadableWebhook) as caught:
        OURS.decode_webhook(body, "acme")
    return caught.value.detail


# --- what is read --------------------------------------------------------------------------------


def test_a_text_is_a_message_of_the_session_that_the_address_names() -> None:
    assert read(TEXT) == [
        IncomingMessage(
            session_id="acme",
            native_id=WAMID,
            chat_id=f"{ANA}@c.us",
            sender=f"{ANA}@c.us",
            sender_name="Ana Souza",
            text="Olá",
            at=AT,
        )
    ]


def test_a_text_may_quote_another_and_be_cleaned() -> None:
    event = read_one(text={"body": "a\0b"}, context={"from": "551130000000", "id": "wamid.y"})
    assert (event.text, event.quoted_native_id) == ("a\ufffdb", "wamid.y")


@pytest.mark.parametrize(
    ("message", "text", "choice"),
    [
        ({"type": "button", "button": {"text": "Sim", "payload": "yes"}}, "Sim", "yes"),
        ({"type": "button", "button": {"payload": "yes"}}, "yes", "yes"),
        (
            {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "a", "title": "A"}}},
            "A",
            "a",
        ),
        ({"type": "interactive", "interactive": {"type": "list_reply", "list_reply": {"id": "b"}}}, "b", "b"),
    ],
)
def test_a_tap_is_a_message_that_names_its_choice(message: dict[str, Any], text: str, choice: str) -> None:
    event = read_one(**message)
    assert (event.kind, event.text, event.choice) == (MessageKind.INTERACTIVE, text, choice)


@pytest.mark.parametrize("status", ["sent", "delivered", "read", "played"])
def test_a_status_names_its_message_and_our_own_id(status: str) -> None:
    [event] = read(statuses=[{**STATUS, "status": status, "biz_opaque_callback_data": "our-id"}])
    assert event == StatusUpdate(
        session_id="acme", status=MessageStatus(status), native_id=WAMID, client_message_id="our-id", at=AT
    )


@pytest.mark.parametrize(
    ("errors", "detail"),
    [
        ([{"code": 131026, "title": "Undeliverable", "error_data": {"details": "Not on WhatsApp"}}], "Not on WhatsApp"),
        ([{"code": 131026, "title": "Undeliverable"}], "Undeliverable"),
        ([], "WhatsApp did not deliver the message."),
    ],
)
def test_a_failure_says_why(errors: list[Any], detail: str) -> None:
    [event] = read(statuses=[{**STATUS, "status": "failed", "errors": errors}])
    assert event.error == MessageError(code="failed", detail=detail)


def test_several_in_one_body_are_all_read_in_their_order() -> None:
    events = read(TEXT, {**TEXT, "id": "wamid.2"}, statuses=[STATUS])
    assert [type(event) for event in events] == [IncomingMessage, IncomingMessage, StatusUpdate]


def test_half_an_emoji_and_a_byte_order_mark_are_forgiven() -> None:
    body = posted(TEXT).replace(b"Ol\\u00e1", b"oi \\ud83d")
    [event] = OURS.decode_webhook(b"\xef\xbb\xbf" + body, "acme")
    assert isinstance(event, IncomingMessage)
    assert event.text == "oi \ufffd"


@pytest.mark.parametrize("timestamp", [None, "", "soon", "-1", str(10**15), 1767323045])
def test_a_time_that_is_none_costs_no_message(timestamp: Any) -> None:
    assert read_one(timestamp=timestamp).at == (AT if timestamp == 1767323045 else None)


# --- what waits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (posted({**TEXT, "type": "image", "image": {"id": "1"}}), "type"),
        (posted({**TEXT, "type": "text", "text": None}), "type"),
        (posted({**TEXT, "group_id": "g"}), "group"),
        (posted({**TEXT, "from": None}), "phone number"),
        (posted({**TEXT, "from": "nobody"}), "phone number"),
        (posted({**TEXT, "id": ""}), "id"),
        (posted(TEXT, {**TEXT, "type": "sticker"}), "type"),
        (posted(statuses=[{**STATUS, "status": "teleported"}]), "status"),
        (posted(TEXT, field="account_update"), "field"),
        (posted(TEXT, object="page"), "business account"),
        (posted(), "neither"),
        (posted(entry=[]), "neither"),
        (posted(entry="x"), "not what"),
        (b"{}", "not what"),
        (b"[]", "not what"),
        (b"", "not JSON"),
        (b"\xff", "not"),
        (b"[" * 100_000, "deep"),
        (b'{"entry":' * 10_000, "deep"),
    ],
)
def test_what_is_not_read_yet_is_unreadable_and_not_quoted(body: bytes, words: str) -> None:
    said = refused(body)
    assert words in said
    assert ANA not in said


def test_a_body_at_an_address_without_a_session_is_unreadable() -> None:
    with pytest.raises(UnreadableWebhook):
        OURS.decode_webhook(posted(TEXT))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("from", "id", "timestamp", "type", "text", "button", "interactive", "context", "group_id")


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_events_or_unreadable(body: bytes) -> None:
    refused(body)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_a_message_with_any_field_bent_is_a_message_or_unreadable(bent: dict[str, Any]) -> None:
    try:
        [event] = read({**TEXT, **bent})
    except UnreadableWebhook:
        return
    assert isinstance(event, IncomingMessage)
    assert event.native_id
    assert event.text is not None


# --- who may post --------------------------------------------------------------------------------


def test_a_body_that_is_signed_with_the_secret_is_right() -> None:
    body = posted(TEXT)
    assert OURS.verify_webhook(None, {"x-hub-signature-256": signature(body)}, body)


@pytest.mark.parametrize("bent", ["", "sha256=", "x", "\xe9" * 71, "sha1=", " "])
def test_any_other_signature_is_wrong(bent: str) -> None:
    body = posted(TEXT)
    right = signature(body)
    for given_ in (bent, right + bent, bent + right, right.upper()):
        if given_ != right:
            assert not OURS.verify_webhook(SECRET, {"x-hub-signature-256": given_}, body)
    assert not OURS.verify_webhook(SECRET, {}, body)
    assert not OURS.verify_webhook(SECRET, {"x-hub-signature-256": right}, body + b" ")
    assert not OURS.verify_webhook(SECRET, {"x-hub-signature-256": signature(body, "another")}, body)


def test_the_challenge_of_one_who_knows_the_token_is_given_back() -> None:
    assert OURS.answer_challenge(CHALLENGE) == "1158201444"


@pytest.mark.parametrize(
    "changes",
    [
        {"hub.verify_token": "wrong"},
        {"hub.verify_token": "\ud800"},
        {"hub.verify_token": ""},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": ""},
        {"hub.challenge": "<script>"},
        {"hub.challenge": "1" * 257},
    ],
)
def test_any_other_challenge_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(InvalidWebhookKey):
        OURS.answer_challenge({**CHALLENGE, **changes})


def test_without_a_token_no_challenge_is_answered() -> None:
    with pytest.raises(InvalidWebhookKey):
        CloudApiConnector(app_secret=SECRET).answer_challenge({**CHALLENGE, "hub.verify_token": ""})


def test_it_is_made_of_the_settings_and_not_without_a_secret() -> None:
    made = CloudApiConnector.from_settings(Settings(cloud_api_app_secret=Secret(SECRET)))
    body = posted(TEXT)
    assert made.verify_webhook(None, {"x-hub-signature-256": signature(body)}, body)
    with pytest.raises(SettingsError, match="FIVAPP_CLOUD_API_APP_SECRET"):
        CloudApiConnector.from_settings(Settings())


# --- what is not there ---------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_session_is_connected_once_it_is_started() -> None:
    for update in (await OURS.start_session("acme", "Acme"), await OURS.session_status("acme")):
        assert (update.session_id, update.status) == ("acme", SessionStatus.CONNECTED)
    assert await OURS.capabilities() == frozenset()
    await OURS.stop_session("acme")
    await OURS.check()
    await OURS.close()


@pytest.mark.anyio
async def test_what_would_need_a_call_is_refused_with_a_reason() -> None:
    send = OutgoingSend(session_id="acme", to=ANA, client_message_id="c", message=OutgoingMessage(text="hi"))
    for call in (
        OURS.send(send),
        OURS.find_sent("acme", "c"),
        OURS.typing("acme", ANA, True),
        OURS.groups("acme"),
        OURS.group("acme", "g"),
        OURS.pairing_code("acme", ANA),
    ):
        with pytest.raises(ConnectorRejected) as caught:
            await call
        assert caught.value.reason == "capability_missing"
    with pytest.raises(ConnectorRejected):
        OURS.fetch_media("/x")
