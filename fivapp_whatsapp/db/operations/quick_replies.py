"""A tenant's quick replies: one row, replaced as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import QuickRepliesRow, TenantRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import TenantNotFound
from fivapp_whatsapp.models import QuickReply

_encode = msgspec.json.Encoder().encode


class SetQuickReplies:
    """Replaces a tenant's quick replies."""

    def __init__(self, tenant_id: str, items: Sequence[QuickReply]) -> None:
        self._tenant_id = tenant_id
        self._items = items

    def needs(self, needs: Needs) -> None:
        """Need the tenant and its row."""
        needs.tenant(self._tenant_id)
        needs.row(TenantRow, self._tenant_id)
        needs.row(QuickRepliesRow, self._tenant_id)

    def apply(self, unit: Unit) -> None:
        """Put the row. Raises TenantNotFound."""
        if unit.get(TenantRow, self._tenant_id) is None:
            raise TenantNotFound
        unit.put(QuickRepliesRow(self._tenant_id, _encode(self._items).decode(), unit.now))
