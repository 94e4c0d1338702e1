"""The rules that pause plugins: what is one tenant's doing, and what harms all."""

from __future__ import annotations

from datetime import timedelta

from fivapp_whatsapp.plugins.health import EVERY, EVERYBODY, Place, PluginHealth
from fivapp_whatsapp.plugins.records import Records
from fivapp_whatsapp.ports import NoMetrics
from tests.moving_clock import MovingClock


def records() -> Records:
    return Records(MovingClock(), NoMetrics())


def test_who_blocks_the_loop_by_one_tenants_doing_is_paused_for_that_tenant() -> None:
    known = records()
    for _ in range(3):
        assert known.pauses() == []
        known.stalled("acme", "bot", "blocked")
    assert known.pauses() == [Place("acme", "bot", EVERY)]
    assert (known.paused("acme", "bot", "reply_to"), known.paused("globex", "bot", "reply_to")) == ("blocking", None)
    known.resume("bot", "acme")
    known.stalled("acme", "bot", "blocked")
    assert known.pauses() == [], "what led to a pause that was lifted is forgotten"


def test_who_blocks_it_for_several_tenants_is_paused_for_all() -> None:
    known = records()
    for _ in range(3):
        known.stalled("acme", "bot", "blocked")
    known.stalled("globex", "bot", "blocked")
    assert known.pauses() == [Place("acme", "bot", EVERY), Place(EVERYBODY, "bot", EVERY)]
    assert known.paused("initech", "bot", "timer") == "blocking"
    health = known.health(EVERYBODY, "bot")
    assert (health.for_all, health.stalls) == (True, 0)
    known.resume("bot", "globex")
    assert known.paused("globex", "bot", "timer") == "blocking", "a pause for all is not one tenant's to lift"
    known.resume("bot")
    assert known.pauses() == []


def test_what_blocks_for_nobody_in_particular_is_paused_for_all() -> None:
    known = records()
    for _ in range(3):
        known.stalled(EVERYBODY, "bot", "blocked")
    assert known.pauses() == [Place(EVERYBODY, "bot", EVERY)]


async def test_stalls_far_apart_pause_nothing_and_a_pause_is_over_in_time() -> None:
    clock = MovingClock()
    known = Records(clock, NoMetrics())
    for _ in range(4):
        known.stalled("acme", "bot", "blocked")
        await clock.move(301)
    assert known.pauses() == []
    for _ in range(3):
        known.stalled("acme", "bot", "blocked")
    assert known.health("acme", "bot").paused_until == clock.now() + timedelta(minutes=10)
    await clock.move(600)
    assert known.pauses() == []


def test_nothing_is_kept_of_those_who_are_only_looked_at() -> None:
    known = records()
    assert known.health("acme", "bot") == PluginHealth()
    assert known.paused("acme", "bot", "reply_to") is None
    assert known.known() == []
