"""A webhook's key is compared whole, against all that are ours, and nothing about it raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector
from fivapp_whatsapp.settings import Secret, Settings


def connector(*keys: str) -> ConnectionServiceConnector:
    return ConnectionServiceConnector(base_url="http://127.0.0.1:9", api_key="unused", webhook_keys=keys)


OURS = connector("first", "second", "chave-é", "キー")


@pytest.mark.parametrize("key", ["first", "second", "chave-é", "キー"])
def test_each_of_our_keys_is_right(key: str) -> None:
    assert OURS.verify_webhook(key, {}, b"")


@pytest.mark.parametrize("key", ["chave-é", "キー"])
def test_a_key_outside_ascii_is_right_when_a_server_read_its_bytes_as_latin_1(key: str) -> None:
    assert OURS.verify_webhook(key.encode().decode("latin-1"), {}, b"")


@pytest.mark.parametrize(
    "key", [None, "", "first ", " first", "FIRST", "firs", "firstt", "first,second", "é", "\ud800", "\0", b"", b"x"]
)
def test_any_other_key_is_wrong(key: Any) -> None:
    assert not OURS.verify_webhook(key, {"x-api-key": "first"}, b"")


@pytest.mark.parametrize("keys", [(), ("",), ("", "")])
@pytest.mark.parametrize("key", [None, "", "anything"])
def test_without_a_configured_key_every_key_is_wrong(keys: Sequence[str], key: str | None) -> None:
    assert not connector(*keys).verify_webhook(key, {}, b"")


def test_a_key_as_bytes_is_compared_alike() -> None:
    key: Any = b"first"
    assert OURS.verify_webhook(key, {}, b"")


@given(st.none() | st.text(alphabet=st.characters(codec=None)) | st.binary())
def test_no_key_raises(key: Any) -> None:
    assert OURS.verify_webhook(key, {}, b"") is (key in ("first", "second", "chave-é", "キー", b"first", b"second"))


def test_the_services_own_key_is_the_webhooks_key_unless_others_are_set() -> None:
    made = ConnectionServiceConnector.from_settings(Settings(connection_service_api_key=Secret("own")))
    assert made.verify_webhook("own", {}, b"")
    other = Settings(connection_service_api_key=Secret("own"), webhook_keys=[Secret("hook")])
    made = ConnectionServiceConnector.from_settings(other)
    assert not made.verify_webhook("own", {}, b"")
    assert made.verify_webhook("hook", {}, b"")
