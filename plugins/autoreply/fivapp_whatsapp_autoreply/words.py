"""The words that the plugin says by itself, in the languages that a tenant may choose."""

from __future__ import annotations

from typing import Literal, NamedTuple

Language = Literal["pt-BR", "en"]


class Words(NamedTuple):
    """One language: weekdays begin on Monday, `{at}` is one of `at` and `at_one` (the hour of one)."""

    morning: str
    afternoon: str
    evening: str
    now: str
    today: str
    tomorrow: str
    on_weekday: str
    on_date: str
    at: str
    at_one: str
    soon: str
    weekdays: tuple[str, str, str, str, str, str, str]
    months: tuple[str, ...]
    date: str


WORDS: dict[Language, Words] = {
    "pt-BR": Words(
        morning="bom dia",
        afternoon="boa tarde",
        evening="boa noite",
        now="agora",
        today="hoje {at}",
        tomorrow="amanhã {at}",
        on_weekday="{weekday} {at}",
        on_date="em {date} {at}",
        at="às {time}",
        at_one="à {time}",
        soon="em breve",
        weekdays=(
            "segunda-feira",
            "terça-feira",
            "quarta-feira",
            "quinta-feira",
            "sexta-feira",
            "sábado",
            "domingo",
        ),
        months=(
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ),
        date="{day} de {month}",
    ),
    "en": Words(
        morning="good morning",
        afternoon="good afternoon",
        evening="good evening",
        now="now",
        today="today {at}",
        tomorrow="tomorrow {at}",
        on_weekday="on {weekday} {at}",
        on_date="on {date} {at}",
        at="at {time}",
        at_one="at {time}",
        soon="soon",
        weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        months=(
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ),
        date="{day} {month}",
    ),
}
