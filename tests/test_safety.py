"""What `serve` refuses, setting by setting."""

from __future__ import annotations

import secrets

import pytest

from fivapp_whatsapp.safety import problems
from fivapp_whatsapp.settings import load_settings

STRONG = {"jwt_secret": "s-" + secrets.token_hex(32), "connection_service_api_key": "k-" + secrets.token_hex(16)}


def found(**changes: object) -> list[str]:
    return problems(load_settings({}, env_file=None, **{**STRONG, **changes}))


def test_strong_settings_have_no_problem() -> None:
    assert found() == []


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "secret",
        "changeme",
        "x" * 64,
        "abab" * 16,
        "only-thirty-one-bytes-are-here!",
        "your-super-secret-jwt-key-that-is-long-enough-for-anything",
        "Your_Super_Secret_JWT_Token_With_At_Least_32_Characters_Long",
        "0123456789abcdef0123456789abcdef",
        pytest.param(STRONG["connection_service_api_key"], id="the API key"),  # random, so it is no name for a test
    ],
)
def test_a_weak_jwt_secret_is_a_problem(secret: str) -> None:
    (problem,) = found(jwt_secret=secret)
    assert "FIVAPP_JWT_SECRET" in problem
    assert not secret or secret not in problem


def test_a_short_secret_is_called_too_short() -> None:
    (problem,) = found(jwt_secret="short")
    assert "too short" in problem


def test_the_jwt_secret_must_not_be_the_api_key() -> None:
    both = secrets.token_hex(32)
    (problem,) = found(jwt_secret=both, connection_service_api_key=both)
    assert "FIVAPP_JWT_SECRET" in problem
    assert both not in problem


@pytest.mark.parametrize(
    "other", [{"jwt_public_key": "-----BEGIN PUBLIC KEY-----"}, {"jwt_jwks_url": "https://a.example/k"}]
)
def test_a_public_key_needs_no_secret(other: dict[str, str]) -> None:
    assert found(jwt_secret="", **other) == []


@pytest.mark.parametrize(
    "key", ["", "your-connection-service-api-key", "changeme", "<key>", "kkkkkkkkkkkkkkkkkkkkkkkk", "short1"]
)
def test_a_weak_api_key_is_a_problem(key: str) -> None:
    (problem,) = found(connection_service_api_key=key)
    assert "CONNECTION_SERVICE_API_KEY" in problem
    assert not key or key not in problem


def test_every_webhook_key_is_looked_at() -> None:
    (problem,) = found(webhook_keys=[secrets.token_hex(16), "webhook-key"])
    assert "FIVAPP_WEBHOOK_KEYS" in problem


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"allowed_origins": ["*"]}, "FIVAPP_ALLOWED_ORIGINS"),
        ({"allowed_origins": ["https://a.example", "https://*.b.example"]}, "FIVAPP_ALLOWED_ORIGINS"),
        ({"database_url": "postgresql://postgres:postgres@db/fivapp"}, "DATABASE_URL"),
        ({"demo": True}, "FIVAPP_DEMO"),
    ],
)
def test_what_lets_strangers_in_is_a_problem(change: dict[str, object], name: str) -> None:
    (problem,) = found(**change)
    assert name in problem


def test_all_problems_are_named_at_once() -> None:
    assert len(found(jwt_secret="", connection_service_api_key="", allowed_origins=["*"])) == 3
