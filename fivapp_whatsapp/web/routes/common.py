"""What several routes share: who asks, ids out of paths, parameters of lists."""

from __future__ import annotations

import re
from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter

from fivapp_whatsapp.errors import (
    ConversationNotFound,
    FailureNotFound,
    MessageNotFound,
    PluginNotFound,
    SessionNotFound,
)
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import OBJECT_ID, PLUGIN_NAME, SESSION_ID, Author, User
from fivapp_whatsapp.web.cursors import MAX_LIMIT

TheGateway = NamedDependency[Gateway]
CurrentUser = NamedDependency[User]
Cursor = Annotated[str | None, QueryParameter(name="cursor", description="`nextCursor` of the page before.")]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_LIMIT, description="How many items at most.")]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="1 to 255 visible ASCII characters: the same request with the same key gives the first message.",
    ),
]

_OBJECT_ID = re.compile(OBJECT_ID)
_SESSION_ID = re.compile(SESSION_ID)
_PLUGIN_NAME = re.compile(PLUGIN_NAME)


def session_id_of(text: str) -> str:
    """Return a session's id. Raises SessionNotFound for what can be none."""
    if not _SESSION_ID.fullmatch(text):
        raise SessionNotFound
    return text


def conversation_id_of(text: str) -> str:
    """Return a conversation's id. Raises ConversationNotFound for what can be none."""
    if not _OBJECT_ID.fullmatch(text):
        raise ConversationNotFound
    return text


def message_id_of(text: str) -> str:
    """Return a message's id. Raises MessageNotFound for what can be none."""
    if not _OBJECT_ID.fullmatch(text):
        raise MessageNotFound
    return text


def plugin_name_of(text: str) -> str:
    """Return a plugin's name. Raises PluginNotFound for what can be none."""
    if not _PLUGIN_NAME.fullmatch(text):
        raise PluginNotFound
    return text


def failure_id_of(text: str) -> str:
    """Return a failure's id. Raises FailureNotFound for what can be none."""
    if not _OBJECT_ID.fullmatch(text):
        raise FailureNotFound
    return text


def author_of(user: User) -> Author:
    """Return the user as the author of what it writes."""
    return Author(kind="api" if user.program else "agent", id=user.id, name=user.name or None)


def key_of(user: User, key: str | None) -> tuple[str, str] | None:
    """Return the key of a user's request as the gateway takes it: no user's is another's."""
    return None if key is None else (f"user:{user.id}", key)
