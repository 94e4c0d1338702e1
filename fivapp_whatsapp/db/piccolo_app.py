"""What Piccolo's command line knows of us: our tables and where their migrations are."""

from __future__ import annotations

from pathlib import Path

from piccolo.conf.apps import AppConfig

from .migrate import APP_NAME
from .tables import TABLES

APP_CONFIG = AppConfig(
    app_name=APP_NAME,
    migrations_folder_path=str(Path(__file__).resolve().parent / "migrations"),
    table_classes=list(TABLES),
)
