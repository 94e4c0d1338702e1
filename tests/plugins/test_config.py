"""A plugin's settings: validated with words for people, secrets never shown and never lost."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from fivapp_whatsapp.errors import InvalidInput
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.plugins.admin import PluginAdmin, PluginChange
from fivapp_whatsapp.plugins.config import (
    MASK,
    InvalidSetting,
    config_schema,
    default_config,
    masked,
    parse_config,
    unmasked,
)
from tests.bots import plugin, world
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio
Secret = Annotated[str, Meta(extra_json_schema={"writeOnly": True})]


class Target(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    name: str
    api_token: Secret = ""


class Config(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    api_key: Secret = ""
    other_key: Secret | None = None
    words: list[str] = []
    limit: Annotated[int, Meta(ge=1, le=9)] = 3
    targets: list[Target] = []
    main: Target | None = None
    by_name: dict[str, Target] = {}

    def __post_init__(self) -> None:
        if "bad" in self.words:
            raise ValueError("The word bad is not allowed.")


KEY = secrets.token_hex(8)
WHOLE: dict[str, Any] = {
    "apiKey": KEY,
    "otherKey": KEY,
    "words": ["a"],
    "limit": 4,
    "targets": [{"name": "x", "apiToken": f"x{KEY}"}, {"name": "y", "apiToken": f"y{KEY}"}],
    "main": {"name": "m", "apiToken": KEY},
    "byName": {"k": {"name": "k", "apiToken": KEY}},
}


def test_what_is_shown_holds_no_secret_wherever_it_stands() -> None:
    shown = masked(Config, WHOLE)
    assert KEY not in msgspec.json.encode(shown).decode()
    assert shown["apiKey"] == shown["targets"][0]["apiToken"] == shown["byName"]["k"]["apiToken"] == MASK
    assert (shown["words"], shown["limit"]) == (["a"], 4)


def test_an_empty_secret_is_shown_as_empty() -> None:
    assert masked(Config, {"apiKey": "", "otherKey": None}) == {"apiKey": "", "otherKey": None}


def test_what_was_shown_and_comes_back_changes_nothing() -> None:
    assert unmasked(Config, masked(Config, WHOLE), WHOLE) == WHOLE


def test_a_new_secret_replaces_the_old_one_and_an_empty_one_removes_it() -> None:
    new = masked(Config, WHOLE) | {"apiKey": "fresh", "otherKey": ""}
    kept = unmasked(Config, new, WHOLE)
    assert (kept["apiKey"], kept["otherKey"]) == ("fresh", "")


def test_parts_of_a_list_keep_their_secrets_by_name_when_they_move() -> None:
    new = masked(Config, WHOLE)
    new["targets"] = [new["targets"][1], {"name": "z", "apiToken": MASK}]
    kept = unmasked(Config, new, WHOLE)
    assert kept["targets"] == [{"name": "y", "apiToken": f"y{KEY}"}, {"name": "z", "apiToken": ""}]


def test_a_mask_without_anything_before_it_is_nothing() -> None:
    assert unmasked(Config, {"apiKey": MASK}, None) == {"apiKey": ""}


def test_settings_become_the_struct() -> None:
    assert parse_config(Config, {"limit": 5}).limit == 5
    assert default_config(Config)["limit"] == 3
    assert config_schema(Config)["$defs"]["Config"]["properties"]["apiKey"]["writeOnly"] is True


@pytest.mark.parametrize(
    ("values", "pointer", "words"),
    [
        ({"limit": 10}, "#/config/limit", "<= 9"),
        ({"limit": "3"}, "#/config/limit", "Expected `int`"),
        ({"targets": [{"name": 5}]}, "#/config/targets/0/name", "Expected `str`"),
        ({"words": ["bad"]}, "#/config", "The word bad is not allowed."),
        ({"nope": 1}, "#/config", "known are apiKey, otherKey"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(values: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_config(Config, values)
    assert caught.value.errors[0]["pointer"] == pointer
    assert words in caught.value.detail


class Zoned(msgspec.Struct):
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.zone != "UTC":
            raise KeyError(f"no zone {self.zone}")


class Paired(msgspec.Struct):
    names: list[str] = []

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise InvalidSetting("a name stands there twice", {"pt-BR": "um nome aparece duas vezes"})


class Nested(msgspec.Struct):
    pairs: list[Paired] = []


def test_what_a_structs_own_check_says_comes_in_its_languages() -> None:
    i18n = {"pt-BR": {"detail": "um nome aparece duas vezes"}}
    for kind, values, pointer in (
        (Paired, {"names": ["a", "a"]}, "#/config"),
        (Nested, {"pairs": [{}, {"names": ["a", "a"]}]}, "#/config/pairs/1"),
    ):
        with pytest.raises(InvalidInput, match="a name stands there twice") as caught:
            parse_config(kind, values)
        assert caught.value.errors == [{"pointer": pointer, "code": "invalid", "i18n": i18n}]


def test_whatever_a_structs_own_check_raises_is_told_by_its_type_alone() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_config(Zoned, {"zone": KEY})
    assert (caught.value.code, caught.value.errors[0]["pointer"]) == ("invalid_config", "#/config")
    assert "(KeyError)" in caught.value.detail
    assert KEY not in caught.value.detail
    assert caught.value.__suppress_context__


async def test_settings_that_a_struct_stumbles_over_switch_off_that_bot_alone(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @hookimpl
    def plugin_config() -> type[Zoned]:
        return Zoned

    @hookimpl
    async def reply_to(config: Zoned) -> str:
        return config.zone

    zoned = plugin("a_zoned", plugin_config, reply_to)

    @hookimpl(specname="reply_to")
    async def other() -> str:
        return "outro"

    clock = MovingClock()
    clock.install(monkeypatch)
    async with world(sqlite_url, clock, zoned, plugin("b_other", other)) as here:
        admin = PluginAdmin(here.gateway)
        with pytest.raises(InvalidInput, match="KeyError"):
            await admin.change_plugin("acme", "a_zoned", PluginChange(config={"zone": "x"}))
        await here.decide("a_zoned", config={"zone": "x"})
        first, _ = await admin.plugins("acme")
        assert first.problem == "The plugin cannot take these settings (KeyError)."
        await here.says()
        assert here.sent == ["outro"]
