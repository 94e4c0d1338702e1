"""What a contact answers, as a value: read and checked by a field's type, and shown as people write it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import phonenumbers
import regex

from .documents import read_cnpj, read_cpf, show_cnpj, show_cpf
from .flow import Ask, Flow, Menu, Option
from .words import fold, is_one_of, says

PATTERN_SECONDS = 0.05
_EMAIL = re.compile(
    r"(?=.{6,254}$)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64})*"
    r"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63})"
)
_NUMBER = re.compile(r"([+-]?)\s*(?:R\$\s*)?(\d{1,3}(?:[. ]\d{3})+|\d{1,15})(?:,(\d{1,6}))?")
_NUMBER_EN = re.compile(r"([+-]?)\s*\$?\s*(\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.(\d{1,6}))?")
_DATE = re.compile(r"(\d{1,2})\s*[/.\-]\s*(\d{1,2})\s*[/.\-]\s*(\d{4}|\d{2})")
_RELATIVE = re.compile(r"today(?:([+-])(\d{1,4})d)?")
_COUNTS = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
_MOST_COUNTED = 10_000
_ORDINAL = re.compile(r"\d{1,2}")


class Wrong(msgspec.Struct, frozen=True):
    """An answer that does not fit: a name out of `texts`, and the limit that it is about."""

    text: str
    limit: str = ""


class Read(msgspec.Struct, frozen=True):
    """An answer that fits: the value that is kept."""

    value: Any


Outcome = Read | Wrong


def choose(options: Sequence[Option], text: str) -> Option | None:
    """Return the option that a text means: by number, id, title or words, or by a part that only one title has."""
    said = fold(text)
    if not said:
        return None
    if number := _ORDINAL.fullmatch(said):
        place = int(number[0])
        if 1 <= place <= len(options) and not any(fold(option.title) == said for option in options):
            return options[place - 1]
    exact = [o for o in options if said == fold(o.title) or text.strip() == o.id or is_one_of(said, o.words)]
    within = [o for o in options if says(said, (o.title, *o.words))]
    begun = [o for o in options if len(said) >= 3 and f" {said}" in f" {fold(o.title)}"]
    for found in (exact, within, begun):
        if len(found) == 1:
            return found[0]
    return None


def read_answer(step: Ask, flow: Flow, text: str, today: date) -> Outcome:
    """Read what was written for a field."""
    reader: Callable[[Ask, Flow, str, date], Outcome] = _READERS[step.type]
    return reader(step, flow, text.strip(), today)


def show(flow: Flow, path: str, value: Any) -> str:
    """Return a value as people write it, by the step that asked for it."""
    if value is None or isinstance(value, dict | list):
        return ""
    name, _, further = path.partition(".")
    asked = None if further else _asked(flow, name)
    if isinstance(asked, Menu) or (isinstance(asked, Ask) and asked.type == "one_of"):
        return next((option.title for option in asked.options if option.id == value), str(value))
    if isinstance(value, bool):
        return {"pt-BR": ("não", "sim"), "en": ("no", "yes")}[flow.language][value]
    if isinstance(value, int | float):
        return show_number(value, flow)
    if not isinstance(asked, Ask) or asked.type not in _SHOWN:
        return str(value)
    try:
        return _SHOWN[asked.type](value)
    except (ValueError, phonenumbers.NumberParseException):  # a preview's memory may hold anything
        return str(value)


def show_number(value: float, flow: Flow) -> str:
    """Return a number with the decimal sign of the flow's language."""
    text = str(int(value)) if float(value).is_integer() else f"{value:.6f}".rstrip("0")
    return text.replace(".", ",") if flow.language == "pt-BR" else text


def read_day(text: str, today: date) -> date | None:
    """Return the day that a limit of a date means: "today", "today+30d" or an ISO date."""
    if relative := _RELATIVE.fullmatch(text.strip()):
        days = int(relative[2] or 0)
        return today + timedelta(days=-days if relative[1] == "-" else days)
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _asked(flow: Flow, name: str) -> Menu | Ask | None:
    for step, found in flow.steps.items():
        if isinstance(found, Menu | Ask) and flow.variable(step) == name:
            return found
    return None


def _text(step: Ask, flow: Flow, text: str, today: date) -> Outcome:
    if len(text) < step.min_length:
        return Wrong("too_short", str(step.min_length))
    if len(text) > step.max_length:
        return Wrong("too_long", str(step.max_length))
    if step.pattern is not None and not _matches(step.pattern, text):
        return Wrong("bad_text")
    return Read(text)


