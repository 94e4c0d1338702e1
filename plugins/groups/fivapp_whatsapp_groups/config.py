"""The settings of a tenant, and what it decided about one group."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fivapp_whatsapp import State

from .welcome import LONGEST_TEXT, Language, check

_KEY = "welcome"


def _said(title: str, description: str, title_pt: str, description_pt: str, **limits: Any) -> Meta:
    """Return a field's words for the form, in English and Brazilian Portuguese, with its limits."""
    portuguese = {"title": title_pt, "description": description_pt}
    return Meta(title=title, description=description, extra_json_schema={"i18n": {"pt-BR": portuguese}}, **limits)


class GroupSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What who joins a group is told; without a text, nothing."""

    language: Annotated[
        Language,
        _said(
            "Language",
            "Of the words between names.",
            "Idioma",
            "Das palavras entre os nomes.",
        ),
    ] = "pt-BR"
    welcome: Annotated[
        str,
        _said(
            "Welcome text",
            "Sent to a group when somebody joins it. Variables: {names}, {group}.",
            "Texto de boas-vindas",
            "Enviado ao grupo quando alguém entra. Variáveis: {names}, {group}.",
            max_length=LONGEST_TEXT,
            examples=["Boas-vindas a {group}, {names}!"],
        ),
    ] = ""
    welcome_everywhere: Annotated[
        bool,
        _said(
            "In every group",
            "Off: only in the groups where it was switched on.",
            "Em todos os grupos",
            "Desligado: só nos grupos em que foi ligado.",
        ),
    ] = False

    def __post_init__(self) -> None:
        check(self.welcome)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one group: `welcome` on or off, and a `text` of its own; None is the tenant's."""

    welcome: bool | None = None
    text: str | None = None

    def effective(self, settings: GroupSettings) -> str:
        """Return the text for who joins the group, empty for none."""
        text = settings.welcome if self.text is None else self.text
        on = settings.welcome_everywhere if self.welcome is None else self.welcome
        return text if on else ""


async def decision_of(state: State) -> Decision:
    """Read what was decided about the group of a conversation's memory."""
    return msgspec.convert(await state.get(_KEY, {}), Decision)


async def decide(state: State, decision: Decision) -> None:
    """Keep what was decided about a group."""
    await state.set(_KEY, msgspec.to_builtins(decision))
