"""The route under /api/chatbot: a preview of a flow, for the page of automations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from litestar import post
from litestar.params import JSONBody
from msgspec import Meta

from .flow import Language
from .memory import Memory
from .preview import Preview, preview


class PreviewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A flow as TOML and what a contact writes, or the id of the choice that they press.

    `memory` is what the preview before gave back; without it the contact is in no flow yet.
    """

    flow: Annotated[str, Meta(max_length=100_000)]
    text: Annotated[str, Meta(max_length=4096)] = ""
    choice: Annotated[str, Meta(max_length=256)] | None = None
    memory: Memory | None = None
    language: Language = "pt-BR"


@post("/preview", status_code=200, summary="Say what a flow makes of a message")
async def preview_flow(data: JSONBody[PreviewRequest]) -> Preview:
    """Return what a contact would get; no service is called, nothing is sent or kept."""
    return await preview(data.flow, data.text, data.memory, choice=data.choice, language=data.language)


routes: Sequence[Any] = (preview_flow,)
