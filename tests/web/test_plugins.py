"""Failed deliveries and the order of bots, over HTTP: one's own are listed, tried again and dropped, no other's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fivapp_whatsapp import Message, hookimpl
from fivapp_whatsapp.models import new_id
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.ports.plugins import PluginFailure
from tests.bots import plugin

from .conftest import serving
from .tools import TestServer, assert_problem, incoming

pytestmark = pytest.mark.anyio
HEARD: list[str | None] = []
BROKEN: list[bool] = []


@hookimpl
async def message_received(message: Message) -> None:
    if BROKEN:
        raise LookupError("planted")
    HEARD.append(message.text)


@hookimpl
async def reply_to(message: Message) -> str | None:
    return None


BOTS = {name: plugin(name, reply_to) for name in ("a", "b", "c")} | {"shop": plugin("shop", message_received)}


@pytest.fixture
async def bots(tmp_path: Path) -> AsyncIterator[TestServer]:
    BROKEN[:], HEARD[:] = [], []
    async with serving(tmp_path, plugins=Plugins.load(modules=BOTS, installed=False)) as running:
        yield running


async def failures(server: TestServer, tenant: str = "acme", query: str = "") -> list[dict[str, Any]]:
    reply = await server.call("GET", f"/api/plugins/failures{query}", tenant=tenant)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["items"])


async def add(server: TestServer, tenant: str = "acme", **facts: Any) -> str:
    given: dict[str, Any] = {"plugin": "shop", "hook": "message_received", "state": "dead", "attempts": 8, **facts}
    failure = PluginFailure(id=new_id(), tenant_id=tenant, error="E at shop.py:3", at=datetime.now(UTC), **given)
    await server.gateway.store.add_failure(failure)
    return failure.id


async def test_a_delivery_that_failed_is_listed_tried_again_at_a_word_and_gone_when_it_went_well(
    bots: TestServer,
) -> None:
    BROKEN.append(True)
    await bots.connect()
    assert (await bots.webhook(incoming(text="order 7"))).status_code == 200
    async with asyncio.timeout(10):
        while not (listed := await failures(bots)):
            await asyncio.sleep(0.05)
    (failed,) = listed
    assert (failed["plugin"], failed["hook"], failed["state"]) == ("shop", "message_received", "retrying")
    assert failed["error"].startswith("LookupError in test_plugins.py:")
    assert "planted" not in str(failed)
    assert {"id", "attempts", "at", "nextAt", "conversationId", "messageId"} <= failed.keys()
    BROKEN.clear()
    reply = await bots.call("POST", f"/api/plugins/failures/{failed['id']}/replay")
    assert (reply.status_code, reply.json()["id"], reply.json()["state"]) == (200, failed["id"], "retrying")
    async with asyncio.timeout(10):
        while await failures(bots):
            await asyncio.sleep(0.05)
    assert HEARD == ["order 7"]


async def test_a_dead_delivery_is_tried_again_at_a_word_and_stays_listed_meanwhile(bots: TestServer) -> None:
    # Of a plugin that is not there any more: nobody takes it up.
    dead = await add(bots, plugin="gone")
    reply = await bots.call("POST", f"/api/plugins/failures/{dead}/replay")
    assert (reply.status_code, reply.json()["state"]) == (200, "retrying")
    assert [one["state"] for one in await failures(bots)] == ["retrying"]


async def test_what_is_dropped_is_gone_and_gone_for_good(bots: TestServer) -> None:
    kept, dropped = await add(bots), await add(bots)
    path = f"/api/plugins/failures/{dropped}"
    assert (await bots.call("DELETE", path)).status_code == 204
    assert [one["id"] for one in await failures(bots)] == [kept]
    assert_problem(await bots.call("DELETE", path), 404, "failure_not_found")
    assert_problem(await bots.call("POST", f"{path}/replay"), 404, "failure_not_found")


async def test_another_tenants_failures_are_not_there(bots: TestServer) -> None:
    foreign = await add(bots, "other", plugin="gone")
    missing = new_id()
    for method, path in (("POST", "/api/plugins/failures/{}/replay"), ("DELETE", "/api/plugins/failures/{}")):
        found = await bots.call(method, path.format(foreign))
        assert_problem(found, 404, "failure_not_found")
        nothing = await bots.call(method, path.format(missing))
        assert {**found.json(), "instance": ""} == {**nothing.json(), "instance": ""}
    assert await failures(bots) == []
    (stays,) = await failures(bots, "other")
    assert (stays["id"], stays["state"]) == (foreign, "dead")


async def test_failures_come_newest_first_by_plugin_state_and_page(bots: TestServer) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    dead, waits = await add(bots), await add(bots, state="retrying", next_at=later)
    others = await add(bots, plugin="a", hook="reply_to")
    ids = [one["id"] for one in await failures(bots)]
    assert ids == [others, waits, dead]
    assert [one["id"] for one in await failures(bots, query="?plugin=shop")] == [waits, dead]
    assert [one["id"] for one in await failures(bots, query="?plugin=shop&state=dead")] == [dead]
    first = (await bots.call("GET", "/api/plugins/failures?limit=2")).json()
    second = (await bots.call("GET", f"/api/plugins/failures?limit=2&cursor={first['nextCursor']}")).json()
    assert [one["id"] for one in first["items"] + second["items"]] == ids
    assert second["nextCursor"] is None


async def order(server: TestServer, tenant: str = "acme") -> list[str]:
    shown = (await server.call("GET", "/api/automations", tenant=tenant)).json()["order"]
    listed = (await server.call("GET", "/api/plugins", tenant=tenant)).json()["items"]
    assert shown == [one["name"] for one in listed]
    return list(shown)


async def test_a_tenant_orders_its_bots_and_those_left_out_follow(bots: TestServer) -> None:
    before = await order(bots)
    assert [name for name in before if name != "shop"] == ["a", "b", "c"]
    changed = await bots.call("PUT", "/api/automations", {"order": ["c", "a"]})
    assert (changed.status_code, changed.json()["order"][:2]) == (200, ["c", "a"])
    assert await order(bots) == ["c", "a", *(name for name in before if name not in ("a", "c"))]
    assert await order(bots, "other") == before
    assert (await bots.call("PUT", "/api/automations", {"order": []})).json()["order"] == before


async def test_an_order_that_names_a_plugin_twice_or_one_that_is_not_there_changes_nothing(bots: TestServer) -> None:
    before = await order(bots)
    assert_problem(await bots.call("PUT", "/api/automations", {"order": ["c", "c"]}), 400, "invalid_input")
    assert_problem(await bots.call("PUT", "/api/automations", {"order": ["c", "gone"]}), 404, "plugin_not_found")
    assert await order(bots) == before


async def test_what_is_no_distribution_has_no_version(bots: TestServer) -> None:
    shown = (await bots.call("GET", "/api/plugins/shop")).json()
    assert shown["name"] == "shop"
    assert "version" not in shown
