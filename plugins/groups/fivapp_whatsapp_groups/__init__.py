"""WhatsApp groups: participants, rules for bots, welcome texts."""

from .config import GroupSettings

__all__ = ["GroupSettings"]
