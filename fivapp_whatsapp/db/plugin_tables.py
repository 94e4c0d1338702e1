"""The tables of what plugins need kept; see tables.py."""

from __future__ import annotations

from piccolo.columns import BigInt, Boolean, Integer
from piccolo.table import Table

from .columns import key_column, optional_text, optional_time, text_column, time_column


class PluginLanes(Table, tablename="fivapp_plugin_lane"):
    """Places of plugins in the logs; key (tenant_id, plugin). A tenant "" says that the plugin has its lanes."""

    tenant_id = key_column()
    plugin = text_column()
    seq = BigInt(default=None)
    owner = optional_text()
    lease_until = time_column()


class PluginAnswers(Table, tablename="fivapp_plugin_answer"):
    """The mark "answered" of messages, with its trail: a JSON object without texts."""

    message_id = key_column()
    tenant_id = text_column()
    at = time_column()
    trail = text_column()


class PluginFailures(Table, tablename="fivapp_plugin_failure"):
    """Hooks that failed; (tenant_id, plugin, hook, subject) is unique; `event` and `timer` are JSON objects."""

    id = key_column()
    tenant_id = text_column()
    plugin = text_column()
    hook = text_column()
    subject = text_column()
    state = text_column()
    attempts = Integer(default=0)
    error = text_column()
    at = time_column()
    next_at = optional_time()
    conversation_id = optional_text()
    event = optional_text()
    timer = optional_text()
    owner = optional_text()
    lease_until = time_column()


class PluginSettings(Table, tablename="fivapp_plugin_setting"):
    """What tenants decided about plugins; key (tenant_id, plugin); `config` is a JSON object."""

    tenant_id = key_column()
    plugin = text_column()
    enabled = Boolean(default=None, null=True)
    config = optional_text()
    position = Integer(default=None, null=True)


class PluginAutomations(Table, tablename="fivapp_plugin_automation"):
    """What tenants decided about all bots: a JSON object."""

    tenant_id = key_column()
    settings = text_column()


class PluginStates(Table, tablename="fivapp_plugin_state"):
    """The memory of plugins; key (tenant_id, plugin, conversation_id, key); `value` is JSON."""

    tenant_id = text_column()
    plugin = text_column()
    conversation_id = text_column()
    key = key_column()
    value = text_column()
    expires_at = optional_time()


class PluginTimers(Table, tablename="fivapp_plugin_timer"):
    """Timers of plugins; key (tenant_id, plugin, conversation_id, key); `data` is JSON."""

    tenant_id = text_column()
    plugin = text_column()
    conversation_id = text_column()
    key = key_column()
    id = text_column()
    due_at = time_column()
    data = optional_text()
    attempt = Integer(default=0)
    owner = optional_text()
    lease_until = time_column()


class PluginPresences(Table, tablename="fivapp_plugin_presence"):
    """Which users watch through which process, until when; key (tenant_id, user_id, process)."""

    tenant_id = text_column()
    user_id = key_column()
    process = text_column()
    until = time_column()


class PluginHealths(Table, tablename="fivapp_plugin_health"):
    """How a plugin does for a tenant in a process, as JSON, until when that holds; key (process, tenant, plugin)."""

    process = text_column()
    tenant_id = text_column()
    plugin = key_column()
    health = text_column()
    until = time_column()
    resumed = Boolean(default=False)


PLUGIN_TABLES: tuple[type[Table], ...] = (
    PluginLanes,
    PluginAnswers,
    PluginFailures,
    PluginSettings,
    PluginAutomations,
    PluginStates,
    PluginTimers,
    PluginPresences,
    PluginHealths,
)
