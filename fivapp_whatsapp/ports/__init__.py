"""The seams: what the gateway needs of a connection service, a database, a clock and a counter.

Bridges in connectors/, db/ and metrics.py implement these; the core knows nothing else of them. Times at
these seams are datetimes with zone UTC, ids are text.
"""

from __future__ import annotations

from .clock import Clock, SystemClock
from .connector import Connector, MediaStream, OutgoingSend
from .conversations import ConversationFilter
from .log import EventPage, LogState
from .metrics import Metrics, NoMetrics
from .sends import Claimed, KeptAnswer, OutboxItem, Outcome, Pace, Queued, Recorded, UnknownSend
from .sessions import KeptWebhook, KeptWebhooks, PulseNote, Quarantined, Receipt, SessionHealth, VaultState
from .store import Store, StoreCheck

__all__ = [
    "Claimed",
    "Clock",
    "Connector",
    "ConversationFilter",
    "EventPage",
    "KeptAnswer",
    "KeptWebhook",
    "KeptWebhooks",
    "LogState",
    "MediaStream",
    "Metrics",
    "NoMetrics",
    "OutboxItem",
    "Outcome",
    "OutgoingSend",
    "Pace",
    "PulseNote",
    "Quarantined",
    "Queued",
    "Receipt",
    "Recorded",
    "SessionHealth",
    "Store",
    "StoreCheck",
    "SystemClock",
    "UnknownSend",
    "VaultState",
]
