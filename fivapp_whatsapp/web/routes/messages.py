"""Messages: searching them, sending one, sending it again, settling one whose outcome is not known, and its timeline.

How a send ended decides the reply's status: 200 when the service took it, 202 while it is on its way (also with
`success: false` when its outcome is not known: a 5xx would make clients send it twice), and a problem that
carries the stored message as `messageObject` when it will not be sent: 422 when the service refused it for what it
is, 504 when its time was over, 409 when it was cancelled.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter

from fivapp_whatsapp.errors import InvalidInput, RecipientMismatch
from fivapp_whatsapp.models import Message, MessageStatus
from fivapp_whatsapp.outbox import Sent
from fivapp_whatsapp.text import clean_line
from fivapp_whatsapp.web.cursors import decode_cursor, with_cursor
from fivapp_whatsapp.web.errors import MessageCancelled, MessageExpired, MessageRejected, SendFailed
from fivapp_whatsapp.web.openapi import problems
from fivapp_whatsapp.web.schemas import FoundMessages, Sending, SendMessage, Settle, Timeline, outgoing_message

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
)

_WAITING = ResponseSpec(
    Sending,
    description="Stored; still on its way, or (`success: false`) its outcome is not known.",
    generate_examples=False,
)
_ENDED: dict[MessageStatus, type[SendFailed]] = {
    MessageStatus.FAILED: MessageRejected,
    MessageStatus.EXPIRED: MessageExpired,
    MessageStatus.CANCELLED: MessageCancelled,
}


def _reply(sent: Sent) -> Response[Sending]:
    """Answer for a send. Raises MessageRejected, MessageExpired, MessageCancelled."""
    status = sent.message.status
    if status in _ENDED:
        raise _ENDED[status](sent.message)
    waiting = status in (MessageStatus.PENDING, MessageStatus.UNKNOWN)
    reply = Sending(
        success=status is not MessageStatus.UNKNOWN,
        message=sent.message,
        service_response=sent.raw,
        waiting_for=sent.waiting_for or msgspec.UNSET,
    )
    return Response(reply, status_code=202 if waiting else 200)


@get("/api/messages", operation_id="searchMessages", summary="Search messages", responses=problems(400))
async def search_messages(
    gateway: TheGateway,
    user: CurrentUser,
    q: Annotated[str, QueryParameter(max_length=200, description="Words to look for.")] = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> FoundMessages:
    """List the messages of all conversations whose texts hold every word, the last one as a beginning, newest first.

    Case and accents do not matter. Private notes are found, system lines are not; without a word nothing is found.
    """
    before = decode_cursor("found", cursor)
    found = with_cursor(
        "found", await gateway.search_messages(user.tenant_id, clean_line(q, 200), before=before, limit=limit)
    )
    return FoundMessages(
        items=found.items, conversations=found.conversations, next_cursor=found.next_cursor, seq=found.seq
    )


@post(
    "/api/conversations/{conversation_id:str}/send-message",
    operation_id="sendMessage",
    summary="Send a message",
    status_code=200,
    responses={202: _WAITING, **problems(400, 404, 409, 413, 415, 422, 502, 504)},
)
async def send_message(
    gateway: TheGateway,
    user: CurrentUser,
    conversation_id: FromPath[str],
    data: Annotated[
        SendMessage,
        Body(
            examples=[
                Example(summary="As the seed's page sends", value={"text": "Hello!", "to": "5511988887777"}),
                Example(
                    summary="A file",
                    value={"text": "Your invoice", "media": {"url": "https://files.example.com/7.pdf"}},
                ),
            ]
        ),
    ],
    idempotency_key: IdempotencyKey = None,
) -> Response[Sending]:
    """Store the message, send it, and answer with its outcome when that is known within a few seconds.

    A 202 with `waitingFor` comes at once: the session is not connected, or its sends are paused. What
    the connection service refuses for what it is, is 422 `message_rejected` with the `reason`; the stored message is
    `messageObject`, as with 504 `message_expired` and 409 `message_cancelled`. With an `Idempotency-Key` a repeated
    request gives the first message again and sends nothing.
    """
    found = conversation_id_of(conversation_id)
    message = outgoing_message(data)
    if message.quoted_message_id is not None:
        message_id_of(message.quoted_message_id)
    try:
        key = key_of(user, idempotency_key)
        sent = await gateway.send(user.tenant_id, found, message, author=author_of(user), idempotency_key=key)
    except InvalidInput as exc:
        if exc.code == "invalid_address":  # what is no address at all is no address of this conversation either
            raise RecipientMismatch from None
        raise
    return _reply(sent)


@post(
    "/api/messages/{message_id:str}/retry",
    operation_id="retryMessage",
    summary="Send a message again",
    status_code=200,
    responses={202: _WAITING, **problems(404, 409, 422, 502, 504)},
)
async def retry_message(gateway: TheGateway, user: CurrentUser, message_id: FromPath[str]) -> Response[Sending]:
    """Send a failed, expired, cancelled or unknown message again, once, as a new one that names the old."""
    return _reply(await gateway.retry(user.tenant_id, message_id_of(message_id), author=author_of(user)))


@post(
    "/api/messages/{message_id:str}/resolve",
    operation_id="resolveMessage",
    summary="Settle a message",
    status_code=200,
    responses=problems(400, 404, 409, 413, 415),
)
async def resolve_message(
    gateway: TheGateway,
    user: CurrentUser,
    message_id: FromPath[str],
    data: Annotated[Settle, Body(examples=[Example(summary="It was sent", value={"as": "sent"})])],
) -> Message:
    """Settle an unknown message as `sent`, or a waiting one as `cancelled`, by a person's word.

    An unknown one that did not arrive is sent again by `/retry` instead.
    """
    return await gateway.resolve(user.tenant_id, message_id_of(message_id), data.as_)


@get(
    "/api/messages/{message_id:str}/timeline",
    operation_id="getTimeline",
    summary="Read a message's timeline",
    responses=problems(404),
)
async def get_timeline(gateway: TheGateway, user: CurrentUser, message_id: FromPath[str]) -> Timeline:
    """List what happened to a message, oldest first, and for a contact's why bots answered it or did not."""
    state = await gateway.store.log_state(user.tenant_id)
    steps = await gateway.timeline(user.tenant_id, message_id_of(message_id))
    trail = await gateway.answer_trail(user.tenant_id, message_id)
    return Timeline(items=steps, next_cursor=None, seq=state.head, automation=trail)


def message_router() -> Router:
    """Return the routes of messages."""
    return Router(
        "/",
        route_handlers=[search_messages, send_message, retry_message, resolve_message, get_timeline],
        tags=["Messages"],
    )
