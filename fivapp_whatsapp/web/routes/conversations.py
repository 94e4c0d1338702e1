"""Conversations: the list of the inbox, one conversation with its messages, notes, and what agents change."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from litestar import Router, get, patch, post
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Conversation, ConversationPatch, Message
from fivapp_whatsapp.ports import ConversationFilter
from fivapp_whatsapp.text import clean_line, clean_text
from fivapp_whatsapp.web.cursors import decode_cursor, decode_place, with_cursor
from fivapp_whatsapp.web.openapi import problems
from fivapp_whatsapp.web.schemas import (
    ConversationChange,
    ConversationPage,
    LabelList,
    MessagePage,
    NewConversation,
    NewNote,
    Writing,
)

from .common import (
    CurrentUser,
    Cursor,
    IdempotencyKey,
    Limit,
    TheGateway,
    author_of,
    conversation_id_of,
    key_of,
    message_id_of,
    session_id_of,
)

View = Literal["to_answer", "mine", "unassigned", "groups", "bots", "closed", "label"]
_LONGEST_SNOOZE = timedelta(days=366)
_MOST_LABELS = 500


@get(
    "/api/conversations",
    operation_id="listConversations",
    summary="List conversations",
    responses=problems(400, 404),
)
async def list_conversations(
    gateway: TheGateway,
    user: CurrentUser,
    q: Annotated[str | None, QueryParameter(max_length=200, description="Words to look for.")] = None,
    search_in: Annotated[
        Literal["all", "names"],
        QueryParameter(name="searchIn", description="names: titles and phones; all: the texts of messages too."),
    ] = "all",
    filter: Annotated[View | None, QueryParameter(description="Absent: all that are not closed.")] = None,
    label: Annotated[str | None, QueryParameter(min_length=1, max_length=64, description="With filter=label.")] = None,
    session_id: Annotated[str | None, QueryParameter(name="sessionId", description="Only of this session.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ConversationPage:
    """List conversations by their last activity, newest first; with filter=to_answer who has waited longest first."""
    if filter == "label" and label is None:
        raise InvalidInput("filter=label needs a label.", errors=[{"parameter": "label", "code": "required"}])
    where = ConversationFilter(
        view=filter,
        user_id=user.id,
        label=None if label is None else clean_text(label),
        query=(clean_line(q, 200) or None) if q else None,
        names_only=search_in == "names",
        session_id=None if session_id is None else session_id_of(session_id),
    )
    waiting = filter == "to_answer"
    items = "waiting" if waiting else "conversations"
    before = decode_place(items, cursor, waiting=waiting)
    page = with_cursor(items, await gateway.conversations(user.tenant_id, where, before=before, limit=limit))
    return ConversationPage(items=page.items, next_cursor=page.next_cursor, seq=page.seq)


@post(
    "/api/conversations",
    operation_id="openConversation",
    summary="Open a conversation",
    status_code=200,
    responses=problems(400, 404, 413, 415),
)
async def open_conversation(
    gateway: TheGateway,
    user: CurrentUser,
    data: Annotated[
        NewConversation,
        Body(examples=[Example(summary="A number", value={"to": "5511988887777", "title": "Ana"})]),
    ],
) -> Conversation:
    """Return the conversation with an address; it is made when it is not there. Nothing is sent."""
    session_id = None if data.session_id is None else session_id_of(data.session_id)
    title = None if data.title is None else clean_line(data.title, 100) or None
    return await gateway.open_conversation(user.tenant_id, data.to, session_id=session_id, title=title)


@get("/api/labels", operation_id="listLabels", summary="List the labels")
async def list_labels(gateway: TheGateway, user: CurrentUser) -> LabelList:
    """List the labels that conversations have, in the order of their letters, 500 at most."""
    return LabelList(items=await gateway.store.labels(user.tenant_id, _MOST_LABELS))


@get(
    "/api/conversations/{conversation_id:str}",
    operation_id="getConversation",
    summary="Read a conversation",
    responses=problems(404),
)
async def get_conversation(gateway: TheGateway, user: CurrentUser, conversation_id: FromPath[str]) -> Conversation:
    """Return a conversation."""
    return await gateway.conversation(user.tenant_id, conversation_id_of(conversation_id))


@patch(
    "/api/conversations/{conversation_id:str}",
    operation_id="changeConversation",
    summary="Change a conversation",
    responses=problems(400, 404, 413, 415),
)
async def change_conversation(
    gateway: TheGateway,
    user: CurrentUser,
    conversation_id: FromPath[str],
    data: Annotated[
        ConversationChange,
        Body(
            examples=[
                Example(summary="Take it over from the bot", value={"answeredBy": "human", "assigneeId": "ana"}),
                Example(summary="Snooze it", value={"status": "snoozed", "snoozedUntil": "2030-01-02T09:00:00Z"}),
                Example(summary="Label it", value={"labels": ["order", "urgent"]}),
            ]
        ),
    ],
) -> Conversation:
    """Change who answers, what is read, the status, the assignee or the labels; what is absent stays."""
    conversation = await gateway.conversation(user.tenant_id, conversation_id_of(conversation_id))
    patch_ = _patch(gateway, data)
    return await gateway.change_conversation(user.tenant_id, conversation.id, patch_, by=author_of(user))


def _patch(gateway: Gateway, data: ConversationChange) -> ConversationPatch:
    if isinstance(data.read_up_to, str):
        message_id_of(data.read_up_to)
    until = data.snoozed_until
    if not isinstance(until, msgspec.UnsetType | None) and until > gateway.clock.now() + _LONGEST_SNOOZE:
        raise InvalidInput(
            "A conversation is snoozed for a year at most.",
            errors=[{"pointer": "#/snoozedUntil", "code": "out_of_range"}],
        )
    values = msgspec.structs.asdict(data)
    if isinstance(data.assignee_id, str):
        values["assignee_id"] = clean_text(data.assignee_id)
    if not isinstance(data.labels, msgspec.UnsetType):
        values["labels"] = list(dict.fromkeys(clean_text(label) for label in data.labels))
    return ConversationPatch(**values)


@get(
    "/api/conversations/{conversation_id:str}/messages",
    operation_id="listMessages",
    summary="List messages",
    responses=problems(400, 404),
)
async def list_messages(
    gateway: TheGateway, user: CurrentUser, conversation_id: FromPath[str], cursor: Cursor = None, limit: Limit = 50
) -> MessagePage:
    """List a conversation's messages, newest first."""
    before = decode_cursor("messages", cursor)
    page = with_cursor(
        "messages",
        await gateway.messages(user.tenant_id, conversation_id_of(conversation_id), before=before, limit=limit),
    )
    return MessagePage(items=page.items, next_cursor=page.next_cursor, seq=page.seq)


