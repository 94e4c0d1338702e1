"""Making and changing sessions."""

from __future__ import annotations

from typing import Any

import msgspec

from fivapp_whatsapp.db.convert import session, session_row
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import SessionRow, TenantRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import AlreadyExists, SessionNotFound, TenantNotFound
from fivapp_whatsapp.models import Session, SessionProblem, SessionStatus, SessionUpdate, to_datetime
from fivapp_whatsapp.states import apply_update, notification, visible_change

from .gates import needs_gate, open_gate


def log_session(unit: Unit, before: Session, after: Session) -> None:
    """Tell browsers of a change that they would see, and people of one that needs them.

    A session that is connected anew sends at once, whatever went wrong before.
    """
    if after.status is SessionStatus.CONNECTED and before.status is not SessionStatus.CONNECTED:
        open_gate(unit, after.id)
    if visible_change(before, after):
        unit.log(after.tenant_id, "session.updated", session_id=after.id)
    if (news := notification(before, after)) is not None:
        unit.log(after.tenant_id, "notification", session_id=after.id, data=news)


class AddSession:
    """Makes a session, or returns the one that is there; a deleted one comes back."""

    def __init__(self, tenant_id: str, session_id: str, name: str, connector: str, *, exists_ok: bool) -> None:
        self._tenant_id = tenant_id
        self._session_id = session_id
        self._name = name
        self._connector = connector
        self._exists_ok = exists_ok

    def needs(self, needs: Needs) -> None:
        """Need the tenant and the session."""
        needs.tenant(self._tenant_id)
        needs.row(TenantRow, self._tenant_id)
        needs.row(SessionRow, self._session_id)

    def apply(self, unit: Unit) -> Session:
        """Add the row. Raises TenantNotFound, AlreadyExists."""
        if unit.get(TenantRow, self._tenant_id) is None:
            raise TenantNotFound
        row = unit.get(SessionRow, self._session_id)
        if row is not None and row.tenant_id != self._tenant_id:
            # An id is one tenant's for ever, also when its session was deleted.
            raise AlreadyExists("A session of this name exists already.")
        if row is not None and not row.deleted:
            if not self._exists_ok:
                raise AlreadyExists("A session of this name exists already.")
            return session(row)
        now = to_datetime(unit.now)
        made = Session(
            id=self._session_id,
            tenant_id=self._tenant_id,
            name=self._name,
            connector=self._connector,
            epoch=0 if row is None else row.epoch,
            status_at=now,
            created_at=now,
        )
        unit.put(session_row(made))
        unit.log(self._tenant_id, "session.updated", session_id=made.id)
        return made


class ChangeSession:
    """Changes a session by a person's wish or by what the connection service said."""

    def __init__(
        self,
        tenant_id: str,
        session_id: str,
        *,
        desired: str | None,
        name: str | None,
        update: SessionUpdate | None,
        problem: str | msgspec.UnsetType | None,
        error: str | msgspec.UnsetType | None,
        new_epoch: bool,
        deleted: bool,
        epoch: int | None = None,
    ) -> None:
        self._tenant_id = tenant_id
        self._session_id = session_id
        self._wish: dict[str, Any] = {k: v for k, v in (("desired", desired), ("name", name)) if v is not None}
        self._update = update
        self._problem = problem
        self._error = error
        self._new_epoch = new_epoch
        self._deleted = deleted
        self._epoch = epoch

    def needs(self, needs: Needs) -> None:
        """Need the session with its gate."""
        needs.tenant(self._tenant_id)
        needs.row(SessionRow, self._session_id)
        needs_gate(needs, self._session_id)

    def apply(self, unit: Unit) -> Session:
        """Change the row; events only for what a browser sees. Raises SessionNotFound."""
        row = unit.get(SessionRow, self._session_id)
        if row is None or row.deleted or row.tenant_id != self._tenant_id:
            raise SessionNotFound
        before = session(row)
        after = self._changed(before, unit)
        if after != before or self._deleted:
            unit.put(session_row(after, deleted=self._deleted))
            log_session(unit, before, after)
        if self._deleted:
            # The object after the change is gone; its id is what is left to tell.
            unit.log(self._tenant_id, "session.updated", session_id=after.id, data={"id": after.id, "deleted": True})
        return after

    def _changed(self, before: Session, unit: Unit) -> Session:
        changes = dict(self._wish)
        if "desired" in changes:
            # A person who connects again wants to hear what the service says now.
            changes["restricted_until"] = None
        if self._new_epoch:
            # What an earlier start left behind is no longer true.
            changes |= {"epoch": before.epoch + 1, "error": None}
            if before.status is not SessionStatus.CONNECTED:
                changes |= {"status": SessionStatus.CONNECTING, "status_at": to_datetime(unit.now)}
        if self._epoch not in (None, before.epoch):
            # It was asked for in an earlier start, of which nothing is true any more.
            return msgspec.structs.replace(before, **changes)
        if self._problem is not msgspec.UNSET:
            changes["problem"] = None if self._problem is None else SessionProblem(self._problem)
        if self._error is not msgspec.UNSET:
            changes["error"] = self._error
        after = msgspec.structs.replace(before, **changes)
        return after if self._update is None else apply_update(after, self._update, to_datetime(unit.now))
