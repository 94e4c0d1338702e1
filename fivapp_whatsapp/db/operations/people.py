"""Users of the main application: nobody tells us who they are but their tokens."""

from __future__ import annotations

from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import SeenUserRow, TenantRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import TenantNotFound
from fivapp_whatsapp.models import User

DAY_MS = 24 * 3600 * 1000
# Who has not come by for so long works elsewhere.
SEEN_MS = 90 * DAY_MS


def is_news(row: SeenUserRow | None, user: User, now: int) -> bool:
    """Tell whether a user who comes by is to be written down: once a day, and when name or role have changed."""
    return row is None or (row.name, row.role) != (user.name, user.role) or now - row.seen_at > DAY_MS


class SeeUser:
    """Writes a user down who came by."""

    def __init__(self, user: User) -> None:
        self._user = user

    def needs(self, needs: Needs) -> None:
        """Need the tenant and the row."""
        needs.tenant(self._user.tenant_id)
        needs.row(TenantRow, self._user.tenant_id)
        needs.row(SeenUserRow, self._user.tenant_id, self._user.id)

    def apply(self, unit: Unit) -> None:
        """Put the row. Raises TenantNotFound."""
        user = self._user
        if unit.get(TenantRow, user.tenant_id) is None:
            raise TenantNotFound
        if is_news(unit.get(SeenUserRow, user.tenant_id, user.id), user, unit.now):
            unit.put(SeenUserRow(user.tenant_id, user.id, user.name, user.role, unit.now))
