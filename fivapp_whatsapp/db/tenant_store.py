"""What DatabaseStore keeps of tenants: themselves, their accounts and what logins leave behind, quick replies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from fivapp_whatsapp.models import Account, Assignee, QuickReply, Role, Tenant, User, now_ms, to_datetime

from . import convert
from .operations import logins, people, tenants
from .operations.quick_replies import SetQuickReplies
from .part import Part
from .rows import FailedLoginRow, QuickRepliesRow, SeenUserRow, SpentTokenRow


class TenantTables(Part):
    """Tenants and local accounts."""

    async def add_tenant(self, tenant_id: str, name: str) -> Tenant:
        """Add a tenant. Raises AlreadyExists."""
        return await self._writer.submit(tenants.AddTenant(tenant_id, name))

    async def tenants(self) -> list[Tenant]:
        """List all tenants by id."""
        return [convert.tenant(row) for row in await self._read.tenants()]

    async def tenant(self, tenant_id: str) -> Tenant | None:
        """Return a tenant, or None."""
        row = await self._read.tenant(tenant_id)
        return None if row is None else convert.tenant(row)

    async def suspend_tenant(self, tenant_id: str, suspended: bool) -> Tenant:
        """Suspend a tenant or lift it. Raises TenantNotFound."""
        return await self._writer.submit(tenants.SuspendTenant(tenant_id, suspended))

    async def add_account(self, tenant_id: str, login: str, name: str, role: Role, password_hash: str) -> Account:
        """Add a local account. Raises TenantNotFound, AlreadyExists."""
        return await self._writer.submit(tenants.AddAccount(tenant_id, login, name, role, password_hash))

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
        operation = tenants.ChangeAccount(tenant_id, login, password_hash=password_hash, role=role, disabled=disabled)
        return await self._writer.submit(operation)

    async def account(self, tenant_id: str, login: str) -> tuple[Account, str] | None:
        """Return an account and its password hash, or None."""
        return await self._account(tenant_id, login=login)

    async def account_by_id(self, tenant_id: str, account_id: str) -> tuple[Account, str] | None:
        """Return an account by its id and its password hash, or None."""
        return await self._account(tenant_id, id=account_id)

    async def _account(self, tenant_id: str, **where: str) -> tuple[Account, str] | None:
        found = await self._read.accounts(tenant_id, **where)
        return (convert.account(found[0]), found[0].password_hash) if found else None

    async def quick_replies(self, tenant_id: str) -> list[QuickReply]:
        """List a tenant's quick replies, as they were set."""
        row = await self._read.row(QuickRepliesRow, self._read.equal(QuickRepliesRow, tenant_id=tenant_id))
        return [] if row is None else msgspec.json.decode(row.items, type=list[QuickReply])

    async def set_quick_replies(self, tenant_id: str, items: Sequence[QuickReply]) -> None:
        """Replace a tenant's quick replies. Raises TenantNotFound."""
        await self._writer.submit(SetQuickReplies(tenant_id, items))

    async def accounts(self, tenant_id: str) -> list[Account]:
        """List a tenant's accounts by login."""
        return [convert.account(row) for row in await self._read.accounts(tenant_id)]

    async def see_user(self, user: User) -> None:
        """Remember a user of the main application who came by. Raises TenantNotFound."""
        row = await self._read.by_key(SeenUserRow, user.tenant_id, user.id)
        if people.is_news(row, user, now_ms()):
            await self._writer.submit(people.SeeUser(user))

    async def assignees(self, tenant_id: str) -> list[Assignee]:
        """List whom a tenant's conversations may be assigned to, by name."""
        seen = await self._read.rows(SeenUserRow, self._read.equal(SeenUserRow, tenant_id=tenant_id))
        since = now_ms() - people.SEEN_MS
        found = {row.user_id: convert.seen_user(row) for row in seen if row.seen_at > since}
        found |= {each.id: convert.assignee(each) for each in await self.accounts(tenant_id) if not each.disabled}
        return sorted(found.values(), key=lambda each: (each.name.casefold(), each.id))

    # --- logins ----------------------------------------------------------------------------------

    async def spend_token(self, mark: str, until: datetime) -> bool:
        """Use a token up; False when that was done before."""
        return await self._writer.submit(logins.SpendToken(mark, convert.to_ms(until)))

    async def is_spent(self, mark: str) -> bool:
        """Tell whether a token was used up."""
        return await self._read.by_key(SpentTokenRow, mark) is not None

    async def note_failed_login(self, address: str, now: datetime, interval: timedelta) -> datetime:
        """Count a failed login of an address."""
        step = round(interval.total_seconds() * 1000)
        work = partial(logins.note_failure, address, convert.to_ms(now), step)
        return to_datetime(await self._database.transact(work))

    async def logins_full_at(self, address: str) -> datetime | None:
        """Return when an address has all its tries again."""
        row = await self._read.by_key(FailedLoginRow, address)
        return None if row is None else to_datetime(row.full_at)
