"""The settings of a tenant. Their JSON schema is the form on /automations: each field says what it does, twice."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fivapp_whatsapp import InvalidSetting

from .check import check_flow
from .flow import Flow, Language, Problem

# Problems that are told in one answer: whoever mends a flow begins at the top.
_MOST_TOLD = 5


def _said(title: str, description: str, title_pt: str, description_pt: str, **more: Any) -> dict[str, Any]:
    """Return a field's words for the form, in English and Brazilian Portuguese."""
    return {
        "title": title,
        "description": description,
        "extra_json_schema": {"i18n": {"pt-BR": {"title": title_pt, "description": description_pt}}, **more},
    }


class Chatbot(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Menus and forms: a flow, described in TOML, that asks, checks, calls your services and hands over to people."""

    flow: Annotated[
        str,
        Meta(
            **_said(
                "Flow",
                "The flow, as TOML. Nothing is answered while it is empty.",
                "Fluxo",
                "O fluxo, em TOML. Vazio: nada é respondido.",
                format="textarea",
                # A player on /automations: what stands in the field, saved or not, by the route that the pages know.
                preview={"route": "preview", "with": ["language"]},
            ),
            max_length=100_000,
        ),
    ] = ""
    file: Annotated[
        str,
        Meta(
            **_said(
                "File",
                "Instead of the text: the name of a file in the folder FIVAPP_CHATBOT_FLOWS of the server.",
                "Arquivo",
                "Em vez do texto: o nome de um arquivo da pasta FIVAPP_CHATBOT_FLOWS do servidor.",
            ),
            pattern=r"^([A-Za-z0-9_-]{1,60}\.toml)?$(?!\n)",
        ),
    ] = ""
    language: Annotated[
        Language,
        Meta(
            **_said(
                "Language",
                "Of the built-in texts, for a flow that names none.",
                "Idioma",
                "Dos textos prontos, para um fluxo que não diz o seu.",
            )
        ),
    ] = "pt-BR"

    def __post_init__(self) -> None:
        if self.flow and self.file:
            raise InvalidSetting(
                "give the flow as a text or as a file, not both",
                {"pt-BR": "dê o fluxo como texto ou como arquivo, não os dois"},
            )
        if self.flow.strip():
            flow, problems = compiled(self.flow, self.language)
            if flow is None:
                portuguese = "este fluxo não pode ser usado. " + told(problems, "pt-BR")
                raise InvalidSetting("this flow cannot be used. " + told(problems), {"pt-BR": portuguese})


@lru_cache(maxsize=256)
def compiled(text: str, language: Language) -> tuple[Flow | None, tuple[Problem, ...]]:
    """Return a flow and its problems, read and checked once."""
    flow, problems = check_flow(text, language=language)
    return flow, tuple(problems)


def told(problems: tuple[Problem, ...], language: Language = "en") -> str:
    """Return the errors among problems as one line."""
    errors = [problem for problem in problems if problem.severity == "error"]
    line, rest = ("line", "; and {} more") if language == "en" else ("linha", "; e mais {}")
    said = [(p.line, p.i18n.get(language, {}).get("detail", p.detail)) for p in errors[:_MOST_TOLD]]
    lines = [f"{line} {number}: {detail}" if number else detail for number, detail in said]
    more = len(errors) - len(lines)
    return "; ".join(lines) + (rest.format(more) if more else "")
