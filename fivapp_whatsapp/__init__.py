"""A WhatsApp gateway that owns its conversations: it stores before it answers and never sends twice."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app
    from .assemble import open_gateway
    from .errors import GatewayError
    from .gateway import Gateway, SessionView
    from .models import (
        Author,
        Contact,
        Conversation,
        ConversationPatch,
        Event,
        Media,
        Message,
        MessageKind,
        MessageStatus,
        OutgoingMessage,
        Page,
        Session,
        SessionStatus,
    )
    from .ports import ConversationFilter
    from .settings import Settings, load_settings

__all__ = [
    "Author",
    "Contact",
    "Conversation",
    "ConversationFilter",
    "ConversationPatch",
    "create_app",
    "Event",
    "Gateway",
    "GatewayError",
    "load_settings",
    "Media",
    "Message",
    "MessageKind",
    "MessageStatus",
    "open_gateway",
    "OutgoingMessage",
    "Page",
    "Session",
    "SessionStatus",
    "SessionView",
    "Settings",
]

# Each module is loaded when its name is first asked for: importing the package imports no framework, and the
# command line answers at once.
_HOMES = {
    "Author": ".models",
    "Contact": ".models",
    "Conversation": ".models",
    "ConversationFilter": ".ports",
    "ConversationPatch": ".models",
    "create_app": ".app",
    "Event": ".models",
    "Gateway": ".gateway",
    "GatewayError": ".errors",
    "load_settings": ".settings",
    "Media": ".models",
    "Message": ".models",
    "MessageKind": ".models",
    "MessageStatus": ".models",
    "open_gateway": ".assemble",
    "OutgoingMessage": ".models",
    "Page": ".models",
    "Session": ".models",
    "SessionStatus": ".models",
    "SessionView": ".gateway",
    "Settings": ".settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
