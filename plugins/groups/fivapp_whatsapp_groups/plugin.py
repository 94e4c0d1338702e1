"""Groups.

Lists a tenant's groups with their participants, decides when bots answer in each, and welcomes who joins.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from fivapp_whatsapp import Conversation, Group, Session, State, TenantGateway, hookimpl

from . import routes
from .config import GroupSettings, decision_of
from .people import people_of
from .welcome import render

# Who leaves and joins again is not welcomed each time.
_REST = timedelta(days=1)


@hookimpl
def plugin_config() -> type[msgspec.Struct]:
    """Return the settings of a tenant; without a text nobody is welcomed."""
    return GroupSettings


@hookimpl
def register_routes() -> Sequence[Any]:
    """Return the routes under /api/groups."""
    return routes.handlers()


@hookimpl
async def group_changed(
    group: Group,
    gateway: TenantGateway,
    conversation: Conversation,
    session: Session,
    config: GroupSettings,
    state: State,
) -> None:
    """Welcome who joins a group, where that is switched on."""
    if group.change != "joined":
        return
    text = (await decision_of(state)).effective(config)
    joined = [address for address in group.changed if await _is_new(address, session, state)] if text else []
    if not joined:
        return
    people = await people_of(gateway, conversation)
    subject = group.subject or conversation.title
    # Sent first and remembered after: when this ends in between it runs again, and the gateway sends once.
    await gateway.send(conversation, render(text, people.names(joined), subject, config.language), key="welcome")
    for address in joined:
        await state.set(_welcomed(address), True, expires=_REST)


async def _is_new(address: str, session: Session, state: State) -> bool:
    if address.partition("@")[0] == session.phone:
        return False  # our own number joined
    return not await state.get(_welcomed(address))


def _welcomed(address: str) -> str:
    return f"welcomed:{address}"
