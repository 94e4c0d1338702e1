"""A WhatsApp gateway that owns its conversations: it stores before it answers and never sends twice."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app
    from .assemble import open_gateway
    from .errors import Conflict, GatewayError, Hold, InvalidInput, MessageNotFound, NotFound, TooLarge, Unprocessable
    from .gateway import Gateway, SessionView
    from .hookspecs import hookimpl
    from .models import (
        Author,
        Choice,
        Contact,
        Conversation,
        ConversationPatch,
        Event,
        Group,
        GroupMember,
        Media,
        MediaState,
        Message,
        MessageKind,
        MessageStatus,
        OutgoingMessage,
        Page,
        SendResult,
        Session,
        SessionStatus,
        SessionUpdate,
        User,
    )
    from .plugins.config import InvalidSetting
    from .ports import Connector, ConversationFilter, OutgoingSend
    from .settings import Secret, Settings, load_settings
    from .tenant import PluginLog, State, TenantGateway
    from .web.plugin_routes import admin_only, public_route, upload_route

__all__ = [
    "admin_only",
    "Author",
    "Choice",
    "Conflict",
    "Connector",
    "Contact",
    "Conversation",
    "ConversationFilter",
    "ConversationPatch",
    "create_app",
    "Event",
    "Gateway",
    "GatewayError",
    "Group",
    "GroupMember",
    "Hold",
    "hookimpl",
    "InvalidInput",
    "InvalidSetting",
    "load_settings",
    "Media",
    "MediaState",
    "Message",
    "MessageKind",
    "MessageNotFound",
    "MessageStatus",
    "NotFound",
    "open_gateway",
    "OutgoingMessage",
    "OutgoingSend",
    "Page",
    "PluginLog",
    "public_route",
    "Secret",
    "SendResult",
    "Session",
    "SessionStatus",
    "SessionUpdate",
    "SessionView",
    "Settings",
    "State",
    "TenantGateway",
    "TooLarge",
    "Unprocessable",
    "upload_route",
    "User",
]

# Each module is loaded when its name is first asked for: importing the package imports no framework, and the
# command line answers at once.
_HOMES = {
    "admin_only": ".web.plugin_routes",
    "Author": ".models",
    "Choice": ".models",
    "Conflict": ".errors",
    "Connector": ".ports",
    "Contact": ".models",
    "Conversation": ".models",
    "ConversationFilter": ".ports",
    "ConversationPatch": ".models",
    "create_app": ".app",
    "Event": ".models",
    "Gateway": ".gateway",
    "GatewayError": ".errors",
    "Group": ".models",
    "GroupMember": ".models",
    "Hold": ".errors",
    "hookimpl": ".hookspecs",
    "InvalidInput": ".errors",
    "InvalidSetting": ".plugins.config",
    "load_settings": ".settings",
    "Media": ".models",
    "MediaState": ".models",
    "Message": ".models",
    "MessageKind": ".models",
    "MessageNotFound": ".errors",
    "MessageStatus": ".models",
    "NotFound": ".errors",
    "open_gateway": ".assemble",
    "OutgoingMessage": ".models",
    "OutgoingSend": ".ports",
    "Page": ".models",
    "PluginLog": ".tenant",
    "public_route": ".web.plugin_routes",
    "Secret": ".settings",
    "SendResult": ".models",
    "Session": ".models",
    "SessionStatus": ".models",
    "SessionUpdate": ".models",
    "SessionView": ".gateway",
    "Settings": ".settings",
    "State": ".tenant",
    "TenantGateway": ".tenant",
    "TooLarge": ".errors",
    "Unprocessable": ".errors",
    "upload_route": ".web.plugin_routes",
    "User": ".models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
