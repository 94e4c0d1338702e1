"""Every error that the gateway raises; `code` is what clients may rely on, the docstring is the default text.

GatewayError
├── InvalidInput                    what the caller gave cannot be used
│   ├── RecipientMismatch
│   ├── CapabilityMissing
│   ├── TooLarge · Unprocessable    for plugins: 413 and 422 on the web
│   └── IdempotencyMismatch
├── NotFound
│   ├── TenantNotFound · SessionNotFound · ConversationNotFound · MessageNotFound · AccountNotFound
│   ├── PluginNotFound · FailureNotFound
├── Conflict                        the object is not in a state that allows it
│   ├── AlreadyExists
│   ├── SessionNotConnected
│   ├── Hold                        a plugin holds a message back
│   │   └── OverBudget                  a conversation has had all the automatic messages that it may get for now
│   └── RequestInProgress
├── NotAllowed
│   ├── NotAuthenticated · InvalidWebhookKey · TenantSuspended · RoleRequired
├── ConnectorError                  the connection service
│   ├── ConnectorUnavailable        nothing was done: it did not answer, or asked us to wait
│   │   ├── ConnectorKeyRefused         it does not take our key
│   │   ├── ConnectorNotConnected       a send came before the session was connected there
│   │   └── ConnectorRestricted         WhatsApp restricts the number
│   ├── ConnectorRejected           it said no, for good
│   ├── ConnectorProtocolError      an answer that we cannot read
│   └── OutcomeUnknown              the request was written, the outcome is not known
├── UnreadableWebhook               a body that proves its key and cannot be read
├── StoreError
│   ├── StoreUnavailable · StoreLocked
├── Overloaded                      we shed load; try again
├── PluginError                     plugins that cannot be loaded as they are
├── AddressRefused                  an address on the internet that the guarded client does not go to
└── SettingsError
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar


class GatewayError(Exception):
    """Something went wrong in the gateway."""

    code: ClassVar[str] = "gateway_error"

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().split("\n", 1)[0]
        super().__init__(self.detail)


class InvalidInput(GatewayError):
    """The request cannot be used as it is."""

    code = "invalid_input"

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.errors = list(errors)
        if code is not None:
            self.code = code  # type: ignore[misc]  # a more exact code for one case


class RecipientMismatch(InvalidInput):
    """`to` is not an address of this conversation."""

    code = "to_mismatch"


class CapabilityMissing(InvalidInput):
    """The connection service of this session cannot do that."""

    code = "capability_missing"


class TooLarge(InvalidInput):
    """This is larger than what is taken here."""

    code = "too_large"


class Unprocessable(InvalidInput):
    """This was understood, and cannot be done with what it holds."""

    code = "unprocessable"


class IdempotencyMismatch(InvalidInput):
    """This Idempotency-Key was used for a different request."""

    code = "idempotency_key_reused"


class NotFound(GatewayError):
    """There is no such object."""

    code = "not_found"


class TenantNotFound(NotFound):
    """There is no such tenant."""

    code = "tenant_not_found"


class SessionNotFound(NotFound):
    """There is no such session."""

    code = "session_not_found"


class ConversationNotFound(NotFound):
    """There is no such conversation."""

    code = "conversation_not_found"


class MessageNotFound(NotFound):
    """There is no such message."""

    code = "message_not_found"


class AccountNotFound(NotFound):
    """There is no such account."""

    code = "account_not_found"


class PluginNotFound(NotFound):
    """There is no such plugin here."""

    code = "plugin_not_found"


class FailureNotFound(NotFound):
    """There is no such failure; it may have been tried again with success."""

    code = "failure_not_found"


class Conflict(GatewayError):
    """The object is not in a state that allows this."""

    code = "conflict"


class AlreadyExists(Conflict):
    """An object of this name exists already."""

    code = "already_exists"


class SessionNotConnected(Conflict):
    """No WhatsApp connection is open for this conversation."""

    code = "session_not_connected"


class Hold(Conflict):
    """A plugin holds this message back.

    Plugins raise it in `outgoing_message`, with a reason for the person who wrote the message.
    """

    code = "message_held"


class OverBudget(Hold):
    """This conversation has had all the automatic messages that it may get for now.

    `rule` is the rule of the safety belt that says so: `rate_minute` or `rate_hour`.
    """

    code = "over_budget"

    def __init__(self, detail: str | None = None, *, rule: str = "rate_minute") -> None:
        super().__init__(detail)
        self.rule = rule


class RequestInProgress(Conflict):
    """A request with this Idempotency-Key is still running."""

    code = "request_in_progress"


class NotAllowed(GatewayError):
    """This is not allowed."""

    code = "not_allowed"


class NotAuthenticated(NotAllowed):
    """Authentication is missing or not valid."""

    code = "not_authenticated"


class InvalidWebhookKey(NotAllowed):
    """The webhook's key is missing or wrong."""

    code = "webhook_unauthorized"


