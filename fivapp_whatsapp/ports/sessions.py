"""Sessions, and what webhooks bring."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from fivapp_whatsapp.models import Session, SessionUpdate, WebhookEvent


class Receipt(msgspec.Struct, frozen=True):
    """What became of one webhook: counts of its events."""

    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    statuses: int = 0


class Quarantined(msgspec.Struct, frozen=True):
    """A webhook's body that waits until it can be read, or until its session is known."""

    id: str
    connector: str
    reason: str
    session_id: str | None
    raw: bytes
    received_at: datetime


class KeptWebhook(msgspec.Struct, frozen=True, array_like=True):
    """A webhook's body as it came, but for secrets; `session_id` is the session that its address named, if any."""

    connector: str
    raw: bytes
    session_id: str | None = None


class KeptWebhooks(msgspec.Struct, frozen=True):
    """What was kept of the webhooks of one commit."""

    id: str
    received_at: datetime
    bodies: Sequence[KeptWebhook]


class VaultState(msgspec.Struct, frozen=True):
    """How many webhooks are kept as they came, in how many bytes, and since when."""

    bodies: int
    size: int
    oldest: datetime | None


class PulseNote(msgspec.Struct, frozen=True):
    """What is new of a session: when it was heard of by webhook, told of a send by one, and when it sent."""

    session_id: str
    heard_at: datetime | None = None
    told_at: datetime | None = None
    sent_at: datetime | None = None


class SessionHealth(msgspec.Struct, frozen=True):
    """What is known of a session beside its status.

    `heard_at` is its last webhook, `told_at` the last one about a send of ours, `sent_at` the first send that was
    accepted since it was heard of. `failing_since` is set while the service answers none of its sends.
    """

    heard_at: datetime | None = None
    told_at: datetime | None = None
    sent_at: datetime | None = None
    failing_since: datetime | None = None


class SessionStore(Protocol):
    """Keeps sessions, and what webhooks bring to them."""

    async def add_session(
        self, tenant_id: str, session_id: str, name: str, connector: str, *, exists_ok: bool = True
    ) -> Session:
        """Return the session of this id, made when it is not there. Emits session.updated when made.

        Raises TenantNotFound, and AlreadyExists unless `exists_ok`.
        """
        ...

    async def session(self, tenant_id: str, session_id: str) -> Session | None:
        """Return a session of this tenant, or None."""
        ...

    async def sessions(self, tenant_id: str) -> list[Session]:
        """List a tenant's sessions by id."""
        ...

    async def running_sessions(self) -> list[Session]:
        """List the sessions of all tenants whose desired state is running."""
        ...

    async def change_session(
        self,
        tenant_id: str,
        session_id: str,
        *,
        desired: str | None = None,
        name: str | None = None,
        update: SessionUpdate | None = None,
        problem: str | msgspec.UnsetType | None = msgspec.UNSET,
        error: str | msgspec.UnsetType | None = msgspec.UNSET,
        new_epoch: bool = False,
        deleted: bool = False,
        epoch: int | None = None,
    ) -> Session:
        """Change a session; emits session.updated only when something that a browser sees changed.

        `update` of a session whose desired state is stopped cannot bring it back to life. `epoch` is the start in
        which update, problem and error were asked for: after a later one they are no longer true, and change nothing.
        Raises SessionNotFound.
        """
        ...

    async def note_pulses(self, notes: Sequence[PulseNote]) -> None:
        """Keep when sessions were heard of and sent, where that is newer than what is known."""
        ...

    async def session_health(self, session_id: str) -> SessionHealth:
        """Return what is known of a session beside its status."""
        ...

    # receiving
    async def receive(
        self,
        connector: str,
        events: Sequence[WebhookEvent],
        raw: bytes,
        session_id: str | None = None,
        *,
        quarantine_id: str | None = None,
        replay: bool = False,
    ) -> Receipt:
        """Store what one webhook tells, in one transaction with its dedupe marks and events; answers after the commit.

        `session_id` is the session that the webhook's address named, if any: it is kept beside a body that is kept.
        Events that name no session of ours are quarantined (the raw body, once), never an error. With
        `quarantine_id` the body comes out of quarantine: it is marked as processed when every session is known.
        A `replay` is of a body that was kept: it is neither kept again nor quarantined.
        """
        ...

    async def quarantine(self, connector: str, raw: bytes, reason: str, session_id: str | None = None) -> None:
        """Keep a body that could not be read, and the session that its address named, if any."""
        ...

    async def quarantined(
        self, session_id: str | None = None, limit: int = 100, *, after: str | None = None
    ) -> list[Quarantined]:
        """List waiting quarantined bodies, oldest first; with `session_id` those that may name it.

        `after` is the id of the last one that was seen.
        """
        ...

    async def kept_webhooks(
        self, since: datetime, until: datetime, limit: int = 50, *, after: str | None = None
    ) -> list[KeptWebhooks]:
        """List bodies that were kept as they came, oldest first; `after` is the id of the last that was seen."""
        ...

    async def vault_state(self) -> VaultState:
        """Tell how much is kept of webhooks as they came."""
        ...
