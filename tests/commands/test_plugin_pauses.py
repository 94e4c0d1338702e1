"""`plugins paused` and `resume`: what running servers do not call now, and the word to go on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from fivapp_whatsapp.cli import cli

from .conftest import Work

LATER = datetime.now(UTC) + timedelta(hours=1)
FAILING = {"failures": 5, "reason": "failing", "pausedUntil": LATER.isoformat(), "pausedHooks": ["reply_to"]}
HANGING = {"late": 8, "reason": "hanging", "pausedHooks": ["timer"], "lastError": "TimeoutError at bot.py:3"}
TOLD = {("acme", "shop"): FAILING, ("globex", "shop"): {"failures": 1}, ("", "clock"): HANGING}


@pytest.fixture
def work(with_store: Work) -> Work:
    """Does something with the store, where a server has told what it knows."""
    with_store(lambda store: store.tell_healths("p1", TOLD, LATER))
    return with_store


def invoke(*arguments: str) -> Result:
    found = CliRunner().invoke(cli, ["plugins", *arguments])
    assert found.exit_code == 0, found.output
    return found


def test_what_is_paused_is_listed_with_its_cause_and_the_next_step(work: Work) -> None:
    lines = invoke("paused").output.splitlines()
    assert [line.split()[:4] for line in lines[1:3]] == [
        ["clock", "(all)", "timer", "hanging"],
        ["shop", "acme", "reply_to", "failing"],
    ]
    assert "TimeoutError at bot.py:3" in lines[1]
    assert lines[3].startswith("hanging: Its calls do not come back")
    assert "Restart the server" in lines[3]
    found = json.loads(invoke("paused", "--json").output)
    assert [(each["plugin"], each["tenantId"], each["reason"]) for each in found] == [
        ("clock", None, "hanging"),
        ("shop", "acme", "failing"),
    ]
    assert "shop" not in invoke("paused", "--tenant", "globex").output


def test_a_word_to_go_on_reaches_one_tenants_pause_or_all(work: Work) -> None:
    invoke("resume", "shop", "--tenant", "globex")
    assert "failing" in invoke("paused").output
    invoke("resume", "shop")
    assert "failing" not in invoke("paused").output
    assert work(lambda store: store.tell_healths("p1", {}, LATER)) == {("acme", "shop"), ("globex", "shop")}


def test_nothing_is_paused(work: Work) -> None:
    work(lambda store: store.tell_healths("p1", {}, LATER + timedelta(seconds=1)))
    assert invoke("paused").output == "No plugin is paused in a running server.\n"
