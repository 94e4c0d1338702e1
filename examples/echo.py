"""Answers each text with the same text."""

from fivapp_whatsapp import Message, hookimpl


@hookimpl
async def reply_to(message: Message) -> str | None:
    """Say it again."""
    return message.text
