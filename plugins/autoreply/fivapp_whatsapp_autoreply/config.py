"""The settings of a tenant. Their JSON schema is the form on /automations: each field says what it does, twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from fivapp_whatsapp import InvalidSetting

from . import templates
from .hours import HOLIDAY, INTERVAL, Week, read_holiday, read_interval
from .matching import Match, compile_pattern, fold
from .words import Language

When = Literal["always", "inside_hours", "outside_hours"]


def _said(
    title: str,
    description: str,
    title_pt: str,
    description_pt: str,
    values: Mapping[str, tuple[str, str]] | None = None,
    **limits: Any,
) -> Meta:
    """Return a field's words for the form, in English and Brazilian Portuguese, also of its values, and its limits."""
    portuguese: dict[str, Any] = {"title": title_pt, "description": description_pt}
    words = {"pt-BR": portuguese}
    if values is not None:
        portuguese["values"] = {value: said[1] for value, said in values.items()}
        words["en"] = {"values": {value: said[0] for value, said in values.items()}}
    return Meta(title=title, description=description, extra_json_schema={"i18n": words}, **limits)


_LANGUAGES = {"pt-BR": ("Portuguese (Brazil)", "Português (Brasil)"), "en": ("English", "Inglês")}
_MATCHES = {
    "contains": ("A part of the text", "Uma parte do texto"),
    "exact": ("The whole text", "O texto todo"),
    "regex": ("A regular expression", "Uma expressão regular"),
    "any": ("Each message", "Qualquer mensagem"),
}
_WHEN = {
    "always": ("Always", "Sempre"),
    "inside_hours": ("Within business hours", "No horário de atendimento"),
    "outside_hours": ("Outside business hours", "Fora do horário de atendimento"),
}


Template = Annotated[str, Meta(min_length=1, max_length=2000)]
Pattern = Annotated[str, Meta(min_length=1, max_length=300)]
# What a button of WhatsApp holds.
ChoiceTitle = Annotated[str, Meta(min_length=1, max_length=20)]
Opening = tuple[Annotated[str, Meta(pattern=INTERVAL, examples=["08:00-12:00"])], ...]
Holiday = Annotated[str, Meta(pattern=HOLIDAY, examples=["12-25", "2027-03-26"])]


class Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Settings, or a part of them: a misspelt name is refused, with its place."""


class BusinessHours(Part, frozen=True):
    """When somebody answers. An interval may end after midnight; without any interval it is always open."""

    time_zone: Annotated[
        str,
        _said(
            "Time zone",
            "IANA name of the zone that the hours are meant in, like America/Sao_Paulo.",
            "Fuso horário",
            "Nome IANA do fuso em que os horários valem, como America/Sao_Paulo.",
            max_length=64,
        ),
    ] = "America/Sao_Paulo"
    monday: Annotated[Opening, _said("Monday", "Like 08:00-12:00.", "Segunda-feira", "Como 08:00-12:00.")] = ()
    tuesday: Annotated[Opening, _said("Tuesday", "Like 08:00-12:00.", "Terça-feira", "Como 08:00-12:00.")] = ()
    wednesday: Annotated[Opening, _said("Wednesday", "Like 08:00-12:00.", "Quarta-feira", "Como 08:00-12:00.")] = ()
    thursday: Annotated[Opening, _said("Thursday", "Like 08:00-12:00.", "Quinta-feira", "Como 08:00-12:00.")] = ()
    friday: Annotated[Opening, _said("Friday", "Like 08:00-12:00.", "Sexta-feira", "Como 08:00-12:00.")] = ()
    saturday: Annotated[Opening, _said("Saturday", "Like 08:00-12:00.", "Sábado", "Como 08:00-12:00.")] = ()
    sunday: Annotated[Opening, _said("Sunday", "Like 22:00-02:00.", "Domingo", "Como 22:00-02:00.")] = ()
    holidays: Annotated[
        tuple[Holiday, ...],
        _said(
            "Holidays",
            "Days on which nobody answers: 12-25 for every year (month-day), 2027-03-26 for one.",
            "Feriados",
            "Dias sem atendimento: 12-25 para todo ano (mês-dia), 2027-03-26 para um só.",
            max_length=200,
        ),
    ] = ()

    def __post_init__(self) -> None:
        week_of(self)


@lru_cache(maxsize=1024)
def week_of(hours: BusinessHours) -> Week:
    """Return the week that the settings mean. Raises ValueError."""
    days = (
        hours.monday,
        hours.tuesday,
        hours.wednesday,
        hours.thursday,
        hours.friday,
        hours.saturday,
        hours.sunday,
    )
    intervals = [[read_interval(text) for text in day] for day in days]
    return Week(_zone(hours.time_zone), intervals, [read_holiday(text) for text in hours.holidays])


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # ZoneInfoNotFoundError is a KeyError; a folder's name an OSError
        raise InvalidSetting(
            f"there is no time zone {name!r}; zones are named like America/Sao_Paulo",
            {"pt-BR": f"não há o fuso horário {name!r}; eles se chamam como America/Sao_Paulo"},
        ) from None


class Rule(Part, frozen=True, kw_only=True):
    """What is answered to a message that matches; the first rule that matches decides."""

    name: Annotated[str, _said("Name", "Names the rule.", "Nome", "Dá nome à regra.", min_length=1, max_length=60)]
    enabled: Annotated[bool, _said("On", "Whether the rule is asked.", "Ligada", "Se a regra vale.")] = True
    match: Annotated[
        Match,
        _said(
            "Matches",
            "What is compared with the message. Case and accents make no difference.",
            "Compara",
            "O que se compara com a mensagem. Maiúsculas e acentos não fazem diferença.",
            _MATCHES,
        ),
    ] = "contains"
    patterns: Annotated[
        tuple[Pattern, ...],
        _said(
            "Words",
            "What to look for; one of them is enough. Nothing where each message matches.",
            "Palavras",
            "O que procurar; basta uma delas. Nada, se vale qualquer mensagem.",
            max_length=50,
        ),
    ] = ()
    whole_words: Annotated[
        bool,
        _said(
            "Whole words",
            'For a part of the text: "oi" is found in "oi, bom dia", not in "foi".',
            "Palavras inteiras",
            'Para uma parte do texto: acha "oi" em "oi, bom dia", mas não em "foi".',
        ),
    ] = True
    replies: Annotated[
        tuple[Template, ...],
        _said(
            "Replies",
            "One of them is sent. Variables: {name}, {first_name}, {phone}, {time_of_day}, {opens_at}.",
            "Respostas",
            "Uma delas é enviada. Variáveis: {name}, {first_name}, {phone}, {time_of_day}, {opens_at}.",
            min_length=1,
            max_length=10,
        ),
    ]
    choices: Annotated[
        tuple[ChoiceTitle, ...],
        _said(
            "Choices",
            "Offered with the reply: buttons, a list or numbered lines. Other rules answer to what was chosen.",
            "Opções",
            "Oferecidas com a resposta: botões, lista ou linhas numeradas. Outras regras respondem à escolha.",
            max_length=10,
        ),
    ] = ()
    when: Annotated[
        When,
        _said(
            "When",
            "When the rule holds.",
            "Quando",
            "Quando a regra vale.",
            _WHEN,
        ),
    ] = "always"
    cooldown_seconds: Annotated[
        int,
        _said(
            "Rest in seconds",
            "For so long after a reply, the rule is silent in the same conversation.",
            "Descanso em segundos",
            "Por esse tempo depois de responder, a regra se cala na mesma conversa.",
            ge=0,
            le=2_592_000,
        ),
    ] = 0

    def __post_init__(self) -> None:
        if (self.match == "any") == bool(self.patterns):
            raise InvalidSetting(
                "a rule has patterns, or matches any and has none",
                {"pt-BR": "uma regra tem padrões, ou vale para qualquer texto e não tem nenhum"},
            )
        for pattern in self.patterns:
            if self.match == "regex":
                compile_pattern(pattern)
            elif not fold(pattern):
                raise InvalidSetting(
                    f"the pattern {pattern!r} has no letter that could be found",
                    {"pt-BR": f"o padrão {pattern!r} não tem nenhuma letra para procurar"},
                )
        if len(set(self.choices)) < len(self.choices):
            raise InvalidSetting("a choice stands there twice", {"pt-BR": "uma opção aparece duas vezes"})
        for reply in self.replies:
            templates.check(reply)


class Pace(Part, frozen=True):
    """How long a reply is typed, so that it reads as written by somebody."""

    characters_per_second: Annotated[
        float,
        _said(
            "Characters per second",
            "How fast the reply is typed.",
            "Caracteres por segundo",
            "Velocidade da digitação da resposta.",
            ge=1,
            le=1000,
        ),
    ] = 40.0
    longest_seconds: Annotated[
        float,
        _said(
            "At most",
            "No reply waits longer, in seconds; 0: it is sent at once.",
            "No máximo",
            "Nenhuma resposta espera mais, em segundos; 0: é enviada na hora.",
            ge=0,
            le=7,
        ),
    ] = 3.0

    def seconds(self, characters: int) -> float:
        """Return how long so many characters are typed."""
        return min(self.longest_seconds, characters / self.characters_per_second)


class Autoreply(Part, frozen=True):
    """Automatic replies: a greeting, rules in their order, a text outside business hours."""

    language: Annotated[
        Language,
        _said(
            "Language",
            "Of {time_of_day} and {opens_at}.",
            "Idioma",
            "De {time_of_day} e {opens_at}.",
            _LANGUAGES,
        ),
    ] = "pt-BR"
    greeting: Annotated[
        str,
        _said(
            "Greeting",
            "Sent to who writes for the first time, before the rule's reply; nothing when empty.",
            "Saudação",
            "Enviada a quem escreve pela primeira vez, antes da resposta da regra; vazia: nenhuma.",
            max_length=2000,
            examples=["{time_of_day}, {first_name}! Já vamos responder."],
        ),
    ] = ""
    greeting_days: Annotated[
        int,
        _said(
            "Greet again after days",
            "Nobody is greeted twice within so many days.",
            "Saudar de novo após dias",
            "Ninguém é saudado duas vezes dentro desses dias.",
            ge=1,
            le=3650,
        ),
    ] = 30
    rules: Annotated[
        tuple[Rule, ...],
        _said(
            "Rules",
            "Asked in their order; the first that matches decides.",
            "Regras",
            "Consultadas em ordem; a primeira que combina decide.",
            max_length=100,
        ),
    ] = ()
    hours: Annotated[
        BusinessHours,
        _said(
            "Business hours",
            "When somebody answers.",
            "Horário de atendimento",
            "Quando alguém atende.",
        ),
    ] = BusinessHours()
    away: Annotated[
        str,
        _said(
            "Away text",
            "Sent outside the business hours when no rule matches; nothing when empty.",
            "Texto de ausência",
            "Enviado fora do horário quando nenhuma regra combina; vazio: nenhum.",
            max_length=2000,
            examples=["Estamos fechados. Voltamos {opens_at}."],
        ),
    ] = ""
    away_minutes: Annotated[
        int,
        _said(
            "Away text again after minutes",
            "It is not repeated in a conversation within so many minutes.",
            "Repetir a ausência após minutos",
            "Não se repete numa conversa dentro desses minutos.",
            ge=0,
            le=43_200,
        ),
    ] = 60
    pace: Annotated[
        Pace,
        _said(
            "Pace",
            "How long a reply is typed.",
            "Ritmo",
            "Quanto tempo se digita uma resposta.",
        ),
    ] = Pace()

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(rule.name for rule in self.rules).items() if count > 1]
        if twice:
            raise InvalidSetting(
                f"two rules have the name {twice[0]!r}", {"pt-BR": f"duas regras têm o nome {twice[0]!r}"}
            )
        needing = templates.check(self.greeting) | templates.check(self.away)
        for rule in self.rules:
            needing |= templates.check(" ".join(rule.replies))
        if week_of(self.hours).always and (self.away or "opens_at" in needing):
            raise InvalidSetting(
                "an away text and {opens_at} need business hours",
                {"pt-BR": "um texto de ausência e {opens_at} precisam de um horário de atendimento"},
            )
