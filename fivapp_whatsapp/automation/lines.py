"""The system lines that bots leave in a conversation, in Portuguese (`pt`) and English (`en`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fivapp_whatsapp.plugin_ports import AnswerStep

from .belt import RULES

_WHY = {
    "failed": ("falhou", "failed"),
    "late": ("demorou demais", "took too long"),
    "paused": ("está pausado", "is paused"),
    "held": ("foi retido", "was held back"),
}


def rule_line(rule: str, language: str) -> str:
    """Say that a rule silences the bots."""
    return RULES[rule][language == "en"]


def bots_failed(steps: Sequence[AnswerStep], minutes: int, language: str) -> str:
    """Say that no bot could answer, which and why, and that people answer now."""
    english = language == "en"
    bots = "; ".join(
        f"{step.plugin} {_WHY[step.outcome][english]}" + (f": {step.detail}" if step.detail else "") for step in steps
    )
    if english:
        return f"No bot could answer ({bots}). People answer here for {minutes} minutes."
    return f"Nenhum robô pôde responder ({bots}). Pessoas respondem aqui por {minutes} minutos."


def held_back(plugin: str, reason: str, language: str) -> str:
    """Say that a bot's answer was held back."""
    if language == "en":
        return f"The answer of {plugin} was held back: {reason}"
    return f"A resposta de {plugin} foi retida: {reason}"


def handed_over(name: str | None, reason: str, until: datetime | None, language: str) -> str:
    """Say that people answer in a conversation, by whose word, why, and until when (UTC)."""
    english = language == "en"
    who = f" ({name})" if name else ""
    end = "" if until is None else (f" until {until:%d/%m %H:%M} UTC" if english else f" até {until:%d/%m %H:%M} UTC")
    why = f": {reason}" if reason else "."
    if english:
        return f"People answer here{end}, bots pause{who}{why}"
    return f"Pessoas respondem aqui{end}, os robôs pausam{who}{why}"


def given_back(name: str | None, language: str) -> str:
    """Say that bots answer in a conversation again."""
    who = f" ({name})" if name else ""
    return f"Bots answer here again{who}." if language == "en" else f"Os robôs voltam a responder aqui{who}."
