"""Secrets in plugins' settings: in the database they are sealed, and a key that changed is told in words that help."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import Message
from fivapp_whatsapp.plugins.admin import PluginAdmin, PluginChange
from fivapp_whatsapp.plugins.config import MASK, masked, unmasked
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.plugins.vault import Vault
from fivapp_whatsapp.settings import Secret, Settings
from tests.bots import plugin, world
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio
Hidden = Annotated[str, Meta(extra_json_schema={"writeOnly": True})]


class Shop(msgspec.Struct, kw_only=True, tag="shop"):
    token: Hidden = ""


class Site(msgspec.Struct, kw_only=True, tag="site"):
    token: Hidden = ""


class Api(msgspec.Struct, kw_only=True, tag="api"):
    token: dict[str, str] = {}


class Config(msgspec.Struct, kw_only=True):
    word: str = "oi"
    key: Annotated[Hidden, Meta(max_length=64)] = ""
    parts: list[Shop | Site | Api] = []


@hookimpl
def plugin_config() -> type[Config]:
    return Config


@hookimpl
async def reply_to(message: Message, config: Config) -> str | None:
    return config.key if message.text == config.word else None


BOT = plugin("crm", plugin_config, reply_to)
(CRM,) = Plugins.load(modules={"crm": BOT}, installed=False).items


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    clock = MovingClock()
    clock.install(monkeypatch)
    return clock


def settings() -> dict[str, Any]:
    return {"jwt_secret": Secret(secrets.token_hex(32))}


def bytes_of(database_url: str) -> bytes:
    file = Path(database_url.removeprefix("sqlite:///"))
    return b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))


async def change(gateway: Any, **config: Any) -> Any:
    return await PluginAdmin(gateway).change_plugin("acme", "crm", PluginChange(config=config))


async def test_a_secret_stands_in_no_byte_of_the_database_and_the_bot_reads_it(
    sqlite_url: str, clock: MovingClock
) -> None:
    canary = f"canary-{secrets.token_hex(16)}"
    async with world(sqlite_url, clock, BOT, **settings()) as here:
        shown = await change(here.gateway, key=canary, word="chave", parts=[{"type": "shop", "token": canary}])
        assert (shown.config["key"], shown.config["parts"][0]["token"], shown.problem) == (MASK, MASK, None)
        again = await change(here.gateway, **{**shown.config, "word": "senha"})
        assert (again.config, again.problem) == ({**shown.config, "word": "senha"}, None)
        stored = bytes_of(sqlite_url)
        assert b"senha" in stored
        assert canary.encode() not in stored
        await here.says("senha")
        assert here.sent == [canary]


async def test_under_another_key_the_plugin_is_off_and_says_what_to_do_until_it_is_done(
    sqlite_url: str, clock: MovingClock
) -> None:
    first, other, canary = settings(), settings(), secrets.token_hex(16)
    async with world(sqlite_url, clock, BOT, **first) as here:
        await change(here.gateway, key=canary, word="chave")
    async with world(sqlite_url, clock, BOT, **other) as here:
        shown = await PluginAdmin(here.gateway).plugin("acme", "crm")
        assert shown.problem is not None
        assert shown.problem.startswith("Stored with another key than the server has now: key. Fill it in again")
        assert "FIVAPP_JWT_SECRET" in shown.problem
        assert shown.config == {"word": "chave", "key": ""}, "one sees which is missing, and the rest is kept"
        await here.says("chave")
        assert here.sent == []
    async with world(sqlite_url, clock, BOT, **first) as here:
        assert (await PluginAdmin(here.gateway).plugin("acme", "crm")).problem is None, "the old key opens it again"
    async with world(sqlite_url, clock, BOT, **other) as here:
        assert (await change(here.gateway, key=canary, word="chave")).problem is None
        await here.says("chave")
        assert here.sent == [canary]


@pytest.mark.parametrize("sent", ["", MASK])
async def test_saving_another_field_while_secrets_are_locked_leaves_them_for_the_old_key(
    sqlite_url: str, clock: MovingClock, sent: str
) -> None:
    first, canary = settings(), secrets.token_hex(16)
    async with world(sqlite_url, clock, BOT, **first) as here:
        await change(here.gateway, key=canary, parts=[{"type": "shop", "token": canary}])
    async with world(sqlite_url, clock, BOT, **settings()) as here:
        shown = await change(here.gateway, key=sent, word="senha", parts=[{"type": "shop", "token": sent}])
        assert shown.config == {"word": "senha", "key": "", "parts": [{"type": "shop", "token": ""}]}
        assert "key, parts.0.token" in shown.problem
    async with world(sqlite_url, clock, BOT, **first) as here:
        await here.says("senha")
        assert here.sent == [canary]
        assert (await change(here.gateway, key="", word="senha")).config["key"] == "", "what opens can be removed"
        await here.says("senha")
        assert here.sent == [canary]


async def test_what_an_older_version_stored_as_it_was_is_read_and_sealed_when_it_is_saved(
    sqlite_url: str, clock: MovingClock
) -> None:
    canary = secrets.token_hex(16)
    async with world(sqlite_url, clock, BOT, **settings()) as here:
        await here.decide("crm", config={"key": canary, "word": "chave"})
        await here.says("chave")
        assert here.sent == [canary]
        await change(here.gateway, key=MASK, word="chave")
        (stored,) = await here.gateway.store.plugin_settings("acme")
        assert canary not in msgspec.json.encode(stored).decode()
        assert (await here.gateway.decisions.plugin("acme", "crm")).config == Config(key=canary, word="chave")


def test_a_secret_opens_in_its_own_tenant_alone() -> None:
    vault = Vault(Settings(**settings()))
    stored = vault.closed("acme", CRM, {"key": "k", "parts": [{"type": "site", "token": "t"}]})
    assert vault.opened("acme", CRM, stored) == ({"key": "k", "parts": [{"type": "site", "token": "t"}]}, [])
    assert vault.opened("globex", CRM, stored)[1] == ["key", "parts.0.token"]


def test_without_a_key_a_secret_is_refused_and_all_else_is_stored() -> None:
    vault = Vault(Settings())
    assert vault.closed("acme", CRM, {"word": "a", "key": ""}) == {"word": "a", "key": ""}
    with pytest.raises(InvalidInput, match="FIVAPP_JWT_SECRET") as refused:
        vault.closed("acme", CRM, {"key": "k"})
    assert refused.value.code == "no_key"


def test_a_secret_that_looks_sealed_is_a_secret_like_any_other() -> None:
    vault = Vault(Settings(**settings()))
    stored = vault.closed("acme", CRM, {"key": "sealed:1:x"})
    assert vault.opened("acme", CRM, stored) == ({"key": "sealed:1:x"}, [])


def test_what_has_the_name_of_a_secret_and_is_no_text_is_sealed_and_kept_as_well() -> None:
    vault = Vault(Settings(**settings()))
    values = {"word": "a", "key": "", "parts": [{"type": "api", "token": {"a": "b"}}]}
    stored = vault.closed("acme", CRM, values)
    assert isinstance(stored["parts"][0]["token"], str)
    assert vault.opened("acme", CRM, stored) == (values, [])
    assert unmasked(Config, masked(Config, values), values) == values
