"""Tenants and their local accounts."""

from __future__ import annotations

from fivapp_whatsapp.db.convert import account, tenant
from fivapp_whatsapp.db.rows import AccountRow, CursorRow, TenantRow
from fivapp_whatsapp.db.unit import Needs, Unit
from fivapp_whatsapp.errors import AccountNotFound, AlreadyExists, TenantNotFound
from fivapp_whatsapp.models import Account, Tenant


class AddTenant:
    """Adds a tenant with an empty event log."""

    def __init__(self, tenant_id: str, name: str) -> None:
        self._tenant_id = tenant_id
        self._name = name

    def needs(self, needs: Needs) -> None:
        """Need the tenant."""
        needs.row(TenantRow, self._tenant_id)

    def apply(self, unit: Unit) -> Tenant:
        """Add the rows. Raises AlreadyExists."""
        if unit.get(TenantRow, self._tenant_id) is not None:
            raise AlreadyExists("A tenant of this id exists already.")
        row = TenantRow(self._tenant_id, self._name, False, unit.now)
        unit.put(row)
        # The epoch tells a log from one that was restored or made anew under the same name.
        unit.put(CursorRow(self._tenant_id, 0, unit.now))
        return tenant(row)


class SuspendTenant:
    """Suspends a tenant, or lifts it."""

    def __init__(self, tenant_id: str, suspended: bool) -> None:
        self._tenant_id = tenant_id
        self._suspended = suspended

    def needs(self, needs: Needs) -> None:
        """Need the tenant."""
        needs.tenant(self._tenant_id)
        needs.row(TenantRow, self._tenant_id)

    def apply(self, unit: Unit) -> Tenant:
        """Change the row. Raises TenantNotFound."""
        row = unit.get(TenantRow, self._tenant_id)
        if row is None:
            raise TenantNotFound
        row.suspended = self._suspended
        unit.put(row)
        return tenant(row)


class PutAccount:
    """Adds a local account (`known` is None), or changes the one that `known` is a copy of."""

    def __init__(self, row: AccountRow, *, new: bool) -> None:
        self._row = row
        self._new = new

    def needs(self, needs: Needs) -> None:
        """Need the tenant and its accounts of this login."""
        needs.tenant(self._row.tenant_id)
        needs.row(TenantRow, self._row.tenant_id)
        needs.account(self._row.tenant_id, self._row.login)

    def apply(self, unit: Unit) -> Account:
        """Write the row. Raises TenantNotFound, AlreadyExists, AccountNotFound."""
        if unit.get(TenantRow, self._row.tenant_id) is None:
            raise TenantNotFound
        known = unit.account(self._row.tenant_id, self._row.login)
        if self._new and known is not None:
            raise AlreadyExists("An account of this login exists already.")
        if not self._new and known is None:
            raise AccountNotFound
        unit.put(self._row)
        return account(self._row)
