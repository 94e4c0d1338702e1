"""What tenants decide about plugins, what plugins remember, and who watches: each of one tenant alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import InvalidInput, TenantNotFound
from fivapp_whatsapp.models import new_id
from fivapp_whatsapp.ports.plugins import AutomationSettings, PluginFailure, PluginSetting, Timer, ToldHealth

from .world import incoming, receive

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
A, B = ("acme", "a"), ("acme", "b")


@pytest.fixture(autouse=True)
async def globex(store: DatabaseStore) -> None:
    """Another tenant, with whom nothing may mix."""
    await store.add_tenant("globex", "Globex")


# --- settings ----------------------------------------------------------------------------------------


async def test_what_a_tenant_decided_about_bots_is_kept(store: DatabaseStore) -> None:
    assert await store.automation_settings("acme") == AutomationSettings()
    decided = AutomationSettings(enabled=False, group_bots="mentioned", pause_minutes=5)
    await store.set_automation("acme", AutomationSettings(enabled=False))
    await store.set_automation("acme", decided)
    assert await store.automation_settings("acme") == decided
    assert await store.automation_settings("globex") == AutomationSettings()


async def test_what_a_tenant_decided_about_a_plugin_is_kept_whole(store: DatabaseStore) -> None:
    await store.set_plugin("acme", PluginSetting(plugin="bot", enabled=True, config={"a": [1, "é"]}, position=2))
    await store.set_plugin("acme", PluginSetting(plugin="alpha", config={}))
    assert await store.plugin_settings("acme") == [
        PluginSetting(plugin="alpha", config={}),
        PluginSetting(plugin="bot", enabled=True, config={"a": [1, "é"]}, position=2),
    ]
    await store.set_plugin("acme", PluginSetting(plugin="bot", enabled=False))
    assert (await store.plugin_settings("acme"))[1] == PluginSetting(plugin="bot", enabled=False)
    assert await store.plugin_settings("globex") == []


async def test_a_tenant_that_is_not_there_decides_nothing(store: DatabaseStore) -> None:
    with pytest.raises(TenantNotFound):
        await store.set_automation("nobody", AutomationSettings())
    with pytest.raises(TenantNotFound):
        await store.set_plugin("nobody", PluginSetting(plugin="bot"))


# --- state -------------------------------------------------------------------------------------------


async def get(
    store: DatabaseStore, key: str = "k", *, tenant: str = "acme", plugin: str = "bot", place: str = ""
) -> Any:
    return await store.state(tenant, plugin, place, key, NOW)


@pytest.mark.parametrize("value", [0, False, "", "é 😀", [1, None], {"a": {"b": 1.5}}])
async def test_a_value_comes_back_as_it_was(store: DatabaseStore, value: Any) -> None:
    await store.set_state("acme", "bot", "", "k", "before", None)
    await store.set_state("acme", "bot", "", "k", value, None)
    found = await get(store)
    assert found == value
    assert type(found) is type(value)


async def test_a_value_belongs_to_its_tenant_plugin_and_conversation(store: DatabaseStore) -> None:
    places = [("acme", "bot", ""), ("acme", "bot", "c1"), ("acme", "other", ""), ("globex", "bot", "")]
    for number, place in enumerate(places):
        await store.set_state(*place, "k", number, None)
    for number, (tenant, plugin, place) in enumerate(places):
        assert await get(store, tenant=tenant, plugin=plugin, place=place) == number
    await store.set_state("acme", "bot", "", "k", None, None)
    assert await get(store) is None
    assert await get(store, place="c1") == 1
    await store.set_state("acme", "bot", "", "never there", None, None)


async def test_a_value_is_gone_when_its_time_is_over(store: DatabaseStore) -> None:
    await store.set_state("acme", "bot", "", "k", 1, NOW)
    await store.set_state("acme", "bot", "", "k2", 2, LATER)
    assert await get(store) is None
    assert await get(store, "k2") == 2
    assert await store.states("acme", "bot", "", "", NOW) == {"k2": 2}


async def test_values_are_listed_by_prefix_in_the_order_of_keys(store: DatabaseStore) -> None:
    keys = ["a%c", "a_b", "ab", "aB", "b", "aé", "a😀"]
    for key in keys:
        await store.set_state("acme", "bot", "", key, key, None)
    await store.set_state("acme", "bot", "c1", "a", 1, None)
    assert list(await store.states("acme", "bot", "", "a", NOW)) == sorted(set(keys) - {"b"})
    assert list(await store.states("acme", "bot", "", "", NOW)) == sorted(keys)
    assert await store.states("acme", "bot", "", "a_", NOW) == {"a_b": "a_b"}
    assert list(await store.states("acme", "bot", "", "", NOW, 2)) == sorted(keys)[:2]


async def test_values_set_at_once_by_two_processes_are_all_kept(
    store: DatabaseStore, other_store: DatabaseStore
) -> None:
    stores = (store, other_store)
    await asyncio.gather(*(stores[n % 2].set_state("acme", "bot", "", f"k{n % 10}", n, None) for n in range(60)))
    assert len(await store.states("acme", "bot", "", "", NOW)) == 10


async def test_a_value_that_cannot_be_kept_is_refused(store: DatabaseStore) -> None:
    with pytest.raises(InvalidInput):
        await store.set_state("acme", "bot", "", "k\0", 1, None)
    await store.set_state("acme", "bot", "", "k", "with \0 inside", None)
    assert await get(store) == "with \0 inside"


# --- purge -------------------------------------------------------------------------------------------


async def test_everything_of_a_plugin_goes_and_nothing_of_another(store: DatabaseStore) -> None:
    await store.open_lanes(["bot", "other"])
    await receive(store, incoming("n1"))
    for plugin in ("bot", "other"):
        for tenant in ("acme", "globex"):
            await store.set_plugin(tenant, PluginSetting(plugin=plugin, enabled=True))
            await store.set_state(tenant, plugin, "c1", "k", 1, None)
            await store.set_timer(Timer(id=new_id(), tenant_id=tenant, plugin=plugin, key="k", due_at=NOW))
            failure = {"id": new_id(), "tenant_id": tenant, "plugin": plugin, "hook": "timer", "error": "E", "at": NOW}
            await store.add_failure(PluginFailure(**failure, state="dead", attempts=3))
    assert await store.purge_plugin("bot") == 3 + 2 + 2 + 2 + 2
    assert await store.purge_plugin("bot") == 0
    # Nothing is read for a plugin that lost its lanes until it is given some anew.
    assert [lane.plugin for lane in await store.claim_lanes("p1", ["bot", "other"], 30)] == ["other"]
    assert [setting.plugin for setting in await store.plugin_settings("acme")] == ["other"]
    assert await get(store, place="c1") is None
    assert await get(store, plugin="other", place="c1") == 1
    assert [timer.plugin for timer in await store.claim_timers("p", ["bot", "other"], NOW, 9, 30)] == ["other"] * 2
    assert {failure.plugin for failure in await store.failures(None)} == {"other"}


# --- presence ----------------------------------------------------------------------------------------


async def test_a_user_watches_through_any_process_until_its_word_is_over(
    store: DatabaseStore, other_store: DatabaseStore
) -> None:
    await store.show_presence("p1", {("acme", "u1"): LATER, ("acme", "u2"): NOW})
    await other_store.show_presence("p2", {("acme", "u3"): LATER})
    watching = [user for user in ("u1", "u2", "u3", "u4") if await other_store.is_watching("acme", user, NOW)]
    assert watching == ["u1", "u3"]
    assert not await store.is_watching("globex", "u1", NOW)
    assert not await store.is_watching("acme", "u1", LATER)


async def test_what_a_process_tells_replaces_what_it_told_before(store: DatabaseStore) -> None:
    await store.show_presence("p1", {("acme", "u1"): LATER, ("globex", "u1"): LATER})
    await store.show_presence("p2", {("globex", "u1"): LATER})
    await store.show_presence("p1", {("acme", "u1"): LATER})
    assert await store.is_watching("acme", "u1", NOW)
    assert await store.is_watching("globex", "u1", NOW)
    await store.show_presence("p1", {})
    await store.show_presence("p2", {})
    assert not await store.is_watching("acme", "u1", NOW)
    assert not await store.is_watching("globex", "u1", NOW)


# --- health ------------------------------------------------------------------------------------------


async def test_what_processes_tell_of_plugins_is_read_until_its_time_is_over(
    store: DatabaseStore, other_store: DatabaseStore
) -> None:
    assert await store.tell_healths("p1", {A: {"failures": 1}, B: {}}, LATER) == set()
    await other_store.tell_healths("p2", {A: {"lastError": "é"}}, LATER)
    await store.tell_healths("p1", {A: {"failures": 2}}, LATER + timedelta(seconds=1))
    told = await other_store.plugin_healths("acme", NOW)
    assert told == [ToldHealth("p1", *A, {"failures": 2}), ToldHealth("p2", *A, {"lastError": "é"})]
    assert [one.process for one in await store.plugin_healths("acme", LATER)] == ["p1"]
    await store.tell_healths("p1", {}, LATER)
    assert [one.process for one in await store.plugin_healths("acme", NOW)] == ["p2"]
    # What is not all leaves the rest as it was told.
    await other_store.tell_healths("p2", {B: {}}, LATER, all_=False)
    assert [one.plugin for one in await store.plugin_healths("acme", NOW)] == ["a", "b"]


async def test_a_tenant_sees_what_is_told_of_it_and_of_all(store: DatabaseStore, other_store: DatabaseStore) -> None:
    await store.tell_healths("p1", {A: {"failures": 1}, ("globex", "a"): {"failures": 2}, ("", "a"): {}}, LATER)
    seen = {
        tenant: sorted(one.tenant_id for one in await other_store.plugin_healths(tenant, NOW))
        for tenant in ("acme", "globex", "initech", None)
    }
    assert seen == {"acme": ["", "acme"], "globex": ["", "globex"], "initech": [""], None: ["", "acme", "globex"]}


async def test_a_persons_word_is_heard_once_by_each_process_that_told_of_the_plugin(
    store: DatabaseStore, other_store: DatabaseStore
) -> None:
    for process in ("p1", "p2"):
        await store.tell_healths(process, {A: {}, B: {}, ("globex", "a"): {}}, LATER)
    await other_store.resume_plugin("a", "acme")
    assert {one[:3] for one in await told(store) if one[3]} == {("p1", *A), ("p2", *A)}
    assert await store.tell_healths("p1", {A: {}, B: {}}, LATER, all_=False) == {A}
    assert await store.tell_healths("p1", {A: {}, B: {}}, LATER, all_=False) == set()
    assert await store.tell_healths("p2", {B: {}}, LATER + timedelta(seconds=1)) == {A}
    # An operator's is for all tenants.
    await other_store.resume_plugin("a")
    assert await store.tell_healths("p1", {}, NOW) == {A, ("globex", "a")}
    assert await store.tell_healths("p2", {}, NOW) == set()
    assert await told(store) == []


async def told(store: DatabaseStore) -> list[tuple[str, str, str, bool]]:
    found = await store.plugin_healths(None, NOW)
    return [(one.process, one.tenant_id, one.plugin, one.resumed) for one in found]
