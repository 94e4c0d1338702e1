"""Where a tenant's flow is: in its settings, or in a file of the operator's folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from fivapp_whatsapp import TenantGateway

from .config import Chatbot, compiled, told
from .flow import Flow

_MOST_BYTES = 200_000


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's settings: FIVAPP_CHATBOT_FLOWS is the folder of flows that tenants may name."""

    flows: str = ""


async def flow_of(gateway: TenantGateway, config: Chatbot) -> Flow | None:
    """Return the flow of a tenant, or None when there is none that can be used."""
    text = config.flow
    if config.file:
        text = await asyncio.to_thread(_read, gateway.shared.get("folder", ""), config.file)
        if not text:
            gateway.log.warning("flow_file_missing", file=config.file)
    if not text.strip():
        return None
    flow, problems = compiled(text, config.language)
    if flow is None:
        gateway.log.warning("flow_unusable", file=config.file, detail=told(problems))
    return flow


def _read(folder: str, name: str) -> str:
    """Return the text of a file in the folder; nothing when it is not there, is too long or is no text."""
    if not folder:
        return ""
    try:
        with (Path(folder) / name).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        return data.decode() if len(data) <= _MOST_BYTES else ""
    except (OSError, UnicodeDecodeError):
        return ""
