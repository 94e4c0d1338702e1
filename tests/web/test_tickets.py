"""Tickets for WebSockets: short, for one use, for one origin, in every process that shares the secret."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.errors import NotAuthenticated
from fivapp_whatsapp.models import User
from fivapp_whatsapp.web.auth import Credential
from fivapp_whatsapp.web.tickets import Tickets

ANA = User(id="u1", tenant_id="acme", role="agent", name="Ana Souza")
LOGIN = Credential("bearer", 2_000_000_000.0)
PAGE = "https://app.example.com"
SECRET = "only-for-tests-" * 3


class StoppedClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


def test_a_ticket_names_its_user_and_the_login_behind_it() -> None:
    tickets = Tickets(SECRET)
    ticket = tickets.redeem(tickets.issue(ANA, LOGIN, PAGE), PAGE)
    assert (ticket.user.id, ticket.user.tenant_id, ticket.user.role) == ("u1", "acme", "agent")
    assert ticket.credential == LOGIN


def test_a_ticket_is_good_for_one_use() -> None:
    tickets = Tickets(SECRET)
    text = tickets.issue(ANA, LOGIN)
    tickets.redeem(text)
    for again in (text, text + "=", text + "=="):
        with pytest.raises(NotAuthenticated):
            tickets.redeem(again)


def test_a_ticket_lasts_thirty_seconds() -> None:
    clock = StoppedClock()
    tickets = Tickets(SECRET, clock=clock)
    early, late = tickets.issue(ANA, LOGIN), tickets.issue(ANA, LOGIN)
    clock.time += timedelta(seconds=29)
    tickets.redeem(early)
    clock.time += timedelta(seconds=2)
    with pytest.raises(NotAuthenticated):
        tickets.redeem(late)


def test_used_tickets_are_forgotten_once_they_are_too_old_anyway() -> None:
    clock = StoppedClock()
    tickets = Tickets(SECRET, clock=clock)
    text = tickets.issue(ANA, LOGIN)
    tickets.redeem(text)
    clock.time += timedelta(seconds=31)
    tickets.redeem(tickets.issue(ANA, LOGIN))
    assert len(tickets._redeemed) == 1
    with pytest.raises(NotAuthenticated):
        tickets.redeem(text)


def test_a_ticket_belongs_to_the_page_that_asked_for_it() -> None:
    tickets = Tickets(SECRET)
    for origin in (None, "https://evil.example", "https://app.example.com.evil.example"):
        with pytest.raises(NotAuthenticated):
            tickets.redeem(tickets.issue(ANA, LOGIN, PAGE), origin)


def test_a_ticket_that_a_server_asked_for_serves_any_page_of_ours() -> None:
    tickets = Tickets(SECRET)
    assert tickets.redeem(tickets.issue(ANA, LOGIN), PAGE).user.id == "u1"


def test_a_ticket_of_another_process_with_the_same_secret_is_good() -> None:
    assert Tickets(SECRET).redeem(Tickets(SECRET).issue(ANA, LOGIN)).user.id == "u1"


@pytest.mark.parametrize(("one", "other"), [(SECRET, "another-secret-for-tests"), ("", ""), (SECRET, "")])
def test_a_ticket_of_a_process_with_another_secret_is_not(one: str, other: str) -> None:
    with pytest.raises(NotAuthenticated):
        Tickets(one).redeem(Tickets(other).issue(ANA, LOGIN))


def test_a_ticket_in_a_url_holds_no_name() -> None:
    text = Tickets(SECRET).issue(ANA, LOGIN)
    assert b"Ana" not in base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("text", ["", "x", "é", "a" * 5000, "!!!!", "AAAA" * 40, "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_ticket_is_refused(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        Tickets(SECRET).redeem(text)


def test_any_changed_character_makes_a_ticket_worthless() -> None:
    tickets = Tickets(SECRET)
    text = tickets.issue(ANA, LOGIN)
    # The last character holds spare bits, which spell the same bytes.
    for place in range(len(text) - 1):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(NotAuthenticated):
            tickets.redeem(changed)
