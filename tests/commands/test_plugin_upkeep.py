"""`plugins failed`, `purge` and `replay`, beside a server that may be running."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result

from fivapp_whatsapp.cli import cli
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import Author, ConversationPatch, IncomingMessage, new_id
from fivapp_whatsapp.ports import ConversationFilter
from fivapp_whatsapp.ports.plugins import PluginFailure, PluginSetting, Timer

from .conftest import Work

ANA, RUI, GROUP = "5511988887777@c.us", "5511977776666@c.us", "120363025246125486@g.us"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
T = TypeVar("T")


@pytest.fixture
def work(with_store: Work) -> Work:
    """Does something with the store, where two tenants have a session each."""

    async def add_tenants(store: DatabaseStore) -> None:
        for tenant in ("acme", "other"):
            await store.add_tenant(tenant, tenant)
            await store.add_session(tenant, tenant, tenant, "connection_service")

    with_store(add_tenants)
    return with_store


def invoke(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(cli, ["plugins", *arguments], **options)


# --- failed ------------------------------------------------------------------------------------------


def failure(plugin: str, tenant: str = "acme", **other: Any) -> PluginFailure:
    facts = {"state": "dead", "hook": "message_received", "attempts": 8, "error": "OSError at bot.py:3", "at": NOON}
    timer = Timer(id=new_id(), tenant_id=tenant, plugin=plugin, key="k", due_at=NOON)
    return PluginFailure(id=new_id(), tenant_id=tenant, plugin=plugin, timer=timer, **{**facts, **other})


@pytest.fixture
def failures(work: Any) -> list[PluginFailure]:
    later = {"state": "retrying", "attempts": 3, "next_at": datetime.now(UTC) + timedelta(hours=1)}
    found = [failure("shop"), failure("shop", "other", **later), failure("echo")]

    async def add(store: DatabaseStore) -> None:
        for each in found:
            await store.add_failure(each)

    work(add)
    return found


def test_without_failures_it_says_so(work: Any) -> None:
    done = invoke("failed")
    assert (done.exit_code, done.stdout) == (0, "No plugin has failed at anything.\n")


def test_failures_are_listed_of_all_tenants_or_of_one(failures: list[PluginFailure]) -> None:
    lines = invoke("failed").stdout.splitlines()
    assert lines[0].split() == ["ID", "PLUGIN", "HOOK", "STATE", "TRIES", "TENANT", "AT", "ERROR"]
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(each.id for each in failures)
    assert "OSError at bot.py:3" in lines[1]
    for arguments, expected in (
        (("--plugin", "shop"), failures[:2]),
        (("--tenant", "other"), failures[1:2]),
        (("--plugin", "nobody"), []),
    ):
        found = json.loads(invoke("failed", "--json", *arguments).stdout)
        assert sorted(each["id"] for each in found) == sorted(each.id for each in expected)


def test_one_failure_or_all_are_tried_again(work: Any, failures: list[PluginFailure]) -> None:
    done = invoke("failed", "--replay", failures[0].id)
    assert (done.exit_code, done.stdout) == (0, "To be tried again: 1\n")
    assert _due(work) == {failures[0].id}
    assert invoke("failed", "--all", "--tenant", "other").stdout == "To be tried again: 1\n"
    assert _due(work) == {failures[0].id, failures[1].id}
    assert len(json.loads(invoke("failed", "--all", "--json").stdout)) == 3
    assert len(_due(work)) == 3


def _due(work: Any) -> set[str]:
    found = work(lambda store: store.failures(None))
    return {each.id for each in found if each.state == "retrying" and each.next_at <= datetime.now(UTC)}


def test_a_failure_that_is_not_there_is_named(failures: list[PluginFailure]) -> None:
    done = invoke("failed", "--replay", "nothing")
    assert done.exit_code == 1
    assert "nothing" in done.output or "nothing" in str(done.exception)


# --- purge -------------------------------------------------------------------------------------------


def test_purge_asks_and_deletes_what_is_kept_for_one_plugin(work: Any, failures: list[PluginFailure]) -> None:
    async def keep(store: DatabaseStore) -> None:
        for plugin in ("shop", "echo"):
            await store.set_plugin("acme", PluginSetting(plugin=plugin, config={"a": 1}))
            await store.set_state("acme", plugin, "", "k", 1, None)

    async def kept(store: DatabaseStore) -> tuple[set[str], set[str], Any]:
        settings = {each.plugin for each in await store.plugin_settings("acme")}
        left = {each.plugin for each in await store.failures(None)}
        return settings, left, [await store.state("acme", name, "", "k", NOON) for name in ("shop", "echo")]

    work(keep)
    before = work(kept)
    refused = invoke("purge", "shop", input="n\n")
    assert refused.exit_code == 1
    assert work(kept) == before
    done = invoke("purge", "shop", "--yes")
    assert done.exit_code == 0
    assert done.stdout.startswith("Deleted 4 rows")
    assert work(kept) == ({"echo"}, {"echo"}, [None, 1])


# --- replay ------------------------------------------------------------------------------------------


BOT = '''
"""Answers hello, remembers how often, and would send more."""
from fivapp_whatsapp import hookimpl

@hookimpl
async def reply_to(message, contact, conversation, gateway, state):
    if message.text == "fail":
        raise OSError("no")
    if message.text != "hello":
        return None
    times = await state.get("times", 0) + 1
    await state.set("times", times)
    await gateway.send(conversation, "more")
    return f"Hello {contact.name}, {times}, {message.at:%H:%M}"
'''


def incoming(text: str, minute: int, tenant: str = "acme", chat: str = ANA, name: str = "Ana") -> IncomingMessage:
    sender = ANA if chat == GROUP else chat
    return IncomingMessage(
        session_id=tenant,
        native_id=new_id(),
        chat_id=chat,
        sender=sender,
        sender_name=name,
        text=text,
        at=NOON + timedelta(minutes=minute),
    )


@pytest.fixture
def stored(work: Any, tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(BOT, encoding="utf-8")
    told = [
        incoming("hello", -1),
        incoming("hello", 0),
        incoming("bom dia", 1),
        incoming("hello", 2, chat=RUI, name="Rui"),
        incoming("hello", 3),
        incoming("fail", 4),
        incoming("hello", 5, tenant="other", name="Eva"),
        incoming("hello", 6, chat=GROUP),
        incoming("hello", 60),
    ]

    async def store_them(store: DatabaseStore) -> None:
        await store.receive("connection_service", told, b"{}")
        closed = [
            each
            for each in (await store.conversations("acme", ConversationFilter(), None, 50)).items
            if each.title == "Rui"
        ]
        await store.change_conversation(
            "acme", closed[0].id, ConversationPatch(status="closed"), Author(kind="agent", id="u1")
        )

    work(store_them)


RANGE = ("--since", "2026-03-02T12:00", "--until", "2026-03-02T10:00-03:00")
FILE = ("--plugin", "bot.py")


@pytest.mark.usefixtures("stored")
def test_replay_shows_what_a_plugin_would_have_answered(work: Any) -> None:
    heads = work(_heads)
    done = invoke("replay", "bot", *FILE, *RANGE, "--tenant", "acme", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [(each["text"], each["outcome"]) for each in found] == [
        ("hello", "answered"),
        ("bom dia", "nothing"),
        ("hello", "answered"),
        ("hello", "answered"),
        ("fail", "failed"),
        ("hello", "answered"),
    ]
    answers = [each["answers"][0]["text"] for each in found if each["answers"]]
    # Its memory goes on from message to message, conversation by conversation.
    assert answers == ["Hello Ana, 1, 12:00", "Hello Rui, 1, 12:02", "Hello Ana, 2, 12:03", "Hello Ana, 1, 12:06"]
    assert [effect["what"] for effect in found[0]["effects"]] == ["send"]
    assert "OSError" in found[4]["detail"]
    # Nothing was sent, changed or remembered.
    assert work(_heads) == heads
    assert json.loads(invoke("replay", "bot", *FILE, *RANGE, "--tenant", "acme", "--json").stdout) == found


async def _heads(store: DatabaseStore) -> list[int]:
    return [(await store.log_state(tenant)).head for tenant in ("acme", "other")]


@pytest.mark.usefixtures("stored")
def test_replay_goes_through_all_tenants_and_prints_a_table() -> None:
    done = invoke("replay", "bot", *FILE, *RANGE)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["AT", "TENANT", "CONVERSATION", "TEXT", "ANSWER"]
    assert len(lines) == 8
    assert lines[1].startswith("2026-03-02 12:00:00  acme")
    assert lines[1].endswith("Hello Ana, 1, 12:00")
    assert "Hello Eva, 1, 12:05" in done.stdout
    assert "(failed: " in done.stdout


@pytest.mark.usefixtures("stored")
def test_replay_of_nothing_says_so() -> None:
    done = invoke("replay", "bot", *FILE, "--since", "2026-01-01", "--until", "2026-01-02")
    assert done.stdout == "No message came in that time.\n"


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody", *FILE, *RANGE), "no such plugin"),
        (("bot", *FILE, "--since", "yesterday"), "is no time"),
        (("bot", *FILE, *RANGE, "--tenant", "nobody"), "no such tenant"),
        (("bot", *FILE), "--since"),
        (("broken", "--plugin", "broken.py", *RANGE), "Did you mean reply_to?"),
    ],
)
def test_replay_says_what_it_cannot_do(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "broken.py").write_text(BOT.replace("reply_to", "reply_too"), encoding="utf-8")
    done = invoke("replay", *arguments)
    assert done.exit_code != 0
    assert said in done.output + str(done.exception)
