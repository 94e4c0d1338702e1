"""Every word that services use for a status or a kind has a meaning of ours."""

from __future__ import annotations

import pytest

from fivapp_whatsapp.connectors.words import kind_of_mime, message_kind, message_status, session_status
from fivapp_whatsapp.models import MessageKind, MessageStatus, SessionStatus


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("qr qr_pending pending_qr pairing SCAN_QR_CODE qr_ready", SessionStatus.QR_READY),
        ("starting initializing authenticating authenticated STARTING connecting", SessionStatus.CONNECTING),
        ("reconnecting", SessionStatus.RECONNECTING),
        ("open ready WORKING connected", SessionStatus.CONNECTED),
        ("close STOPPED disconnected destroyed", SessionStatus.DISCONNECTED),
        ("logged_out UNPAIRED", SessionStatus.LOGGED_OUT),
        ("restricted banned temporarily_banned temp_banned suspended", SessionStatus.RESTRICTED),
        ("FAILED error auth_failure init_error refused", SessionStatus.FAILED),
    ],
)
def test_a_session_status_is_known_by_every_word_in_any_case(words: str, status: SessionStatus) -> None:
    for word in words.split():
        for spelling in (word, word.upper(), word.lower(), word.title(), word.replace("_", "-"), f" {word} "):
            assert session_status(spelling) is status


@pytest.mark.parametrize("word", ["", "whatever", None, 7, True, [], {}])
def test_another_session_word_is_not_known(word: object) -> None:
    assert session_status(word) is None


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (-1, MessageStatus.FAILED), ("-1", MessageStatus.FAILED), ("ERROR", MessageStatus.FAILED),
        ("failed", MessageStatus.FAILED),
        (0, MessageStatus.ACCEPTED), ("PENDING", MessageStatus.ACCEPTED), ("accepted", MessageStatus.ACCEPTED),
        (1, MessageStatus.SENT), ("SERVER", MessageStatus.SENT), ("sent", MessageStatus.SENT),
        (2, MessageStatus.DELIVERED), ("DEVICE", MessageStatus.DELIVERED), ("delivered", MessageStatus.DELIVERED),
        (3, MessageStatus.READ), ("READ", MessageStatus.READ), (3.0, MessageStatus.READ), ("3", MessageStatus.READ),
        (4, MessageStatus.PLAYED), ("PLAYED", MessageStatus.PLAYED),
    ],
)  # fmt: skip
def test_an_ack_is_known_by_number_and_word(told: object, status: MessageStatus) -> None:
    assert message_status(told) is status


@pytest.mark.parametrize("told", [5, -2, "deleted", "", None, True, 2.5, [], 10**30, "-", "_1"])
def test_another_ack_is_not_known(told: object) -> None:
    assert message_status(told) is None


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("text", MessageKind.TEXT), ("chat", MessageKind.TEXT), ("image", MessageKind.IMAGE),
        ("Video", MessageKind.VIDEO), ("ptt", MessageKind.AUDIO), ("voice", MessageKind.AUDIO),
        ("document", MessageKind.DOCUMENT), ("sticker", MessageKind.STICKER), ("location", MessageKind.LOCATION),
        ("vcard", MessageKind.CONTACT), ("reaction", MessageKind.REACTION), ("poll", MessageKind.POLL),
        ("button", MessageKind.INTERACTIVE), ("template", MessageKind.TEMPLATE), ("call", MessageKind.CALL),
        ("system", MessageKind.SYSTEM), ("hologram", None), (None, None),
    ],
)  # fmt: skip
def test_a_kind_is_known_by_its_word(told: object, kind: MessageKind | None) -> None:
    assert message_kind(told) is kind


@pytest.mark.parametrize(
    ("mime_type", "kind"),
    [("image/jpeg", MessageKind.IMAGE), ("VIDEO/mp4", MessageKind.VIDEO), ("audio/ogg; codecs=opus", MessageKind.AUDIO),
     ("application/pdf", MessageKind.DOCUMENT), (None, MessageKind.DOCUMENT)],
)  # fmt: skip
def test_a_file_without_a_kind_shows_it_by_its_type(mime_type: str | None, kind: MessageKind) -> None:
    assert kind_of_mime(mime_type) is kind
