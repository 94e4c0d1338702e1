"""Tenants and their local accounts."""

from __future__ import annotations

from fivapp_whatsapp.db.convert import account, tenant
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import AccountRow, CursorRow, TenantRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import AccountNotFound, AlreadyExists, TenantNotFound
from fivapp_whatsapp.models import Account, Role, Tenant, new_id


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
        # The epoch tells a log from one that was made anew under the same name.
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


class AddAccount:
    """Adds a local account."""

    def __init__(self, tenant_id: str, login: str, name: str, role: Role, password_hash: str) -> None:
        self._tenant_id = tenant_id
        self._login = login
        self._name = name
        self._role = role
        self._password_hash = password_hash

    def needs(self, needs: Needs) -> None:
        """Need the tenant and its account of this login."""
        needs.tenant(self._tenant_id)
        needs.row(TenantRow, self._tenant_id)
        needs.account(self._tenant_id, self._login)

    def apply(self, unit: Unit) -> Account:
        """Add the row. Raises TenantNotFound, AlreadyExists."""
        if unit.get(TenantRow, self._tenant_id) is None:
            raise TenantNotFound
        if unit.account(self._tenant_id, self._login) is not None:
            raise AlreadyExists("An account of this login exists already.")
        row = AccountRow(
            new_id(), self._tenant_id, self._login, self._name, self._role, self._password_hash, False, unit.now
        )
        unit.put(row)
        return account(row)


class ChangeAccount:
    """Changes a local account; what is None stays."""

    def __init__(
        self, tenant_id: str, login: str, *, password_hash: str | None, role: Role | None, disabled: bool | None
    ) -> None:
        self._tenant_id = tenant_id
        self._login = login
        self._password_hash = password_hash
        self._role = role
        self._disabled = disabled

    def needs(self, needs: Needs) -> None:
        """Need the account."""
        needs.tenant(self._tenant_id)
        needs.account(self._tenant_id, self._login)

    def apply(self, unit: Unit) -> Account:
        """Change the row. Raises AccountNotFound."""
        row = unit.account(self._tenant_id, self._login)
        if row is None:
            raise AccountNotFound
        if self._password_hash is not None:
            row.password_hash = self._password_hash
        if self._role is not None:
            row.role = self._role
        if self._disabled is not None:
            row.disabled = self._disabled
        unit.put(row)
        return account(row)
