"""What a contact chose of the buttons or the list that a message offered, by every name that services use.

whatsapp-web.js says selectedButtonId and selectedRowId, Baileys puts them into a response of its message, the Cloud
API into interactive.button_reply and .list_reply, and into button.payload when a template's button was tapped.
"""

from __future__ import annotations

from typing import Any

from fivapp_whatsapp.models import Choice

from . import wire

# WhatsApp's ids of buttons have at most 256 characters, those of a list's rows 200.
_MAX_ID = 256
_ID = (
    "choiceId", "choice_id", "selectedButtonId", "selectedRowId", "selectedId", "singleSelectReply.selectedRowId",
    "button_reply.id", "list_reply.id", "payload",
)  # fmt: skip
_TITLE = ("selectedDisplayText", "button_reply.title", "list_reply.title", "title", "text")
_INSIDE = (
    "interactive", "button", "buttonsResponse", "buttonsResponseMessage", "listResponse", "listResponseMessage",
    "templateButtonReplyMessage",
)  # fmt: skip
_PLAIN = _ID[:5]
_MARKS = frozenset((*_PLAIN, *_INSIDE))


def chosen(event: dict[str, Any]) -> Choice | None:
    """Return the id and the title of what was chosen, or None; the title is empty where none is told."""
    content = event.get("message")
    return _chosen(event) or (_chosen(content) if isinstance(content, dict) else None)


def _chosen(event: dict[str, Any]) -> Choice | None:
    if _MARKS.isdisjoint(event):
        return None
    if choice_id := _id(wire.pick(event, _PLAIN)):
        return Choice(id=choice_id, title=wire.line(event.get("selectedDisplayText")) or "")
    for name in _INSIDE:
        reply = event.get(name)
        if isinstance(reply, dict) and (choice_id := _id(wire.pick(reply, _ID))):
            return Choice(id=choice_id, title=wire.line(wire.pick(reply, _TITLE)) or "")
    return None


def _id(value: Any) -> str | None:
    return wire.line(wire.text(value), _MAX_ID)
