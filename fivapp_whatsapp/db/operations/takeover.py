"""A human takes over: who writes into a conversation, from the page or on the phone, silences its bots for a while."""

from __future__ import annotations

from fivapp_whatsapp.db.convert import automation
from fivapp_whatsapp.db.plugin_rows import AutomationRow
from fivapp_whatsapp.db.rows import ConversationRow
from fivapp_whatsapp.db.unit import Unit


def has_human(conversation: ConversationRow, now: int) -> bool:
    """Tell whether a human answers in a conversation now."""
    until = conversation.paused_until
    return conversation.answered_by == "human" and (until is None or until > now)


def give_to_human(conversation: ConversationRow, until: int, now: int) -> bool:
    """Give a conversation to a human until then; False when that is over, or a human has it that long already."""
    theirs = conversation.paused_until
    if until <= now or (conversation.answered_by == "human" and (theirs is None or theirs >= until)):
        return False
    conversation.answered_by, conversation.paused_until = "human", until
    return True


def take_over(unit: Unit, conversation: ConversationRow, written_at: int) -> bool:
    """Note that a human has written into a conversation; True when that changed it. Needs the tenant's AutomationRow.

    The pause begins when it was written: what is told late silences nobody for long.
    """
    settings = automation(unit.get(AutomationRow, conversation.tenant_id))
    until = min(written_at, unit.now) + settings.pause_minutes * 60_000
    return give_to_human(conversation, until, unit.now)
