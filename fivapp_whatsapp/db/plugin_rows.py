"""The rows of what plugins need kept; see rows.py."""

from __future__ import annotations

from typing import ClassVar

from .row import Row


class LaneRow(Row):
    """A plugin's place in a tenant's log; `lease_until` of one that nobody holds is when it was held last."""

    table: ClassVar[str] = "fivapp_plugin_lane"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id", "plugin")

    tenant_id: str
    plugin: str
    seq: int
    owner: str | None
    lease_until: int


class AnswerRow(Row):
    """The mark "answered" of a message, with its trail."""

    table: ClassVar[str] = "fivapp_plugin_answer"
    primary_key: ClassVar[tuple[str, ...]] = ("message_id",)

    message_id: str
    tenant_id: str
    at: int
    trail: str


class FailureRow(Row):
    """A hook that failed for one event or timer: its `subject`."""

    table: ClassVar[str] = "fivapp_plugin_failure"
    primary_key: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    tenant_id: str
    plugin: str
    hook: str
    subject: str
    state: str
    attempts: int
    error: str
    at: int
    next_at: int | None
    conversation_id: str | None
    event: str | None
    timer: str | None
    owner: str | None
    lease_until: int


class PluginSettingRow(Row):
    """What a tenant decided about one plugin."""

    table: ClassVar[str] = "fivapp_plugin_setting"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id", "plugin")

    tenant_id: str
    plugin: str
    enabled: bool | None
    config: str | None
    position: int | None


class AutomationRow(Row):
    """What a tenant decided about all bots."""

    table: ClassVar[str] = "fivapp_plugin_automation"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id",)

    tenant_id: str
    settings: str


class StateRow(Row):
    """A value that a plugin keeps, for a conversation or, where that is empty, for its tenant."""

    table: ClassVar[str] = "fivapp_plugin_state"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id", "plugin", "conversation_id", "key")

    tenant_id: str
    plugin: str
    conversation_id: str
    key: str
    value: str
    expires_at: int | None


class TimerRow(Row):
    """A timer of a plugin, for a conversation or, where that is empty, for its tenant."""

    table: ClassVar[str] = "fivapp_plugin_timer"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id", "plugin", "conversation_id", "key")

    tenant_id: str
    plugin: str
    conversation_id: str
    key: str
    id: str
    due_at: int
    data: str | None
    attempt: int
    owner: str | None
    lease_until: int


class PresenceRow(Row):
    """A user who watches through a process."""

    table: ClassVar[str] = "fivapp_plugin_presence"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id", "user_id", "process")

    tenant_id: str
    user_id: str
    process: str
    until: int


class HealthRow(Row):
    """How a plugin does for a tenant in a process; `resumed` is a person's word that the process has not heard."""

    table: ClassVar[str] = "fivapp_plugin_health"
    primary_key: ClassVar[tuple[str, ...]] = ("process", "tenant_id", "plugin")

    process: str
    tenant_id: str
    plugin: str
    health: str
    until: int
    resumed: bool


PLUGIN_ROWS: tuple[type[Row], ...] = (
    LaneRow,
    AnswerRow,
    FailureRow,
    PluginSettingRow,
    AutomationRow,
    StateRow,
    TimerRow,
    PresenceRow,
    HealthRow,
)
