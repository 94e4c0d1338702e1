"""The application that is mounted: what its log says at the start."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

import pytest
import structlog

from fivapp_whatsapp import create_app
from fivapp_whatsapp.settings import Secret, Settings


@pytest.fixture(autouse=True)
def _host_logging() -> None:
    structlog.reset_defaults()


def made(folder: Path, **changes: str) -> Settings:
    strong = {"jwt_secret": "s-" + secrets.token_hex(32), "connection_service_api_key": "k-" + secrets.token_hex(16)}
    values = {name: Secret(value) for name, value in {**strong, **changes}.items()}
    return Settings(database_url=Secret(f"sqlite:///{folder}/app.db"), **values)  # type: ignore[arg-type]


def test_what_serve_would_refuse_is_a_warning_each_when_mounted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    create_app(made(tmp_path, jwt_secret="canary-short", connection_service_api_key="changeme"))
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "FIVAPP_JWT_SECRET is too short" in warnings[0]
    assert "CONNECTION_SERVICE_API_KEY" in warnings[1]
    assert "canary" not in caplog.text


def test_strong_settings_are_mounted_without_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    create_app(made(tmp_path))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
