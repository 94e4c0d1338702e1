"""Spellings of one address are one chat; different people never are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivapp_whatsapp import addresses
from fivapp_whatsapp.errors import InvalidInput

DIGITS = st.text("0123456789", min_size=5, max_size=20)
DOMAINS = st.sampled_from(["", "@c.us", "@s.whatsapp.net", "@C.US"])
DEVICES = st.sampled_from(["", ":1", ":47"])
OTHERS = st.builds(
    "{}@{}".format,
    st.from_regex(r"[A-Za-z0-9_\-]{1,40}", fullmatch=True),
    st.sampled_from(["lid", "g.us", "newsletter"]),
)
PHONES = st.builds("{}{}{}".format, DIGITS, DEVICES, DOMAINS)


@pytest.mark.parametrize(
    ("spelling", "normal"),
    [
        ("5511988887777", "5511988887777@c.us"),
        ("+55 (11) 98888-7777", "5511988887777@c.us"),
        ("  55.11.98888.7777 ", "5511988887777@c.us"),
        ("5511988887777@c.us", "5511988887777@c.us"),
        ("5511988887777@C.US", "5511988887777@c.us"),
        ("5511988887777 @ c.us", "5511988887777@c.us"),
        ("5511988887777@s.whatsapp.net", "5511988887777@s.whatsapp.net"),
        ("5511988887777:12@s.whatsapp.net", "5511988887777@s.whatsapp.net"),
        ("5511988887777.0:12@s.whatsapp.net", "5511988887777@s.whatsapp.net"),
        ("251500001111222:3@lid", "251500001111222@lid"),
        ("251500001111222_1:3@lid", "251500001111222@lid"),
        ("120363025246125486@g.us", "120363025246125486@g.us"),
        ("5511988887777-1420070400@g.us", "5511988887777-1420070400@g.us"),
        ("status@broadcast", "status@broadcast"),
        ("120363144038483540@newsletter", "120363144038483540@newsletter"),
    ],
)
def test_spellings_are_normalized(spelling: str, normal: str) -> None:
    assert addresses.normalize(spelling) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "@",
        "@c.us",
        "@g.us",
        "ana",
        "1234",
        "1" * 21,
        "55119888a@c.us",
        "x@",
        "a@b@c",
        "a b@g.us",
        "a\n@g.us",
        "áé@g.us",
        "٥٥١١٩٨٨٨٨@c.us",
        "\ud800@lid",
        "\0@lid",
        "x" * 130 + "@lid",
        "1" * 10_000,
    ],
)
def test_what_is_no_address_is_refused_with_its_code(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        addresses.normalize(text)
    assert refused.value.code == "invalid_address"
    assert not text.strip() or text not in refused.value.detail


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5511988887777", "551188887777@c.us"),
        ("+55 31 97777-6666", "553177776666@s.whatsapp.net"),
        ("5511988887777:4@s.whatsapp.net", "5511988887777@c.us"),
        ("251500001111222:3@lid", "251500001111222@lid"),
    ],
)
def test_two_spellings_are_one_chat(one: str, other: str) -> None:
    assert addresses.same_chat(one, other)
    assert addresses.same_chat(other, one)
    ids = {addresses.conversation_id("acme", "acme", addresses.normalize(address)) for address in (one, other)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("551133334444", "5511933334444"),  # a landline never got the ninth digit
        ("5511988887777", "5521988887777"),
        ("5511988887777", "5511988887777@lid"),
        ("5511988887777@g.us", "5511988887777"),
        ("120363@g.us", "120363@newsletter"),
        ("14155550100", "914155550100"),
        ("351912345678", "35112345678"),  # the ninth digit is Brazil's alone
    ],
)
def test_two_people_are_two_chats(one: str, other: str) -> None:
    assert not addresses.same_chat(one, other)


def test_the_kinds_of_addresses_are_told_apart() -> None:
    assert addresses.is_group("120363025246125486@g.us")
    assert not addresses.is_group("5511988887777@c.us")
    assert addresses.phone("5511988887777:3@s.whatsapp.net") == "5511988887777"
    for hidden in ("251500001111222@lid", "120363025246125486@g.us", "status@broadcast", "120363@newsletter"):
        assert addresses.phone(hidden) is None


def test_derived_ids_are_the_same_in_every_release() -> None:
    # Rows of customers carry these: a change here is a migration.
    assert addresses.conversation_id("acme", "acme", "5511988887777@c.us") == "66976530358d760c57e78da24cbd82c7"
    assert addresses.contact_id("acme", "5511988887777@c.us") == "19006b34674a54a51a6dd0126d4614cf"


def test_derived_ids_differ_by_tenant_session_and_chat() -> None:
    parts = [("a", "a", "55119@lid"), ("b", "a", "55119@lid"), ("a", "a.x", "55119@lid"), ("a", "a", "55118@lid")]
    assert len({addresses.conversation_id(*part) for part in parts}) == len(parts)
    assert addresses.contact_id("a", "55119@lid") != addresses.conversation_id("a", "a", "55119@lid")


@given(PHONES | OTHERS)
def test_normalizing_twice_changes_nothing(address: str) -> None:
    once = addresses.normalize(address)
    assert addresses.normalize(once) == once


@given(PHONES | OTHERS)
def test_the_key_does_not_depend_on_normalizing(address: str) -> None:
    assert addresses.key(addresses.normalize(address)) == addresses.key(address)


@given(DIGITS, DEVICES, DOMAINS, DOMAINS)
def test_domain_and_device_do_not_part_a_phone(digits: str, device: str, one: str, other: str) -> None:
    assert addresses.same_chat(f"{digits}{device}{one}", f"{digits}{other}")


@given(DIGITS, DIGITS)
def test_phones_with_the_same_key_differ_by_a_ninth_digit_only(one: str, other: str) -> None:
    if addresses.key(one) == addresses.key(other) and len(one) == len(other):
        assert one == other


@given(st.text(max_size=200))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        normal = addresses.normalize(text)
    except InvalidInput:
        return
    assert normal.isascii()
    assert normal.isprintable()
    assert addresses.conversation_id("acme", "acme", normal)


@pytest.mark.parametrize(
    ("address", "normalized"),
    [
        ("+55 (11) 98888-7777", "5511988887777@c.us"),
        ("12345678", "12345678@c.us"),
        ("123456789012345@s.whatsapp.net", "123456789012345@s.whatsapp.net"),
        ("251500001111222@lid", "251500001111222@lid"),
        ("120363025246125486@g.us", "120363025246125486@g.us"),
    ],
)
def test_a_recipient_is_a_number_a_hidden_number_or_a_group(address: str, normalized: str) -> None:
    assert addresses.recipient(address) == normalized


@pytest.mark.parametrize(
    "address",
    [
        *("status@broadcast", "1234567890@broadcast", "120363144038483540@newsletter", "ana@example.com", "ana", ""),
        *("1234567", "1234567890123456", "05511988887777", "00000000@c.us", "1234567@s.whatsapp.net", "a b@g.us"),
    ],
)
def test_what_nobody_can_be_written_to_at_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(InvalidInput, match="like 5511988887777") as refused:
        addresses.recipient(address)
    assert refused.value.code == "invalid_address"
