"""Tenants, their accounts, and who is logged in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from fivapp_whatsapp.models import Account, Assignee, QuickReply, Role, Tenant, User


class TenantStore(Protocol):
    """Keeps tenants, local accounts, logins and quick replies."""

    async def add_tenant(self, tenant_id: str, name: str) -> Tenant:
        """Add a tenant. Raises AlreadyExists."""
        ...

    async def tenants(self) -> list[Tenant]:
        """List all tenants by id."""
        ...

    async def tenant(self, tenant_id: str) -> Tenant | None:
        """Return a tenant, or None."""
        ...

    async def suspend_tenant(self, tenant_id: str, suspended: bool) -> Tenant:
        """Suspend a tenant or lift it. Raises TenantNotFound."""
        ...

    async def add_account(self, tenant_id: str, login: str, name: str, role: Role, password_hash: str) -> Account:
        """Add a local account. Raises TenantNotFound, AlreadyExists."""
        ...

    async def change_account(
        self,
        tenant_id: str,
        login: str,
        *,
        password_hash: str | None = None,
        role: Role | None = None,
        disabled: bool | None = None,
    ) -> Account:
        """Change a local account. Raises AccountNotFound."""
        ...

    async def account(self, tenant_id: str, login: str) -> tuple[Account, str] | None:
        """Return an account and its password hash, or None."""
        ...

    async def account_by_id(self, tenant_id: str, account_id: str) -> tuple[Account, str] | None:
        """Return an account by its id and its password hash, or None."""
        ...

    async def accounts(self, tenant_id: str) -> list[Account]:
        """List a tenant's accounts by login."""
        ...

    async def see_user(self, user: User) -> None:
        """Remember a user of the main application who came by. Raises TenantNotFound."""
        ...

    async def assignees(self, tenant_id: str) -> list[Assignee]:
        """List whom a tenant's conversations may be assigned to, by name.

        These are the local accounts that may log in, and the users of the main application who came by lately.
        """
        ...

    # logins, for all processes
    async def spend_token(self, mark: str, until: datetime) -> bool:
        """Use a token up for good, by a mark that stands for it; False when it was used up before.

        The mark is kept until the token's own end.
        """
        ...

    async def is_spent(self, mark: str) -> bool:
        """Tell whether a token was used up."""
        ...

    async def note_failed_login(self, address: str, now: datetime, interval: timedelta) -> datetime:
        """Count a failed login of an address: it has all its tries again one `interval` later; returns when."""
        ...

    async def logins_full_at(self, address: str) -> datetime | None:
        """Return when an address has all its tries to log in again; None when nothing is known against it."""
        ...

    async def quick_replies(self, tenant_id: str) -> list[QuickReply]:
        """List a tenant's quick replies, as they were set."""
        ...

    async def set_quick_replies(self, tenant_id: str, items: Sequence[QuickReply]) -> None:
        """Replace a tenant's quick replies. Raises TenantNotFound."""
        ...
