"""What the parts of DatabaseStore have in common: one database to read, one writer."""

from __future__ import annotations

from fivapp_whatsapp.ports import Pace

from .queries import Queries
from .writer import Database, Writer


class Part:
    """One subject of DatabaseStore, which makes what they share."""

    _read: Queries
    _database: Database
    _writer: Writer
    _pace: Pace
