"""A plugin that waits until its contact is silent."""

from __future__ import annotations

from collections.abc import Sequence

from fivapp_whatsapp import Message, hookimpl


@hookimpl(quiet_for=3)
def reply_to(messages: Sequence[Message]) -> str:
    return f"You said: {', '.join(each.text or '' for each in messages)}"
