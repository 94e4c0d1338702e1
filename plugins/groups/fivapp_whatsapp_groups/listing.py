"""The groups of a tenant: those that its conversations are about, and those that only the service knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from fivapp_whatsapp import (
    Conversation,
    ConversationFilter,
    GatewayError,
    Group,
    NotFound,
    Session,
    TenantGateway,
)

from .config import GroupSettings, decision_of
from .people import Participant, People, Source

Bots = Literal["off", "mentioned", "always"]
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# So many conversations of a kind are looked through, the newest activity first.
_CONVERSATIONS = 2000
_PAGE = 200


class GroupNotFound(NotFound):
    """This group does not exist."""

    code = "group_not_found"


class GroupView(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A group; `bots` is its own rule for bots, absent where the tenant's holds.

    `id` is its conversation's, absent before the first message. `participantCount` is absent where the service
    cannot tell it. `welcome` is the text for who joins, as it is now.
    """

    id: str | None = None
    session_id: str
    chat_id: str
    subject: str | None = None
    bots: Bots | None = None
    welcome: str | None = None
    participant_count: int | None = None


class GroupDetails(GroupView, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A group with its participants: all of them (`source` service), or who was seen writing (messages)."""

    participants: Sequence[Participant]
    source: Source


class Groups:
    """Reads the groups of one request's tenant."""

    def __init__(self, gateway: TenantGateway, settings: GroupSettings) -> None:
        self._gateway = gateway
        self._settings = settings

    async def page(self, session_id: str | None, start: int, limit: int) -> tuple[list[GroupView], bool]:
        """Return some groups and whether more follow: the newest activity first, at the end those without any.

        Raises SessionNotFound.
        """
        sessions = [await self._gateway.session(session_id)] if session_id else await self._gateway.sessions()
        told = {(session.id, group.chat_id): group for session in sessions for group in await self._told(session)}
        seen = await self._conversations(session_id)
        known = [(one, told.pop((one.session_id, one.chat_id), None)) for one in seen]
        views = [await self.view(one, group) for one, group in known[start : start + limit]]
        unseen = sorted(told.items(), key=lambda item: (item[1].subject or "", item[0]))
        first = max(0, start - len(known))
        views += [_unseen(session, group) for (session, _), group in unseen[first : first + limit - len(views)]]
        return views, len(known) + len(unseen) > start + limit

    async def conversation(self, conversation_id: str) -> Conversation:
        """Return the conversation of a group. Raises GroupNotFound."""
        try:
            found = await self._gateway.conversation(conversation_id) if _ID.fullmatch(conversation_id) else None
        except NotFound:
            found = None
        if found is None or not found.is_group:
            raise GroupNotFound
        return found

    async def view(self, conversation: Conversation, group: Group | None) -> GroupView:
        """Return a group as it is listed."""
        decision = await decision_of(self._gateway.state_of(conversation.id))
        return GroupView(
            id=conversation.id,
            session_id=conversation.session_id,
            chat_id=conversation.chat_id,
            subject=(group and group.subject) or conversation.title,
            bots=conversation.group_bots,
            welcome=decision.effective(self._settings) or None,
            participant_count=None if group is None else _count(group),
        )

    async def details(self, conversation: Conversation, people: People) -> GroupDetails:
        """Return a group with its participants."""
        view = msgspec.structs.asdict(await self.view(conversation, people.group))
        return GroupDetails(**view, participants=people.participants, source=people.source)

    async def _told(self, session: Session) -> list[Group]:
        if session.desired != "running":
            return []
        try:
            return await self._gateway.groups(session.id)
        except GatewayError as exc:
            self._gateway.log.info("groups_not_listed", code=exc.code)
            return []

    async def _conversations(self, session_id: str | None) -> list[Conversation]:
        found: list[Conversation] = []
        for view in ("groups", "closed"):
            where = ConversationFilter(view=view, session_id=session_id)
            found += [one for one in await self._walk(where) if one.is_group]
        return found

    async def _walk(self, where: ConversationFilter) -> list[Conversation]:
        found: list[Conversation] = []
        before: str | None = None
        while len(found) < _CONVERSATIONS:
            page = await self._gateway.conversations(where, before=before, limit=_PAGE)
            found += page.items
            if page.next_cursor is None:
                break
            before = page.next_cursor
        return found


def _unseen(session_id: str, group: Group) -> GroupView:
    return GroupView(
        session_id=session_id, chat_id=group.chat_id, subject=group.subject, participant_count=_count(group)
    )


def _count(group: Group) -> int | None:
    return None if group.members is None else len(group.members)