@post(
    "/api/conversations/{conversation_id:str}/notes",
    operation_id="addNote",
    summary="Add a note",
    responses=problems(400, 404, 413, 415),
)
async def add_note(
    gateway: TheGateway,
    user: CurrentUser,
    conversation_id: FromPath[str],
    data: Annotated[NewNote, Body(examples=[Example(summary="A note", value={"text": "Asked for an invoice."})])],
    idempotency_key: IdempotencyKey = None,
) -> Message:
    """Add a private note; it is never sent."""
    text = clean_text(data.text)
    if not text.strip():
        raise InvalidInput("A note needs a text.", errors=[{"pointer": "#/text", "code": "required"}])
    found = conversation_id_of(conversation_id)
    key = key_of(user, idempotency_key)
    return await gateway.add_note(user.tenant_id, found, text, author=author_of(user), idempotency_key=key)


@post(
    "/api/conversations/{conversation_id:str}/typing",
    operation_id="tellTyping",
    summary="Tell that somebody writes",
    status_code=204,
    responses=problems(400, 404, 413, 415),
)
async def tell_typing(
    gateway: TheGateway,
    user: CurrentUser,
    conversation_id: FromPath[str],
    data: Annotated[Writing, Body(examples=[Example(summary="A key was pressed", value={"on": True})])],
) -> None:
    """Show colleagues, and the contact where the connection service can, that one writes in a conversation.

    The mark is over by itself after some seconds: it is told again every three while one writes, and with `on: false`
    at the end. Colleagues hear of it as a `typing` frame on their sockets.
    """
    await gateway.typing(user.tenant_id, conversation_id_of(conversation_id), data.on, by=author_of(user))


def conversation_router() -> Router:
    """Return the routes of conversations."""
    handlers = [
        list_conversations,
        list_labels,
        open_conversation,
        get_conversation,
        change_conversation,
        list_messages,
        add_note,
        tell_typing,
    ]
    return Router("/", route_handlers=handlers, tags=["Conversations"])