def pattern_problem(pattern: str) -> str | None:
    """Say why a pattern cannot be used, or None. Counts are written out when it is compiled, so they have a limit."""
    written_out = 1
    for count in _COUNTS.finditer(pattern):
        written_out *= max([1, *(int(number[:6]) for number in count.groups() if number)])
        if written_out > _MOST_COUNTED:
            return f"its counts in braces make more than {_MOST_COUNTED} when they are multiplied"
    try:
        regex.compile(pattern)
    except (regex.error, RecursionError) as exc:
        return str(exc)
    return None


def _matches(pattern: str, text: str) -> bool:
    try:
        return regex.fullmatch(pattern, text, timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        return False


def _number(step: Ask, flow: Flow, text: str, today: date) -> Outcome:
    value = _read_number(text, flow)
    if value is None:
        return Wrong("bad_number")
    if step.whole and not isinstance(value, int):
        return Wrong("not_whole")
    if isinstance(step.min, int | float) and value < step.min:
        return Wrong("too_small", show_number(step.min, flow))
    if isinstance(step.max, int | float) and value > step.max:
        return Wrong("too_big", show_number(step.max, flow))
    return Read(value)


def _read_number(text: str, flow: Flow) -> int | float | None:
    # A single point is a decimal sign for many who write Portuguese too: "3.5", but "1.500" is a thousand and more.
    patterns = (_NUMBER, _NUMBER_EN) if flow.language == "pt-BR" else (_NUMBER_EN,)
    for pattern in patterns:
        if (found := pattern.fullmatch(text)) and text.isascii():
            whole = int(re.sub(r"\D", "", found[2]))
            value = float(f"{whole}.{found[3]}") if found[3] else whole
            value = int(value) if float(value).is_integer() else value
            return -value if found[1] == "-" else value
    return None


def _date(step: Ask, flow: Flow, text: str, today: date) -> Outcome:
    day = _read_date(text, today)
    if day is None:
        return Wrong("bad_date")
    first = read_day(step.min, today) if isinstance(step.min, str) else None
    last = read_day(step.max, today) if isinstance(step.max, str) else None
    if first is not None and day < first:
        return Wrong("too_early", _show_date(first.isoformat()))
    if last is not None and day > last:
        return Wrong("too_late", _show_date(last.isoformat()))
    return Read(day.isoformat())


def _read_date(text: str, today: date) -> date | None:
    found = _DATE.fullmatch(text)
    if found is None or not text.isascii():
        return None
    year = int(found[3])
    if len(found[3]) == 2:  # a birthday lies behind us, so a year that is not near is one of the last century
        year += 2000 if year <= today.year % 100 + 10 else 1900
    try:
        return date(year, int(found[2]), int(found[1]))
    except ValueError:
        return None


def _show_date(value: str) -> str:
    return datetime.fromisoformat(value).strftime("%d/%m/%Y")


def _email(step: Ask, flow: Flow, text: str, today: date) -> Outcome:
    found = _EMAIL.fullmatch(text)
    return Read(text[: found.start(1)] + found[1].lower()) if found else Wrong("bad_email")


def _phone(step: Ask, flow: Flow, text: str, today: date) -> Outcome:
    try:
        number = phonenumbers.parse(text, "BR")
    except phonenumbers.NumberParseException:
        return Wrong("bad_phone")
    if number.country_code != 55 or not phonenumbers.is_valid_number(number):
        return Wrong("bad_phone")
    return Read(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _show_phone(value: str) -> str:
    number = phonenumbers.parse(value, "BR")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)


def _cpf(step: Ask, flow: Flow, text: str, today: date) -> Outcome:
    found = read_cpf(text)
    return Read(found) if found else Wrong("bad_cpf")


def _cnpj(step: Ask, flow: Flow, text: str, today: date) -> Outcome:
    found = read_cnpj(text)
    return Read(found) if found else Wrong("bad_cnpj")


def _one_of(step: Ask, flow: Flow, text: str, today: date) -> Outcome:
    found = choose(step.options, text)
    return Read(found.id) if found else Wrong("choose")


_READERS = {
    "text": _text,
    "number": _number,
    "date": _date,
    "email": _email,
    "phone": _phone,
    "cpf": _cpf,
    "cnpj": _cnpj,
    "one_of": _one_of,
}
_SHOWN = {"date": _show_date, "phone": _show_phone, "cpf": show_cpf, "cnpj": show_cnpj}
