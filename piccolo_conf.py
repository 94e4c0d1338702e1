"""For Piccolo's command line (`piccolo migrations forwards fivapp_whatsapp`); the gateway itself never reads it."""

from __future__ import annotations

from piccolo.conf.apps import AppRegistry

from fivapp_whatsapp.db.engine import make_engine
from fivapp_whatsapp.settings import load_settings

DB = make_engine(load_settings().database_url)
APP_REGISTRY = AppRegistry(apps=["fivapp_whatsapp.db.piccolo_app"])
