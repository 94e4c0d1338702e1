"""Each rule for reading a single value: ids, addresses, phones, times, flags, JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fivapp_whatsapp.connectors import wire
from tests.connectors.conftest import NOW

AT = datetime(2024, 9, 24, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "document",
    [
        {"messageId": "3EB0A"},
        {"message_id": "3EB0A"},
        {"id": "3EB0A"},
        {"id": {"fromMe": True, "_serialized": "3EB0A"}},
        {"messageId": {"_serialized": "3EB0A"}},
        {"key": {"id": "3EB0A"}},
        {"messages": [{"id": "3EB0A"}]},
        {"results": {"message_id": "3EB0A"}},
        {"messageId": "", "id": "3EB0A"},
        {"messageId": None, "key": {"id": "3EB0A"}},
        {"messageId": "\0 3EB0A\n"},
    ],
)
def test_a_message_id_is_found_under_all_its_names(document: dict[str, Any]) -> None:
    assert wire.message_id(document) == "3EB0A"


@pytest.mark.parametrize("document", [{}, {"id": None}, {"id": True}, {"id": []}, {"messages": []}, {"key": "x"}])
def test_an_answer_without_a_message_id_has_none(document: dict[str, Any]) -> None:
    assert wire.message_id(document) is None


def test_a_number_is_an_id_too() -> None:
    assert wire.message_id({"id": 4711}) == "4711"


def test_an_id_too_long_for_an_index_becomes_its_hash() -> None:
    long = wire.identifier("x" * 100_000)
    assert long is not None
    assert long.startswith("sha256:")
    assert len(long) < 255
    assert long != wire.identifier("x" * 99_999)


@pytest.mark.parametrize(
    "told",
    [
        1727190000,
        1727190000.0,
        1727190000000,
        "1727190000",
        "1727190000000",
        " 1727190000000 ",
        "1727190000.000",
        "2024-09-24T15:00:00Z",
        "2024-09-24T15:00:00.000Z",
        "2024-09-24T12:00:00-03:00",
        "2024-09-24T15:00:00",
        "2024-09-24 15:00:00",
    ],
)
def test_a_time_is_read_from_seconds_milliseconds_and_iso(told: object) -> None:
    assert wire.moment(told, NOW) == AT


def test_milliseconds_are_kept() -> None:
    assert wire.moment(1727190000123, NOW) == AT + timedelta(milliseconds=123)


@pytest.mark.parametrize(
    "told",
    [
        None, True, "", "yesterday", [], {}, 0, -1, 10**30, -(10**30), 1e308, float("nan"), float("inf"), "1e999",
        "9" * 40, "2008-12-31T23:59:59Z", 1230767999, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
        (NOW + timedelta(days=1, seconds=1)).timestamp(),
    ],
)  # fmt: skip
def test_what_is_no_time_or_an_impossible_one_is_none(told: object) -> None:
    assert wire.moment(told, NOW) is None


def test_a_sender_whose_clock_is_a_day_fast_is_believed() -> None:
    assert wire.moment((NOW + timedelta(hours=23)).timestamp(), NOW) == NOW + timedelta(hours=23)


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("5511888888888", "5511888888888@c.us"),
        (5511888888888, "5511888888888@c.us"),
        ("+55 (11) 88888-8888", "5511888888888@c.us"),
        ("5511888888888@c.us", "5511888888888@c.us"),
        ("5511888888888:12@c.us", "5511888888888@c.us"),
        ("5511888888888@s.whatsapp.net", "5511888888888@s.whatsapp.net"),
        ("5511888888888:3@s.whatsapp.net", "5511888888888@s.whatsapp.net"),
        ("251588888888888@lid", "251588888888888@lid"),
        ("251588888888888:7@lid", "251588888888888@lid"),
        ("120363000000000000@g.us", "120363000000000000@g.us"),
        ("551188888888-1600000000@g.us", "551188888888-1600000000@g.us"),
        ("status@broadcast", "status@broadcast"),
        ("120363111111111111@newsletter", "120363111111111111@newsletter"),
        ({"server": "c.us", "_serialized": "5511888888888@c.us"}, "5511888888888@c.us"),
    ],
)
def test_an_address_is_read_with_any_suffix_and_device(told: object, address: str) -> None:
    assert wire.address(told) == address


@pytest.mark.parametrize("told", [None, "", "ana", True, [], {}, 1.5, "x" * 1000 + "@lid", "a\0@lid", "@g.us", 10**30])
def test_what_can_be_no_address_is_none(told: object) -> None:
    assert wire.address(told) is None


@pytest.mark.parametrize(
    "document",
    [
        {"phone": "5511999999999"},
        {"phone": "+55 11 99999-9999"},
        {"phoneNumber": 5511999999999},
        {"phone_number": "5511999999999@c.us"},
        {"me": {"id": "5511999999999:4@s.whatsapp.net", "pushName": "Acme"}},
    ],
)
def test_a_phone_is_found_under_all_its_names(document: dict[str, Any]) -> None:
    assert wire.phone(wire.pick(document, wire.PHONE)) == "5511999999999"


def test_an_address_that_hides_its_number_shows_no_phone() -> None:
    assert wire.phone("251588888888888@lid") is None


@pytest.mark.parametrize("name", ["name", "displayName", "display_name", "pushName"])
def test_a_name_is_found_under_all_its_names(name: str) -> None:
    assert wire.line(wire.pick({name: " Acme\n"}, wire.NAME)) == "Acme"


@pytest.mark.parametrize(
    ("told", "means"),
    [(True, True), (1, True), ("true", True), ("1", True), (False, False), (0, False), ("False", False),
     (None, None), (2, None), ("maybe", None), ([], None)],
)  # fmt: skip
def test_a_flag_is_a_clear_yes_or_no(told: object, means: bool | None) -> None:
    assert wire.flag(told) is means


@pytest.mark.parametrize(
    ("told", "means"),
    [(3, 3), ("3", 3), ("-1", -1), (2.0, 2), (2.5, None), (True, None), (2**63, None), ("x", None), (None, None)],
)
def test_a_number_fits_a_column(told: object, means: int | None) -> None:
    assert wire.number(told) == means


def test_json_with_a_byte_order_mark_is_read() -> None:
    assert wire.read_json(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\ude00 x"', "\ufffd x"),
        (rb'"\ud83d\u0041"', "\ufffdA"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (rb'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
    ],
)
def test_half_an_emoji_becomes_a_replacement_character(body: bytes, text: str) -> None:
    assert wire.read_json(body) == text


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"<html>", b"NaN", b"[1e999]", b'"\xff"', b'{"a":' + b"9" * 5000 + b"}", b"[" * 65 + b"]" * 65,
     b"[" * 500_000, b'{"a":' * 100_000, b'"' + b'\\"' * 200_000, b"[" * 70 + b'"' + b'\\"' * 200_000 + b"\\"],
)  # fmt: skip
def test_what_is_no_json_is_unreadable_and_read_in_one_pass(body: bytes) -> None:
    with pytest.raises(wire.Unreadable):
        wire.read_json(body)


def test_brackets_inside_texts_are_not_depth() -> None:
    text = '[{"\\"' * 100
    assert wire.read_json(b'["' + text.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"]') == [text]


def test_sixty_four_levels_are_read() -> None:
    assert wire.read_json(b"[" * 64 + b"]" * 64)
