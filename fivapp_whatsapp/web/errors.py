"""Errors that only exist where HTTP does: no such address, wrong method, too much, too fast."""

from __future__ import annotations

from typing import ClassVar

from fivapp_whatsapp.errors import ConnectorError, GatewayError, InvalidInput, NotAllowed, NotFound
from fivapp_whatsapp.models import Message


class RouteNotFound(NotFound):
    """There is nothing at this address."""

    code = "route_not_found"


class PluginNotInstalled(NotFound):
    """The plugin that answers here is not installed."""

    code = "plugin_not_installed"


class MethodNotAllowed(GatewayError):
    """This address does not take that method."""

    code = "method_not_allowed"

    def __init__(self, allow: str) -> None:
        super().__init__()
        self.allow = allow


class InvalidBody(InvalidInput):
    """The body cannot be used as it is."""

    code = "invalid_body"


class BodyTooLarge(GatewayError):
    """The body is larger than this address takes."""

    code = "body_too_large"


class BodyTooSlow(GatewayError):
    """The body did not arrive in time."""

    code = "request_timeout"


class UnsupportedMediaType(GatewayError):
    """A body must be JSON, sent as `application/json`, not compressed."""

    code = "unsupported_media_type"


class RateLimited(GatewayError):
    """Too many requests; try again later."""

    code = "rate_limited"

    def __init__(self, retry_after: float, detail: str | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class OriginNotAllowed(NotAllowed):
    """A request with a cookie must come from a page of this server."""

    code = "origin_not_allowed"


class KeysUnavailable(GatewayError):
    """The keys that tokens are checked with cannot be fetched now; try again."""

    code = "keys_unavailable"


class LifespanNotStarted(GatewayError):
    """The gateway is not running: the host must enter its lifespan first."""

    code = "lifespan_not_started"


class InternalError(GatewayError):
    """Something went wrong in the gateway; the log has it under this request's id."""

    code = "internal_error"


class SendFailed(ConnectorError):
    """A message that was stored and will not be sent; `message` is its row, `reason` the word of its error."""

    code: ClassVar[str] = "message_rejected"

    def __init__(self, message: Message) -> None:
        super().__init__(None if message.error is None else message.error.detail)
        self.message = message
        self.reason = None if message.error is None else message.error.code


class MessageRejected(SendFailed):
    """The connection service refused the message."""


class MessageExpired(SendFailed):
    """The message could not be sent in its time."""

    code = "message_expired"


class MessageCancelled(SendFailed):
    """The message was cancelled before it was sent."""

    code = "message_cancelled"
