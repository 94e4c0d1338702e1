"""Business hours: nights, holidays, zones, and the days of 23 and 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fivapp_whatsapp_autoreply.hours import Week, instant, read_holiday, read_interval

SAO_PAULO = "America/Sao_Paulo"
NEW_YORK = "America/New_York"


def _week(zone: str, *holidays: str, **days: str) -> Week:
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    every = days.pop("every", "")
    intervals = [[read_interval(text) for text in days.get(name, every).split()] for name in names]
    return Week(ZoneInfo(zone), intervals, [read_holiday(day) for day in holidays])


def _at(zone: str, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


OFFICE = _week(SAO_PAULO, "12-25", "2026-04-03", every="08:00-12:00 13:00-18:00", saturday="08:00-12:00", sunday="")


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-03-02 07:59:59", False),  # a Monday
        ("2026-03-02 08:00", True),
        ("2026-03-02 11:59:59", True),
        ("2026-03-02 12:00", False),
        ("2026-03-02 13:00", True),
        ("2026-03-02 18:00", False),
        ("2026-03-07 11:00", True),  # Saturday
        ("2026-03-07 13:00", False),
        ("2026-03-08 10:00", False),  # Sunday
        ("2026-04-03 10:00", False),  # Good Friday of that year
        ("2027-04-03 10:00", True),
        ("2026-12-25 10:00", False),
        ("2031-12-25 10:00", False),
    ],
)
def test_the_office_is_open_when_it_says(at: str, is_open: bool) -> None:
    assert OFFICE.is_open(_at(SAO_PAULO, at)) is is_open


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-03-02 06:00", "2026-03-02 08:00"),
        ("2026-03-02 12:30", "2026-03-02 13:00"),
        ("2026-03-02 20:00", "2026-03-03 08:00"),
        ("2026-03-07 12:00", "2026-03-09 08:00"),
        ("2026-04-02 19:00", "2026-04-04 08:00"),
    ],
)
def test_the_next_opening_is_found(at: str, opens: str) -> None:
    assert OFFICE.opens_at(_at(SAO_PAULO, at)) == _at(SAO_PAULO, opens)


def test_the_hours_are_those_of_the_zone() -> None:
    nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert not OFFICE.is_open(nine)
    assert _week("Europe/Lisbon", every="08:00-18:00").is_open(nine)
    assert _week("Asia/Tokyo", every="18:00-19:00").is_open(nine)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    bar = _week(SAO_PAULO, "12-24", friday="22:00-02:00", thursday="22:00-02:00")
    assert bar.is_open(_at(SAO_PAULO, "2026-03-06 23:00"))
    assert bar.is_open(_at(SAO_PAULO, "2026-03-07 01:59"))
    assert not bar.is_open(_at(SAO_PAULO, "2026-03-07 02:00"))
    assert not bar.is_open(_at(SAO_PAULO, "2026-03-06 21:00"))
    # Christmas Eve of 2026 is a Thursday: closed that night, also after midnight; Friday's opens as ever.
    assert not bar.is_open(_at(SAO_PAULO, "2026-12-24 23:00"))
    assert not bar.is_open(_at(SAO_PAULO, "2026-12-25 01:00"))
    assert bar.is_open(_at(SAO_PAULO, "2026-12-25 23:00"))


def test_a_whole_day_and_a_night_until_midnight() -> None:
    week = _week(SAO_PAULO, monday="00:00-24:00", tuesday="20:00-00:00")
    assert week.is_open(_at(SAO_PAULO, "2026-03-02 00:00"))
    assert week.is_open(_at(SAO_PAULO, "2026-03-02 23:59:59.999"))
    assert not week.is_open(_at(SAO_PAULO, "2026-03-03 00:00"))
    assert week.is_open(_at(SAO_PAULO, "2026-03-03 23:00"))
    assert not week.is_open(_at(SAO_PAULO, "2026-03-04 00:00"))


def test_without_hours_it_is_always_open() -> None:
    week = _week(SAO_PAULO, "12-25")
    assert week.is_open(_at(SAO_PAULO, "2026-12-25 03:00"))


def test_a_week_that_never_opens_has_no_opening() -> None:
    closed = _week(SAO_PAULO, *(f"02-{day:02}" for day in range(1, 30)), sunday="08:00-09:00")
    assert closed.opens_at(_at(SAO_PAULO, "2026-01-31 00:00")) == _at(SAO_PAULO, "2026-02-01 08:00") + timedelta(28)
    every_day = (f"{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 32))
    never = Week(ZoneInfo(SAO_PAULO), [[read_interval("08:00-09:00")]] * 7, list(every_day))
    assert never.opens_at(_at(SAO_PAULO, "2026-01-31 00:00")) is None


def test_a_skipped_opening_is_the_moment_of_the_skip() -> None:
    # New York, 2026-03-08: 01:59:59 is followed by 03:00.
    week = _week(NEW_YORK, sunday="02:30-10:00")
    assert not week.is_open(_at(NEW_YORK, "2026-03-08 01:59:59"))
    assert week.is_open(_at(NEW_YORK, "2026-03-08 03:00"))
    assert week.opens_at(_at(NEW_YORK, "2026-03-08 01:00")) == _at(NEW_YORK, "2026-03-08 03:00")


def test_a_skipped_closing_is_the_moment_of_the_skip() -> None:
    week = _week(NEW_YORK, saturday="22:00-02:30")
    assert week.is_open(_at(NEW_YORK, "2026-03-08 01:59:59"))
    assert not week.is_open(_at(NEW_YORK, "2026-03-08 03:00"))


def test_midnight_may_be_skipped() -> None:
    # São Paulo, 2018-11-04: the day began at 01:00.
    week = _week(SAO_PAULO, sunday="00:00-12:00", saturday="20:00-24:00")
    assert week.is_open(_at(SAO_PAULO, "2018-11-03 23:59:59"))
    assert week.is_open(_at(SAO_PAULO, "2018-11-04 01:00"))
    late = _week(SAO_PAULO, saturday="20:00-24:00")
    assert not late.is_open(_at(SAO_PAULO, "2018-11-04 01:00"))


def test_an_hour_that_comes_twice_is_open_throughout() -> None:
    # New York, 2026-11-01: 01:00 to 02:00 comes twice.
    week = _week(NEW_YORK, sunday="01:30-01:45", saturday="20:00-01:15")
    first, second = _at(NEW_YORK, "2026-11-01 01:30"), _at(NEW_YORK, "2026-11-01 01:30", fold=1)
    assert second - first == timedelta(hours=1)
    assert week.is_open(first)
    assert week.is_open(_at(NEW_YORK, "2026-11-01 01:50"))
    assert week.is_open(second)
    assert not week.is_open(_at(NEW_YORK, "2026-11-01 01:45", fold=1))
    assert week.is_open(_at(NEW_YORK, "2026-11-01 01:10", fold=1))
    opens = week.opens_at(_at(NEW_YORK, "2026-10-31 23:00"))
    assert opens is not None
    assert opens.astimezone(UTC) == first


@pytest.mark.parametrize("text", ["08:00-08:00", "00:00-00:00"])
def test_an_interval_has_a_length(text: str) -> None:
    with pytest.raises(ValueError, match="no length"):
        read_interval(text)


@pytest.mark.parametrize("text", ["02-30", "2027-02-29", "04-31"])
def test_a_holiday_is_a_date(text: str) -> None:
    with pytest.raises(ValueError, match="day"):
        read_holiday(text)


def test_the_leap_day_may_be_a_holiday() -> None:
    week = _week(SAO_PAULO, "02-29", every="08:00-18:00")
    assert not week.is_open(_at(SAO_PAULO, "2028-02-29 10:00"))
    assert week.is_open(_at(SAO_PAULO, "2027-03-01 10:00"))


ZONES = st.sampled_from([SAO_PAULO, NEW_YORK, "Europe/Lisbon", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
DAYS = st.dates(date(2016, 1, 1), date(2030, 12, 31))
CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@given(zone=ZONES, day=DAYS, clock=CLOCKS, second=st.booleans())
def test_an_instant_shows_its_time_or_is_the_moment_of_a_skip(zone: str, day: date, clock: time, second: bool) -> None:
    there = ZoneInfo(zone)
    found = instant(day, clock, there, second=second)
    shown = found.astimezone(there).replace(tzinfo=None)
    if shown != datetime.combine(day, clock):
        before = (found - timedelta(seconds=1)).astimezone(there).replace(tzinfo=None)
        assert before < datetime.combine(day, clock) < shown


@given(zone=ZONES, day=DAYS, clock=CLOCKS)
def test_an_opening_is_open_and_the_moment_before_it_is_not(zone: str, day: date, clock: time) -> None:
    week = _week(zone, every="08:00-12:00 13:30-18:00 22:00-01:00")
    at = datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC)
    opens = week.opens_at(at)
    assert opens is not None
    assert opens > at
    assert week.is_open(opens)
    assert not week.is_open(opens - timedelta(microseconds=1))
    if not week.is_open(at):
        assert not week.is_open(at + (opens - at) / 2)
