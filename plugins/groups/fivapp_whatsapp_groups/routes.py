"""/api/groups: the groups of a tenant, who is in them, what is decided about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from fivapp_whatsapp import ConversationPatch, InvalidInput, TenantGateway, admin_only

from .config import Decision, GroupSettings, decide, decision_of
from .listing import Bots, GroupDetails, Groups, GroupView
from .people import people_of, read_group
from .welcome import LONGEST_TEXT, check

View = NamedDependency[TenantGateway]
Config = NamedDependency[GroupSettings]
SessionId = Annotated[
    str | None,
    QueryParameter(name="sessionId", pattern=r"^[A-Za-z0-9_.-]{1,97}$", description="Only of this session."),
]
Cursor = Annotated[str | None, QueryParameter(description="`nextCursor` of the page before.")]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many items at most.")]
Text = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]


class GroupPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of groups; `seq` is the head of the log when it was read."""

    items: Sequence[GroupView]
    next_cursor: str | None
    seq: int


class GroupChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is to change: `bots`, whether who joins is welcomed, and with which text; null gives it back to the tenant.

    What is absent stays.
    """

    bots: Bots | msgspec.UnsetType | None = msgspec.UNSET
    welcome: bool | msgspec.UnsetType | None = msgspec.UNSET
    welcome_text: Text | msgspec.UnsetType | None = msgspec.UNSET

    def __post_init__(self) -> None:
        if isinstance(self.welcome_text, str):
            check(self.welcome_text)


@get("/", operation_id="listGroups", summary="List the groups")
async def list_groups(
    gateway: View, config: Config, session_id: SessionId = None, cursor: Cursor = None, limit: Limit = 50
) -> GroupPage:
    """List the groups, the newest activity first; those that nobody has written in yet come last."""
    start = _start(cursor)
    head = await gateway.conversations(limit=1)
    items, more = await Groups(gateway, config).page(session_id, start, limit)
    return GroupPage(items=items, next_cursor=str(start + limit) if more else None, seq=head.seq)


@get("/{group_id:str}", operation_id="getGroup", summary="Read a group")
async def get_group(gateway: View, config: Config, group_id: FromPath[str]) -> GroupDetails:
    """Return a group with its participants; `id` is its conversation's."""
    groups = Groups(gateway, config)
    conversation = await groups.conversation(group_id)
    return await groups.details(conversation, await people_of(gateway, conversation))


@patch("/{group_id:str}", operation_id="changeGroup", summary="Change a group", guards=[admin_only])
async def change_group(
    gateway: View, config: Config, group_id: FromPath[str], data: JSONBody[GroupChange]
) -> GroupView:
    """Decide when bots answer in a group, and what who joins is told."""
    groups = Groups(gateway, config)
    conversation = await groups.conversation(group_id)
    if data.bots is not msgspec.UNSET:
        conversation = await gateway.change_conversation(conversation.id, ConversationPatch(group_bots=data.bots))
    state = gateway.state_of(conversation.id)
    await decide(state, _changed(await decision_of(state), data))
    return await groups.view(conversation, await read_group(gateway, conversation))


def handlers() -> list[Any]:
    """Return the route handlers."""
    return [list_groups, get_group, change_group]


def _changed(decision: Decision, data: JSONBody[GroupChange]) -> Decision:
    return Decision(
        welcome=decision.welcome if data.welcome is msgspec.UNSET else data.welcome,
        text=decision.text if data.welcome_text is msgspec.UNSET else data.welcome_text,
    )


def _start(cursor: str | None) -> int:
    """Return the place that a cursor names. Raises InvalidInput (`invalid_cursor`)."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 8):
        raise InvalidInput("This cursor is not one that was given here.", code="invalid_cursor")
    return int(cursor)
