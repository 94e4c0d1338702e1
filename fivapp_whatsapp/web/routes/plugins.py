"""Plugins and bots: what is installed, its settings for the tenant, what failed, and what the bots would say."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Router, delete, get, post, put
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter

from fivapp_whatsapp.plugins.admin import AutomationView, PluginAdmin, PluginChange, PluginView
from fivapp_whatsapp.ports.plugins import AutomationSettings, FailureState
from fivapp_whatsapp.text import clean_text
from fivapp_whatsapp.web.auth import require_admin
from fivapp_whatsapp.web.cursors import decode_id_cursor, encode_id_cursor
from fivapp_whatsapp.web.openapi import problems
from fivapp_whatsapp.web.plugin_schemas import (
    AutomationChange,
    FailurePage,
    FailureView,
    PluginList,
    PluginUpdate,
    Tried,
    Try,
    failure_view,
    tried,
)

from .common import CurrentUser, Cursor, Limit, TheGateway, conversation_id_of, failure_id_of, plugin_name_of


@get("/api/plugins", operation_id="listPlugins", summary="List the plugins", guards=[require_admin])
async def list_plugins(gateway: TheGateway, user: CurrentUser) -> PluginList:
    """List the plugins that are loaded, in the order in which their bots are asked, and those that are broken.

    Secrets in `config` are masked; a mask that is sent back leaves the secret as it is.
    """
    admin = PluginAdmin(gateway)
    state = await gateway.store.log_state(user.tenant_id)
    return PluginList(
        items=await admin.plugins(user.tenant_id), broken=admin.broken(), next_cursor=None, seq=state.head
    )


@get(
    "/api/plugins/{plugin:str}",
    operation_id="getPlugin",
    summary="Read a plugin",
    guards=[require_admin],
    responses=problems(404),
)
async def get_plugin(gateway: TheGateway, user: CurrentUser, plugin: FromPath[str]) -> PluginView:
    """Return a plugin with its settings for the tenant, and their JSON schema."""
    return await PluginAdmin(gateway).plugin(user.tenant_id, plugin_name_of(plugin))


@put(
    "/api/plugins/{plugin:str}",
    operation_id="changePlugin",
    summary="Change a plugin",
    guards=[require_admin],
    responses=problems(400, 404, 413, 415),
)
async def change_plugin(
    gateway: TheGateway,
    user: CurrentUser,
    plugin: FromPath[str],
    data: Annotated[
        PluginUpdate,
        Body(
            examples=[
                Example(summary="Off for this tenant", value={"enabled": False}),
                Example(summary="Settings", value={"config": {"greeting": "Olá, {first_name}!"}}),
                Example(summary="Back to the defaults", value={"config": None}),
            ]
        ),
    ],
) -> PluginView:
    """Switch a plugin on or off for the tenant, or replace its settings; what is absent stays."""
    change = PluginChange(enabled=data.enabled, config=data.config)
    return await PluginAdmin(gateway).change_plugin(user.tenant_id, plugin_name_of(plugin), change)


@post(
    "/api/plugins/{plugin:str}/resume",
    operation_id="resumePlugin",
    summary="Lift a plugin's pause",
    status_code=200,
    guards=[require_admin],
    responses=problems(404),
)
async def resume_plugin(gateway: TheGateway, user: CurrentUser, plugin: FromPath[str]) -> PluginView:
    """Let a plugin go on that was paused for the tenant as it failed or blocked: in all processes, within seconds.

    What is paused for all tenants (`forAll`), or because its calls do not come back (`hanging`), stays paused.
    """
    admin, name = PluginAdmin(gateway), plugin_name_of(plugin)
    await admin.resume(user.tenant_id, name)
    return await admin.plugin(user.tenant_id, name)


@get(
    "/api/plugins/failures",
    operation_id="listPluginFailures",
    summary="List failed deliveries",
    guards=[require_admin],
    responses=problems(400),
)
async def list_failures(
    gateway: TheGateway,
    user: CurrentUser,
    plugin: Annotated[str | None, QueryParameter(max_length=32, description="Only of this plugin.")] = None,
    which: Annotated[
        FailureState | None, QueryParameter(name="state", description="Tried again later, or given up.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> FailurePage:
    """List what hooks failed to handle, newest first: it is tried again at `nextAt`, or was given up."""
    after = decode_id_cursor("failures", cursor)
    head = (await gateway.store.log_state(user.tenant_id)).head
    found = await gateway.store.failures(user.tenant_id, plugin=plugin, state=which, after=after, limit=limit + 1)
    items, more = found[:limit], len(found) > limit
    next_cursor = encode_id_cursor("failures", items[-1].id) if more else None
    return FailurePage(items=[failure_view(one) for one in items], next_cursor=next_cursor, seq=head)


@post(
    "/api/plugins/failures/{failure_id:str}/replay",
    operation_id="replayPluginFailure",
    summary="Try a failed delivery again",
    status_code=200,
    guards=[require_admin],
    responses=problems(404),
)
async def replay_failure(gateway: TheGateway, user: CurrentUser, failure_id: FromPath[str]) -> FailureView:
    """Let the plugin handle it again at once; it is off the list when that went well."""
    return failure_view(await gateway.store.replay_failure(user.tenant_id, failure_id_of(failure_id)))


@delete(
    "/api/plugins/failures/{failure_id:str}",
    operation_id="discardPluginFailure",
    summary="Drop a failed delivery",
    guards=[require_admin],
    responses=problems(404),
)
async def discard_failure(gateway: TheGateway, user: CurrentUser, failure_id: FromPath[str]) -> None:
    """Take a failed delivery off the list for good; the plugin never handles it."""
    await gateway.store.discard_failure(user.tenant_id, failure_id_of(failure_id))


@get("/api/automations", operation_id="getAutomations", summary="Read what holds for all bots", guards=[require_admin])
async def get_automations(gateway: TheGateway, user: CurrentUser) -> AutomationView:
    """Return whether bots answer at all, in which groups, how long a person's reply pauses them, and their order."""
    return await PluginAdmin(gateway).automation(user.tenant_id)


