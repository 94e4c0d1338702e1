"""Quick replies: texts that a tenant's agents send often, under a short word."""

from __future__ import annotations

from typing import Annotated

from litestar import Router, get, put
from litestar.openapi.spec import Example
from litestar.params import Body

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.models import QuickReply
from fivapp_whatsapp.text import clean_text
from fivapp_whatsapp.web.openapi import problems
from fivapp_whatsapp.web.schemas import QuickReplies, QuickReplyList

from .common import CurrentUser, TheGateway

_EXAMPLE = {"items": [{"shortcut": "hours", "text": "Hello {name}, we open from 8 am to 6 pm."}]}


@get("/api/quick-replies", operation_id="getQuickReplies", summary="Read the quick replies")
async def get_quick_replies(gateway: TheGateway, user: CurrentUser) -> QuickReplyList:
    """List the tenant's quick replies, as they were put."""
    return QuickReplyList(items=await gateway.store.quick_replies(user.tenant_id))


@put(
    "/api/quick-replies",
    operation_id="putQuickReplies",
    summary="Replace the quick replies",
    responses=problems(400, 413, 415),
)
async def put_quick_replies(
    gateway: TheGateway,
    user: CurrentUser,
    data: Annotated[QuickReplies, Body(examples=[Example(summary="One", value=_EXAMPLE)])],
) -> QuickReplyList:
    """Replace all of the tenant's quick replies; each has a shortcut of its own.

    Words in braces, such as `{name}`, are filled in by who sends it.
    """
    items = [QuickReply(shortcut=one.shortcut, text=clean_text(one.text)) for one in data.items]
    seen: set[str] = set()
    for place, item in enumerate(items):
        if item.shortcut in seen:
            raise InvalidInput(
                "Two quick replies have one shortcut.",
                errors=[{"pointer": f"#/items/{place}/shortcut", "code": "duplicate"}],
            )
        seen.add(item.shortcut)
    await gateway.store.set_quick_replies(user.tenant_id, items)
    return QuickReplyList(items=items)


def quick_reply_router() -> Router:
    """Return the routes of quick replies."""
    return Router("/", route_handlers=[get_quick_replies, put_quick_replies], tags=["Conversations"])
