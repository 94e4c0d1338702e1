"""What tenants decide about plugins, and what plugins keep: settings, state, timers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from fivapp_whatsapp.db.convert import optional_ms, to_ms
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.plugin_rows import AutomationRow, PluginSettingRow, StateRow, TimerRow
from fivapp_whatsapp.db.rows import TenantRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import TenantNotFound
from fivapp_whatsapp.ports.plugins import AutomationSettings, PluginSetting, Timer

_encode = msgspec.json.Encoder().encode


def _text(value: Any) -> str:
    return _encode(value).decode()


class SetAutomation:
    """Stores what a tenant decided about all bots."""

    def __init__(self, tenant_id: str, settings: AutomationSettings) -> None:
        self._tenant_id = tenant_id
        self._row = AutomationRow(tenant_id, _text(settings))

    def needs(self, needs: Needs) -> None:
        """Need the tenant and the row."""
        needs.tenant(self._tenant_id)
        needs.row(TenantRow, self._tenant_id)
        needs.row(AutomationRow, self._tenant_id)

    def apply(self, unit: Unit) -> None:
        """Put the row. Raises TenantNotFound."""
        if unit.get(TenantRow, self._tenant_id) is None:
            raise TenantNotFound
        unit.put(self._row)


class SetPlugin:
    """Stores what a tenant decided about one plugin."""

    def __init__(self, tenant_id: str, setting: PluginSetting) -> None:
        self._tenant_id = tenant_id
        config = None if setting.config is None else _text(setting.config)
        self._row = PluginSettingRow(tenant_id, setting.plugin, setting.enabled, config, setting.position)

    def needs(self, needs: Needs) -> None:
        """Need the tenant and the row."""
        needs.tenant(self._tenant_id)
        needs.row(TenantRow, self._tenant_id)
        needs.row(PluginSettingRow, *self._row.identity)

    def apply(self, unit: Unit) -> None:
        """Put the row. Raises TenantNotFound."""
        if unit.get(TenantRow, self._tenant_id) is None:
            raise TenantNotFound
        unit.put(self._row)


class SetState:
    """Stores a value of a plugin; None deletes it."""

    def __init__(self, key: tuple[str, str, str, str], value: Any, expires_at: datetime | None) -> None:
        self._key = key
        self._row = None if value is None else StateRow(*key, _text(value), optional_ms(expires_at))

    def needs(self, needs: Needs) -> None:
        """Need the row, under the tenant's lock: two processes may set one value."""
        needs.tenant(self._key[0])
        needs.row(StateRow, *self._key)

    def apply(self, unit: Unit) -> None:
        """Put the row, or delete it."""
        if self._row is not None:
            unit.put(self._row)
        elif (known := unit.get(StateRow, *self._key)) is not None:
            unit.delete(known)


class SetTimer:
    """Sets a timer; one of the same plugin, conversation and key is replaced."""

    def __init__(self, timer: Timer) -> None:
        self._row = TimerRow(
            tenant_id=timer.tenant_id,
            plugin=timer.plugin,
            conversation_id=timer.conversation_id or "",
            key=timer.key,
            id=timer.id,
            due_at=to_ms(timer.due_at),
            data=None if timer.data is None else _text(timer.data),
            attempt=0,
            owner=None,
            lease_until=0,
        )

    def needs(self, needs: Needs) -> None:
        """Need the row, under the tenant's lock."""
        needs.tenant(self._row.tenant_id)
        needs.row(TimerRow, *self._row.identity)

    def apply(self, unit: Unit) -> None:
        """Put the row."""
        unit.put(self._row)


class CancelTimer:
    """Takes a timer back."""

    def __init__(self, tenant_id: str, plugin: str, conversation_id: str | None, key: str) -> None:
        self._key = (tenant_id, plugin, conversation_id or "", key)

    def needs(self, needs: Needs) -> None:
        """Need the row, under the tenant's lock."""
        needs.tenant(self._key[0])
        needs.row(TimerRow, *self._key)

    def apply(self, unit: Unit) -> bool:
        """Delete the row; False when there is none."""
        row = unit.get(TimerRow, *self._key)
        if row is None:
            return False
        unit.delete(row)
        return True
