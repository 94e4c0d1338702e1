"""Automatic replies: greetings, rules by words, business hours."""

from .config import Autoreply, BusinessHours, Pace, Rule

__all__ = ["Autoreply", "BusinessHours", "Pace", "Rule"]
