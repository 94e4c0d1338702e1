"""`webhooks`: what waits in quarantine is shown, and what came is read once more."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fivapp_whatsapp.cli import cli
from fivapp_whatsapp.db.store import DatabaseStore
from tests.db.world import add_connected, chats, receive

KEY = secrets.token_hex(16)


def body(message_id: str, text: str, tenant: str = "acme") -> bytes:
    """Make a webhook as the connection service sends it."""
    facts = {"tenantId": tenant, "from": "5511988887777@c.us", "message": text, "messageId": message_id}
    return json.dumps(facts).encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a database: one body waits for its session, one was overlooked, one was stored."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTION_SERVICE_API_KEY", KEY)
    monkeypatch.delenv("DATABASE_URL", raising=False)

    async def fill() -> None:
        store = DatabaseStore("sqlite:///fivapp.db", keep_webhooks=True, secrets=[KEY])
        await store.start()
        await add_connected(store)
        await receive(store, raw=body("false_5511988887777@c.us_A1", "canary overlooked"))
        await store.quarantine("connection_service", body("false_5511988887777@c.us_A2", f"canary {KEY}"), "unreadable")
        await store.close()

    asyncio.run(fill())
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["webhooks", *arguments])


async def texts() -> list[str | None]:
    store = DatabaseStore("sqlite:///fivapp.db", server=False)
    await store.start()
    try:
        [conversation] = await chats(store)
        return sorted(str(m.text) for m in (await store.messages("acme", conversation.id, None, 10)).items)
    finally:
        await store.close()


def test_the_quarantine_is_shown_without_what_people_wrote(folder: Path) -> None:
    done = call("list")
    assert done.exit_code == 0, done.output
    assert "unreadable" in done.output
    assert "Kept as they came: 1 since" in done.output
    assert "canary" not in done.output
    found = json.loads(call("list", "--json").output)
    assert (found["kept"]["count"], found["quarantined"][0]["reason"]) == (1, "unreadable")


def test_a_body_is_shown_as_it_came_but_for_secrets(folder: Path) -> None:
    [waiting] = json.loads(call("list", "--json").output)["quarantined"]
    shown = call("show", waiting["id"])
    assert json.loads(shown.output)["message"] == "canary ***"
    missing = call("show", "nothing")
    assert (missing.exit_code, "no such webhook" in missing.output) == (1, True)


def test_what_came_is_read_once_more_as_often_as_anybody_likes(folder: Path) -> None:
    first = call("replay", "--since", "2h")
    assert first.exit_code == 0, first.output
    assert "Read 2 webhooks: 2 messages are new, 0 were there already" in first.output
    again = json.loads(call("replay", "--since", "2h", "--json").output)
    assert again == {"bodies": 1, "unread": 0, "stored": 0, "known": 1, "statuses": 0}
    assert asyncio.run(texts()) == ["canary ***", "canary overlooked"]


def test_a_time_bounds_what_is_read(folder: Path) -> None:
    now = datetime.now(UTC)
    earlier = [(now - timedelta(hours=hours)).isoformat() for hours in (3, 2)]
    done = json.loads(call("replay", "--since", earlier[0], "--until", earlier[1], "--json").output)
    assert (done["bodies"], done["stored"]) == (0, 0)


@pytest.mark.parametrize("when", ["yesterday", "2 h", "h", "999999d", ""])
def test_what_is_no_time_is_refused(folder: Path, when: str) -> None:
    done = call("replay", "--since", when)
    assert (done.exit_code, "neither a time" in done.output) == (2, True)


def test_without_a_database_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert call("list").exit_code == 1
    assert not (tmp_path / "fivapp.db").exists()