@put(
    "/api/automations",
    operation_id="changeAutomations",
    summary="Change what holds for all bots",
    guards=[require_admin],
    responses=problems(400, 404, 413, 415),
)
async def change_automations(
    gateway: TheGateway,
    user: CurrentUser,
    data: Annotated[
        AutomationChange,
        Body(
            examples=[
                Example(summary="No bot answers", value={"enabled": False}),
                Example(summary="In groups when mentioned", value={"groupBots": "mentioned"}),
            ]
        ),
    ],
) -> AutomationView:
    """Change it; what is absent stays."""
    known = await gateway.store.automation_settings(user.tenant_id)
    given = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    order = given.pop("order", None)
    settings: AutomationSettings = msgspec.structs.replace(known, **given)
    return await PluginAdmin(gateway).change_automation(user.tenant_id, settings, order)


@post(
    "/api/automations/try",
    operation_id="tryAutomations",
    summary="What would the bots say?",
    status_code=200,
    guards=[require_admin],
    responses=problems(400, 404, 413, 415),
)
async def try_automations(
    gateway: TheGateway,
    user: CurrentUser,
    data: Annotated[Try, Body(examples=[Example(summary="A text", value={"text": "Vocês abrem amanhã?"})])],
) -> Tried:
    """Ask the bots without sending anything or changing what they remember.

    `memory` of the reply, sent with the next text, makes it one talk of several turns.
    """
    conversation_id = None if data.conversation_id is None else conversation_id_of(data.conversation_id)
    plugin = None if data.plugin is None else plugin_name_of(data.plugin)
    trial = await gateway.automation.try_(
        user.tenant_id, clean_text(data.text), conversation_id=conversation_id, plugin=plugin, memory=data.memory
    )
    return tried(trial)


def plugin_router() -> Router:
    """Return the routes of plugins and bots."""
    handlers = [
        list_plugins,
        get_plugin,
        change_plugin,
        resume_plugin,
        list_failures,
        replay_failure,
        discard_failure,
        get_automations,
        change_automations,
        try_automations,
    ]
    return Router("/", route_handlers=handlers, tags=["Automations"])
