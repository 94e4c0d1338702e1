"""What DatabaseStore keeps of sessions, and what their webhooks tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import msgspec

from fivapp_whatsapp.models import Session, SessionUpdate, WebhookEvent, to_datetime
from fivapp_whatsapp.ports import KeptWebhook, KeptWebhooks, PulseNote, Quarantined, Receipt, SessionHealth, VaultState

from . import convert
from .operations import pulses, receiving
from .operations import sessions as session_ops
from .part import Part
from .refusals import translate_refusals
from .rows import SendGateRow, SessionPulseRow
from .vault import Vault, unpack


class SessionTables(Part):
    """Sessions, receiving, quarantine, and webhooks as they came."""

    _tenants_of_sessions: dict[str, str]
    _vault: Vault
    _keep_webhooks: bool

    async def add_session(
        self, tenant_id: str, session_id: str, name: str, connector: str, *, exists_ok: bool = True
    ) -> Session:
        """Return the session of this id, made when it is not there. Raises TenantNotFound, AlreadyExists."""
        operation = session_ops.AddSession(tenant_id, session_id, name, connector, exists_ok=exists_ok)
        session = await self._writer.submit(operation)
        self._tenants_of_sessions[session_id] = tenant_id
        return session

    async def session(self, tenant_id: str, session_id: str) -> Session | None:
        """Return a session of this tenant, or None."""
        row = await self._read.session(session_id)
        return None if row is None or row.tenant_id != tenant_id else convert.session(row)

    async def sessions(self, tenant_id: str) -> list[Session]:
        """List a tenant's sessions by id."""
        return [convert.session(row) for row in await self._read.sessions(tenant_id=tenant_id)]

    async def running_sessions(self) -> list[Session]:
        """List the sessions of all tenants whose desired state is running."""
        return [convert.session(row) for row in await self._read.sessions(desired="running")]

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
        """Change a session. Raises SessionNotFound."""
        operation = session_ops.ChangeSession(
            tenant_id,
            session_id,
            desired=desired,
            name=name,
            update=update,
            problem=problem,
            error=error,
            new_epoch=new_epoch,
            deleted=deleted,
            epoch=epoch,
        )
        return await self._writer.submit(operation)

    async def note_pulses(self, notes: Sequence[PulseNote]) -> None:
        """Keep when sessions were heard of and sent, where that is newer than what is known."""
        if notes:
            await self._database.transact(partial(pulses.note, notes, postgresql=not self._read.sqlite))

    async def session_health(self, session_id: str) -> SessionHealth:
        """Return what is known of a session beside its status."""
        pulse = await self._read.by_key(SessionPulseRow, session_id)
        gate = await self._read.by_key(SendGateRow, session_id)
        return pulses.health(pulse, gate)

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
        """Store what one webhook tells; what names no session of ours is quarantined."""
        keep = self._keep_webhooks and quarantine_id is None and not replay
        if not events and quarantine_id is None and not keep:
            return Receipt()
        known: list[tuple[str, WebhookEvent]] = []
        unknown: list[str] = []
        for event in events:
            tenant_id = self._tenants_of_sessions.get(event.session_id) or await self._tenant_of(event.session_id)
            if tenant_id is None:
                unknown.append(event.session_id)
            else:
                known.append((tenant_id, event))
        with translate_refusals():
            operation = receiving.Receive(
                KeptWebhook(connector, raw, session_id),
                known,
                unknown,
                vault=self._vault,
                settles=quarantine_id,
                keep=keep,
                replay=replay,
            )
        return await self._writer.submit(operation)

    async def _tenant_of(self, session_id: str) -> str | None:
        row = await self._read.session(session_id)
        if row is None:
            return None
        # Whose a session is never changes; whether it is still there, the operation looks for itself.
        self._tenants_of_sessions[session_id] = row.tenant_id
        return row.tenant_id

    async def quarantine(self, connector: str, raw: bytes, reason: str, session_id: str | None = None) -> None:
        """Keep a body that could not be read, and the session that its address named, if any."""
        body = KeptWebhook(connector, self._vault.clean(raw), session_id)
        await self._writer.submit(receiving.Quarantine(body, reason))

    async def quarantined(
        self, session_id: str | None = None, limit: int = 100, *, after: str | None = None
    ) -> list[Quarantined]:
        """List waiting quarantined bodies, oldest first."""
        return [
            Quarantined(row.id, row.connector, row.reason, row.session_id, row.raw, to_datetime(row.received_at))
            for row in await self._read.quarantined(session_id, after, limit)
        ]

    async def kept_webhooks(
        self, since: datetime, until: datetime, limit: int = 50, *, after: str | None = None
    ) -> list[KeptWebhooks]:
        """List what was kept in a time, oldest first, those of one commit together."""
        rows = await self._read.webhook_batches(convert.to_ms(since), convert.to_ms(until), after, limit)
        return [KeptWebhooks(row.id, to_datetime(row.received_at), unpack(row.bodies)) for row in rows]

    async def vault_state(self) -> VaultState:
        """Tell how much is kept."""
        bodies, size, oldest = await self._read.vault_state()
        return VaultState(bodies, size, None if oldest is None else to_datetime(oldest))
