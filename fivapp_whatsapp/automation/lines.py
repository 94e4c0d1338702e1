"""The system lines that bots leave in a conversation, in Portuguese (`pt`) and English (`en`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fivapp_whatsapp.ports.plugins import AnswerStep, StepReason

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


_REASONS = {
    "late": ("levou mais de {what} s ({place})", "it took longer than {what} s ({place})"),
    "raised": ("{what} em {place}", "{what} in {place}"),
    "unfit": ("devolveu o que o gancho não aceita ({place})", "{what} ({place})"),
    "refused": ("{what} ({place})", "{what} ({place})"),
    "held": ("{what}", "{what}"),
    "paused": ("está em pausa", "it is paused"),
    "failing": ("falhou muitas vezes seguidas", "it failed many times in a row"),
    "blocking": ("travou o servidor", "it blocked the server"),
    "hanging": ("as chamadas dele não voltam; reinicie o servidor", "its calls do not come back: restart the server"),
}


def reason_line(reason: StepReason, language: str) -> str:
    """Say why a call brought nothing."""
    code = reason.what if reason.code == "paused" and reason.what in _REASONS else reason.code
    return _REASONS[code][language == "en"].format(what=reason.what, place=reason.place)


def bots_failed(bots: Sequence[AnswerStep], minutes: int, language: str) -> str:
    """Say that no bot could answer, which and why, and that people answer now."""
    english = language == "en"
    said = "; ".join(
        f"{step.plugin} {_WHY[step.outcome][english]}"
        + (f": {reason_line(step.reason, language)}" if step.reason else "")
        for step in bots
    )
    if english:
        return f"No bot could answer ({said}). People answer here for {minutes} minutes."
    return f"Nenhum robô pôde responder ({said}). Pessoas respondem aqui por {minutes} minutos."


def bots_missed(rule: str, minutes: int, language: str) -> str:
    """Say by which rule no bot saw a message in time while somebody waited, and that people answer now."""
    why = rule_line(rule, language)
    if language == "en":
        return f"{why} People answer here for {minutes} minutes."
    return f"{why} Pessoas respondem aqui por {minutes} minutos."


def held_back(plugin: str, reason: str, language: str) -> str:
    """Say that a bot's answer was held back."""
    if language == "en":
        return f"The answer of {plugin} was held back: {reason}"
    return f"A resposta de {plugin} foi retida: {reason}"


def not_looked_at(plugin: str, reason: StepReason, language: str) -> str:
    """Say that a message is held because the plugin that is to look at it could not."""
    why = reason_line(reason, language)
    if language == "en":
        return f"The plugin {plugin} could not look at this message ({why})."
    return f"O plugin {plugin} não pôde examinar esta mensagem ({why})."


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