class TenantSuspended(NotAllowed):
    """This tenant is suspended."""

    code = "tenant_suspended"


class RoleRequired(NotAllowed):
    """This needs the role `admin`."""

    code = "role_required"


class ConnectorError(GatewayError):
    """The connection service failed."""

    code = "connector_error"


class ConnectorUnavailable(ConnectorError):
    """The connection service does not answer; nothing was done.

    `retry_after` is in seconds, or None when the service did not say.
    """

    code = "connector_unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ConnectorKeyRefused(ConnectorUnavailable):
    """The connection service refuses our key; nothing was done."""

    code = "connector_key_refused"


class ConnectorNotConnected(ConnectorUnavailable):
    """The connection service has no open connection for this session; nothing was sent."""

    code = "connector_not_connected"


class ConnectorRestricted(ConnectorUnavailable):
    """WhatsApp restricts this number; nothing was sent.

    `until` is when that ends, or None when the service did not say.
    """

    code = "connector_restricted"

    def __init__(self, detail: str | None = None, *, until: datetime | None = None) -> None:
        super().__init__(detail)
        self.until = until


class ConnectorRejected(ConnectorError):
    """The connection service refused the request.

    `reason` is a short snake_case word: `no_session`, `not_on_whatsapp`, `too_large`, `rejected` …
    """

    code = "connector_rejected"

    def __init__(self, detail: str | None = None, *, reason: str = "rejected") -> None:
        super().__init__(detail)
        self.reason = reason


class ConnectorProtocolError(ConnectorError):
    """The connection service gave an answer that cannot be read."""

    code = "connector_protocol_error"


class OutcomeUnknown(ConnectorError):
    """The request was written, but whether it took effect is not known."""

    code = "outcome_unknown"


class UnreadableWebhook(GatewayError):
    """A webhook's body cannot be read."""

    code = "unreadable_webhook"


class StoreError(GatewayError):
    """The database failed."""

    code = "store_error"


class StoreUnavailable(StoreError):
    """The database does not answer; nothing was stored. Try again."""

    code = "store_unavailable"


class StoreLocked(StoreError):
    """Another server uses this database file. Stop it, name another file, or use PostgreSQL for several servers."""

    code = "store_locked"


class Overloaded(GatewayError):
    """Too many requests wait; nothing was stored. Try again."""

    code = "overloaded"


class PluginError(GatewayError):
    """Plugins cannot be loaded.

    `problems` has one sentence for each mistake, with the plugin, and the file and line where they are known.
    """

    code = "plugin_error"

    def __init__(self, detail: str | None = None, *, problems: Sequence[str] = ()) -> None:
        super().__init__(detail or "\n".join(problems) or None)
        self.problems = tuple(problems)


class AddressRefused(GatewayError):
    """This address may not be called: it is not a public one on port 80 or 443."""

    code = "address_refused"


class SettingsError(GatewayError):
    """The settings cannot be used.

    `problems` has one sentence for each, which never holds a value.
    """

    code = "settings_error"

    def __init__(self, detail: str | None = None, *, problems: Sequence[str] = ()) -> None:
        super().__init__(detail or ("These settings cannot be used: " + "; ".join(problems) if problems else None))
        self.problems = tuple(problems)
