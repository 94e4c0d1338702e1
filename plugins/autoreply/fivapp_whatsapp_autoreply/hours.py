"""Business hours as instants: time zones, holidays, nights, and the two days a year that have 23 or 25 hours.

An interval belongs to the day on which it begins, also when it ends after midnight: a holiday takes away what
begins on it. A time that the clocks show twice opens at the first and closes at the second; one that they skip is
the moment of the skip.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fivapp_whatsapp import InvalidSetting

INTERVAL = r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"
HOLIDAY = r"^(\d{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"

_DAY = timedelta(days=1)
# A year of holidays in a row is a mistake, or a shop that is closed for good.
_DAYS_AHEAD = 370


class Span(NamedTuple):
    """One interval of one day, as instants in UTC; the end is outside."""

    start: datetime
    end: datetime


class Interval(NamedTuple):
    """Opening and closing on the clock; `days` is 1 when it closes on the next day."""

    opens: time
    closes: time
    days: int


def read_interval(text: str) -> Interval:
    """Read "08:00-18:00", "22:00-02:00" (until the next day) or "00:00-24:00". Raises ValueError."""
    opens, _, closes = text.partition("-")
    start = time.fromisoformat(opens)
    end = time.min if closes == "24:00" else time.fromisoformat(closes)
    if start == end and closes != "24:00":
        raise InvalidSetting(
            f"the interval {text} has no length; the whole day is 00:00-24:00",
            {"pt-BR": f"o intervalo {text} não tem duração; o dia inteiro é 00:00-24:00"},
        )
    return Interval(start, end, 1 if end <= start else 0)


def read_holiday(text: str) -> str:
    """Return a holiday as it stands in a week's `holidays`. Raises ValueError when there is no such date."""
    # 2000 is a leap year: 02-29 is a holiday where it exists.
    date.fromisoformat(text if len(text) > 5 else f"2000-{text}")
    return text


class Week:
    """The business hours of a week, Monday first, with the dates on which they do not hold.

    `holidays` are like "2026-04-03", or "12-25" for every year. A week without any interval is always open.
    """

    def __init__(self, zone: ZoneInfo, days: Sequence[Sequence[Interval]], holidays: Collection[str] = ()) -> None:
        self.zone = zone
        self.always = not any(days)
        self._days = days
        self._holidays = frozenset(holidays)

    def is_open(self, at: datetime) -> bool:
        """Tell whether an instant is within the hours."""
        today = at.astimezone(self.zone).date()
        return self.always or any(
            span.start <= at < span.end for day in (today - _DAY, today) for span in self._spans(day)
        )

    def opens_at(self, at: datetime) -> datetime | None:
        """Return when the hours begin next, on the zone's clock; None when they do not within a year."""
        today = at.astimezone(self.zone).date()
        for number in range(-1, _DAYS_AHEAD):
            starts = [span.start for span in self._spans(today + number * _DAY) if span.start > at]
            if starts:
                return min(starts).astimezone(self.zone)
        return None

    def _spans(self, day: date) -> Iterator[Span]:
        if day.isoformat() in self._holidays or f"{day:%m-%d}" in self._holidays:
            return
        for interval in self._days[day.weekday()]:
            start = instant(day, interval.opens, self.zone, second=False)
            end = instant(day + interval.days * _DAY, interval.closes, self.zone, second=True)
            yield Span(start, end)


def instant(day: date, clock: time, zone: ZoneInfo, *, second: bool) -> datetime:
    """Return the instant, in UTC, at which the clocks of a zone show a time of a day.

    `second` chooses among two; a time that is skipped is the moment of the skip.
    """
    local = datetime.combine(day, clock, zone).replace(fold=int(second))
    found = local.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return found
    # Read with the offset after the skip and with the one before it, a skipped time lies on both sides of it.
    low = local.replace(fold=1).astimezone(UTC)
    high = local.replace(fold=0).astimezone(UTC)
    after = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        low, high = (low, middle) if middle.astimezone(zone).utcoffset() == after else (middle, high)
    return high.replace(microsecond=0)
