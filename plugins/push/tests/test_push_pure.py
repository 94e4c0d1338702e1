"""Keys, endpoints, quiet hours and what a notification says, without a gateway."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from hypothesis import given
from hypothesis import strategies as st
from push_receiver import Browser, claims_of

from fivapp_whatsapp_push.config import PushSettings, sender_of
from fivapp_whatsapp_push.devices import QuietHours, device_id, keys_problem
from fivapp_whatsapp_push.encoding import to_bytes, to_text
from fivapp_whatsapp_push.endpoints import PUSH_SERVICES, endpoint_problem, host_of
from fivapp_whatsapp_push.notification import MAX_PAYLOAD, Facts, Notification, notify, payload, topic
from fivapp_whatsapp_push.vapid import read_private_key, vapid_of

SOMEWHERE = "https://fcm.googleapis.com/fcm/send/abc"


@pytest.mark.parametrize(
    "endpoint",
    [
        SOMEWHERE,
        "https://fcm.googleapis.com:443/wp/a:b_c-d",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
        "https://wns2-by3p.notify.windows.com/w/?token=BQY%3d",
        "https://web.push.apple.com/QGkL",
    ],
)
def test_the_push_services_of_browsers_are_pushed_to(endpoint: str) -> None:
    assert endpoint_problem(endpoint) is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "http://fcm.googleapis.com/x",
        "ftp://fcm.googleapis.com/x",
        "file:///etc/passwd",
        "gopher://fcm.googleapis.com/x",
        "//fcm.googleapis.com/x",
        "https:fcm.googleapis.com/x",
        "https:///fcm.googleapis.com/x",
        "HTTPS://fcm.googleapis.com/x",
        "https://fcm.googleapis.com",
        "https://fcm.googleapis.com:444/x",
        "https://fcm.googleapis.com:99999/x",
        "https://fcm.googleapis.com:/x",
        "https://fcm.googleapis.com./x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evilfcm.googleapis.com/x",
        "https://evil-push.apple.com/x",
        "https://evilpush.apple.com/x",
        "https://.push.apple.com/x",
        "https://push.apple.com/x",
        "https://fcm.googleapis.com@evil.example/x",
        "https://user:word@fcm.googleapis.com/x",
        "https://evil.example/fcm.googleapis.com",
        "https://evil.example?fcm.googleapis.com/",
        "https://evil.example#fcm.googleapis.com/",
        "https://evil.example\\.push.apple.com/x",
        "https://evil.example/\\@fcm.googleapis.com/",
        "https://fcm.googleapis.com\\@evil.example/x",
        "https://fcm.googleapis.com/x\r\nHost: evil.example",
        "https://fcm.googleapis.com/x y",
        " https://fcm.googleapis.com/x",
        "https://fcm.googleapis.com/x\n",
        "https://fcm.googleapis.com/\u0130",
        "https://fcm。googleapis。com/x",
        "https://ｆcm.googleapis.com/x",
        "https://fcm.googleapis.com%2e/x",
        "https://fcm.googleapis.com%00.evil.example/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://localhost/x",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/x",
        "https://fcm.googleapis.com/" + "x" * 2048,
    ],
)
def test_any_other_address_is_refused(endpoint: str) -> None:
    assert endpoint_problem(endpoint) is not None


@given(st.text())
def test_no_text_breaks_the_look_at_an_endpoint(text: str) -> None:
    assert endpoint_problem(text) is not None
    assert endpoint_problem(f"https://{text}/x") is not None or host_of(f"https://{text}/x")


def test_an_operator_adds_a_host_with_its_port() -> None:
    services = (*PUSH_SERVICES, "push.example.com", "localhost:8443", ".inner.example")
    assert endpoint_problem("https://push.example.com/x", services) is None
    assert endpoint_problem("https://localhost:8443/x", services) is None
    assert endpoint_problem("https://a.inner.example/x", services) is None
    for other in (
        "https://localhost/x",
        "https://localhost:8444/x",
        "https://inner.example/x",
        "http://localhost:8443/x",
    ):
        assert endpoint_problem(other, services) is not None
    for careless in ("", " ", ".", ":443"):
        assert endpoint_problem("https://evil.example/x", (careless,)) is not None


def test_the_same_secret_is_the_same_key_in_every_process() -> None:
    secret = secrets.token_bytes(32)
    first, second = vapid_of(secret).public_key, vapid_of.__wrapped__(secret).public_key
    assert first == second != vapid_of(secrets.token_bytes(32)).public_key
    assert len(first) == 87
    assert to_bytes(first)[0] == 4


def test_a_push_service_can_check_who_we_are() -> None:
    vapid = vapid_of(secrets.token_bytes(32), "mailto:ops@example.com")
    claims, key = claims_of(vapid.authorization(SOMEWHERE + "?q=1"), "https://fcm.googleapis.com")
    assert key == vapid.public_key
    assert claims["sub"] == "mailto:ops@example.com"
    assert 0 < claims["exp"] - time.time() <= 86_400
    with pytest.raises(jwt.InvalidAudienceError):
        claims_of(vapid.authorization(SOMEWHERE), "https://web.push.apple.com")


def test_a_private_key_may_be_given_as_tools_print_it() -> None:
    number = generate_private_key(SECP256R1()).private_numbers()
    point = number.public_numbers
    expected = b"\4" + point.x.to_bytes(32) + point.y.to_bytes(32)
    assert read_private_key(to_text(number.private_value.to_bytes(32))).public_key == to_text(expected)
    for bad in ("", "abc", to_text(bytes(32)), to_text(b"\xff" * 32), to_text(bytes(31)), "é" * 43):
        with pytest.raises(ValueError, match=r"VAPID|base64"):
            read_private_key(bad)


def test_the_operators_settings_say_who_we_are() -> None:
    secret = secrets.token_bytes(32)
    plain = sender_of(PushSettings(), secret, "https://chat.example.com")
    assert plain.services == PUSH_SERVICES
    claims, _ = claims_of(plain.vapid.authorization(SOMEWHERE), "https://fcm.googleapis.com")
    assert claims["sub"] == "https://chat.example.com"
    assert sender_of(PushSettings(hosts="a.example, b.example:8443,"), secret, "").services[4:] == (
        "a.example",
        "b.example:8443",
    )
    with pytest.raises(ValueError, match="FIVAPP_PUSH_CONTACT"):
        sender_of(PushSettings(contact="ops@example.com"), secret, "")
    claims, _ = claims_of(
        sender_of(PushSettings(), secret, "http://x").vapid.authorization(SOMEWHERE), "https://fcm.googleapis.com"
    )
    assert "sub" not in claims


def test_keys_of_browsers_are_looked_at() -> None:
    keys = Browser(SOMEWHERE).keys
    assert keys_problem(**keys) is None
    assert keys_problem(to_text(b"\4" + bytes(64)), keys["auth"]) is not None
    assert keys_problem(keys["p256dh"][:-4], keys["auth"]) is not None
    assert keys_problem(keys["p256dh"], to_text(bytes(15))) is not None
    assert keys_problem(keys["p256dh"], "?") is not None
    assert keys_problem("", "") is not None


@pytest.mark.parametrize(
    ("begin", "end", "hour", "quiet"),
    [
        ("22:00", "07:00", 22, True),
        ("22:00", "07:00", 3, True),
        ("22:00", "07:00", 7, False),
        ("22:00", "07:00", 21, False),
        ("12:00", "13:00", 12, True),
        ("12:00", "13:00", 13, False),
        ("12:00", "13:00", 2, False),
    ],
)
def test_quiet_hours_are_those_of_their_time_zone(begin: str, end: str, hour: int, quiet: bool) -> None:
    hours = QuietHours(from_=begin, to=end, time_zone="America/Sao_Paulo")
    now = datetime(2026, 11, 26, (hour + 3) % 24, 0, tzinfo=UTC)  # São Paulo is three hours behind
    assert hours.covers(now) is quiet


@pytest.mark.parametrize(
    "fields",
    [
        {"from": "24:00", "to": "07:00"},
        {"from": "7:00", "to": "08:00"},
        {"from": "07:00", "to": "07:00"},
        {"from": "07:00", "to": "08:00", "timeZone": "Mars/Base"},
        {"from": "07:00", "to": "08:00", "timeZone": "../../etc/passwd"},
        {"from": "07:00"},
    ],
)
def test_quiet_hours_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, QuietHours)


FACTS = Facts(conversation_id="c1", title="Ana", text="Meu CPF é 529", message_id="m1", unread=2)


@pytest.mark.parametrize(
    ("content", "title", "body"),
    [
        ("nothing", "Nova mensagem", "Um cliente escreveu."),
        ("name", "Ana", "Um cliente escreveu."),
        ("text", "Ana", "Meu CPF é 529"),
    ],
)
def test_a_notification_says_as_much_as_the_tenant_allows(content: Any, title: str, body: str) -> None:
    found = notify(FACTS, "pt-BR", content)
    assert (found.title, found.body) == (title, body)
    assert found.url == "/conversations/c1?message=m1"
    assert found.tag == "c1"
    data = msgspec.json.decode(payload(found))
    assert data["conversationId"] == "c1"
    assert ("529" in str(data)) == (content == "text")


def test_a_notification_says_that_somebody_is_needed_in_the_devices_language() -> None:
    given = Facts(conversation_id="c1", title="", needs_person=True)
    assert notify(given, "en", "text").body == "Somebody is needed."
    assert notify(given, "pt-BR", "name").title == "Nova mensagem"
    assert notify(given, "en", "name").url == "/conversations/c1"


@given(st.text(max_size=300), st.text(min_size=1500, max_size=5000))
def test_a_payload_fits_every_push_service(title: str, text: str) -> None:
    facts = Facts(conversation_id="c" * 64, title=title * 5, text=text, message_id="m" * 64)
    assert len(payload(notify(facts, "en", "text"))) <= MAX_PAYLOAD


def test_the_longest_emoji_text_is_cut_and_still_json() -> None:
    found = payload(Notification(title="x", body="👩‍👩‍👧‍👦" * 3000, tag="t", url="/"))
    assert len(found) <= MAX_PAYLOAD
    assert msgspec.json.decode(found)["body"].endswith("…")


def test_a_topic_is_the_conversations_and_tells_nothing_of_it() -> None:
    names = {topic("acme", "c1"), topic("acme", "c2"), topic("other", "c1")}
    assert len(names) == 3
    assert {len(name) for name in names} == {32}
    assert all(name.replace("-", "").replace("_", "").isalnum() for name in names)


def test_a_device_belongs_to_its_user() -> None:
    assert device_id("ana", SOMEWHERE) != device_id("bia", SOMEWHERE)
    assert device_id("ana", SOMEWHERE)[:20] == device_id("ana", SOMEWHERE + "2")[:20]
    assert len(device_id("\ud800", SOMEWHERE)) == 40


def test_the_receiver_of_these_tests_reads_the_example_of_the_rfc() -> None:
    """RFC 8291, appendix A: the browser decrypts what somebody else encrypted."""
    browser = Browser.__new__(Browser)
    from cryptography.hazmat.primitives.asymmetric.ec import derive_private_key

    browser._private = derive_private_key(
        int.from_bytes(to_bytes("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")), SECP256R1()
    )
    browser._secret = to_bytes("BTBZMqHH6r4Tts7J_aSIgg")
    body = to_bytes(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    with pytest.raises(ValueError, match="Expecting value"):  # all went well but that it is a sentence, not JSON
        browser.reads(body)
    with pytest.raises(InvalidTag):
        browser.reads(body[:-1] + bytes([body[-1] ^ 1]))
